"""M-steps: what follows from all pixels' posteriors. The region prior and the law of the mixing's latents; the endmembers within their error."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import Posterior, e_step
from napari_unmix.model.law import Model
from napari_unmix.model.logratio import softmax_slope

# A step of the materials' covariances keeps as much of what they were as this many pixels of a material say.
_KEPT_PIXELS = 50.0


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

    (Σ_n E[s²aaᵀ]/σ² + T⁻²) M = Σ_n E[sa]ᵀx/σ² + T⁻²M̂. What a nonlinear mixing adds to aM is held. Where spectra vary, the regression is
    generalised: every pixel counts by its own Λ⁻¹.
    """
    abundances, brightness = model.abundances(posterior.latents), model.brightness(posterior.latents)
    amounts = brightness * abundances
    # 1. E[s²aaᵀ] = E[sa]E[sa]ᵀ + the posterior's covariance, carried through ∂a/∂z.
    spread = brightness[:, :, None] * softmax_slope(abundances, model.basis())
    covariance = posterior.moments(model.size).covariance
    # 2. An endmember of error zero is held, to rounding.
    anchor, least = data.anchor, 1e-9 * float(data.anchor.abs().max() + 1e-12)
    precision = 1 / data.anchor_std.clamp_min(least) ** 2
    # 3. Regression of what is left when the nonlinear part is taken off.
    linear = data.scores[rows] - (model.mixed(posterior.latents) - amounts @ model.mixing.endmembers)
    if model.variation is not None:
        second = amounts[:, :, None] * amounts[:, None, :] + spread @ covariance @ spread.transpose(1, 2)
        inverse = model.variation.inverse(amounts, model.variance)
        found = _generalised(second, amounts, linear, inverse, precision, anchor)
    else:
        second = torch.einsum("npd,nde,nqe->pq", spread, covariance, spread)
        normal = (amounts.T @ amounts + second) / model.variance + torch.diag(precision)
        found = torch.linalg.solve(normal, amounts.T @ linear / model.variance + precision[:, None] * anchor)
    # Rows together in memory, as a checkpoint has them: where columns are, sums end in other last digits.
    return replace(model, mixing=model.mixing.with_endmembers(found.contiguous()))


def _generalised(
    second: Tensor, amounts: Tensor, linear: Tensor, inverse: Tensor, precision: Tensor, anchor: Tensor
) -> Tensor:
    """(P, K) M of (Σ_n E[ggᵀ] ⊗ Λ⁻¹ + T⁻² ⊗ I) vec M = Σ_n g ⊗ Λ⁻¹x + T⁻²M̂: ``second`` E[ggᵀ] (N, P, P), ``inverse`` Λ⁻¹ (N, K, K)."""
    size, dimension = anchor.shape
    normal = (second.flatten(1).T @ inverse.flatten(1)).reshape(size, size, dimension, dimension)
    normal = normal.transpose(1, 2).reshape(size * dimension, -1) + torch.diag(precision.repeat_interleave(dimension))
    target = amounts.T @ (inverse @ linear[:, :, None])[:, :, 0] + precision[:, None] * anchor
    # A held endmember's precision is so high that solving would round the others': each unknown in units of its own precision.
    scale = normal.diagonal().rsqrt()
    found: Tensor = scale * torch.linalg.solve(scale[:, None] * normal * scale, scale * target.flatten())
    return found.reshape(size, dimension)


def variation_m_step(model: Model, posterior: Posterior, data: Data, rows: Tensor) -> Model:
    """The materials' covariances of higher expected likelihood given the posterior of ``rows``; the model as it is where spectra do not vary.

    One step of Zhou, Hu, Zhou & Lange (2019, doi:10.1080/10618600.2018.1529601), which cannot lower it where the amounts g are certain: with
    A = Σ_n E[g²] Λ⁻¹ and B = Σ_n E[g²] Λ⁻¹E[rrᵀ]Λ⁻¹ the new Σ solves ΣAΣ = Σ_before B Σ_before. Materials with few pixels keep what they
    were; no material varies in a direction that it did not vary in before.
    """
    if model.variation is None:
        return model
    amounts, change = model.amount_slopes(posterior.latents)
    covariance = posterior.covariance()
    square = amounts.square() + (change * (covariance @ change)).sum(dim=1)  # (n, P) E[g²]
    # 1. E[rrᵀ]: the residual at the mode, and what the latents' spread adds.
    slope, left = model.slopes(posterior.latents).slope, data.scores[rows] - model.mixed(posterior.latents)
    second = left[:, :, None] * left[:, None, :] + slope.transpose(1, 2) @ covariance @ slope
    inverse = model.variation.inverse(amounts, model.variance)
    before = model.variation.covariances
    expected = (square.T @ inverse.flatten(1)).reshape(before.shape)
    observed = (square.T @ (inverse @ second @ inverse).flatten(1)).reshape(before.shape)
    # 2. The geometric mean, and what is kept.
    root: Tensor = torch.linalg.cholesky_ex(expected)[0]
    middle = _root_of(root.transpose(1, 2) @ before @ observed @ before @ root)
    found = torch.linalg.solve_triangular(root.transpose(1, 2), middle, upper=True)
    found = torch.linalg.solve_triangular(root, found, upper=False, left=False)
    kept = (_KEPT_PIXELS / (_KEPT_PIXELS + square.sum(dim=0)))[:, None, None]
    moved = kept * before + (1 - kept) * 0.5 * (found + found.transpose(1, 2))
    return replace(model, variation=model.variation.moved(moved.contiguous()))


def _root_of(matrices: Tensor) -> Tensor:
    """(P, K, K) symmetric roots."""
    values, vectors = torch.linalg.eigh(0.5 * (matrices + matrices.transpose(1, 2)))
    root: Tensor = vectors * values.clamp_min(0.0).sqrt()[:, None, :] @ vectors.transpose(1, 2)
    return root


def with_moved_endmembers(state: State, data: Data, rows: Tensor) -> State:
    """The state whose endmembers are at their posterior mean, learned from ``rows``."""
    posterior = e_step(state.model, state.latents, data, rows)
    return replace(
        state.with_latents(rows, posterior.latents), model=endmembers_m_step(state.model, posterior, data, rows)
    )
