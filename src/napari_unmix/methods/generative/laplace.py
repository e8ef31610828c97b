"""Per-pixel inference: damped Gauss–Newton to the posterior's mode in log-ratio coordinates, and the Laplace posterior there.

For x = s·aM + ε, ε ~ N(0, σ²I), a|u ~ Dir(α(u)), s ~ Gamma(κ, κ/μ) or s = 1. With white noise the projection on a basis that holds
M's span is sufficient, so data are K scores. All pixels are solved together; derivatives are in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_unmix.methods.distributions import RegionDirichlet, helmert

_FARTHEST = 25.0  # |z| beyond which an abundance is zero to double precision
_LONGEST_STEP = 2.0


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Linear mixing of scores: ``endmembers`` (P, K), noise ``variance``, and the Gamma of the illumination (``shape`` κ, ``mean`` μ) or none."""

    endmembers: Tensor
    variance: float
    shape: float | None = None
    mean: float = 1.0

    @property
    def illuminated(self) -> bool:
        """Whether the per-pixel scale is free; it is then the last latent, log s."""
        return self.shape is not None


@dataclass(frozen=True, eq=False)
class Posterior:
    """Laplace approximation of N pixels.

    ``latents`` (N, D): z and, with illumination, log s. ``hessian`` (N, D, D). ``energy`` (N,): −log p(x, z | u) at the mode up to the
    noise's constant. ``evidence`` (N,): log p(x | u) by Laplace.
    """

    latents: Tensor
    hessian: Tensor
    energy: Tensor

    @property
    def evidence(self) -> Tensor:
        """(N,) log p(x | u), up to the constant of the noise."""
        dimension = self.latents.shape[1]
        factor: Tensor = torch.linalg.cholesky_ex(self.hessian)[0]
        half_log_det = factor.diagonal(dim1=1, dim2=2).clamp_min(1e-150).log().sum(dim=1)
        return -self.energy - half_log_det + 0.5 * dimension * math.log(2 * math.pi)

    def covariance(self) -> Tensor:
        """(N, D, D)."""
        inverse: Tensor = torch.linalg.inv(self.hessian)
        return inverse


def abundances_of(latents: Tensor, basis: Tensor) -> Tensor:
    """(N, P) abundances of the first P − 1 latents."""
    return torch.softmax(latents[:, : basis.shape[1]] @ basis.T, dim=1)


def energy(
    latents: Tensor, scores: Tensor, regions: Tensor, prior: RegionDirichlet, likelihood: Likelihood, basis: Tensor
) -> Tensor:
    """(N,) −log p(x, latents | u), up to the noise's constant: differentiable in everything."""
    size = basis.shape[1]
    log_abundances = torch.log_softmax(latents[:, :size] @ basis.T, dim=1)
    value = -prior.log_prob(log_abundances, regions)[0]
    mixed = log_abundances.exp() @ likelihood.endmembers
    if likelihood.shape is not None:
        brightness = latents[:, size:].exp()
        mixed = brightness * mixed
        value = value - _log_gamma_density(brightness[:, 0] / likelihood.mean, likelihood.shape)
    return value + ((scores - mixed) ** 2).sum(dim=1) / (2 * likelihood.variance)


def _log_gamma_density(relative: Tensor, shape: float) -> Tensor:
    """Log density of Gamma(κ, κ) at s/μ with respect to log s."""
    return shape * (relative.log() - relative) + shape * math.log(shape) - math.lgamma(shape)


