"""Sparse unmixing whose maps are piecewise constant (SUnSAL-TV, Iordache, Bioucas-Dias & Plaza 2012, TGRS 50(11), eq. 11).

    min  ½ |X - GM|² + λ m Σ G + τ m Σ_{neighbours i, j} |g_i - g_j|₁,   G ≥ 0

with m the mean square of the endmembers' values. Neighbours share an edge, and are both among the pixels: nothing crosses what was left out. It
is solved as there, by alternating directions with three copies of G; where the paper takes differences around the image's edges to solve
for the smooth copy by a Fourier transform, conjugate gradients do it here for pixels of any outline, in a dozen steps: the matrix has
eigenvalues from 1 to 9.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.rows.sparse import price_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Rounds at most; they end where copies of the maps differ, and move, by less than this of the largest value.
_ROUNDS, _SETTLED = 600, 1e-5
_SOLVING_STEPS = 12
# The penalty is changed by this where maps differ this many times as much as they move, or the reverse (Boyd et al. 2011, § 3.4.1).
_TIMES, _UNBALANCED, _EVERY = 2.0, 10.0, 10


def differences(valid: BoolArray) -> csr_array:
    """(E, N) differences of the N valid pixels of an image (H, W), row-major, along its E edges between two that are valid."""
    from scipy.sparse import csr_array

    number = np.cumsum(valid.ravel()).reshape(valid.shape) - 1
    pairs = []
    for one, other in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        (slice(None, -1), slice(1, None)),
    ):
        both = valid[one] & valid[other]
        pairs.append(np.column_stack([number[one][both], number[other][both]]))
    edges = np.concatenate(pairs)
    rows = np.repeat(np.arange(len(edges)), 2)
    return csr_array((np.tile([-1.0, 1.0], len(edges)), (rows, edges.ravel())), shape=(len(edges), int(valid.sum())))


@dataclass(frozen=True, eq=False)
class Task:
    """The problem: ``pull`` (N, P) products of pixels and endmembers, their ``gram`` (P, P), ``along`` the edges (E, N), and both prices."""

    pull: FloatArray
    gram: FloatArray
    along: csr_array
    sparsity: float
    smoothness: float

    @classmethod
    def of(
        cls, spectra: FloatArray, endmembers: FloatArray, valid: BoolArray, sparsity: float, smoothness: float
    ) -> Task:
        """Of (N, B) spectra, the valid pixels of an image (H, W), and (P, B) endmembers; λ and τ as above."""
        return cls(
            spectra @ endmembers.T,
            endmembers @ endmembers.T,
            differences(valid),
            price_of(endmembers, sparsity),
            price_of(endmembers, smoothness),
        )

    def objective(self, amounts: FloatArray) -> float:
        """What is minimised, less the half square of the spectra, of (N, P) amounts."""
        fitted = 0.5 * float(np.sum((amounts @ self.gram) * amounts)) - float(np.sum(amounts * self.pull))
        edges = self.smoothness * float(np.abs(self.along @ amounts).sum())
        return fitted + self.sparsity * float(amounts.sum()) + edges


def smooth_amounts(task: Task, start: FloatArray) -> Generator[float, None, FloatArray]:
    """(N, P) non-negative amounts from a ``start`` (N, P), for instance without smoothness; yields the share of the rounds that are done.

    What is returned is the best that was seen, the start included, so that the objective never ends above it.
    """
    size = len(task.gram)
    penalty = float(np.trace(task.gram)) / size / 10
    first, smooth, edges = start.copy(), start.copy(), np.asarray(task.along @ start)
    off = [np.zeros_like(first), np.zeros_like(first), np.zeros_like(edges)]
    best, least = start, task.objective(start)
    for number in range(_ROUNDS):
        inverse = np.linalg.inv(task.gram + 2 * penalty * np.eye(size))
        fitted = (task.pull + penalty * (first + off[0] + smooth + off[1])) @ inverse
        before = first
        first = np.maximum(fitted - off[0] - task.sparsity / penalty, 0.0)
        smooth = _smoothed(task.along, fitted - off[1] + task.along.T @ (edges + off[2]), smooth)
        stepped = np.asarray(task.along @ smooth)
        edges = _shrunk(stepped - off[2], task.smoothness / penalty)
        apart = (fitted - first, fitted - smooth, stepped - edges)
        off = [price - gap for price, gap in zip(off, apart, strict=True)]
        if (value := task.objective(first)) < least:
            best, least = first, value
        differ, moved = max(float(np.abs(gap).max(initial=0.0)) for gap in apart), float(np.abs(first - before).max())
        if max(differ, moved) < _SETTLED * max(float(first.max()), 1e-12):
            break
        if number % _EVERY == _EVERY - 1:
            times = _TIMES if differ > _UNBALANCED * moved else 1 / _TIMES if moved > _UNBALANCED * differ else 1.0
            penalty, off = penalty * times, [price / times for price in off]
        yield (number + 1) / _ROUNDS
    return best


def _shrunk(values: FloatArray, by: float) -> FloatArray:
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - by, 0.0))


def _smoothed(along: csr_array, right: FloatArray, start: FloatArray) -> FloatArray:
    """(N, P) solution of (I + HᵀH) V = ``right`` by conjugate gradients from a start, all maps at once."""
    found = start.copy()
    residual = right - found - along.T @ (along @ found)
    direction, power = residual.copy(), (residual**2).sum(axis=0)
    for _ in range(_SOLVING_STEPS):
        taken = direction + along.T @ (along @ direction)
        step = power / np.maximum((direction * taken).sum(axis=0), 1e-300)
        found += step * direction
        residual -= step * taken
        now = (residual**2).sum(axis=0)
        direction = residual + now / np.maximum(power, 1e-300) * direction
        power = now
    return found
