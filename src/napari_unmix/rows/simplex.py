"""Exact least squares under non-negativity (ANC) and sum-to-one (ASC), for all pixels at once.

A support (the set of endmembers with a positive abundance) turns the problem into a linear system, so both the abundances on the
support and the multipliers off it are affine in the correlations of a pixel with the endmembers. A support is optimal exactly when
all of them are non-negative (Karush-Kuhn-Tucker). ``quadratic`` is the problem in coordinates of its own, ``guess`` says where the search for the
support begins, ``supports`` solves pixels of one support or one size together, and ``pivoting`` exchanges supports until they are optimal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.pivoting import optimal
from napari_unmix.rows.quadratic import Quadratic, quadratic_of
from napari_unmix.rows.supports import Supports

# Of so few endmembers abundances of a whole scene are a matter of milliseconds.
FEW_ENDMEMBERS = 6
# Pixels that are solved together: their right sides stay in the cache.
_BLOCK = 32_768


def fully_constrained(spectra: FloatArray, endmembers: FloatArray, start: FloatArray | None = None) -> FloatArray:
    """Abundances on the simplex that minimise |x - aM|² (FCLS, Heinz & Chang 2001), exactly.

    Parameters
    ----------
    spectra : (N, B)
    endmembers : (P, B)
    start : (N, P) abundances of similar endmembers, whose supports are tried first; the answer does not depend on it

    Returns
    -------
    (N, P) abundances, non-negative, each row summing to one
    """
    return _solve(spectra, endmembers, start, sum_to_one=True)


def non_negative(spectra: FloatArray, endmembers: FloatArray, start: FloatArray | None = None) -> FloatArray:
    """Non-negative amounts that minimise |x - gM|² (NNLS), exactly: (N, B), (P, B) -> (N, P); ``start`` as above."""
    return _solve(spectra, endmembers, start, sum_to_one=False)


def scaled(spectra: FloatArray, endmembers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Abundances (N, P) and illumination (N,) of x = s·aM with a on the simplex and s ≥ 0 free: NNLS, then normalised.

    A pixel that no endmember explains (a zero spectrum) has illumination 0 and equal abundances.
    """
    amounts = non_negative(spectra, endmembers)
    illumination = amounts.sum(axis=1)
    return composition(amounts), illumination


def composition(amounts: FloatArray) -> FloatArray:
    """Amounts (N, P) over their sum; equal shares where there is nothing."""
    total = amounts.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total == 0, 1.0 / amounts.shape[1], amounts / np.where(total == 0, 1.0, total)))


def project_to_simplex(points: FloatArray, metric: FloatArray) -> FloatArray:
    """The point of the simplex nearest to each row of ``points`` (N, P) in the metric (P, P)."""
    size = len(metric)
    root = np.linalg.cholesky(metric + 1e-12 * np.trace(metric) * np.eye(size))
    return fully_constrained(points @ root, root)


def _solve(spectra: FloatArray, endmembers: FloatArray, start: FloatArray | None, *, sum_to_one: bool) -> FloatArray:
    endmembers = np.asarray(endmembers, dtype=np.float64)
    if not np.isfinite(endmembers).all():
        return np.full((len(spectra), len(endmembers)), np.nan)
    problem = quadratic_of(endmembers, sum_to_one=sum_to_one)
    return solved(problem, len(spectra), lambda rows: problem.correlations(spectra[rows]), start)


def solved(
    problem: Quadratic, count: int, correlations: Callable[[slice], FloatArray], start: FloatArray | None = None
) -> FloatArray:
    """(N, P) optimal amounts of ``count`` pixels, whose ``correlations`` are asked for in blocks, (P, n) of the rows of a slice.

    NaN where a correlation is not finite.
    """
    amounts = np.empty((count, len(problem.gram)))
    supports = Supports(problem)
    for first in range(0, count, _BLOCK):
        rows = slice(first, min(first + _BLOCK, count))
        sides, scale = problem.sides(correlations(rows))
        found = optimal(problem, supports, sides, None if start is None else start[rows])
        amounts[rows] = problem.amounts(found, scale)
    return amounts
