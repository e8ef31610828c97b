"""Least squares on the simplex or the cone of (P, B) endmembers, in coordinates in which no scale, no origin and no dimension matters.

Abundances that sum to one do not change where one spectrum is taken from all others, so endmembers are taken from their centre and measured
by their spread. Their Gram matrix has no direction (1, …, 1) then; on the simplex a·1 = 1, so a constant added to all of it, and to all
correlations, moves no answer, and P corners in P − 1 coordinates are as regular as in P. Non-negative amounts are taken of endmembers of
length one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray

# Below this share of the Gram matrix's trace an eigenvalue is rounding: amounts are not determined, and a ridge of that size shares them.
_UNDETERMINED = 1e-12
# Endmembers that differ by less than this share of their values are one point: the rest is rounding.
_ALIKE = 1e-14
# Amounts and multipliers over minus this are not negative: what rounding leaves of zero, in units of a pixel's largest correlation.
_FINEST, _COARSEST = 1e-12, 1e-10
# What an inverse leaves of the optimality conditions is this condition times rounding: a tenth of what is promised, and less.
_REGULAR = 1e6
# Pixels that are written in double precision at once.
_PART = 2048


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Correlations of a pixel x (B,) are ``directions`` (P, B) @ x + ``offset`` (P,), of the endmembers ``gram`` (P, P), mean square one.

    ``unit`` (P,) is how much of an endmember an amount of one is. Negative values over -``tolerance`` are rounding. ``regular`` is whether the
    inverse of the Gram matrix, and of any part of it, is as good as solving with it.
    """

    directions: FloatArray
    offset: FloatArray
    gram: FloatArray
    unit: FloatArray
    sum_to_one: bool
    tolerance: float
    regular: bool

    def correlations(self, pixels: FloatArray) -> FloatArray:
        """(P, n) of pixels (n, B) of any kind of number, of which a part at a time is written in double precision."""
        found = np.empty((len(self.gram), len(pixels)))
        for first in range(0, len(pixels), _PART):
            part = np.asarray(pixels[first : first + _PART], dtype=np.float64)
            with np.errstate(
                invalid="ignore", over="ignore"
            ):  # a pixel that is not finite has no answer, which is said later
                np.matmul(self.directions, part.T, out=found[:, first : first + _PART])
        return found

    def sides(self, correlations: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Right sides (P, n), with sum-to-one (P + 1, n), each over its scale (n,): the largest correlation.

        What is not finite is zero in the sides, and its scale is NaN.
        """
        size = len(self.gram)
        sides = np.ones((size + self.sum_to_one, correlations.shape[1]))
        np.add(correlations, self.offset[:, None], out=sides[:size])
        scale = np.maximum(sides.max(axis=0), -sides.min(axis=0))
        if not np.isfinite(scale).all():
            sides[:, ~np.isfinite(scale)] = 0.0
            scale = np.where(np.isfinite(scale), scale, np.nan)
        sides /= np.where(scale > 0, scale, 1.0)
        return sides, scale

    def amounts(self, found: FloatArray, scale: FloatArray) -> FloatArray:
        """(n, P) in the endmembers' own scale, of optimal amounts (P, n) of sides over ``scale`` (n,)."""
        total = found.sum(axis=0)
        if self.sum_to_one:
            return np.asarray((found / np.where(total > 0, total, np.nan)).T)
        # What is rounding beside the largest correlation is nothing.
        return np.asarray((found * np.where(total > _FINEST, scale, 0.0 * scale)).T * self.unit)


def quadratic_of(endmembers: FloatArray, *, sum_to_one: bool) -> Quadratic:
    """The problem of (P, B) finite endmembers."""
    size = len(endmembers)
    centre = endmembers.mean(axis=0) if sum_to_one else np.zeros(endmembers.shape[1])
    about = endmembers - centre
    lengths = _lengths(about)
    largest = float(lengths.max())
    if sum_to_one and largest > _ALIKE * np.abs(endmembers).max():
        lengths = np.full(size, largest * np.sqrt(np.mean((lengths / largest) ** 2)))
    elif sum_to_one:
        about, lengths = np.zeros_like(about), np.zeros(size)
    unit = 1.0 / np.where(lengths > 0, lengths, np.inf)
    about = about * unit[:, None]
    lift = 1.0 / size if sum_to_one else 0.0
    gram = about @ about.T + lift
    # An endmember of length zero explains nothing: the diagonal that it lacks makes its amount zero (all alike: equal shares).
    gram += np.diag(np.where(lengths > 0, 0.0, 1.0))
    spread = np.linalg.eigvalsh(gram)
    if spread[0] < _UNDETERMINED * size:
        gram += _UNDETERMINED * size * np.eye(size)
    condition = spread[-1] / max(spread[0], _UNDETERMINED * size)
    return Quadratic(
        directions=about * unit[:, None] if sum_to_one else about,
        offset=lift - (about @ centre) * unit,
        gram=gram,
        unit=np.ones(size) if sum_to_one else unit,
        sum_to_one=sum_to_one,
        regular=bool(condition <= _REGULAR),
        tolerance=float(np.clip(8 * np.finfo(float).eps * condition, _FINEST, _COARSEST)),
    )


def _lengths(spectra: FloatArray) -> FloatArray:
    """(P,) lengths, of spectra whose squares leave the range of numbers as well."""
    largest = np.abs(spectra).max(axis=1)
    return np.asarray(largest * np.linalg.norm(spectra / np.where(largest > 0, largest, 1.0)[:, None], axis=1))


def affine_maps(gram: FloatArray, supports: BoolArray, *, sum_to_one: bool) -> FloatArray:
    """(S, P, P) or (S, P, P + 1): of each support (S, P), what takes right sides to amounts on it and to multipliers off it.

    A multiplier is the gradient of half the squared residual, less the one that is common to the support where amounts sum to one. A support
    is optimal where all of them are non-negative (Karush-Kuhn-Tucker).
    """
    size = len(gram)
    both = supports[:, :, None] & supports[:, None, :]
    amounts = np.linalg.inv(np.where(both, gram, 0.0) + np.eye(size) * ~supports[:, None, :]) * both
    taken = np.eye(size, size + sum_to_one)
    common = np.zeros((len(supports), size + sum_to_one))
    if sum_to_one:
        row = amounts.sum(axis=1)
        total = row.sum(axis=1, keepdims=True)
        amounts = np.concatenate(
            [amounts - row[:, :, None] * (row / total)[:, None], (row / total)[:, :, None]], axis=2
        )
        common = np.concatenate([-row, np.ones_like(total)], axis=1) / total
    multipliers = gram @ amounts - taken - common[:, None, :]
    return np.asarray(np.where(supports[:, :, None], amounts, multipliers))
