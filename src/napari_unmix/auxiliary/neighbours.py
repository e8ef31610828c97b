"""Pairs of neighbouring pixels: two views of one place, whose composition is nearly the same."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, IntArray


def adjacent_pairs(valid: BoolArray) -> IntArray:
    """(n, 2) the valid pixels of (H, W), numbered in raster order, that share an edge: those of one row first."""
    numbers = np.full(valid.shape, -1)
    numbers[valid] = np.arange(np.count_nonzero(valid))
    beside = np.stack([numbers[:, :-1].ravel(), numbers[:, 1:].ravel()], axis=1)
    below = np.stack([numbers[:-1].ravel(), numbers[1:].ravel()], axis=1)
    both = np.concatenate([beside, below])
    return np.asarray(both[(both >= 0).all(axis=1)])
