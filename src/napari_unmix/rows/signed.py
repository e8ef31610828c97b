"""Least squares under sum-to-one alone (SCLS): abundances may be negative, and then say that the endmembers do not make the mixture."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.quadratic import quadratic_of


def sum_to_one(spectra: FloatArray, endmembers: FloatArray) -> FloatArray:
    """(N, P) abundances of (N, B) spectra of (P, B) endmembers that sum to one and minimise |x - aM|² (Heinz & Chang 2001, eq. 5).

    One linear system for all pixels, in the coordinates of ``quadratic``; where endmembers are alike, the smallest sum of squares.
    """
    problem = quadratic_of(np.asarray(endmembers, dtype=np.float64), sum_to_one=True)
    size = len(problem.gram)
    system = np.ones((size + 1, size + 1))
    system[:size, :size], system[size, size] = problem.gram, 0.0
    right = np.ones((size + 1, len(spectra)))
    right[:size] = problem.correlations(spectra) + problem.offset[:, None]
    return np.asarray(np.linalg.solve(system, right)[:size].T)
