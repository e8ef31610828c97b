"""The generative law p(x, latents | u): a|u by a region prior, s by the light, e standard normal, x = s·f(a, e) + ε, ε ~ N(0, σ²I).

Where the materials' spectra vary, ε is wider by what they vary by (``variation``).

A pixel's latents are z (P − 1), then log s where the illumination is free, then e. With white noise the projection on a basis that holds all
that f gives is sufficient, so data are K scores (theory M1–M5, "Coordinates, inference, noise").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from napari_unmix.model.light import Light
from napari_unmix.model.logratio import basis_of, softmax_slope
from napari_unmix.model.mixing.base import LinearMixing, Mixing
from napari_unmix.model.priors.base import Quadratic, RegionPrior
from napari_unmix.model.variation import Variation


class Slopes(NamedTuple):
    """What N pixels have of K numbers, ``value`` (N, K), noise-free scores mostly, and its ``slope`` (N, D, K) along the latents."""

    value: Tensor
    slope: Tensor


@dataclass(frozen=True, eq=False)
class Model:
    """The region prior, the mixing function in scores, the noise variance σ², the light where it is free, and how spectra vary where they do."""

    prior: RegionPrior
    mixing: Mixing
    variance: float
    light: Light | None = None
    variation: Variation | None = None

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
        return basis_of(self.mixing.endmembers, self.size + 1)

    def abundances(self, latents: Tensor) -> Tensor:
        """(N, P)."""
        return torch.softmax(latents[:, : self.size] @ self.basis().T, dim=1)

    def brightness(self, latents: Tensor) -> Tensor:
        """(N, 1) illumination s, one where it is not free."""
        return (
            latents[:, self.size : self.size + 1].exp() if self.light is not None else torch.ones_like(latents[:, :1])
        )

    def amounts(self, latents: Tensor) -> Tensor:
        """(N, P) g = s·a, how much of each material a pixel's spectrum holds."""
        return self.brightness(latents) * self.abundances(latents)

    def amount_slopes(self, latents: Tensor) -> Slopes:
        """Amounts g (N, P), and how they change with the latents (N, D, P)."""
        abundances = self.abundances(latents)
        amounts, slope = abundances, softmax_slope(abundances, self.basis()).transpose(1, 2)
        if self.light is not None:
            brightness = self.brightness(latents)
            amounts = brightness * abundances
            slope = torch.cat([brightness[:, :, None] * slope, amounts[:, None, :]], dim=1)
        if self.mixing.extras:
            slope = torch.nn.functional.pad(slope, (0, 0, 0, self.mixing.extras))
        return Slopes(amounts, slope)

    def extras(self, latents: Tensor) -> Tensor:
        """(N, E) the mixing's own latents."""
        return latents[:, self.size + (self.light is not None) :]

    def mixed(self, latents: Tensor) -> Tensor:
        """(N, K) noise-free scores."""
        return self.brightness(latents) * self.mixing.value(self.abundances(latents), self.extras(latents))

    def seen(self, latents: Tensor, vectors: Tensor) -> Tensor:
        """(N, M, K) directions in scores, shorter where the materials of a pixel vary along them: what is drawn there has σ² in every one then."""
        if self.variation is None:
            return vectors
        return math.sqrt(self.variance) * self.variation.whitened(vectors, self.amounts(latents), self.variance)

    def left(self, latents: Tensor, scores: Tensor) -> Tensor:
        """(N, K) what the law leaves of scores (N, K), as it is ``seen``."""
        return self.seen(latents, (scores - self.mixed(latents))[:, None])[:, 0]

    def slopes(self, latents: Tensor) -> Slopes:
        """Noise-free scores, and how they change with the latents."""
        abundances = self.abundances(latents)
        mixed, slope, slope_extra = self.mixing.linearised(
            abundances, self.extras(latents), softmax_slope(abundances, self.basis())
        )
        if self.light is None:
            return Slopes(mixed, torch.cat([slope, slope_extra], dim=1) if self.mixing.extras else slope)
        brightness = self.brightness(latents)[:, :, None]
        lit = brightness[:, 0] * mixed
        return Slopes(lit, torch.cat([brightness * slope, lit[:, None, :], brightness * slope_extra], dim=1))


