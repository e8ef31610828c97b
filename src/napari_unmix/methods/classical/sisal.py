"""Minimum volume by SISAL (Bioucas-Dias 2009), then exact least squares: the classical answer to scenes without pure pixels.

min over vertices of log|volume| + λ · mean over pixels of Σ_k hinge(−a_k), a the barycentric coordinates of the pixels in the
(P − 1)-dimensional signal subspace. The paper solves it by an augmented Lagrangian; here the hinge is smoothed over 0.005, and L-BFGS
goes down from the largest simplex of pixels, a little inflated.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.methods.base import Problem, Solution
from napari_unmix.methods.classical.least_squares import least_squares
from napari_unmix.methods.geometry.coordinates import affine_coordinates, perspective_coordinates
from napari_unmix.methods.geometry.picks import largest_volume, simplex_volume
from napari_unmix.specs.sisal import SisalSpec
from napari_unmix.subspace import noise_level
from napari_unmix.unmixing import Fit, Progress

_SMOOTH = 0.005
_INFLATED = 1.3


def fit(problem: Problem) -> Fit[Solution]:
    """Fit; see the module's text."""
    spec = cast(SisalSpec, problem.spec)
    yield Progress("finding endmembers", 0, 2, 0.1)
    endmembers = minimum_volume_hinge(
        problem.spectra, problem.endmember_count, spec.penalty, sum_to_one=not spec.illumination
    )
    return (yield from least_squares(problem, endmembers, 0.6))


def minimum_volume_hinge(spectra: FloatArray, count: int, penalty: float, *, sum_to_one: bool) -> FloatArray:
    """(N, B) -> (count, B) vertices; in perspective coordinates where brightness is free, so that it divides out."""
    from scipy.optimize import minimize

    noise = noise_level(spectra, count)
    make = affine_coordinates if sum_to_one else perspective_coordinates
    coordinates = make(spectra, count, noise)
    scores = coordinates.scores[coordinates.kept]
    corners = scores[largest_volume(scores, simplex_volume(scores, count))]
    centre, spread = scores.mean(axis=0), np.maximum(scores.std(axis=0), 1e-12)
    data = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    start = (corners - centre) / spread
    start = start.mean(axis=0) + _INFLATED * (start - start.mean(axis=0))
    found = minimize(
        hinge_objective,
        start.ravel(),
        args=(data, penalty),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300, "maxcor": 20},
    )
    best = found.x if np.isfinite(found.x).all() and np.isfinite(found.fun) else start.ravel()
    return coordinates.to_spectra(best.reshape(start.shape) * spread + centre)


def hinge_objective(parameters: FloatArray, data: FloatArray, penalty: float) -> tuple[float, FloatArray]:
    """Objective and gradient for vertices (P·(P−1),) and homogeneous data (N, P)."""
    count = data.shape[1]
    corners = np.vstack([parameters.reshape(count, count - 1).T, np.ones(count)])
    sign, log_volume = np.linalg.slogdet(corners)
    if sign == 0 or not np.isfinite(log_volume):
        return 1e10, np.zeros_like(parameters)
    inverse = np.linalg.inv(corners)
    outside = -(data @ inverse.T) / _SMOOTH
    value = log_volume + penalty * _SMOOTH * np.logaddexp(0, outside).sum() / len(data)
    # −1/(1 + e^(−outside)), without overflow.
    slope = -0.5 * (1 + np.tanh(0.5 * outside)) * penalty / len(data)
    to_inverse = slope.T @ data
    to_corners = inverse.T - inverse.T @ to_inverse @ inverse.T
    return float(value), to_corners[:-1].T.ravel()
