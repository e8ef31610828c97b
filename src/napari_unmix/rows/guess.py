"""Which endmembers a pixel has, nearly: a fixed number of alternating directions in single precision, for all pixels at once.

The answer is only where an exact search begins. Alternating directions (SUnSAL, Bioucas-Dias & Figueiredo, WHISPERS 2010), over-relaxed
(Eckstein & Bertsekas 1992), with a penalty of the Gram matrix's own, find the whole support of four pixels of five even of thirty endmembers.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.rows.quadratic import Quadratic, affine_maps
from napari_unmix.wanted import still_wanted

# Rounds for each endmember, and the most of them: more find more supports, but cost more than they save.
_ROUNDS, _MOST_ROUNDS = 3, 100
_RELAXED = 1.8
# The penalty is the geometric mean of the smallest and the second largest eigenvalue (the largest is the mean spectrum), at least this share of
# the latter. Set on sparse mixtures of 8 to 40 random, smooth and nearly collinear spectra, where it is within a factor two of the best.
_LEAST_PENALTY = 2.5e-3
# Columns that are worked on together, so that all of their tables stay in the cache.
_COLUMNS = 1024


def guessed_supports(problem: Quadratic, sides: FloatArray) -> BoolArray:
    """(P, n) of right sides: the endmembers that are positive after so many rounds."""
    size = len(problem.gram)
    spread = np.linalg.eigvalsh(problem.gram)
    penalty = float(max(np.sqrt(max(spread[0], 0.0) * spread[-2]), _LEAST_PENALTY * spread[-2]))
    everything = np.ones((1, size), bool)
    inverse = affine_maps(problem.gram + penalty * np.eye(size), everything, sum_to_one=problem.sum_to_one)[0]
    start = (_RELAXED * inverse).astype(np.float32)
    turn = (_RELAXED * penalty * inverse[:, :size]).astype(np.float32)
    found = np.empty((size, sides.shape[1]), bool)
    for first in range(0, sides.shape[1], _COLUMNS):
        still_wanted()
        columns = slice(first, first + _COLUMNS)
        found[:, columns] = _after_rounds(turn, start @ sides[:, columns].astype(np.float32)) > 0
    return found


def _after_rounds(turn: FloatArray, pull: FloatArray) -> FloatArray:
    """(P, n): amounts where positive, prices of the constraint where negative.

    One number holds both, because one of them is zero. With v of a round, the next is r (pull + turn |v|) + (1 − r) max(v, 0) + min(v, 0), r
    being ``_RELAXED``, which the first two have as a factor already.
    """
    state = np.maximum(pull, 0)
    size, product = np.empty_like(state), np.empty_like(state)
    for _ in range(min(_ROUNDS * len(turn), _MOST_ROUNDS)):
        np.abs(state, out=size)
        np.matmul(turn, size, out=product)
        # (1 − r) max(v, 0) + min(v, 0) = (1 − r/2) v − r/2 |v|
        size *= _RELAXED / 2
        state *= 1 - _RELAXED / 2
        state -= size
        state += product
        state += pull
    return state
