"""Pairs of neighbouring pixels: two views of one place, whose composition is nearly the same."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, IntArray


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
