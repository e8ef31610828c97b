"""Noise-calibrated minimum volume: the smallest simplex that explains pixels outside it by noise, no more.

    min  β log|vol| − mean_i Σ_k log Φ(a_ik / (s_i |q_k|))

with barycentric coordinates a_ik, q_k the rows of the inverse simplex that take noise into coordinate k, s_i the noise of pixel i, Φ the
normal distribution function. It replaces the hinge of SISAL (Bioucas-Dias 2009) and needs no tuning per noise level.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.geometry.picks import largest_volume, simplex_volume
from napari_unmix.geometry.racing import out_of_reach
from napari_unmix.geometry.seen import NO_LOSS, LossOf
from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, like, named, numbers, plain
from napari_unmix.progress import meanwhile
from napari_unmix.wanted import still_wanted

# At this weight the objective is the likelihood of pixels that are spread evenly over the simplex, each with its noise.
VOLUME_WEIGHT = 1.0
# The hinge of SISAL: how far it is smoothed, and how far the start is inflated.
_SMOOTH, _INFLATED = 0.005, 1.3
# Noise below this share of the pixels' spread is raised to ``_GENTLE`` of it, and lowered again by this factor or less at a time. Of eleven scenes
# without pure pixels the search erred below 0.0007, from 60 dB up, and nowhere from 0.0011 on; of real ones Samson has the least, 0.0013 (0056).
_STEEP, _GENTLE, _FALLS = 1e-3, 2e-3, 2.0
# Standard deviations inside a facet from where on Φ is one to rounding; outside it, from where on it is too small a number.
_FAR_INSIDE, _FAR_OUTSIDE = 9.0, -35.0


def minimum_volume(
    scores: FloatArray,
    noise: FloatArray | float,
    starts: list[FloatArray],
    weight: float = VOLUME_WEIGHT,
    iterations: int = 200,
    *,
    held: BoolArray | None = None,
) -> Generator[float, None, FloatArray]:
    """Vertices (P, P−1) of the best local optimum over ``starts`` (each (P, P−1)) for scores (N, P−1) with noise (N,) or one number.

    Yields the best objective after every start. The vertices that are ``held`` (P,) stay where the starts have them.

    Where there is next to no noise, the objective is a wall at every facet, and a descent from anywhere else ends at the first one it meets. So it
    begins with more noise, from all starts, and goes on with less from where that ended.
    """
    for times in raised(scores, noise):
        best = yield from _lowest(scores, noise * times, starts, weight, iterations, held)
        starts = [best]
    return best


def raised(scores: FloatArray, noise: FloatArray | float) -> list[float]:
    """What the noise of scores (N, P−1) is to be taken times, one after the other, the last time one; [1.0] but for scenes of next to no noise."""
    level, spread = float(np.median(noise)), float(scores.std(axis=0).mean())
    if not 0 < level < _STEEP * spread:
        return [1.0]
    most = _GENTLE * spread / level
    rounds = int(np.ceil(np.log(most) / np.log(_FALLS)))
    return [most ** (1 - done / rounds) for done in range(rounds + 1)]


def _lowest(
    scores: FloatArray,
    noise: FloatArray | float,
    starts: list[FloatArray],
    weight: float,
    iterations: int,
    held: BoolArray | None,
) -> Generator[float, None, FloatArray]:
    """``minimum_volume`` with the noise as it is."""
    centre, spread = scores.mean(axis=0), float(scores.std(axis=0).mean())
    data = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    scaled_noise = np.broadcast_to(np.asarray(noise, dtype=np.float64) / spread, (len(scores),))
    best, values = starts[0], list[float]()

    def place() -> Tree:
        return plain({"best": best, "values": np.array(values)})

    with long_loop("minimum volume", place) as loop:
        if loop.before is not None:
            kept, before = named(loop.before, "best", "values")
            best, values = like(best, kept), numbers(before, len(starts))
            yield from values
        for start in starts[len(values) :]:
            found = yield from _descended(
                ((start - centre) / spread).ravel(),
                (data, scaled_noise, weight),
                iterations,
                values,
                held,
            )
            best_value = values[-1] if values else np.inf
            if np.isfinite(found.fun) and found.fun < best_value and np.isfinite(found.x).all():
                best_value, best = float(found.fun), found.x.reshape(start.shape) * spread + centre
            values.append(best_value)
            yield LossOf(best_value, partial(np.copy, best))
    return best


def _descended(
    start: FloatArray,
    task: tuple[FloatArray, FloatArray, float],
    iterations: int,
    values: list[float],
    held: BoolArray | None,
) -> Generator[float, None, Any]:
    """The optimiser's result from vertices (P·(P−1),), of which those ``held`` (P,) stay.

    On many pixels it takes seconds, in which the last of the lowest ``values`` so far is told; it ends early where they are out of its reach.
    """
    from scipy.optimize import minimize

    losses = list[float]()

    def look(intermediate_result: Any) -> None:
        losses.append(float(intermediate_result.fun))
        if values and out_of_reach(losses, values[-1]):
            raise StopIteration

    def descend() -> Any:
        return minimize(
            holding(volume_objective, held),
            start,
            args=task,
            jac=True,
            method="L-BFGS-B",
            callback=look,
            options={"maxiter": iterations, "maxcor": 20},
        )

    return (yield from meanwhile(descend, values[-1] if values else NO_LOSS, pixels=len(task[0])))


def volume_weights(count: int) -> tuple[float, float]:
    """The two weights of the volume for P = ``count`` endmembers, whose results earlier versions averaged."""
    return 0.5 * (count - 1), 0.25 * (count - 1)


def at_two_weights(
    scores: FloatArray, noise: FloatArray, starts: list[FloatArray], held: BoolArray | None = None
) -> Generator[float, None, tuple[FloatArray, FloatArray]]:
    """``minimum_volume`` at both weights: two sets of vertices (P, P−1), each in the order of its own best start."""
    large, small = volume_weights(len(starts[0]))
    full = yield from minimum_volume(scores, noise, starts, large, held=held)
    half = yield from minimum_volume(scores, noise, starts, small, held=held)
    return full, half


def holding(
    objective: Callable[..., tuple[float, FloatArray]], held: BoolArray | None
) -> Callable[..., tuple[float, FloatArray]]:
    """The objective without a slope along the vertices that are held (P,): a search by gradients leaves them where they are."""
    if held is None or not held.any():
        return objective

    def without_slope(parameters: FloatArray, *rest: Any) -> tuple[float, FloatArray]:
        value, gradient = objective(parameters, *rest)
        by_vertex = gradient.reshape(len(held), -1).copy()
        by_vertex[held] = 0.0
        return value, by_vertex.ravel()

    return without_slope


def volume_objective(
    parameters: FloatArray, data: FloatArray, noise: FloatArray, weight: float
) -> tuple[float, FloatArray]:
    """Objective and gradient for vertices (P·(P−1),), homogeneous data (N, P), noise (N,)."""
    still_wanted()
    count = data.shape[1]
    corners = np.vstack([parameters.reshape(count, count - 1).T, np.ones(count)])  # homogeneous vertices in columns
    sign, log_volume = np.linalg.slogdet(corners)
    if sign == 0 or not np.isfinite(log_volume):
        return 1e10, np.zeros_like(parameters)
    inverse = np.linalg.inv(corners)
    into = inverse[:, :-1]
    gain = np.sqrt((into**2).sum(axis=1))
    ratio = data @ (inverse / gain[:, None]).T  # (N, P), in standard deviations
    ratio /= noise[:, None]
    log_inside, hazard = _log_normal(ratio)
    value = weight * log_volume - log_inside / len(data)
    pulled = np.einsum("np,np->p", hazard, ratio)
    hazard /= noise[:, None]
    to_inverse = -(hazard.T @ data) / (len(data) * gain[:, None])
    to_inverse[:, :-1] += (pulled / len(data) / gain**2)[:, None] * into
    to_corners = weight * inverse.T - inverse.T @ to_inverse @ inverse.T
    return float(value), to_corners[:-1].T.ravel()


def _log_normal(ratio: FloatArray) -> tuple[float, FloatArray]:
    """Σ log Φ of ratios (N, P), and φ/Φ of each."""
    from scipy.special import log_ndtr, ndtr

    hazard = np.zeros_like(ratio)
    # Further inside log Φ and its slope are under rounding: most coordinates of most scenes.
    near = np.flatnonzero(ratio < _FAR_INSIDE)
    close = ratio.ravel()[near]
    if not close.size or close.min() > _FAR_OUTSIDE:
        inside = ndtr(close)
        log_inside = np.log(inside)  # takes half as long as log_ndtr
        hazard.ravel()[near] = np.exp(-0.5 * close**2) / (np.sqrt(2 * np.pi) * inside)
    else:
        log_inside = log_ndtr(close)
        hazard.ravel()[near] = np.exp(-0.5 * close**2 - 0.5 * np.log(2 * np.pi) - log_inside)
    return float(log_inside.sum()), hazard


def hinge_volume(
    scores: FloatArray,
    count: int,
    penalty: float = 30.0,
    iterations: int = 300,
    *,
    begun: FloatArray | None = None,
    held: BoolArray | None = None,
) -> FloatArray:
    """Vertices (count, count − 1) of scores (N, count − 1) by SISAL's criterion: pixels outside the simplex at a price, whatever the noise.

    min over vertices of log|volume| + λ · mean over pixels of Σ_k hinge(−a_k), a the barycentric coordinates (Bioucas-Dias 2009). The paper
    solves it by an augmented Lagrangian; here the hinge is smoothed, and L-BFGS goes down from the largest simplex of pixels, a little inflated;
    or from the vertices ``begun`` (count, count − 1), of which those that are ``held`` (count,) stay.
    """
    from scipy.optimize import minimize

    corners = scores[largest_volume(scores, simplex_volume(scores, count))] if begun is None else begun
    centre, spread = scores.mean(axis=0), np.maximum(scores.std(axis=0), 1e-12)
    data = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    start = (corners - centre) / spread
    inflated = start.mean(axis=0) + _INFLATED * (start - start.mean(axis=0))
    start = inflated if held is None else np.where(held[:, None], start, inflated)
    found = minimize(
        holding(hinge_objective, held),
        start.ravel(),
        args=(data, penalty),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxcor": 20},
    )
    best = found.x if np.isfinite(found.x).all() and np.isfinite(found.fun) else start.ravel()
    return np.asarray(best.reshape(start.shape) * spread + centre)


def hinge_objective(parameters: FloatArray, data: FloatArray, penalty: float) -> tuple[float, FloatArray]:
    """Objective and gradient for vertices (P·(P−1),) and homogeneous data (N, P)."""
    still_wanted()
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
