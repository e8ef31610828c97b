"""The pixels furthest along a direction, asked for again and again while the direction turns a little: most of a scene need not be looked at.

The pixels that were low along one direction are kept, several times as many as were asked for, and the value that all others lie over. How far
any of these can fall where the direction turns is bounded by the turn and the scene's radius (Cauchy-Schwarz); as long as what is asked for lies under
that bound, it is found among those that were kept, exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray, IntArray

# So many times what is asked for is kept; where that is more than this share of the scene, nothing is.
_SPARE, _MOST_KEPT = 6, 0.5


class _Kept(NamedTuple):
    """Pixels ``indices`` (n,), their scores (K, n), and the value along ``direction`` (K,) that all others are not under."""

    direction: FloatArray
    indices: IntArray
    columns: FloatArray
    over: float


class Extremes:
    """Of scores (N, K): who is lowest along directions, each of which has a name."""

    def __init__(self, scores: FloatArray) -> None:
        self._columns = np.ascontiguousarray(scores.T)  # a product along columns is four times as fast
        self._centre = scores.mean(axis=0)
        self._radius = float(np.sqrt(((scores - self._centre) ** 2).sum(axis=1).max()))
        self._kept: dict[int, _Kept] = {}

    def mean_of_lowest(self, name: int, direction: FloatArray, count: int) -> FloatArray:
        """(K,) mean of the ``count`` pixels that are lowest along ``direction`` (K,)."""
        found = self._among_kept(name, direction, count)
        if found is None:
            found = self._among_all(name, direction, count)
        return np.asarray(self._columns.take(np.sort(found), axis=1).mean(axis=1))

    def _among_kept(self, name: int, direction: FloatArray, count: int) -> IntArray | None:
        kept = self._kept.get(name)
        if kept is None or 2 * count > len(kept.indices):
            return None
        along = float(direction @ kept.direction) / max(float(kept.direction @ kept.direction), 1e-300)
        if not along > 0:
            return None
        turn = direction - along * kept.direction
        bound = along * kept.over + float(turn @ self._centre) - float(np.sqrt(turn @ turn)) * self._radius
        values = direction @ kept.columns
        lowest = np.argpartition(values, count - 1)[:count]
        return kept.indices[lowest] if values[lowest].max() < bound else None

    def _among_all(self, name: int, direction: FloatArray, count: int) -> IntArray:
        values = direction @ self._columns
        spare = _SPARE * count
        self._kept.pop(name, None)
        if spare > _MOST_KEPT * len(values):
            return np.argpartition(values, count - 1)[:count]
        order = np.argpartition(values, spare - 1)[:spare]
        over = float(values[order[-1]])
        self._kept[name] = _Kept(direction.copy(), order, self._columns.take(order, axis=1), over)
        return order[np.argpartition(values[order], count - 1)[:count]]
