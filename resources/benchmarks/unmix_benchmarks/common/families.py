"""Painted scenes whose abundances follow other laws than the Dirichlet, under noise that is not white: what a user's scene may well be.

``conditions`` breaks one condition of a theorem at a time. Here nothing is broken on purpose: the law, the noise, the light, and how many
materials and regions there are, are drawn, so that some scenes support a claim and others do not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.synthetic import (
    painted_core,
    random_materials,
    region_parameters,
    smooth_field,
    truncated_dirichlet,
    voronoi_regions,
)
from unmix_benchmarks.common.conditions import Condition

SIZE = 56
LAWS = (
    "Dirichlet",
    "logistic-normal",
    "correlated logistic-normal",
    "mixture of two",
    "truncated at 0.85",
    "truncated at 0.75",
    "patches",
)
NOISES = ("white", "alike in bands", "alike in space")
# Few materials are the commoner case, and the one in which an answer can be called identified.
_MATERIALS = (3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 8)
_REGIONS = (6, 40)
_DECIBELS = (20.0, 40.0)
_LIT, _GAINED = 0.25, 0.1  # shares of the scenes with light and shade, and with gains of single materials
_PATCHES_PER_REGION = 12  # as few independent compositions has a region of patches

Draw = Callable[[FloatArray, int], FloatArray]


def drawn_family(seed: int) -> tuple[str, str, int]:
    """(law, noise, number of materials) of the scene of that seed, which is not made."""
    return _drawn(np.random.default_rng(seed))


def _drawn(generator: np.random.Generator) -> tuple[str, str, int]:
    law, noise = str(generator.choice(LAWS)), str(generator.choice(NOISES, p=(0.6, 0.2, 0.2)))
    return law, noise, int(generator.choice(_MATERIALS))


def family_scene(seed: int) -> Condition:
    """One scene of 56 × 56 pixels: 3–8 measured materials, 6–40 painted regions, 20–40 dB; its ``failure`` is the noise, its ``truth`` the law."""
    generator = np.random.default_rng(seed)
    law, noise, count = _drawn(generator)
    regions = voronoi_regions(SIZE, SIZE, int(generator.integers(_REGIONS[0], _REGIONS[1] + 1)), generator)
    kind = generator.random()
    scaled = bool(kind < _LIT)
    wavelengths, endmembers, _ = random_materials(count, generator)
    if scaled:
        endmembers = endmembers / endmembers.max(axis=1, keepdims=True)
    abundances = _abundances(law, regions, count, generator)
    clean = _lit(abundances, kind, generator) @ endmembers
    decibels = float(generator.uniform(*_DECIBELS))
    sigma = np.sqrt((clean**2).mean() * 10 ** (-decibels / 10))
    noisy = clean + sigma * _unit_noise(noise, clean.shape, generator)
    painted = painted_core(regions, float(generator.uniform(0.6, 1.0)))
    return Condition(
        noise,
        law,
        decibels,
        count,
        Cube(noisy.astype(np.float32), wavelengths, name=f"{law}-{seed}"),
        endmembers,
        abundances,
        Annotation(np.where(painted, regions, 0).astype(np.int32)),
        scaled,
    )


def _lit(abundances: FloatArray, kind: float, generator: np.random.Generator) -> FloatArray:
    """(H, W, P) amounts: abundances under light and shade, or with a gain of each material of its own, or as they are."""
    shape = abundances.shape[:2]
    if kind < _LIT:
        return np.asarray(np.exp(0.25 * smooth_field(shape, 5.0, generator))[..., None] * abundances)
    if kind < _LIT + _GAINED:
        fields = [smooth_field(shape, 4.0, generator) for _ in range(abundances.shape[2])]
        return np.asarray(abundances * np.exp(0.03 * np.stack(fields, axis=-1)))
    return abundances


def _unit_noise(kind: str, shape: tuple[int, ...], generator: np.random.Generator) -> FloatArray:
    """(H, W, B) noise of spread one; alike in neighbouring bands, or in neighbouring pixels, by a Gaussian filter."""
    from scipy.ndimage import gaussian_filter

    noise = generator.normal(size=shape)
    if kind != "white":
        reach = (0.0, 0.0, 0.8) if kind == "alike in bands" else (0.6, 0.6, 0.0)
        noise = gaussian_filter(noise, reach, mode="reflect")
        noise = noise / noise.std()
    return np.asarray(noise)


def _abundances(law: str, regions: IntArray, count: int, generator: np.random.Generator) -> FloatArray:
    """(H, W, P) abundances by the law, every region with parameters of its own."""
    alpha = region_parameters(int(regions.max()), count, generator)
    draw = _drawing(law, count, generator)
    abundances = np.empty((*regions.shape, count))
    for label, parameters in enumerate(alpha, start=1):
        here = regions == label
        abundances[here] = draw(parameters, int(here.sum()))
        if law == "patches":
            abundances[here] = _in_patches(abundances[here], np.argwhere(here), generator)
    return abundances


def _drawing(law: str, count: int, generator: np.random.Generator) -> Draw:
    """Draws (n, P) of the law for a region's α (P,): what is common to the regions, as the covariance of the logits, is drawn here once."""
    if "logistic-normal" in law:
        mixing = generator.uniform(0.35, 0.7) * np.eye(count)
        if law.startswith("correlated"):
            mixing = 0.35 * generator.normal(size=(count, count)) + 0.4 * np.eye(count)
        return lambda alpha, pixels: _shares(np.log(alpha) + generator.normal(size=(pixels, count)) @ mixing.T)
    if law == "mixture of two":
        return lambda alpha, pixels: _of_two(alpha, pixels, generator)
    highest = {"truncated at 0.85": 0.85, "truncated at 0.75": 0.75}.get(law, 1.0)
    return lambda alpha, pixels: truncated_dirichlet(alpha, pixels, highest, generator)


def _shares(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _of_two(alpha: FloatArray, pixels: int, generator: np.random.Generator) -> FloatArray:
    """(n, P) draws of two Dirichlets, as of a region in which two kinds of ground meet."""
    other = region_parameters(1, len(alpha), generator)[0]
    second = generator.random(pixels) < generator.uniform(0.2, 0.5)
    return np.where(second[:, None], generator.dirichlet(other, pixels), generator.dirichlet(alpha, pixels))


def _in_patches(abundances: FloatArray, places: IntArray, generator: np.random.Generator) -> FloatArray:
    """(n, P) the same where pixels at (n, 2) places share the composition of the nearest of a few centres, but for a twentieth of it."""
    from scipy.spatial import cKDTree

    centres = generator.choice(len(places), min(_PATCHES_PER_REGION, len(places)), replace=False)
    nearest = cKDTree(places[centres]).query(places)[1]
    return np.asarray(0.95 * abundances[centres][nearest] + 0.05 * abundances)
