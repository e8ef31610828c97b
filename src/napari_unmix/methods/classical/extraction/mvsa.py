"""Minimum volume simplex analysis (MVSA, Li & Bioucas-Dias 2008, IGARSS; Li et al. 2015, TGRS 53(9), eq. 7).

    max  log |det Q|,   Q y ≥ 0 for all pixels y, 1ᵀQ as that of abundances that sum to one

Q takes a pixel's coordinates to its abundances. The paper solves it by a sequence of quadratic programs. Here it is a sequence of linear ones,
each with the gradient's product as its objective, and an exact search along the way to its answer: the feasible set is a bounded polytope,
and |det| is convex along most of its directions, so that a handful of steps ends in a vertex. Few pixels matter to it: a program has those that
were found outside so far, and the answer is one when none is.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.methods.classical.extraction import sivm
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.sentences import UnmixError
from napari_unmix.wanted import still_wanted

_ROUNDS, _STEPS = 60, 40
# Log volume that a step has to gain, and abundances under zero that are rounding.
_GAIN, _OUTSIDE = 1e-7, 1e-7
# Directions whose extreme pixels begin the set, and how many a round adds for each facet.
_DIRECTIONS, _ADDED = 400, 20
_ALONG = np.linspace(0.0, 1.0, 201)[1:]


def find(asked: Asked) -> FloatArray:
    """The smallest simplex that has all pixels inside, from SiVM's picks."""
    if len(asked.held):
        raise UnmixError(
            "MVSA moves every endmember until all pixels are inside, so it can't hold given ones: "
            "choose sisal or minimum-volume-nmf, or hold none."
        )
    return asked.plane.to_spectra(smallest(asked.scores, asked.scores[sivm.picks(asked)], asked.generator))


def smallest(scores: FloatArray, start: FloatArray, generator: np.random.Generator) -> FloatArray:
    """(P, P − 1) vertices of a simplex around (N, P − 1) scores whose volume no small change makes less, from a start (P, P − 1)."""
    centre, spread = scores.mean(axis=0), np.maximum(scores.std(axis=0), 1e-300)
    pixels = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    rows = inverse_of((start - centre) / spread)
    inside = _extreme(pixels, generator)
    for _ in range(_ROUNDS):
        rows = _descended(pixels[inside], _around(pixels[inside], rows))
        outside = _outside(pixels, rows)
        if not outside.size:
            break
        inside = np.unique(np.concatenate([inside, outside]))
    # What a round limit leaves outside is taken in by a larger simplex of the same shape.
    return np.asarray(vertices_of(_around(pixels, rows)) * spread + centre)


def inverse_of(vertices: FloatArray) -> FloatArray:
    """Q (P, P) of vertices (P, P − 1)."""
    return np.asarray(np.linalg.inv(np.column_stack([vertices, np.ones(len(vertices))]).T))


def vertices_of(rows: FloatArray) -> FloatArray:
    """(P, P − 1) of Q (P, P)."""
    return np.asarray(np.linalg.inv(rows)[:-1].T)


def _extreme(pixels: FloatArray, generator: np.random.Generator) -> IntArray:
    along = pixels[:, :-1] @ generator.normal(size=(pixels.shape[1] - 1, _DIRECTIONS))
    return np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))


def _outside(pixels: FloatArray, rows: FloatArray) -> IntArray:
    """The pixels that are furthest outside each facet, none where all are inside."""
    abundances = pixels @ rows.T
    worst = np.argpartition(abundances, min(_ADDED, len(pixels)) - 1, axis=0)[:_ADDED]
    return np.unique(worst[np.take_along_axis(abundances, worst, axis=0) < -_OUTSIDE])


def _around(pixels: FloatArray, rows: FloatArray) -> FloatArray:
    """Q of the simplex about the same centre, so much larger that it has all pixels inside."""
    count = len(rows)
    times = max(1.0, 1.0 - count * float((pixels @ rows.T).min()))
    level = np.zeros(count)
    level[-1] = 1.0 / count
    return np.asarray((rows - level) / times + level)


def _descended(pixels: FloatArray, rows: FloatArray) -> FloatArray:
    """Q of an optimum from a feasible one, for these pixels alone."""
    for _ in range(_STEPS):
        still_wanted()
        step = _towards(pixels, rows) - rows
        # log |det (Q + tD)| less that of Q, by the eigenvalues of Q⁻¹D.
        changes = np.linalg.eigvals(np.linalg.solve(rows, step))
        gains = np.log(np.maximum(np.abs(1 + _ALONG[:, None] * changes), 1e-300)).sum(axis=1)
        best = int(gains.argmax())
        if not gains[best] > _GAIN:
            break
        rows = rows + _ALONG[best] * step
    return rows


def _towards(pixels: FloatArray, rows: FloatArray) -> FloatArray:
    """The feasible Q that the gradient of log |det Q| points to most: a linear program."""
    from scipy.optimize import linprog
    from scipy.sparse import block_diag, csr_array, hstack, identity

    count = len(rows)
    gradient = np.linalg.inv(rows).T
    together = csr_array(hstack([identity(count)] * count))
    level = np.zeros(count)
    level[-1] = 1.0
    found = linprog(  # type: ignore[call-overload]  # its stubs know no sparse matrices
        -gradient.ravel(),
        A_ub=csr_array(block_diag([-pixels] * count)),
        b_ub=np.zeros(count * len(pixels)),
        A_eq=together,
        b_eq=level,
        bounds=(None, None),
        method="highs",
    )
    return rows if found.x is None else np.asarray(found.x.reshape(count, count))
