"""M-steps: what follows from all pixels' posteriors. The region prior and the law of the mixing's latents; the endmembers within their error."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import Posterior, e_step
from napari_unmix.model.law import Model
from napari_unmix.model.logratio import softmax_slope


def m_step(model: Model, posterior: Posterior, data: Data, rows: Tensor) -> Model:
    """What has an M-step of its own, from the posterior of ``rows``: the region prior, and the law of the mixing's own latents."""
    prior = model.prior.m_step(posterior.moments(model.size), data.regions[rows])
    mixing = model.mixing
    if mixing.extras:
        extras = model.extras(posterior.latents)
        variance = posterior.covariance().diagonal(dim1=1, dim2=2)[:, -mixing.extras :]
        mixing = mixing.m_step(extras.mean(dim=0), (extras**2 + variance).mean(dim=0))
    return replace(model, prior=prior, mixing=mixing)


def endmembers_m_step(model: Model, posterior: Posterior, data: Data, rows: Tensor) -> Model:
    """The posterior mean of M (P, K) under its anchor N(M̂, τ²) given the abundances' second moments: ridge regression.

    (Σ_n E[s²aaᵀ]/σ² + T⁻²) M = Σ_n E[sa]ᵀx/σ² + T⁻²M̂. What a nonlinear mixing adds to aM is held.
    """
    abundances, brightness = model.abundances(posterior.latents), model.brightness(posterior.latents)
    amounts = brightness * abundances
    # 1. E[s²aaᵀ] = E[sa]E[sa]ᵀ + the posterior's covariance, carried through ∂a/∂z.
    spread = brightness[:, :, None] * softmax_slope(abundances, model.basis())
    second = torch.einsum("npd,nde,nqe->pq", spread, posterior.moments(model.size).covariance, spread)
    # 2. An endmember of error zero is held, to rounding.
    anchor, least = data.anchor, 1e-9 * float(data.anchor.abs().max() + 1e-12)
    precision = 1 / data.anchor_std.clamp_min(least) ** 2
    # 3. Regression of what is left when the nonlinear part is taken off.
    linear = data.scores[rows] - (model.mixed(posterior.latents) - amounts @ model.mixing.endmembers)
    normal = (amounts.T @ amounts + second) / model.variance + torch.diag(precision)
    target = amounts.T @ linear / model.variance + precision[:, None] * anchor
    return replace(model, mixing=model.mixing.with_endmembers(torch.linalg.solve(normal, target)))


def with_moved_endmembers(state: State, data: Data, rows: Tensor) -> State:
    """The state whose endmembers are at their posterior mean, learned from ``rows``."""
    posterior = e_step(state.model, state.latents, data, rows)
    return replace(
        state.with_latents(rows, posterior.latents), model=endmembers_m_step(state.model, posterior, data, rows)
    )
