"""Pairs of neighbouring pixels: two views of one place, whose composition is nearly the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray

# What neighbours have in common is read off a mean over so many pixels (decision 0027).
_WIDTH = 2.0


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Which pixels of a scene are next to each other: the ``valid`` ones of (H, W), and the acquisition of each where there are several."""

    valid: BoolArray
    acquisitions: IntArray | None = None

    @cached_property
    def pairs(self) -> IntArray:
        """(n, 2), see ``adjacent_pairs``."""
        return adjacent_pairs(self.valid, self.acquisitions)

    def smoothed(self, values: FloatArray) -> FloatArray:
        """(N, C), see ``smoothed``."""
        return smoothed(values, self.valid, _WIDTH, self.acquisitions)


def adjacent_pairs(valid: BoolArray, acquisitions: IntArray | None = None) -> IntArray:
    """(n, 2) the valid pixels of (H, W), numbered in raster order, that share an edge, and the acquisition where there are several."""
    numbers = np.full(valid.shape, -1)
    numbers[valid] = np.arange(np.count_nonzero(valid))
    taken = np.zeros(valid.shape, dtype=int) if acquisitions is None else acquisitions
    found = []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        both = valid[first] & valid[second] & (taken[first] == taken[second])
        found.append(np.stack([numbers[first][both], numbers[second][both]], axis=1))
    return np.concatenate(found)


def smoothed(values: FloatArray, valid: BoolArray, width: float, acquisitions: IntArray | None = None) -> FloatArray:
    """(N, C) numbers of the valid pixels of (H, W), each a mean of those around it, weighted by a normal curve of ``width`` pixels.

    Only valid pixels of the same acquisition count.
    """
    from scipy.ndimage import gaussian_filter

    taken = np.zeros(valid.shape, dtype=int) if acquisitions is None else acquisitions
    found = np.empty_like(values, dtype=float)
    for acquisition in np.unique(taken[valid]):
        mask = valid & (taken == acquisition)
        image = np.zeros((*valid.shape, values.shape[1]))
        image[mask] = values[mask[valid]]
        weights = gaussian_filter(mask.astype(float), width)[mask]
        found[mask[valid]] = gaussian_filter(image, (width, width, 0))[mask] / weights[:, None]
    return found
