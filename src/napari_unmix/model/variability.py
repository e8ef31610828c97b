"""Endmembers that vary from pixel to pixel (theory M5): where their directions start, and their M-step."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import e_step
from napari_unmix.model.logratio import softmax_slope
from napari_unmix.model.mixing.variability import VariableMixing

DIRECTIONS = 2


def with_directions(state: State, data: Data, rows: Tensor, count: int = DIRECTIONS) -> State:
    """Start from the leading principal directions of what the fit leaves, the same for every endmember."""
    # 1. Principal directions of the residual, as long as what they hold beyond noise.
    left = data.scores[rows] - state.model.mixed(state.latents[rows])
    moment = left.T @ left / len(left)
    values, vectors = torch.linalg.eigh(moment)
    size, variance = len(data.anchor), state.model.variance
    count = min(count, moment.shape[0] - size)
    spread = (values[-count:].flip(0) - variance).clamp_min(0.01 * variance).sqrt()
    directions = (vectors[:, -count:].flip(1) * spread).T[:, None, :].repeat(1, size, 1)
    # 2. They are of endmembers: the pixels' brightness is taken out.
    level = state.model.brightness(state.latents[rows]).mean()
    mixing = VariableMixing(state.model.mixing, directions / level)
    latents = torch.nn.functional.pad(state.latents, (0, count))
    return State(replace(state.model, mixing=mixing), latents)


def reach_of(data: Data, endmember_error: Tensor) -> Tensor:
    """(P,) in scores, how far an endmember may be from its anchor: its error as a share of the simplex times the simplex's size."""
    centred = data.anchor - data.anchor.mean(dim=0)
    return endmember_error.to(centred) * (centred.square().sum() / centred.shape[1]).sqrt()


def with_learned_variability(state: State, data: Data, rows: Tensor, reach: Tensor) -> State:
    """D (Q, P, K) and M by ridge regression on v_q a_p and a_p, with the second moments of the posterior (EM's M-step).

    D ~ N(0, ρ²), ρ² the mean square of D so far: directions that the data do not support shrink. M ~ N(anchor, ``reach``²): the purest
    spectra found are extremes of what varies, the mean ones lie within. Only the linear part of M moves with a nonlinear mixing.
    The state as it is where its endmembers do not vary.
    """
    model, mixing = state.model, state.model.mixing
    if not isinstance(mixing, VariableMixing):
        return state
    posterior = e_step(model, state.latents, data, rows)
    abundances, brightness = model.abundances(posterior.latents), model.brightness(posterior.latents)
    inner, variation = mixing.split(model.extras(posterior.latents))
    count, size = len(mixing.directions), abundances.shape[1]
    covariance, amounts = posterior.covariance(), brightness * abundances
    # 1. Second moments of the features h = (a, v a), to first order: δh = (δa, a δv + v δa).
    change = brightness[:, :, None] * softmax_slope(abundances, model.basis())
    weights = torch.cat([torch.ones_like(brightness), variation], dim=1)
    slope = torch.zeros(len(rows), count + 1, size, covariance.shape[1]).to(amounts)
    slope[..., : model.size] = weights[:, :, None, None] * change[:, None]
    for direction in range(count):
        slope[:, direction + 1, :, covariance.shape[1] - count + direction] = amounts
    features, slope = (weights[:, :, None] * amounts[:, None, :]).flatten(1), slope.flatten(1, 2)
    second = features.T @ features + torch.einsum("nfd,nde,nge->fg", slope, covariance, slope)
    # 2. What the inner mixing adds to aM is held; ridge regression on the rest.
    nonlinear = brightness * mixing.inner.value(abundances, inner) - amounts @ mixing.endmembers
    spread = mixing.directions.square().mean(dim=2).mean().clamp_min(1e-12)
    ridge = model.variance / torch.cat([reach**2, spread.expand(count * size)])
    target = features.T @ (data.scores[rows] - nonlinear)
    target[:size] += ridge[:size, None] * data.anchor
    # Solving leaves columns together in memory; a checkpoint has rows together, and sums would end in other last digits.
    found = torch.linalg.solve(second + torch.diag(ridge), target).reshape(count + 1, size, -1).contiguous()
    learned = replace(mixing.with_endmembers(found[0]), directions=found[1:])
    return replace(state.with_latents(rows, posterior.latents), model=replace(model, mixing=learned))
