"""Per-pixel inference: damped Gauss–Newton to the posterior's mode in log-ratio coordinates, and the Laplace posterior there.

For x = s·f(a, e) + ε, ε ~ N(0, σ²I), a|u by a region prior, e standard normal, s ~ Gamma(κ, κ/μ) or s = 1. With white noise the projection on
a basis that holds all that f gives is sufficient, so data are K scores. All pixels are solved together; derivatives are in closed form.
A pixel's latents are z (P − 1), then log s where the illumination is free, then e.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_unmix.model.mixing.pixel import Mixing
from napari_unmix.model.priors.dirichlet import Moments, RegionPrior, helmert, softmax_slope

_FARTHEST = 25.0  # |z| beyond which an abundance is zero to double precision
_LONGEST_STEP = 2.0
_LEAST_FALL = 1e-7  # nats: a pixel whose step gains less is done


@dataclass(frozen=True, eq=False)
class Light:
    """The Gamma law of the illumination: mean μ of the scene, shape κ(u) (R + 1,) of every region, the first where u is unknown."""

    shape: Tensor
    mean: float

    def energy(self, relative: Tensor, regions: Tensor) -> Tensor:
        """(N,) −log density of s/μ (N,) with respect to log s."""
        shape = self.shape[regions]
        return torch.lgamma(shape) - shape * (relative.log() - relative + shape.log())


@dataclass(frozen=True, eq=False)
class Model:
    """p(x, latents | u): the region prior, the mixing function in scores, the noise variance, and the light where it is free."""

    prior: RegionPrior
    mixing: Mixing
    variance: float
    light: Light | None = None

    @property
    def size(self) -> int:
        """P − 1, the number of log-ratio coordinates."""
        return len(self.mixing.endmembers) - 1

    @property
    def dimension(self) -> int:
        """Latents of a pixel."""
        return self.size + (self.light is not None) + self.mixing.extras

    def basis(self) -> Tensor:
        """(P, P−1) Helmert's basis."""
        corners = self.mixing.endmembers
        return helmert(self.size + 1, dtype=corners.dtype, device=corners.device)

    def abundances(self, latents: Tensor) -> Tensor:
        """(N, P)."""
        return torch.softmax(latents[:, : self.size] @ self.basis().T, dim=1)

    def brightness(self, latents: Tensor) -> Tensor:
        """(N, 1) illumination s, one where it is not free."""
        return (
            latents[:, self.size : self.size + 1].exp() if self.light is not None else torch.ones_like(latents[:, :1])
        )

    def extras(self, latents: Tensor) -> Tensor:
        """(N, E) the mixing's own latents."""
        return latents[:, self.size + (self.light is not None) :]

    def mixed(self, latents: Tensor) -> Tensor:
        """(N, K) noise-free scores."""
        return self.brightness(latents) * self.mixing.value(self.abundances(latents), self.extras(latents))

    def slopes(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Noise-free scores (N, K) and their slope (N, D, K) along the latents."""
        abundances = self.abundances(latents)
        mixed, slope, slope_extra = self.mixing.parts(
            abundances, self.extras(latents), softmax_slope(abundances, self.basis())
        )
        if self.light is None:
            return mixed, torch.cat([slope, slope_extra], dim=1) if self.mixing.extras else slope
        brightness = self.brightness(latents)[:, :, None]
        lit = brightness[:, 0] * mixed
        return lit, torch.cat([brightness * slope, lit[:, None, :], brightness * slope_extra], dim=1)


@dataclass(frozen=True, eq=False)
class Posterior:
    """Laplace approximation of N pixels.

    ``latents`` (N, D) at the mode. ``hessian`` (N, D, D). ``energy`` (N,):
    −log p(x, latents | u) at the mode up to the noise's constant. ``evidence`` (N,): log p(x | u) by Laplace.
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

    def moments(self, size: int) -> Moments:
        """Of the first ``size`` latents, z."""
        return Moments(self.latents[:, :size], self.covariance()[:, :size, :size])


def joined(pieces: list[Posterior]) -> Posterior:
    """One posterior of consecutive batches."""
    return Posterior(
        torch.cat([piece.latents for piece in pieces]),
        torch.cat([piece.hessian for piece in pieces]),
        torch.cat([piece.energy for piece in pieces]),
    )


def energy(latents: Tensor, scores: Tensor, regions: Tensor, model: Model) -> Tensor:
    """(N,) −log p(x, latents | u), up to the noise's constant: differentiable in everything."""
    value = -model.prior.log_density(latents[:, : model.size], regions)
    if model.light is not None:
        value = value + model.light.energy(latents[:, model.size].exp() / model.light.mean, regions)
    extras = model.extras(latents)
    value = value + 0.5 * (extras**2).sum(dim=1) + 0.5 * math.log(2 * math.pi) * extras.shape[1]
    return value + ((scores - model.mixed(latents)) ** 2).sum(dim=1) / (2 * model.variance)


# Energy (N,), gradient (N, D) and Gauss–Newton Hessian (N, D, D).
EnergyParts = tuple[Tensor, Tensor, Tensor]


def energy_parts(latents: Tensor, scores: Tensor, regions: Tensor, model: Model) -> EnergyParts:
    """Energy, its gradient, and its positive definite Gauss–Newton Hessian."""
    size, after = model.size, model.size + (model.light is not None)
    energy, gradient, hessian = model.prior.parts(latents[:, :size], regions)
    extras = model.extras(latents)
    gaps = latents.shape[1] - size
    if gaps:
        gradient = torch.nn.functional.pad(gradient, (0, gaps))
        hessian = torch.nn.functional.pad(hessian, (0, gaps, 0, gaps))
    if model.light is not None:
        relative, shape = latents[:, size].exp() / model.light.mean, model.light.shape[regions]
        energy = energy + model.light.energy(relative, regions)
        gradient[:, size] = shape * (relative - 1)
        hessian[:, size, size] = shape * relative
    if extras.shape[1]:
        energy = energy + 0.5 * (extras**2).sum(dim=1) + 0.5 * math.log(2 * math.pi) * extras.shape[1]
        gradient[:, after:] = extras
        hessian.diagonal(dim1=1, dim2=2)[:, after:] = 1.0
    mixed, slope = model.slopes(latents)
    residual = scores - mixed
    energy = energy + (residual**2).sum(dim=1) / (2 * model.variance)
    gradient = gradient - torch.einsum("ndk,nk->nd", slope, residual) / model.variance
    hessian = hessian + slope @ slope.transpose(1, 2) / model.variance
    ridge = 1e-9 * (1 + hessian.diagonal(dim1=1, dim2=2).mean(dim=1))
    identity = torch.eye(hessian.shape[1], dtype=hessian.dtype, device=hessian.device)
    return energy, gradient, hessian + ridge[:, None, None] * identity


def solve(
    latents: Tensor, scores: Tensor, regions: Tensor, model: Model, iterations: int = 20, tolerance: float = 1e-5
) -> Posterior:
    """Damped Gauss–Newton from ``latents`` (N, D) for scores (N, K) and u (N,): every accepted step lowers its pixel's energy."""
    energy, gradient, hessian = energy_parts(latents, scores, regions, model)
    latents, active = latents.clone(), torch.arange(len(latents), device=latents.device)
    for _ in range(iterations):
        step = torch.linalg.solve(hessian[active], gradient[active][..., None])[..., 0]
        step = step * (_LONGEST_STEP / step.norm(dim=1, keepdim=True).clamp_min(_LONGEST_STEP))
        pending, length, before = torch.arange(len(active), device=active.device), 1.0, energy[active]
        for _ in range(5):
            rows = active[pending]
            trial = (latents[rows] - length * step[pending]).clamp(-_FARTHEST, _FARTHEST)
            parts = energy_parts(trial, scores[rows], regions[rows], model)
            better = parts[0] <= energy[rows] + 1e-9
            done = rows[better]
            latents[done] = trial[better]
            for held, new in zip((energy, gradient, hessian), parts, strict=True):
                held[done] = new[better]
            pending, length = pending[~better], 0.3 * length
            if not len(pending):
                break
        moving = (step.norm(dim=1) > tolerance) & (before - energy[active] > _LEAST_FALL)
        moving[pending] = False  # no shorter step helps: at the mode to working precision
        active = active[moving]
        if not len(active):
            break
    return Posterior(latents, hessian, energy)


def smallest_singular_values(latents: Tensor, model: Model) -> Tensor:
    """(N,) the smallest singular value of f's Jacobian along the simplex, in score units per unit of abundance.

    With free illumination the direction that brightness can imitate is taken out first. f is injective where it is positive.
    """
    abundances = model.abundances(latents)
    tangent = model.basis().expand(len(latents), -1, -1)
    mixed, slope, _ = model.mixing.parts(abundances, model.extras(latents), tangent)
    slope = model.brightness(latents)[:, :, None] * slope
    if model.light is not None:
        ray = mixed / mixed.norm(dim=1, keepdim=True).clamp_min(1e-300)
        slope = slope - torch.einsum("ndk,nk->nd", slope, ray)[:, :, None] * ray[:, None, :]
    gram = slope @ slope.transpose(1, 2)
    lowest: Tensor = torch.linalg.eigvalsh(gram)[:, 0]
    return lowest.clamp_min(0.0).sqrt()
