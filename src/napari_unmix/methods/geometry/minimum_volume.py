"""Noise-calibrated minimum volume: the smallest simplex that explains pixels outside it by noise, no more.

    min  β log|vol| − mean_i Σ_k log Φ(a_ik / (s_i |q_k|))

with barycentric coordinates a_ik, q_k the rows of the inverse simplex that take noise into coordinate k, s_i the noise of pixel i, Φ the
normal distribution function. It replaces the hinge of SISAL (Bioucas-Dias 2009) and needs no tuning per noise level.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from napari_unmix.cube import FloatArray


def minimum_volume(
    scores: FloatArray, noise: FloatArray | float, starts: list[FloatArray], weight: float = 1.0, iterations: int = 200
) -> Generator[float, None, FloatArray]:
    """Vertices (P, P−1) of the best local optimum over ``starts`` (each (P, P−1)) for scores (N, P−1) with noise (N,) or one number.

    Yields the best objective after every start.
    """
    from scipy.optimize import minimize

    centre, spread = scores.mean(axis=0), float(scores.std(axis=0).mean())
    data = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    scaled_noise = np.broadcast_to(np.asarray(noise, dtype=np.float64) / spread, (len(scores),))
    best_value, best = np.inf, starts[0]
    for start in starts:
        found = minimize(
            volume_objective,
            ((start - centre) / spread).ravel(),
            args=(data, scaled_noise, weight),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": iterations, "maxcor": 20},
        )
        if np.isfinite(found.fun) and found.fun < best_value and np.isfinite(found.x).all():
            best_value, best = float(found.fun), found.x.reshape(start.shape) * spread + centre
        yield best_value
    return best


def volume_objective(
    parameters: FloatArray, data: FloatArray, noise: FloatArray, weight: float
) -> tuple[float, FloatArray]:
    """Objective and gradient for vertices (P·(P−1),), homogeneous data (N, P), noise (N,)."""
    from scipy.special import log_ndtr

    count = data.shape[1]
    corners = np.vstack([parameters.reshape(count, count - 1).T, np.ones(count)])  # homogeneous vertices in columns
    sign, log_volume = np.linalg.slogdet(corners)
    if sign == 0 or not np.isfinite(log_volume):
        return 1e10, np.zeros_like(parameters)
    inverse = np.linalg.inv(corners)
    coordinates = data @ inverse.T  # (N, P)
    into = inverse[:, :-1]
    gain = np.sqrt((into**2).sum(axis=1))
    ratio = coordinates / (noise[:, None] * gain)
    log_inside = log_ndtr(ratio)
    value = weight * log_volume - log_inside.sum() / len(data)
    hazard = np.exp(-0.5 * ratio**2 - 0.5 * np.log(2 * np.pi) - log_inside)  # φ/Φ
    to_coordinates = -(hazard / (noise[:, None] * gain)) / len(data)
    to_inverse = to_coordinates.T @ data
    to_inverse[:, :-1] += ((hazard * ratio).sum(axis=0) / len(data) / gain**2)[:, None] * into
    to_corners = weight * inverse.T - inverse.T @ to_inverse @ inverse.T
    return float(value), to_corners[:-1].T.ravel()