def energy(latents: Tensor, scores: Tensor, regions: Tensor, model: Model) -> Tensor:
    """(N,) −log p(x, latents | u), up to the noise's constant ½K log 2πσ²: differentiable in everything."""
    value = -model.prior.log_prob(latents[:, : model.size], regions)
    if model.light is not None:
        value = value + model.light.energy(latents[:, model.size].exp() / model.light.mean, regions)
    extras = model.extras(latents)
    value = value + 0.5 * (extras**2).sum(dim=1) + 0.5 * math.log(2 * math.pi) * extras.shape[1]
    residual = scores - model.mixed(latents)
    if model.variation is None:
        return value + (residual**2).sum(dim=1) / (2 * model.variance)
    return value + model.variation.energy(residual, model.amounts(latents), model.variance)


def quadratic(latents: Tensor, scores: Tensor, regions: Tensor, model: Model) -> Quadratic:
    """The energy to second order: its Hessian is Gauss–Newton's H = JJᵀ/σ² + the prior's, positive definite (theory: "Gauss–Newton")."""
    size, after = model.size, model.size + (model.light is not None)
    # 1. The region prior, in z.
    energy, gradient, hessian = model.prior.quadratic(latents[:, :size], regions)
    extras = model.extras(latents)
    gaps = latents.shape[1] - size
    if gaps:
        gradient = torch.nn.functional.pad(gradient, (0, gaps))
        hessian = torch.nn.functional.pad(hessian, (0, gaps, 0, gaps))
    # 2. The light, in log s.
    if model.light is not None:
        relative, shape = latents[:, size].exp() / model.light.mean, model.light.shape[regions]
        energy = energy + model.light.energy(relative, regions)
        gradient[:, size] = shape * (relative - 1)
        hessian[:, size, size] = shape * relative
    # 3. The mixing's own latents, standard normal.
    if extras.shape[1]:
        energy = energy + 0.5 * (extras**2).sum(dim=1) + 0.5 * math.log(2 * math.pi) * extras.shape[1]
        gradient[:, after:] = extras
        hessian.diagonal(dim1=1, dim2=2)[:, after:] = 1.0
    # 4. The spectrum.
    spectrum = _spectrum(latents, scores, model)
    energy, gradient, hessian = energy + spectrum.energy, gradient + spectrum.gradient, hessian + spectrum.hessian
    # 5. A ridge against rounding.
    ridge = 1e-9 * (1 + hessian.diagonal(dim1=1, dim2=2).mean(dim=1))
    identity = torch.eye(hessian.shape[1], dtype=hessian.dtype, device=hessian.device)
    return Quadratic(energy, gradient, hessian + ridge[:, None, None] * identity)


def _spectrum(latents: Tensor, scores: Tensor, model: Model) -> Quadratic:
    """−log p(x | latents) up to the noise's constant, to second order: Gauss–Newton's Hessian, or Fisher's where spectra vary."""
    mixed, slope = model.slopes(latents)
    residual = scores - mixed
    if model.variation is None:
        energy = (residual**2).sum(dim=1) / (2 * model.variance)
        gradient = -torch.einsum("ndk,nk->nd", slope, residual) / model.variance
        return Quadratic(energy, gradient, slope @ slope.transpose(1, 2) / model.variance)
    return model.variation.quadratic(residual, slope, *model.amount_slopes(latents), model.variance)


def smallest_singular_values(latents: Tensor, model: Model) -> Tensor:
    """(N,) the smallest singular value of f's Jacobian along the simplex, in score units per unit of abundance; (1,) where it is one for all pixels.

    With free illumination the direction that brightness can imitate is taken out first. f is injective where it is positive.
    """
    if model.light is None and isinstance(model.mixing, LinearMixing):
        latents = latents[:1]  # it is the same everywhere
    abundances = model.abundances(latents)
    tangent = model.basis().expand(len(latents), -1, -1)
    mixed, slope, _ = model.mixing.linearised(abundances, model.extras(latents), tangent)
    slope = model.brightness(latents)[:, :, None] * slope
    if model.light is not None:
        ray = mixed / mixed.norm(dim=1, keepdim=True).clamp_min(1e-300)
        slope = slope - torch.einsum("ndk,nk->nd", slope, ray)[:, :, None] * ray[:, None, :]
    gram = slope @ slope.transpose(1, 2)
    lowest: Tensor = torch.linalg.eigvalsh(gram)[:, 0]
    return lowest.clamp_min(0.0).sqrt()
