"""The M-step of a network that a mixing holds: expected log likelihood over its weights, by Adam."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_unmix.model.adam import Adam
from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import e_step
from napari_unmix.model.mixing.base import Mixing
from napari_unmix.model.mixing.residual import ResidualMixing, Weights
from napari_unmix.model.mixing.variability import VariableMixing

_STEPS, _BATCH, _WEIGHT_PRECISION, _LEARNING_RATE = 200, 1_000, 1.0, 0.02


def innermost(mixing: Mixing) -> Mixing:
    """The mixing without its endmembers' variability."""
    return mixing.inner if isinstance(mixing, VariableMixing) else mixing


def with_trained_weights(state: State, data: Data, rows: Tensor, seed: int) -> State:
    """Maximise the expected log likelihood of Laplace draws over the network's weights, which are N(0, 1) a priori.

    The state as it is where its mixing holds no network.
    """
    residual = innermost(state.model.mixing)
    if not isinstance(residual, ResidualMixing):
        return state
    # 1. What is drawn from: the posterior of ``rows`` under the weights so far.
    posterior = e_step(state.model, state.latents, data, rows)
    root = torch.linalg.cholesky_ex(posterior.covariance())[0]
    first, second, third, fourth = (weight.clone().requires_grad_(True) for weight in residual.weights)
    weights: Weights = (first, second, third, fourth)
    optimiser = Adam(weights, _LEARNING_RATE)
    generator = torch.Generator().manual_seed(seed)
    # 2. Stochastic ascent; the prior holds the last layer, a pixel's share of it in every pixel.
    for _ in range(_STEPS):
        batch = torch.randint(len(rows), (min(_BATCH, len(rows)),), generator=generator).to(rows.device)
        noise = torch.randn(len(batch), root.shape[1], 1, generator=generator, dtype=root.dtype).to(root)
        drawn = posterior.latents[batch] + (root[batch] @ noise)[:, :, 0]
        trial = replace(state.model, mixing=_with_weights(state.model.mixing, residual, weights))
        left = trial.left(drawn, data.scores[rows[batch]])
        held = sum(_WEIGHT_PRECISION * (weight**2).sum() for weight in weights[2:]) / len(rows)
        loss = (left**2).sum(dim=1).mean() / (2 * state.model.variance) + 0.5 * held
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    # 3. The state that has them.
    first, second, third, fourth = (weight.detach() for weight in weights)
    mixing = _with_weights(state.model.mixing, residual, (first, second, third, fourth))
    return replace(state.with_latents(rows, posterior.latents), model=replace(state.model, mixing=mixing))


def _with_weights(mixing: Mixing, residual: ResidualMixing, weights: Weights) -> Mixing:
    trained = replace(residual, weights=weights)
    return replace(mixing, inner=trained) if isinstance(mixing, VariableMixing) else trained
