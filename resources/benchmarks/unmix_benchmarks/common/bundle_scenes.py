"""Scenes whose spectra vary as those of a real scene do: pixels that a reference calls pure, mixed with abundances that are known.

Each material's spectrum in each place is one of its real pure pixels (a bundle), drawn anew in squares of a few pixels, or smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import smooth_field
from unmix_benchmarks.common.cases import Case

# A pixel is pure where the reference gives it this share, and a bundle is so many of them.
PURE, FEWEST = 0.97, 50
# Log-ratios of the abundances are this many times a normal field, smooth over so many pixels.
_CONTRAST, _SMOOTHNESS = 2.2, 6.0
# Of the noise that is added: little, the pixels bring their sensor's own.
DECIBELS = 50.0

Draw = int | Literal["smooth"]


@dataclass(frozen=True, eq=False)
class Bundles:
    """Every material's pure pixels (n_k, B), and the wavelengths; the largest value of the scene is one."""

    name: str
    wavelengths: FloatArray | None
    spectra: tuple[FloatArray, ...]

    @property
    def means(self) -> FloatArray:
        """(P, B)."""
        return np.array([bundle.mean(axis=0) for bundle in self.spectra])

    @property
    def covariances(self) -> FloatArray:
        """(P, B, B)."""
        return np.array([np.cov(bundle.T) for bundle in self.spectra])


@dataclass(frozen=True, eq=False)
class BundleScene:
    """A cube, its abundances (H, W, P), the bundles it was drawn from, and the noise σ."""

    cube: Cube
    abundances: FloatArray
    bundles: Bundles
    noise: float


def bundles_of(case: Case, data: Path) -> Bundles:
    """The pure pixels of a scene with a reference. Raises UnmixError where a material has too few of them."""
    cube, truth = case.load(data)
    assert truth.abundances is not None
    spectra = cube.spectra[..., cube.good_bands].astype(float)
    pure = (truth.abundances > PURE) & cube.valid_pixels[..., None]
    counts = pure.sum(axis=(0, 1))
    if counts.min() < FEWEST:
        raise UnmixError(
            f"{case.name} has {', '.join(map(str, counts))} pixels of more than {100 * PURE:.0f} % of a material: "
            f"a bundle takes {FEWEST} of each, so it makes no scene."
        )
    wavelengths = None if cube.wavelengths is None else cube.wavelengths[cube.good_bands]
    bundles = tuple(spectra[pure[..., k]] / spectra.max() for k in range(len(counts)))
    return Bundles(case.name, wavelengths, bundles)


def bundle_scene(bundles: Bundles, draw: Draw, seed: int, size: int = 64) -> BundleScene:
    """Mix the bundles by smooth abundances: ``draw`` is the side of the squares of one spectrum in pixels, or "smooth"."""
    generator = np.random.default_rng(seed)
    fields = np.stack([smooth_field((size, size), _SMOOTHNESS, generator) for _ in bundles.spectra], axis=-1)
    abundances = np.exp(_CONTRAST * fields)
    abundances /= abundances.sum(axis=-1, keepdims=True)
    spectra = np.zeros((size, size, bundles.means.shape[1]))
    for k, bundle in enumerate(bundles.spectra):
        drawn = _smooth(bundle, size, generator) if draw == "smooth" else _squares(bundle, draw, size, generator)
        spectra += abundances[..., k : k + 1] * drawn
    noise = float(np.sqrt(np.mean(spectra**2))) * 10 ** (-DECIBELS / 20)
    spectra = spectra + noise * generator.normal(size=spectra.shape)
    cube = Cube(spectra.astype(np.float32), bundles.wavelengths, name=f"{bundles.name}, {draw}, {seed}")
    return BundleScene(cube, abundances, bundles, noise)


def _squares(bundle: FloatArray, side: int, size: int, generator: np.random.Generator) -> FloatArray:
    """(size, size, B): one spectrum of the bundle in every square."""
    count = -(-size // side)
    drawn = generator.integers(0, len(bundle), (count, count))
    return np.asarray(bundle[np.kron(drawn, np.ones((side, side), dtype=int))[:size, :size]])


# Knots of a smooth draw are so many pixels apart.
_KNOTS = 8


def _smooth(bundle: FloatArray, size: int, generator: np.random.Generator) -> FloatArray:
    """(size, size, B): spectra at the knots of a grid, between them a mean of the four that keeps the bundle's spread.

    Weights w of sum one shrink the spread to √Σw²: what differs from the bundle's mean is divided by that.
    """
    count = -(-size // _KNOTS) + 1
    knots = bundle[generator.integers(0, len(bundle), (count, count))] - bundle.mean(axis=0)
    place = np.arange(size) / _KNOTS
    before = place.astype(int)
    after, share = before + 1, place - before
    mixed = np.zeros((size, size, bundle.shape[1]))
    squares = np.zeros((size, size, 1))
    for rows, across in ((before, 1 - share), (after, share)):
        for columns, down in ((before, 1 - share), (after, share)):
            weight = (across[:, None] * down[None, :])[..., None]
            mixed += weight * knots[rows[:, None], columns[None, :]]
            squares += weight**2
    return np.asarray(bundle.mean(axis=0) + mixed / np.sqrt(squares))
