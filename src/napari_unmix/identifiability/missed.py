"""Patches that no endmember explains: what is left there is far more than elsewhere, and the same in all pixels, so it is a material and no noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.patches import Ground, Patch, best_pixels, patch_around, smoothed
from napari_unmix.rows.simplex import non_negative

# What a patch leaves, over what noise and variability leave of the median pixel of its brightness.
MISSED = 4.0
# The part of it that all its pixels share: noise alone has one over the number of pixels. What another brightness of the endmembers would explain
# does not count: on MUUFL, where abundances sum to one, the largest residuals are bright grass.
_SAME = 0.5


def missed_patches(ground: Ground) -> Iterator[tuple[Patch, float]]:
    """Patches that leave at least ``MISSED`` times the expected at any brightness, the most conspicuous first, each with that number."""
    excess = left_over(ground)
    for centre in best_pixels(smoothed(excess, ground.free)):
        patch = patch_around(ground, excess, centre)
        if patch is None or patch.share < MISSED:
            continue
        same, new = _same_and_new(ground, patch)
        if same >= _SAME and new * patch.share >= MISSED:
            yield patch, new * patch.share


def left_over(ground: Ground) -> FloatArray:
    """(H, W) the square that the result leaves of each pixel, over what noise and the scene's variability leave of one so bright."""
    spectra = np.where(ground.cube.good_bands, ground.cube.spectra, 0.0)
    power = np.einsum("hwb,hwb->hw", spectra, spectra).astype(np.float64)
    bands = int(ground.cube.good_bands.sum())
    left, of_noise = bands * ground.error**2, bands * ground.noise**2
    known = ground.answered & (power > 0)
    varying = float(np.median((left - of_noise)[known] / power[known])) if known.any() else 0.0
    expected = of_noise + max(varying, 0.0) * power
    return np.where(known, left / np.maximum(expected, 1e-300), 0.0)


def _same_and_new(ground: Ground, patch: Patch) -> tuple[float, float]:
    """Of what is left of a patch's pixels, the part that is the same in all of them, and that which no brightness of the endmembers explains."""
    left, mean = ground.left_of(patch), ground.of_pixels(patch).mean(axis=0, keepdims=True)
    endmembers = np.maximum(ground.result.endmembers[:, ground.cube.good_bands], 0.0)
    off = mean - non_negative(mean, endmembers) @ endmembers
    all_of_it = max(float((left**2).sum(axis=1).mean()), 1e-300)
    return float((left.mean(axis=0) ** 2).sum()) / all_of_it, float((off**2).sum()) / all_of_it
