"""How far abundances may be off: the posterior's spread, and the endmembers' own uncertainty carried through it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.methods.distributions import softmax_slope
from napari_unmix.methods.generative.laplace import Model, Posterior
from napari_unmix.methods.geometry.route import Found


def abundance_std(posterior: Posterior, model: Model, endmember_std: Tensor | None = None) -> Tensor:
    """(N, P) posterior standard deviation of a: the smaller of linearisation at the mode and cubature at 2(P − 1) points.

    Both overstate it near the boundary, each in its own way: a log-ratio that noise leaves free bends, which linearisation does not see, and
    may reach so far that cubature's points (Arasaratnam & Haykin 2009) stand where the likelihood has long ruled them out.
    ``endmember_std`` (P,): the endmembers' standard errors, in every coordinate of the spectrum.
    """
    size, basis = model.size, model.basis()
    covariance = posterior.covariance()
    if endmember_std is not None:
        covariance = covariance + endmember_covariance(posterior, model, endmember_std, covariance)
    covariance = covariance[:, :size, :size]
    slope = softmax_slope(model.abundances(posterior.latents), basis)
    linear = torch.einsum("npd,nde,npe->np", slope, covariance, slope).clamp_min(0.0).sqrt()
    root = torch.linalg.cholesky_ex(covariance)[0] * size**0.5
    total = square = torch.zeros_like(linear)
    for direction in range(size):
        for sign in (1.0, -1.0):
            abundances = model.abundances(posterior.latents[:, :size] + sign * root[:, :, direction])
            total, square = total + abundances, square + abundances**2
    points = 2 * size
    return torch.minimum(linear, (square / points - (total / points) ** 2).clamp_min(0.0).sqrt())


def endmember_covariance(
    posterior: Posterior, model: Model, endmember_std: Tensor, covariance: Tensor
) -> Tensor:
    """(N, D, D) what errors δM of the endmembers add to the latents' covariance.

    The mode moves by H⁻¹ J (s aδM)/σ², so errors of variance τ_k² in every coordinate add w H⁻¹ F H⁻¹ with the spectrum's information
    F = JJᵀ/σ² and w = s² Σ_k a_k² τ_k²/σ².
    """
    amounts = model.brightness(posterior.latents) * model.abundances(posterior.latents)
    weight = (amounts**2) @ endmember_std**2 / model.variance
    return weight[:, None, None] * (covariance @ posterior.information @ covariance)


def endmember_std(spectra: FloatArray, endmembers: FloatArray, vertex_std: FloatArray, found: Found) -> FloatArray:
    """(P,) standard error of each endmember, in every coordinate of the spectrum: region moments' where they carry it."""
    return vertex_std


def widened(std: FloatArray, misfit: float) -> FloatArray:
    """The spread times the fit's misfit (the root of its reduced χ²): noise alone would claim too much where spectra vary."""
    return np.asarray(np.minimum(std * max(1.0, misfit), 0.5))
