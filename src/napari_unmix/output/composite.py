"""A colour picture of a cube: three of its bands, or its three strongest components."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import Cube, FloatArray, IntArray

COMPOSITES = ("true colour", "colour infrared", "principal components")
SURVEYED_PIXELS = 20_000
TRUE_COLOUR_NM = (640.0, 550.0, 460.0)
INFRARED_NM = (860.0, 650.0, 550.0)
MOST_NEAREST_NM = 60.0  # a band further away does not stand for that colour


def composite(cube: Cube, choice: str = COMPOSITES[0]) -> FloatArray:
    """(H, W, 3) float32 in 0–1: three bands or principal components, each stretched over its percentiles 2–98.

    Of a cube that stays in its file, (h, w, 3) of its ``overview``.
    """
    cube = cube.overview
    planes = _principal(cube) if choice == COMPOSITES[2] else cube.spectra[:, :, list(composite_bands(cube, choice))]
    out = np.zeros((*cube.shape[:2], 3), dtype=np.float32)
    sample = planes[_sampled_pixels(cube)]  # (n, 3)
    if not len(sample):
        return out
    for k in range(3):
        low, high = np.percentile(sample[:, k], [2, 98])
        out[:, :, k] = np.clip((planes[:, :, k] - low) / max(float(high - low), 1e-12), 0, 1)
    out[~cube.valid_pixels] = 0
    return out


def composite_name(cube: Cube) -> str:
    """What the composite of a cube shows, where no other was chosen."""
    return COMPOSITES[0] if has_colours(cube, COMPOSITES[0]) else "false colour"


def composite_bands(cube: Cube, choice: str) -> tuple[int, int, int]:
    """The bands of a composite: nearest to the colours, or evenly spread where the cube does not reach them."""
    found = _colour_bands(cube, choice)
    if found is not None:
        return found
    good = _usable(cube)
    spread = good[np.linspace(0, good.size - 1, 7).astype(int)]
    return int(spread[5]), int(spread[3]), int(spread[1])


def has_colours(cube: Cube, choice: str) -> bool:
    """Whether the cube's wavelengths reach this composite's colours."""
    return choice == COMPOSITES[2] or _colour_bands(cube, choice) is not None


def _usable(cube: Cube) -> IntArray:
    good = np.flatnonzero(cube.good_bands)
    return good if good.size else np.arange(cube.shape[2])


def _colour_bands(cube: Cube, choice: str) -> tuple[int, int, int] | None:
    if cube.wavelengths is None:
        return None
    good = _usable(cube)
    wanted = INFRARED_NM if choice == COMPOSITES[1] else TRUE_COLOUR_NM
    distance = np.abs(cube.wavelengths[good][:, None] - np.array(wanted)[None, :])
    if distance.min(axis=0).max() > MOST_NEAREST_NM:
        return None
    red, green, blue = good[distance.argmin(axis=0)]
    return int(red), int(green), int(blue)


def sampled(cube: Cube) -> FloatArray:
    """(n, B) evenly spread valid pixels, at most about ``SURVEYED_PIXELS``; of a cube that stays in its file those of its ``overview``."""
    cube = cube.overview
    return cube.spectra[_sampled_pixels(cube)]


def _sampled_pixels(cube: Cube) -> tuple[IntArray, IntArray]:
    rows, columns = np.nonzero(cube.valid_pixels)
    step = max(1, len(rows) // SURVEYED_PIXELS)
    return rows[::step], columns[::step]


def _principal(cube: Cube) -> FloatArray:
    """(H, W, 3) scores; the vectors come from evenly spread pixels."""
    sample = sampled(cube)[:, cube.good_bands].astype(np.float64)
    centre = sample.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((sample - centre).T))
    strongest = vectors[:, ::-1][:, :3]
    scores = np.zeros((*cube.shape[:2], 3), dtype=np.float32)
    found = (cube.spectra[:, :, cube.good_bands] - centre.astype(np.float32)) @ strongest.astype(np.float32)
    scores[:, :, : found.shape[2]] = np.nan_to_num(found)
    return scores
