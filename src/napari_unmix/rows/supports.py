"""Amounts on given supports and multipliers off them, of many pixels: pixels of one support together, or of one size of support together."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.rows.quadratic import Quadratic, affine_maps
from napari_unmix.wanted import still_wanted

# Supports of so many endmembers have a number of sixteen bits, which sorts in one pass.
_NUMBERED = 16
# What making the map of a support and using it on its pixels costs, over solving the system of one pixel.
_MAKING, _USING = 5.0, 1.5
# Systems of one size that are eliminated together: so many numbers stay in the cache.
_NUMBERS = 100_000
# Fewer systems of one size are handed to LAPACK one by one.
_FEW = 48


class Supports:
    """The supports met so far, of one problem."""

    def __init__(self, problem: Quadratic) -> None:
        self._problem = problem
        size = len(problem.gram)
        self._place = np.full(1 << size if size <= _NUMBERED else 0, -1, np.int32)
        self._maps = np.empty((0, size, size + problem.sum_to_one))

    def __len__(self) -> int:
        return len(self._maps)

    def values(self, sides: FloatArray, on: BoolArray) -> FloatArray:
        """(P, n) of right sides and supports (P, n), of which none is empty where amounts sum to one."""
        if len(on) <= _NUMBERED and self._problem.regular:
            numbers = _numbers(on)
            order = np.argsort(numbers, kind="stable")
            first = np.flatnonzero(np.diff(numbers[order], prepend=-1))
            new = np.count_nonzero(self._place[numbers[order[first]]] < 0)
            if _MAKING * new + _USING * len(first) <= len(order):
                return self._by_maps(sides, on, numbers, order, first)
        return values_by_size(self._problem, sides, on)

    def _by_maps(
        self, sides: FloatArray, on: BoolArray, numbers: IntArray, order: IntArray, first: IntArray
    ) -> FloatArray:
        """One product for all pixels of a support; ``order`` (n,) sorts them, ``first`` are the places in it where a support begins."""
        sorts = numbers[order[first]]
        self._add(sorts, on[:, order[first]].T)
        there = np.take(sides, order, axis=1)
        values = np.empty(on.shape)
        for place, begin, end in zip(self._place[sorts], first, [*first[1:], len(order)], strict=True):
            np.matmul(self._maps[place], there[:, begin:end], out=values[:, begin:end])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return np.take(values, back, axis=1)

    def _add(self, numbers: IntArray, supports: BoolArray) -> None:
        new = self._place[numbers] < 0
        if new.any():
            self._place[numbers[new]] = len(self._maps) + np.arange(int(new.sum()))
            made = affine_maps(self._problem.gram, supports[new], sum_to_one=self._problem.sum_to_one)
            self._maps = np.concatenate([self._maps, made])


def values_by_size(problem: Quadratic, sides: FloatArray, on: BoolArray) -> FloatArray:
    """The same, by a system of each pixel's own: the systems of one size are eliminated together."""
    size, count = on.shape
    sizes = on.sum(axis=0, dtype=np.int16)
    order = np.argsort(sizes, kind="stable")
    members = np.ascontiguousarray(on.T)[order]
    amounts, common = np.zeros((size, count)), np.zeros(count)
    begins = np.searchsorted(sizes[order], np.arange(1, size + 2))
    for many, begin, end in zip(range(1, size + 1), begins, begins[1:], strict=False):
        together = max(_FEW, _NUMBERS // (many * (many + 2)))
        for first in range(begin, end, together):
            still_wanted()
            last = min(first + together, end)
            which = np.flatnonzero(members[first:last]).reshape(-1, many).T  # (many, n)
            which -= size * np.arange(last - first)
            pixels = order[first:last]
            places = which * count + pixels
            total = sides[size, pixels] if problem.sum_to_one else None
            found, common[pixels] = _solved_alike(problem.gram, which, np.take(sides, places), total)
            amounts.ravel()[places] = found
    values = problem.gram @ amounts
    values -= sides[:size]
    values -= common
    np.copyto(values, amounts, where=on)
    return np.asarray(values)


def _solved_alike(
    gram: FloatArray, which: IntArray, right: FloatArray, total: FloatArray | None
) -> tuple[FloatArray, FloatArray | float]:
    """Amounts (k, n) of the endmembers ``which`` (k, n) of each pixel, of right sides (k, n), and the multiplier (n,) that is common to them.

    ``total`` (n,) is what amounts are to sum to, if anything.
    """
    systems = np.take(gram, which[:, None] * len(gram) + which)
    sides = right[None] if total is None else np.stack([right, np.ones_like(right)])
    found = eliminated(systems, sides) if which.shape[1] > _FEW else _by_lapack(systems, sides)
    if total is None:
        return found[0], 0.0
    # Amounts are G⁻¹c + μ G⁻¹1, and μ makes their sum what it is to be.
    common = (total - found[0].sum(axis=0)) / found[1].sum(axis=0)
    return found[0] + common * found[1], common


def eliminated(systems: FloatArray, right: FloatArray) -> FloatArray:
    """(R, k, n) solutions of positive definite systems (k, k, n) for right sides (R, k, n), pixels last; both are written over.

    Gauss without pivots, which is stable here (Higham 2002, theorem 10.3), a step of all systems at a time.
    """
    size = len(systems)
    for row in range(size - 1):
        factor = systems[row + 1 :, row] / systems[row, row]
        systems[row + 1 :, row + 1 :] -= factor[:, None] * systems[row, row + 1 :]
        right[:, row + 1 :] -= factor * right[:, row, None]
    for row in reversed(range(size)):
        right[:, row] /= systems[row, row]
        right[:, :row] -= systems[:row, row] * right[:, row, None]
    return right


def _by_lapack(systems: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.solve(systems.transpose(2, 0, 1), right.transpose(2, 1, 0)).transpose(2, 1, 0))


def _numbers(on: BoolArray) -> IntArray:
    """(n,) each support (P, n) as a number."""
    numbers = np.zeros(on.shape[1], np.uint16)
    for place, row in enumerate(on):
        numbers |= row.astype(np.uint16) << np.uint16(place)
    return numbers
