"""The noise found over the true one, and the number of materials, from 0.1 to 100 pixels a band; copies, interpolation, smoothing.

Every scene is a linear mixture of 2 to 6 measured spectra in smooth fields or independent pixels, with white noise or noise of its own in every band.
The 200 scenes over N/B are spread evenly in its logarithm, so a line has as many as its width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.counting import suggest_endmembers
from napari_unmix.rows.subspace import noise_level
from napari_unmix.synthetic import random_materials, smooth_field
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "noise and number from 0.1 to 100 pixels a band"
_BINS = (0.1, 0.3, 1.0, 2.0, 5.0, 20.0, 100.0)
_FEWEST_PIXELS, _MOST_PIXELS, _MOST_VALUES = 40, 20_000, 1_000_000

Treatment = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Scene:
    """One scene: pixels (after what was done to it), bands, materials, the number found, and the noise found over the true one."""

    case: str
    seed: int
    pixels: int
    bands: int
    materials: int
    found: int
    noise_over_true: float


def main(arguments: list[str]) -> int:
    """Run it: ``--scenes`` over N/B, a tenth as many of every other case."""
    options = parser("noise", __doc__ or "")
    options.add_argument("--scenes", type=int, default=200, help="scenes from 0.1 to 100 pixels a band")
    chosen = options.parse_args(arguments)
    rows = [*_over_ratios(chosen.scenes), *_treated(max(2, chosen.scenes // 10))]
    write_rows("noise", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def _over_ratios(scenes: int) -> Iterator[Scene]:
    for seed in range(scenes):
        generator = np.random.default_rng(300_000 + seed)
        ratio = 10 ** (-1 + 3 * (seed + generator.uniform()) / scenes)
        shape, bands = _size(ratio, generator)
        case = next(f"N/B {low:g}–{high:g}" for low, high in pairwise(_BINS) if ratio <= high)
        yield _scored(case, seed, shape, bands, generator, _as_it_is, _as_it_is)


def _treated(scenes: int) -> Iterator[Scene]:
    cases: dict[str, tuple[Treatment, Treatment]] = {}
    for times, (down, across) in {1: (1, 1), 2: (1, 2), 3: (3, 1), 4: (2, 2), 9: (3, 3)}.items():
        cases[f"every spectrum ×{times}"] = (_copied(down, across), _as_it_is)
    cases["interpolated, twice the size"] = (_interpolated, _as_it_is)
    for width in (3, 5, 9):
        cases[f"noise averaged over {width} bands"] = (_as_it_is, _averaged(width))
    for case, (to_image, to_noise) in cases.items():
        for seed in range(scenes):
            generator = np.random.default_rng(400_000 + seed)
            yield _scored(case, seed, (36, 40), int(generator.integers(50, 150)), generator, to_image, to_noise)


def _size(ratio: float, generator: np.random.Generator) -> tuple[tuple[int, int], int]:
    """(H, W) and B of about this ratio."""
    while True:
        bands = int(np.exp(generator.uniform(np.log(20), np.log(600))))
        side = np.sqrt(ratio * bands)
        shape = (max(1, round(0.9 * side)), max(1, round(side / 0.9)))
        pixels = shape[0] * shape[1]
        if _FEWEST_PIXELS <= pixels <= _MOST_PIXELS and pixels * bands <= _MOST_VALUES:
            return shape, bands


def _scored(
    case: str,
    seed: int,
    shape: tuple[int, int],
    bands: int,
    generator: np.random.Generator,
    to_image: Treatment,
    to_noise: Treatment,
) -> Scene:
    count = int(generator.integers(2, 7))
    clean = _abundances(shape, count, generator) @ _spectra(count, bands, generator)
    level = np.sqrt((clean**2).mean() * 10 ** (-generator.uniform(28, 40) / 10))
    each = np.exp(0.5 * generator.normal(size=bands)) if generator.uniform() < 0.5 else np.ones(bands)
    noise = to_noise(level * each * generator.normal(size=clean.shape))
    made, true = to_image(clean + noise), to_image(clean)
    pixels = made.reshape(-1, bands).astype(np.float32).astype(np.float64)
    over = noise_level(pixels, count) / float(np.sqrt(np.mean((made - true) ** 2)))
    return Scene(case, seed, len(pixels), bands, count, suggest_endmembers(pixels), over)


def _spectra(count: int, bands: int, generator: np.random.Generator) -> FloatArray:
    wavelengths, spectra, _ = random_materials(count, generator)
    wanted = np.linspace(wavelengths[0], wavelengths[-1], bands)
    return np.array([np.interp(wanted, wavelengths, spectrum) for spectrum in spectra])


def _abundances(shape: tuple[int, int], count: int, generator: np.random.Generator) -> FloatArray:
    if generator.uniform() < 0.5:
        return generator.dirichlet(np.ones(count), shape)
    fields = np.stack([smooth_field(shape, max(shape[0] / 8, 1.0), generator) for _ in range(count)], axis=-1)
    shares = np.exp(2.5 * fields)
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _as_it_is(image: FloatArray) -> FloatArray:
    return image


def _copied(down: int, across: int) -> Treatment:
    return lambda image: image.repeat(down, 0).repeat(across, 1)


def _interpolated(image: FloatArray) -> FloatArray:
    from scipy.ndimage import zoom

    return np.asarray(zoom(image, (2, 2, 1), order=1))


def _averaged(width: int) -> Treatment:
    def averaged(noise: FloatArray) -> FloatArray:
        from scipy.ndimage import uniform_filter1d

        return np.asarray(uniform_filter1d(noise, width, axis=-1))

    return averaged


def table(rows: Sequence[Scene]) -> list[str]:
    """Markdown."""
    lines = [
        "| case | scenes | noise found / true, median | 5–95 % | right number |",
        "|---|---|---|---|---|",
    ]
    for case in dict.fromkeys(row.case for row in rows):
        these = [row for row in rows if row.case == case]
        low, middle, high = np.percentile([row.noise_over_true for row in these], [5, 50, 95])
        right = sum(row.found == row.materials for row in these)
        lines.append(f"| {case} | {len(these)} | {middle:.2f} | {low:.2f}–{high:.2f} | {right} of {len(these)} |")
    return lines


def summary(rows: Sequence[Scene]) -> str:
    """The claims: the number is right in nine scenes of ten, the noise within 20 %."""
    ratios = [row for row in rows if row.case.startswith("N/B")]
    right = sum(row.found == row.materials for row in ratios)
    near = sum(abs(row.noise_over_true - 1) <= 0.2 for row in ratios)
    return (
        f"From 0.1 to 100 pixels a band: the right number in {right} of {len(ratios)} scenes ({100 * right / len(ratios):.0f} %), "
        f"noise within 20 % in {near}."
    )
