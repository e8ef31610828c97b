"""Spectra of one material differ from pixel to pixel: x | a, s ~ N(f, Λ), Λ = Σ_k g_k² Σ_k + σ²I, g = s·a (the normal compositional model).

What a material adds grows with the square of its amount, so Λ depends on the latents and its slopes enter gradient and Hessian. The Hessian
is Fisher's, J Λ⁻¹ Jᵀ + ½ tr(Λ⁻¹ ∂Λ Λ⁻¹ ∂Λ): the expected one, never negative (theory M5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from napari_unmix.model.priors.base import Quadratic

# Numbers of the pixels' matrices at once, which then stay in the processor's cache (17 scores: a third faster than at four times as many).
_AT_ONCE = 72_000
# Of each material so many directions, the widest, count in the Hessian by Λ's own slopes. All 16 take four times as long; where they are equally
# wide, which is the worst case, spreads are 0.9 % smaller then and the evidence 0.03 nats lower.
_MOST_DIRECTIONS = 4
# Eigenvalues under this share of a covariance's largest are rounding.
_ROUNDING = 1e-9


# Of a covariance in all bands so many directions are kept; the rest of it counts as the same in every band. On pure pixels of Samson and Jasper
# Ridge that rest is up to four times the noise's variance, after these eight.
_KEPT_IN_BANDS = 8


@dataclass(frozen=True, eq=False)
class InBands:
    """Σ_k in all bands, LᵀL + ρI: ``factors`` L (P, R, B), the widest first, and ``rest`` ρ (P,), what a band varies by beyond them."""

    factors: Tensor
    rest: Tensor

    @classmethod
    def of(cls, covariances: Tensor) -> InBands:
        """The widest directions of covariances (P, B, B), and the mean variance of the rest."""
        values, vectors = torch.linalg.eigh(covariances)
        values = values.clamp_min(0.0).flip(1)
        kept = values[:, :_KEPT_IN_BANDS]
        factors = kept.sqrt()[:, :, None] * vectors.flip(2)[:, :, :_KEPT_IN_BANDS].transpose(1, 2)
        return cls(factors, (values.sum(dim=1) - kept.sum(dim=1)) / covariances.shape[1])

    def scaled(self, shares: Tensor) -> InBands:
        """That of covariances times ``shares`` (P,)."""
        return InBands(shares.sqrt()[:, None, None] * self.factors, shares * self.rest)

    def totals(self) -> Tensor:
        """(P,) variance in all bands together."""
        return self.factors.square().sum(dim=(1, 2)) + self.factors.shape[2] * self.rest

    def beyond(self, basis: Tensor) -> Tensor:
        """(P,) variance that is orthogonal to an orthonormal ``basis`` (K, B), per direction of B − K."""
        count = max(basis.shape[1] - len(basis), 1)
        outside = self.factors.square().sum(dim=(1, 2)) - (self.factors @ basis.T).square().sum(dim=(1, 2))
        return outside.clamp_min(0.0) / count + self.rest


@dataclass(frozen=True, eq=False)
class Variation:
    """``covariances`` Σ (P, K, K) of each material's spectrum at amount one, in scores, none negative.

    Inference needs no more where the scores tell what there is to tell of abundances; ``in_bands`` is the same beyond them, None where it is
    nothing. The fewer directions the covariances have, the faster a fit is.
    """

    covariances: Tensor
    in_bands: InBands | None = None

    @cached_property
    def factors(self) -> Tensor:
        """(P, K, R) L with Σ_k = L_k L_kᵀ, R the rank of the richest, at least one."""
        values, vectors = torch.linalg.eigh(self.covariances)
        rank = max(1, int((values > _ROUNDING * values[:, -1:].clamp_min(1e-300)).sum(dim=1).max()))
        factors: Tensor = vectors[:, :, -rank:] * values[:, None, -rank:].clamp_min(0.0).sqrt()
        return factors

    def covariance(self, amounts: Tensor, variance: float) -> Tensor:
        """(N, K, K) Λ of pixels with ``amounts`` g (N, P) at a noise of σ² ``variance``."""
        size = self.covariances.shape[1]
        total: Tensor = (amounts.square() @ self.covariances.flatten(1)).reshape(-1, size, size)
        total.diagonal(dim1=1, dim2=2).add_(variance)
        return total

    def _chunks(self, *pixels: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The same pixels of every one, some at a time."""
        count = max(1, _AT_ONCE // self.covariances.shape[1] ** 2)
        return zip(*(torch.split(each, count) for each in pixels), strict=True)

    def _root(self, amounts: Tensor, variance: float) -> Tensor:
        """(N, K, K) Cholesky's lower factor of Λ."""
        root: Tensor = torch.linalg.cholesky_ex(self.covariance(amounts, variance))[0]
        return root

    def energy(self, residual: Tensor, amounts: Tensor, variance: float) -> Tensor:
        """(N,) ½ rᵀΛ⁻¹r + ½ log |Λ|/σ²ᴷ for residuals r (N, K): differentiable in everything."""
        factor = self._root(amounts, variance)
        white: Tensor = torch.linalg.solve_triangular(factor, residual[:, :, None], upper=False)
        return 0.5 * white.square().sum(dim=(1, 2)) + _half_log_det(factor, variance)

    def whitened(self, vectors: Tensor, amounts: Tensor, variance: float) -> Tensor:
        """(N, M, K) rows W v of ``vectors`` (N, M, K), WᵀW = Λ⁻¹: what is drawn from Λ is standard normal then."""
        parts = []
        for some, amount in self._chunks(vectors, amounts):
            root = self._root(amount, variance)
            parts.append(torch.linalg.solve_triangular(root, some.transpose(1, 2), upper=False).transpose(1, 2))
        return torch.cat(parts)

    def moved(self, covariances: Tensor) -> Variation:
        """With other covariances in scores; beyond them, each material varies by as much more or less as within."""
        if self.in_bands is None:
            return Variation(covariances)
        after, before = (each.diagonal(dim1=1, dim2=2).sum(dim=1) for each in (covariances, self.covariances))
        return Variation(covariances, self.in_bands.scaled(after / before.clamp_min(1e-300)))

    def inverse(self, amounts: Tensor, variance: float) -> Tensor:
        """(N, K, K) Λ⁻¹."""
        identity = torch.eye(self.covariances.shape[1]).to(amounts).expand(len(amounts), -1, -1)
        white = self.whitened(identity, amounts, variance)
        return white @ white.transpose(1, 2)

    def quadratic(self, residual: Tensor, slope: Tensor, amounts: Tensor, change: Tensor, variance: float) -> Quadratic:
        """The same energy to second order in the latents, along which f has ``slope`` (N, D, K) and g ``change`` (N, D, P)."""
        chunks = self._chunks(residual, slope, amounts, change)
        parts = [self._quadratic(*chunk, variance=variance) for chunk in chunks]
        return Quadratic(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _quadratic(
        self, residual: Tensor, slope: Tensor, amounts: Tensor, change: Tensor, *, variance: float
    ) -> Quadratic:
        widest = self.factors[:, :, -_MOST_DIRECTIONS:]
        count, size, rank = widest.shape
        # 1. What whitens: Λ⁻¹ = WᵀW; the slopes of f and the residual seen through it.
        factor = self._root(amounts, variance)
        identity = torch.eye(size, dtype=amounts.dtype, device=amounts.device).expand_as(factor)
        whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
        seen = torch.cat([slope, residual[:, None]], dim=1) @ whitening.transpose(1, 2)
        white, seen = seen[:, -1], seen[:, :-1]
        energy = 0.5 * white.square().sum(dim=1) + _half_log_det(factor, variance)
        # 2. ∂/∂g_k through Λ: g_k (tr Λ⁻¹Σ_k − rᵀΛ⁻¹Σ_k Λ⁻¹r).
        force = (white[:, None] @ whitening)[:, 0]
        pulled = (force @ self.covariances.permute(1, 0, 2).flatten(1)).reshape(-1, count, size) @ force[:, :, None]
        inverse = whitening.transpose(1, 2) @ whitening
        through = amounts * (inverse.flatten(1) @ self.covariances.flatten(1).T - pulled[:, :, 0])
        gradient = (change @ through[:, :, None] - seen @ white[:, :, None])[:, :, 0]
        # 3. ½ tr(Λ⁻¹ ∂Λ Λ⁻¹ ∂Λ) along g_k and g_l: 2 g_k g_l |L_kᵀΛ⁻¹L_l|², rank by rank.
        varied = (whitening.reshape(-1, size) @ widest.permute(1, 2, 0).flatten(1)).reshape(-1, size, rank * count)
        squares = (varied.transpose(1, 2) @ varied).square_().reshape(-1, rank, count, rank * count).sum(dim=1)
        summed = torch.eye(count, dtype=squares.dtype, device=squares.device).repeat(rank, 1)
        scaled = change * amounts[:, None, :]
        curvature = 2 * scaled @ (squares @ summed) @ scaled.transpose(1, 2)
        return Quadratic(energy, gradient, seen @ seen.transpose(1, 2) + curvature)


def _half_log_det(factor: Tensor, variance: float) -> Tensor:
    """(N,) ½ log |Λ|/σ²ᴷ from Λ's Cholesky ``factor`` (N, K, K)."""
    return (factor.diagonal(dim1=1, dim2=2) / math.sqrt(variance)).log().sum(dim=1)
