"""Exact least squares under non-negativity (ANC) and sum-to-one (ASC), for all pixels at once.

A support (the set of endmembers with a positive abundance) turns the problem into a linear system, so both the abundances on the
support and the multipliers off it are affine in the correlations of a pixel with the endmembers. A support is optimal exactly when
all of them are non-negative (Karush-Kuhn-Tucker). Up to ``ENUMERABLE`` endmembers every support is tried in one matrix product;
beyond, supports are exchanged one element at a time, all pixels' systems solved together.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.wanted import still_wanted

ENUMERABLE = 6
# Columns of the enumeration are handled in blocks, so that its (P, supports, N) table stays in the cache.
_BLOCK = 4096


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
    dark = illumination <= 1e-12
    abundances = amounts / np.where(dark, 1.0, illumination)[:, None]
    abundances[dark] = 1.0 / len(endmembers)
    return abundances, np.where(dark, 0.0, illumination)


def project_to_simplex(points: FloatArray, metric: FloatArray) -> FloatArray:
    """The point of the simplex nearest to each row of ``points`` (N, P) in the metric (P, P)."""
    size = len(metric)
    root = np.linalg.cholesky(metric + 1e-12 * np.trace(metric) * np.eye(size))
    return fully_constrained(points @ root, root)


def _solve(spectra: FloatArray, endmembers: FloatArray, start: FloatArray | None, *, sum_to_one: bool) -> FloatArray:
    endmembers = np.asarray(endmembers, dtype=np.float64)
    gram = endmembers @ endmembers.T
    # A relative ridge makes duplicate endmembers solvable (the amount is then shared) without moving other answers.
    gram = gram + 1e-12 * max(float(np.trace(gram)), 1e-300) * np.eye(len(gram))
    correlations = np.asarray(spectra, dtype=np.float64) @ endmembers.T
    amounts, optimal = _on_support(correlations, gram, np.ones(len(gram), bool), sum_to_one=sum_to_one)
    rest = np.flatnonzero(~optimal)
    if not rest.size:
        return amounts
    if len(gram) <= ENUMERABLE:
        amounts[rest] = _enumerate(correlations[rest], gram, sum_to_one)
    for rows in np.split(rest, range(_BLOCK, len(rest), _BLOCK)) if len(gram) > ENUMERABLE else ():
        amounts[rows] = _exchange(correlations[rows], gram, sum_to_one, None if start is None else start[rows])
    return amounts


def _on_support(
    correlations: FloatArray, gram: FloatArray, support: BoolArray, *, sum_to_one: bool
) -> tuple[FloatArray, BoolArray]:
    """Amounts (N, P) on one support and whether each pixel's are optimal; values off the support hold the multipliers' sign test."""
    maps, offsets = _affine_maps(gram, support[None, :], sum_to_one)
    values = correlations @ maps[0].T + offsets[0]
    optimal = (values >= -_tolerance(sum_to_one)).all(axis=1)
    return np.maximum(np.where(support, values, 0.0), 0.0), optimal


def _tolerance(sum_to_one: bool) -> float:
    return 1e-10 if sum_to_one else 1e-12


def _affine_maps(gram: FloatArray, supports: BoolArray, sum_to_one: bool) -> tuple[FloatArray, FloatArray]:
    """For every support (S, P): the maps (S, P, P) and offsets (S, P) that take correlations to amounts (on) and multipliers (off).

    Multipliers are divided by the mean of the Gram matrix's diagonal, so that one tolerance serves both.
    """
    size = len(gram)
    maps, offsets = np.zeros((len(supports), size, size)), np.zeros((len(supports), size))
    level = float(np.trace(gram)) / size
    for number, support in enumerate(supports):
        on, off = np.flatnonzero(support), np.flatnonzero(~support)
        inverse = np.linalg.inv(gram[np.ix_(on, on)])
        amounts, constant, shift = inverse, np.zeros(len(on)), np.zeros(len(on))
        if sum_to_one:
            row = inverse.sum(axis=0)
            total = row.sum()
            amounts = inverse - np.outer(row, row) / total
            constant, shift = row / total, row / total
        maps[number][np.ix_(on, on)] = amounts
        offsets[number][on] = constant
        # Multiplier of j off the support: gradient_j − μ with gradient = G a − c and μ the (common) gradient on the support.
        cross = gram[np.ix_(off, on)]
        maps[number][np.ix_(off, on)] = (cross @ amounts) / level
        maps[number][off, off] -= 1.0 / level
        offsets[number][off] = (cross @ constant) / level
        if sum_to_one:
            # μ = (1 − 1ᵀG⁻¹c) / 1ᵀG⁻¹1, the same for all on the support.
            maps[number][np.ix_(off, on)] += shift / level
            offsets[number][off] -= 1.0 / total / level
    return maps, offsets


@lru_cache(maxsize=16)
def _all_supports(size: int) -> BoolArray:
    codes = np.arange(1, 1 << size)
    return np.asarray((codes[:, None] >> np.arange(size)) & 1, dtype=bool)


def _enumerate(correlations: FloatArray, gram: FloatArray, sum_to_one: bool) -> FloatArray:
    """Try every support at once and keep, per pixel, the one whose conditions hold with the largest margin."""
    size = len(gram)
    supports = _all_supports(size)
    maps, offsets = _affine_maps(gram, supports, sum_to_one)
    # (P, S, P): position first, so that the minimum over positions runs over contiguous blocks.
    stacked = maps.transpose(1, 0, 2).reshape(size * len(supports), size)
    constants = offsets.T.reshape(size * len(supports), 1)
    amounts = np.empty_like(correlations)
    for start in range(0, len(correlations), _BLOCK):
        block = correlations[start : start + _BLOCK]
        values = (stacked @ block.T + constants).reshape(size, len(supports), len(block))
        margins = values.min(axis=0)
        best = margins.argmax(axis=0)
        chosen = values[:, best, np.arange(len(block))].T
        amounts[start : start + _BLOCK] = np.maximum(np.where(supports[best], chosen, 0.0), 0.0)
    if not sum_to_one:
        # The empty support: no endmember correlates with the pixel.
        amounts[(correlations <= 0).all(axis=1)] = 0.0
    return _renormalised(amounts) if sum_to_one else amounts


def _exchange(correlations: FloatArray, gram: FloatArray, sum_to_one: bool, start: FloatArray | None) -> FloatArray:
    """Active-set exchange: leave the most negative amount, else enter the most violated multiplier; repeat until optimal."""
    count, size = correlations.shape
    support = np.ones((count, size), bool) if start is None else start > 0
    amounts, best = np.zeros((count, size)), np.full(count, np.inf)
    todo = np.arange(count)
    tolerance = _tolerance(sum_to_one)
    for _ in range(12 * size):
        still_wanted()
        # A support can't be empty: fall back to the endmember of the largest correlation.
        empty = np.flatnonzero(~support[todo].any(axis=1))
        support[todo[empty], correlations[todo[empty]].argmax(axis=1)] = True
        on, here = support[todo], correlations[todo]
        values = _on_supports(here, gram, on, sum_to_one)
        lowest_on, lowest_off = np.where(on, values, np.inf), np.where(on, np.inf, values)
        leave, enter = lowest_on.min(axis=1) < -tolerance, lowest_off.min(axis=1) < -tolerance
        feasible = np.flatnonzero(~leave)
        candidate = np.where(on, values, 0.0)[feasible].clip(0.0)
        loss = (candidate * (candidate @ gram - 2 * here[feasible])).sum(axis=1)
        better = loss < best[todo[feasible]]
        improved = todo[feasible[better]]
        amounts[improved], best[improved] = candidate[better], loss[better]
        support[todo[leave], lowest_on[leave].argmin(axis=1)] = False
        grow = ~leave & enter
        support[todo[grow], lowest_off[grow].argmin(axis=1)] = True
        todo = todo[leave | enter]
        if not todo.size:
            break
    for pixel in todo:
        still_wanted()
        amounts[pixel] = _reference_solution(correlations[pixel], gram, sum_to_one)
    return _renormalised(amounts) if sum_to_one else amounts


def _on_supports(correlations: FloatArray, gram: FloatArray, on: BoolArray, sum_to_one: bool) -> FloatArray:
    """(n, P) amounts on each pixel's own support, and multipliers (over the mean of the Gram matrix's diagonal) off it."""
    both = on[:, :, None] & on[:, None, :]
    systems = np.where(both, gram, 0.0) + np.eye(len(gram)) * ~on[:, None, :]
    sides = np.stack([np.where(on, correlations, 0.0), on.astype(float)], axis=2)
    amounts, ones = np.moveaxis(np.linalg.solve(systems, sides), 2, 0)
    level = np.zeros((len(on), 1))
    if sum_to_one:
        level = (1 - amounts.sum(axis=1, keepdims=True)) / ones.sum(axis=1, keepdims=True)
        amounts = amounts + level * ones
    multipliers = (amounts @ gram - correlations - level) / (np.trace(gram) / len(gram))
    return np.asarray(np.where(on, amounts, multipliers))


def _reference_solution(correlation: FloatArray, gram: FloatArray, sum_to_one: bool) -> FloatArray:
    """One pixel whose exchange cycled: Lawson–Hanson on the Cholesky factor, sum-to-one as a heavy row that is then exact to 1e-8."""
    from scipy.optimize import nnls

    root = np.linalg.cholesky(gram).T
    target = np.linalg.solve(root.T, correlation)
    if not sum_to_one:
        return np.asarray(nnls(root, target)[0])
    weight = 1e4 * np.sqrt(np.trace(gram))
    return np.asarray(nnls(np.vstack([root, np.full(len(gram), weight)]), np.append(target, weight))[0])


def _renormalised(amounts: FloatArray) -> FloatArray:
    return np.asarray(amounts / np.maximum(amounts.sum(axis=1, keepdims=True), 1e-300))
