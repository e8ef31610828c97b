"""Many small positive definite systems at once, systems last: a step of elimination is one operation on all of them.

LAPACK solves one after another, and for a few unknowns most of that is calling it. Here a symmetric (D, D) of n systems is its lower triangle,
column after column: (D (D + 1) / 2, n). Without pivots, which is stable for positive definite ones (Higham 2002, theorem 10.3).
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

# Up to so many unknowns elimination of columns is taken, beyond them LAPACK: at 24 it was no longer sooner (random systems, one thread).
MOST_UNKNOWNS = 20
# A pivot is at least this, so that rounding ends in a large number and not in none.
_LEAST_PIVOT = 1e-150


@lru_cache(maxsize=64)
def places(size: int) -> tuple[list[int], list[int]]:
    """Row and column of each number of the lower triangle."""
    pairs = [(row, column) for column in range(size) for row in range(column, size)]
    return [row for row, _ in pairs], [column for _, column in pairs]


@lru_cache(maxsize=64)
def _begins(size: int) -> list[int]:
    """Where each column begins; at last, how many numbers there are."""
    return [column * size - column * (column - 1) // 2 for column in range(size + 1)]


def diagonal_places(size: int) -> list[int]:
    """Where the numbers of the diagonal are."""
    return _begins(size)[:-1]


def unknowns(numbers: int) -> int:
    """D of D (D + 1) / 2."""
    return (math.isqrt(8 * numbers + 1) - 1) // 2


def packed(systems: Tensor) -> Tensor:
    """(n, D, D) symmetric -> (D (D + 1) / 2, n)."""
    rows, columns = places(systems.shape[1])
    return systems.permute(1, 2, 0)[rows, columns]


def unpacked(systems: Tensor) -> Tensor:
    """(D (D + 1) / 2, n) -> (n, D, D)."""
    size = unknowns(len(systems))
    rows, columns = places(size)
    place = torch.empty(size, size, dtype=torch.long)
    place[rows, columns] = torch.arange(len(rows))
    place[columns, rows] = torch.arange(len(rows))
    return systems[place.to(systems.device)].permute(2, 0, 1).contiguous()


def factored(systems: Tensor) -> Tensor:
    """The lower triangles L (D (D + 1) / 2, n) with H = LLᵀ (Cholesky), written over the systems."""
    size = unknowns(len(systems))
    begins = _begins(size)
    for column in range(size):
        own = systems[begins[column] : begins[column + 1]]
        for before in range(column):
            other = systems[begins[before] + column - before : begins[before + 1]]
            own.addcmul_(other, other[:1], value=-1)
        own[0].clamp_min_(_LEAST_PIVOT).sqrt_()
        own[1:].div_(own[:1])
    return systems


def solved(factor: Tensor, right: Tensor) -> Tensor:
    """(D, n) solutions for right sides (D, n) of the systems that have the Cholesky ``factor``."""
    size = len(right)
    begins, found = _begins(size), right.clone()
    for row in range(size):
        column = factor[begins[row] : begins[row + 1]]
        found[row].div_(column[0])
        found[row + 1 :].addcmul_(column[1:], found[row : row + 1], value=-1)
    for row in reversed(range(size)):
        column = factor[begins[row] : begins[row + 1]]
        for below in range(1, size - row):
            found[row].addcmul_(column[below], found[row + below], value=-1)
        found[row].div_(column[0])
    return found


def inverted(factor: Tensor) -> Tensor:
    """(D (D + 1) / 2, n) inverses of the systems that have the Cholesky ``factor``."""
    size = unknowns(len(factor))
    columns = []
    for column in range(size):
        unit = factor.new_zeros(size, factor.shape[1])
        unit[column] = 1.0
        columns.append(solved(factor, unit)[column:])
    return torch.cat(columns)


def half_log_determinants(factor: Tensor) -> Tensor:
    """(n,) ½ log|H| of the systems that have the Cholesky ``factor``."""
    return factor[diagonal_places(unknowns(len(factor)))].log().sum(dim=0)


def times(symmetric: Tensor, vectors: Tensor) -> Tensor:
    """(D, n) packed symmetric matrices (D (D + 1) / 2, n) times vectors (D, n)."""
    found = torch.zeros_like(vectors)
    for place, (row, column) in enumerate(zip(*places(len(vectors)), strict=True)):
        found[row].addcmul_(symmetric[place], vectors[column])
        if row != column:
            found[column].addcmul_(symmetric[place], vectors[row])
    return found
