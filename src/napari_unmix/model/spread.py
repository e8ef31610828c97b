"""How far abundances may be off: the posterior's spread, and the endmembers' own uncertainty carried through it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.found import Found
from napari_unmix.model.columns import is_solved_in_columns
from napari_unmix.model.infer import Posterior
from napari_unmix.model.law import Model
from napari_unmix.model.logratio import softmax_slope
from napari_unmix.model.small import MOST_UNKNOWNS, factored, packed, unpacked
from napari_unmix.model.spread_columns import std_in_columns
from napari_unmix.regions.acceptance import POORLY_DETERMINED, Refined

_CHUNK = 5_000


def abundance_std(posterior: Posterior, model: Model, endmember_error: Tensor | None = None) -> Tensor:
    """(N, P) posterior standard deviation of a: the smaller of linearisation at the mode and cubature at 2(P − 1) points.

    Both overstate it near the boundary, each in its own way: a log-ratio that noise leaves free bends, which linearisation does not see, and
    may reach so far that cubature's points (Arasaratnam & Haykin 2009) stand where the likelihood has long ruled them out.
    ``endmember_error`` (P,): the endmembers' standard errors as shares of the simplex, see ``endmember_error``.
    """
    every = torch.arange(len(posterior.latents), device=posterior.latents.device)
    std = std_in_columns if is_solved_in_columns(model) else std_of_any
    return torch.cat([std(posterior.of(rows), model, endmember_error) for rows in torch.split(every, _CHUNK)])


def std_of_any(posterior: Posterior, model: Model, endmember_error: Tensor | None) -> Tensor:
    """The same for every law, of so few pixels that what it takes stays small."""
    size, basis = model.size, model.basis()
    covariance = posterior.covariance()
    if endmember_error is not None:
        covariance = covariance + endmember_covariance(posterior, model, endmember_error, covariance)
    covariance = covariance[:, :size, :size]
    slope = softmax_slope(model.abundances(posterior.latents), basis)
    linear = ((slope @ covariance) * slope).sum(dim=2).clamp_min(0.0).sqrt()
    root = _root(covariance) * size**0.5
    total = square = torch.zeros_like(linear)
    for direction in range(size):
        for sign in (1.0, -1.0):
            abundances = model.abundances(posterior.latents[:, :size] + sign * root[:, :, direction])
            total, square = total + abundances, square + abundances**2
    points = 2 * size
    return torch.minimum(linear, (square / points - (total / points) ** 2).clamp_min(0.0).sqrt())


def _root(covariance: Tensor) -> Tensor:
    """(N, d, d) lower triangles L with C = LLᵀ."""
    if covariance.shape[1] > MOST_UNKNOWNS:
        found: Tensor = torch.linalg.cholesky_ex(covariance)[0]
        return found
    return unpacked(factored(packed(covariance))).tril()


def endmember_covariance(posterior: Posterior, model: Model, endmember_error: Tensor, covariance: Tensor) -> Tensor:
    """(N, D, D) what errors δM of the endmembers add to the latents' covariance.

    The mode moves by H⁻¹ J (s aδM)/σ² to first order, directions as the law has them ``seen``. With δm_k = β_k Σ_j ξ_j (m_j − m̄), ξ standard
    normal, the spectrum's error has the covariance w Σ_j (m_j − m̄)ᵀ(m_j − m̄), w = s² Σ_k a_k² β_k².
    """
    amounts = model.brightness(posterior.latents) * model.abundances(posterior.latents)
    weight = (amounts**2) @ endmember_error**2 / model.variance**2
    centred = model.mixing.endmembers - model.mixing.endmembers.mean(dim=0)
    parts = []
    for rows in torch.split(torch.arange(len(weight), device=weight.device), _CHUNK):
        reach = covariance[rows] @ _along(centred, posterior.latents[rows], model)  # (n, D, P)
        parts.append(weight[rows, None, None] * (reach @ reach.transpose(1, 2)))
    return torch.cat(parts)


def _along(vectors: Tensor, latents: Tensor, model: Model) -> Tensor:
    """(n, D, M) products of f's slopes with ``vectors`` (M, K), as the law has them seen."""
    slope = model.slopes(latents).slope
    if model.variation is None:
        return slope @ vectors.T
    return model.seen(latents, slope) @ model.seen(latents, vectors.expand(len(slope), -1, -1)).transpose(1, 2)


# Standard error of endmembers that no region speaks about, as a share of the simplex: a floor, and a multiple of the noise over the simplex's
# thinnest side. Calibrated on simulated scenes with linear mixing at 20–40 dB, endmembers backed by pure pixels and extrapolated ones.
_PURE, _EXTRAPOLATED = (0.005, 0.8), (0.02, 1.0)
# Where the moments disagree with endmembers that they were not used for: a floor, and a share of the distance (23 scenes).
_DISPUTED, _DISPUTED_SHARE = 0.05, 0.5
# Of the squared distance between the regions' estimate and the geometry's, what counts as error of their mean, or of the regions' alone.
_AVERAGED_SHARE, _REGIONS_SHARE = 0.7, 0.06
_LARGEST = 0.5


def endmember_error(refined: Refined, found: Found) -> FloatArray:
    """(P,) standard error β of each endmember, as a share of the simplex: δm_k = β_k Σ_j ξ_j (m_j − m̄).

    From the region moments' own Hessian where they were accepted, and how far they stand from the geometry's estimate where both were averaged;
    where they were refused, from how far they stand; without them, from how the endmembers were found.
    """
    count = len(refined.endmembers)
    centred = refined.endmembers - refined.endmembers.mean(axis=0)
    sides = np.linalg.svd(centred, compute_uv=False)[: count - 1]
    determined = refined.moments is not None and refined.moments.relative_error <= POORLY_DETERMINED
    # 1. The moments say something: their own error, and how far the two estimates are apart, both as shares of the simplex.
    if determined and refined.apart is not None:
        apart = np.sqrt(((refined.apart @ np.linalg.pinv(centred)) ** 2).sum() / (count * (count - 1)))
        own = refined.vertex_std * np.sqrt((count - 1) / max(float((sides**2).sum()), 1e-300))
        if refined.averaged:
            error = 0.5 * np.sqrt(own**2 + _AVERAGED_SHARE * apart**2)
        elif refined.accepted:
            error = own if found.pure else np.sqrt(own**2 + _REGIONS_SHARE * apart**2)
        else:
            error = np.full(count, np.hypot(_DISPUTED, _DISPUTED_SHARE * apart))
        return np.asarray(np.minimum(error, _LARGEST))
    # 2. Without them: a floor, and the noise over the simplex's thinnest side.
    floor, share = _PURE if found.pure else _EXTRAPOLATED
    thin = found.noise * max(1.0, found.excess.linear) / max(float(sides[-1]), 1e-300)
    return np.full(count, min(float(np.hypot(floor, share * thin)), _LARGEST))


def widened(std: FloatArray, misfit: float) -> FloatArray:
    """The spread times the fit's misfit (the root of its reduced χ²): noise alone would claim too much where spectra vary."""
    return np.asarray(np.minimum(std * max(1.0, misfit), 0.5))