def energy_parts(
    latents: Tensor, scores: Tensor, regions: Tensor, prior: RegionDirichlet, likelihood: Likelihood, basis: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Energy (N,), gradient (N, D) and Gauss–Newton Hessian (N, D, D)."""
    size = basis.shape[1]
    log_abundances = torch.log_softmax(latents[:, :size] @ basis.T, dim=1)
    abundances = log_abundances.exp()
    log_prior, alpha = prior.log_prob(log_abundances, regions)
    total = alpha.sum(dim=1, keepdim=True)
    spread = softmax_slope(abundances, basis)
    mixed = abundances @ likelihood.endmembers
    jacobian = torch.einsum("npd,pk->ndk", spread, likelihood.endmembers)
    gradient = -(alpha - total * abundances) @ basis
    hessian = total[:, :, None] * torch.einsum("pd,npe->nde", basis, spread)
    energy = -log_prior
    if likelihood.shape is not None:
        brightness = latents[:, size:].exp()
        mixed, jacobian = brightness * mixed, brightness[:, :, None] * jacobian
        jacobian = torch.cat([jacobian, mixed[:, None, :]], dim=1)
        relative = brightness / likelihood.mean
        shape = likelihood.shape
        energy = energy - _log_gamma_density(relative[:, 0], shape)
        gradient = torch.cat([gradient, shape * (relative - 1)], dim=1)
        hessian = torch.nn.functional.pad(hessian, (0, 1, 0, 1))
        hessian[:, -1, -1] = shape * relative[:, 0]
    residual = scores - mixed
    energy = energy + (residual**2).sum(dim=1) / (2 * likelihood.variance)
    gradient = gradient - torch.einsum("ndk,nk->nd", jacobian, residual) / likelihood.variance
    hessian = hessian + jacobian @ jacobian.transpose(1, 2) / likelihood.variance
    ridge = 1e-9 * (1 + hessian.diagonal(dim1=1, dim2=2).mean(dim=1))
    return (
        energy,
        gradient,
        hessian + ridge[:, None, None] * torch.eye(hessian.shape[1], dtype=hessian.dtype, device=hessian.device),
    )


def solve(
    latents: Tensor,
    scores: Tensor,
    regions: Tensor,
    prior: RegionDirichlet,
    likelihood: Likelihood,
    iterations: int = 20,
    tolerance: float = 1e-5,
) -> Posterior:
    """Damped Gauss–Newton from ``latents`` (N, D) for scores (N, K) and u (N,): every accepted step lowers its pixel's energy."""
    basis = helmert(len(likelihood.endmembers), dtype=scores.dtype, device=scores.device)
    energy, gradient, hessian = energy_parts(latents, scores, regions, prior, likelihood, basis)
    latents, active = latents.clone(), torch.arange(len(latents), device=latents.device)
    for _ in range(iterations):
        step = torch.linalg.solve(hessian[active], gradient[active][..., None])[..., 0]
        step = step * (_LONGEST_STEP / step.norm(dim=1, keepdim=True).clamp_min(_LONGEST_STEP))
        pending, length = torch.arange(len(active), device=active.device), 1.0
        for _ in range(5):
            rows = active[pending]
            trial = (latents[rows] - length * step[pending]).clamp(-_FARTHEST, _FARTHEST)
            parts = energy_parts(trial, scores[rows], regions[rows], prior, likelihood, basis)
            better = parts[0] <= energy[rows] + 1e-9
            done = rows[better]
            latents[done], energy[done], gradient[done], hessian[done] = (
                trial[better],
                parts[0][better],
                parts[1][better],
                parts[2][better],
            )
            pending, length = pending[~better], 0.3 * length
            if not len(pending):
                break
        moving = step.norm(dim=1) > tolerance
        moving[pending] = False  # no shorter step helps: at the mode to working precision
        active = active[moving]
        if not len(active):
            break
    return Posterior(latents, hessian, energy)


def mean_log_abundances(posterior: Posterior, basis: Tensor) -> Tensor:
    """(N, P) posterior mean of log a, to second order: what the Dirichlet's maximum likelihood needs."""
    size = basis.shape[1]
    abundances = abundances_of(posterior.latents, basis)
    covariance = posterior.covariance()[:, :size, :size]
    # log a_j is linear in z but for the common log-sum-exp, whose curvature is Vᵀ C V.
    curvature = torch.einsum("pd,npe->nde", basis, softmax_slope(abundances, basis))
    correction = 0.5 * (curvature * covariance).sum(dim=(1, 2))
    return torch.log_softmax(posterior.latents[:, :size] @ basis.T, dim=1) - correction[:, None]


def abundance_std(posterior: Posterior, basis: Tensor) -> Tensor:
    """(N, P) posterior standard deviation of a: the smaller of linearisation at the mode and cubature at 2(P − 1) points.

    Both overstate it near the boundary, each in its own way: a log-ratio that noise leaves free bends, which linearisation does not see, and
    may reach so far that cubature's points (Arasaratnam & Haykin 2009) stand where the likelihood has long ruled them out.
    """
    size = basis.shape[1]
    covariance = posterior.covariance()[:, :size, :size]
    slope = softmax_slope(abundances_of(posterior.latents, basis), basis)
    linear = torch.einsum("npd,nde,npe->np", slope, covariance, slope).clamp_min(0.0).sqrt()
    root = torch.linalg.cholesky_ex(covariance)[0] * size**0.5
    total = square = torch.zeros_like(linear)
    for direction in range(size):
        for sign in (1.0, -1.0):
            abundances = abundances_of(posterior.latents[:, :size] + sign * root[:, :, direction], basis)
            total, square = total + abundances, square + abundances**2
    points = 2 * size
    return torch.minimum(linear, (square / points - (total / points) ** 2).clamp_min(0.0).sqrt())


def softmax_slope(abundances: Tensor, basis: Tensor) -> Tensor:
    """(N, P, P−1) derivative of a with respect to z: C V with C = diag a − aaᵀ."""
    return abundances[:, :, None] * (basis - (abundances @ basis)[:, None, :])
