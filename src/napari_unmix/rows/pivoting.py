"""Block principal pivoting (Kim & Park, SIAM J. Sci. Comput. 33, 2011): exact amounts, non-negative or on the simplex, of many pixels.

Every step gives up whatever is negative of a pixel at once: amounts leave the support, multipliers enter it. While that lowers their number it
goes on; where it has not for ``_PATIENCE`` steps, one of them changes at a time (Murty 1974). What rounding keeps from an end after
``_STEPS`` steps, a handful of pixels, is solved by Lawson & Hanson's method, one by one.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.rows.guess import guessed_supports
from napari_unmix.rows.quadratic import Quadratic, affine_maps
from napari_unmix.rows.supports import Supports
from napari_unmix.wanted import still_wanted

_PATIENCE = 3
_STEPS = 60
# So few pixels, after a few steps, are solved sooner one by one.
_HANDFUL, _FEW_STEPS = 48, 10
# Supports of more endmembers than these begin with a guess: of fewer, the signs of the unconstrained answer are as near.
_SIGNS = 6


def optimal(problem: Quadratic, supports: Supports, sides: FloatArray, start: FloatArray | None) -> FloatArray:
    """(P, n) optimal amounts of right sides; the supports of ``start`` (n, P) are tried first."""
    if start is not None:
        return np.asarray(np.maximum(pivoted(problem, supports, sides, start.T > 0), 0.0))
    amounts = _unconstrained(problem, sides)
    rest = np.flatnonzero(amounts.min(axis=0) < -problem.tolerance)
    if rest.size:
        there = np.take(sides, rest, axis=1)
        few = len(amounts) <= _SIGNS
        on = np.take(amounts, rest, axis=1) > 0 if few else guessed_supports(problem, there)
        amounts[:, rest] = pivoted(problem, supports, there, on)
    return np.asarray(np.maximum(amounts, 0.0, out=amounts))


def _unconstrained(problem: Quadratic, sides: FloatArray) -> FloatArray:
    """(P, n) amounts of all endmembers, of any sign."""
    if problem.regular:
        everything = np.ones((1, len(problem.gram)), bool)
        return np.asarray(affine_maps(problem.gram, everything, sum_to_one=problem.sum_to_one)[0] @ sides)
    size = len(problem.gram)
    found = np.linalg.solve(problem.gram, np.column_stack([sides[:size], np.ones(size)]))
    amounts, ones = found[:, :-1], found[:, -1:]
    if not problem.sum_to_one:
        return np.asarray(amounts)
    return np.asarray(amounts + ones * (sides[size] - amounts.sum(axis=0)) / ones.sum())


def pivoted(problem: Quadratic, supports: Supports, sides: FloatArray, on: BoolArray) -> FloatArray:
    """(P, n) optimal amounts from the supports ``on`` (P, n)."""
    size, count = on.shape
    amounts: FloatArray = np.empty(on.shape)
    todo = np.arange(count)
    fewest, patience = np.full(len(todo), size + 1, np.int16), np.full(len(todo), _PATIENCE, np.int16)
    for step in range(_STEPS):
        still_wanted()
        if problem.sum_to_one:
            empty = np.flatnonzero(~on.any(axis=0))
            on[sides[:size, empty].argmax(axis=0), empty] = True
        values = supports.values(sides, on)
        left = np.flatnonzero(values.min(axis=0) < -problem.tolerance)
        # What is not optimal yet is overwritten by what follows.
        if len(todo) == count:
            amounts = np.where(on, values, 0.0)
        else:
            amounts[:, todo] = np.where(on, values, 0.0)
        if not left.size:
            return amounts
        todo, fewest, patience = todo[left], fewest[left], patience[left]
        sides, on = np.take(sides, left, axis=1), np.take(on, left, axis=1)
        wrong = np.take(values, left, axis=1) < -problem.tolerance
        number = wrong.sum(axis=0, dtype=np.int16)
        if step >= _FEW_STEPS and len(todo) <= _HANDFUL and size > _SIGNS:
            break
        patience = np.where(number < fewest, _PATIENCE, patience - 1)
        fewest = np.minimum(fewest, number)
        on ^= np.where(patience >= 0, wrong, _last_only(wrong))
    for place, pixel in enumerate(todo):
        still_wanted()
        amounts[:, pixel] = one_by_one(problem, sides[:, place])
    return amounts


def _last_only(wrong: BoolArray) -> BoolArray:
    """Of each column the last that is True."""
    last = len(wrong) - 1 - wrong[::-1].argmax(axis=0)
    return np.asarray(np.arange(len(wrong))[:, None] == last)


def one_by_one(problem: Quadratic, side: FloatArray) -> FloatArray:
    """(P,) optimal amounts of one right side, by Lawson & Hanson's method on the Cholesky factor.

    With sum-to-one the endmembers are taken from the pixel, in one coordinate more that is one: of all non-negative combinations that end near
    (0, …, 0, 1), the nearest has the shares of the nearest point of the simplex.
    """
    from scipy.optimize import nnls

    size = len(problem.gram)
    root = np.linalg.cholesky(problem.gram).T
    target = np.linalg.solve(root.T, side[:size])
    if not problem.sum_to_one:
        return np.asarray(nnls(root, target, maxiter=100 * size)[0])
    total = side[size]
    system = np.vstack([total * root - target[:, None], np.ones(size)])
    found = nnls(system, np.append(np.zeros(size), 1.0), maxiter=100 * size)[0]
    return np.asarray(found * (total / found.sum()))
