"""What follows from all pixels' posteriors: the region prior, the light's law, the endmembers within their uncertainty, the mixing's constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.infer import Light, Model, Posterior
from napari_unmix.model.priors.dirichlet import (
    TYPICAL_ALPHA,
    Moments,
    RegionDirichlet,
    fit_dirichlet,
    softmax_slope,
    sums_by_region,
)
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal

# A painted material's α leans to its vertex: these are where log α is drawn to, by this many pixels' worth.
_LEAN_OWN, _LEAN_OTHER, _LEAN_PIXELS = 8.0, 0.5, 5.0
# The light's shape κ of a painted region is drawn to the scene's by this many pixels' worth.
_LIGHT_PIXELS = 20.0
_LEAST_KAPPA, _MOST_KAPPA = 0.5, 100.0


def first_dirichlet(log_abundances: Tensor, regions: Tensor, strokes: Sequence[int] = ()) -> RegionDirichlet:
    """α(u) fitted to log a (N, P) of least squares; where no u is known, one region for all.

    ``strokes`` are the regions that are material strokes, of materials 0, 1, …: their α leans to that vertex, and no unknown pixel is theirs.
    """
    count, size = max(1, int(regions.max())), log_abundances.shape[1]
    known = regions > 0 if bool((regions > 0).any()) else torch.ones_like(regions, dtype=torch.bool)
    counts, sums = sums_by_region(log_abundances[known], regions[known].clamp_min(1), count)
    counts = counts.clamp_min(1e-9)
    centre = log_abundances.new_full((count, size), math.log(TYPICAL_ALPHA))
    strength, open_to_unknown = centre.new_ones(count, 1), torch.ones_like(counts)
    for material, region in enumerate(strokes):
        centre[region - 1] = math.log(_LEAN_OTHER)
        centre[region - 1, material] = math.log(_LEAN_OWN)
        strength[region - 1] = _LEAN_PIXELS
        open_to_unknown[region - 1] = 0.0
    if not bool(((counts > 1e-6) & (open_to_unknown > 0)).any()):
        open_to_unknown = torch.ones_like(counts)
    start = torch.full_like(centre, math.log(2.0))
    log_alpha = fit_dirichlet(sums / counts[:, None], counts, start, centre, strength)
    weights = counts * open_to_unknown
    return RegionDirichlet(log_alpha, (weights / weights.sum()).log(), centre, strength)


def pooled_dirichlet(prior: RegionDirichlet, log_abundances: Tensor) -> RegionDirichlet:
    """One Dirichlet for every region, as if u said nothing: a start far from the regions' own."""
    mean = log_abundances.mean(dim=0, keepdim=True)
    count = torch.tensor([float(len(log_abundances))]).to(mean)
    log_alpha = fit_dirichlet(mean, count, torch.full_like(mean, math.log(2.0)))
    return replace(prior, log_alpha=log_alpha.expand_as(prior.log_alpha).clone())


def logistic_normal_from(
    prior: RegionDirichlet, moments: Moments, regions: Tensor, basis: Tensor
) -> RegionLogisticNormal:
    """A logistic-normal prior with the posterior's moments; a stroke's region leans to where its Dirichlet leans."""
    centre = prior.centre if prior.centre is not None else torch.zeros_like(prior.log_alpha)
    strength = prior.strength[:, 0] if prior.strength is not None else torch.ones_like(centre[:, 0])
    # E[log a_j] = ψ(α_j) − ψ(Σα) under the Dirichlet that the stroke leans to.
    lean = torch.digamma(centre.exp()) @ basis
    strength = torch.where(strength > 1, strength, torch.zeros_like(strength))
    return RegionLogisticNormal.from_moments(moments, regions, prior.log_weights, lean, strength)


def first_light(brightness: FloatArray, regions: IntArray, painted: int, device: torch.device) -> Light:
    """κ(u) by the moments of least squares: one for the scene, and its own for each of the first ``painted`` regions (shrunk)."""
    mean = float(brightness.mean())
    spread = float(((brightness - mean) ** 2).mean())
    square = np.full(int(regions.max(initial=0)) + 1, spread)
    for region in range(1, painted + 1):
        here = brightness[regions == region]
        square[region] = (((here - mean) ** 2).sum() + _LIGHT_PIXELS * spread) / (len(here) + _LIGHT_PIXELS)
    shape = np.clip(mean**2 / np.maximum(square, 1e-12), _LEAST_KAPPA, _MOST_KAPPA)
    return Light(torch.from_numpy(shape).to(device), mean)


def learned(model: Model, posterior: Posterior, regions: Tensor) -> Model:
    """The M-step of what has one: the region prior, and the law of the mixing's own latents."""
    prior = model.prior.updated(posterior.moments(model.size), regions)
    mixing = model.mixing
    if mixing.extras:
        extras = model.extras(posterior.latents)
        variance = posterior.covariance().diagonal(dim1=1, dim2=2)[:, -mixing.extras :]
        mixing = mixing.adapted(extras.mean(dim=0), (extras**2 + variance).mean(dim=0))
    return replace(model, prior=prior, mixing=mixing)


def moved_endmembers(model: Model, posterior: Posterior, scores: Tensor, anchor: Tensor, anchor_std: Tensor) -> Model:
    """The posterior mean of M (P, K) under its anchor N(M̂, τ²) given the abundances' second moments: ridge regression.

    What a nonlinear mixing adds to aM is held.
    """
    abundances, brightness = model.abundances(posterior.latents), model.brightness(posterior.latents)
    amounts = brightness * abundances
    spread = brightness[:, :, None] * softmax_slope(abundances, model.basis())
    second = torch.einsum("npd,nde,nqe->pq", spread, posterior.moments(model.size).covariance, spread)
    precision = 1 / anchor_std.clamp_min(1e-9 * float(anchor.abs().max() + 1e-12)) ** 2
    linear = scores - (model.mixed(posterior.latents) - amounts @ model.mixing.endmembers)
    normal = (amounts.T @ amounts + second) / model.variance + torch.diag(precision)
    target = amounts.T @ linear / model.variance + precision[:, None] * anchor
    return replace(model, mixing=model.mixing.moved(torch.linalg.solve(normal, target)))
