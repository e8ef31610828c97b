"""Pixel purity index (PPI, Boardman, Kruse & Green 1995, Fifth JPL Airborne Earth Science Workshop).

SPy has one as well, which draws from NumPy's global generator, so that a run would change what others draw; counts are the same.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.wanted import still_wanted

_AT_ONCE = 250  # skewers


def find(asked: Asked) -> FloatArray:
    """The pixels that are extreme along most random directions, and far from each other."""
    directions = asked.generator.normal(size=(asked.settings.skewers, asked.count - 1))
    counts = extremes(asked.scores, directions)
    return asked.of_picks(apart(asked.scores, counts, asked.count - len(asked.held), asked.held_scores))


def extremes(scores: FloatArray, directions: FloatArray) -> IntArray:
    """(N,) how often each pixel (N, K) is the first or the last along one of the directions (S, K)."""
    counts = np.zeros(len(scores), dtype=int)
    for first in range(0, len(directions), _AT_ONCE):
        still_wanted()
        along = scores @ directions[first : first + _AT_ONCE].T
        for ends in (along.argmax(axis=0), along.argmin(axis=0)):
            counts += np.bincount(ends, minlength=len(scores))
    return counts


def apart(scores: FloatArray, counts: IntArray, count: int, begun: FloatArray) -> IntArray:
    """(count,) pixels of high counts (N,), and far apart: the highest, then always the one of most counts times squared distance to those taken.

    The paper leaves that choice to an eye and a cloud of points; a corner has many extreme pixels, and the highest counts alone may all be one
    material's. ``begun`` (H, K) are taken already. Pixels that are extreme nowhere come last, by distance alone.
    """
    worth = np.maximum(counts.astype(float), 1e-9)
    taken, picked = list(begun), list[int]()
    for _ in range(count):
        far = np.min([((scores - one) ** 2).sum(axis=1) for one in taken], axis=0) if taken else np.ones(len(scores))
        picked.append(int((worth * far).argmax()))
        taken.append(scores[picked[-1]])
    return np.array(picked, dtype=int)
