"""The logistic-normal region prior (Aitchison & Shen 1980): z | u ~ N(μ(u), Σ(u)) with a full covariance, in isometric log-ratio coordinates.

A full covariance keeps the class closed under relabelling of the materials: permuting them rotates z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from napari_unmix.model.logratio import basis_of
from napari_unmix.model.priors.base import HIDDEN_AT_ONCE, Moments, Quadratic, reweighted, sums_by_region
from napari_unmix.model.small import packed, places, times

# A region's covariance is drawn towards the pooled one by P + 1 pixels' worth, its mean towards the overall mean by one.
_MEAN_PIXELS = 1.0
# Least variance of a log-ratio: under it a region's abundances are equal to a per cent.
_LEAST_VARIANCE = 1e-4


class NormalMixture(NamedTuple):
    """Σ_r π_r N(μ_r, Σ_r) of log-ratios: Σ⁻¹ packed (R, d (d + 1) / 2), Σ⁻¹μ (R, d), and ``constant`` (R,), what of the logarithm knows no z."""

    precision: Tensor
    pulled: Tensor
    constant: Tensor

    def quadratic(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """−log density (n,) of z (d, n), its gradient (d, n) and packed Hessian: what ``RegionLogisticNormal.quadratic`` has, pixels last."""
        rows, columns = places(len(z))
        half = torch.tensor([-0.5 if row == column else -1.0 for row, column in zip(rows, columns, strict=True)])
        joint = (self.precision * half.to(z)) @ (z[rows] * z[columns])
        joint += self.pulled @ z
        joint += self.constant[:, None]
        largest = joint.amax(dim=0)
        shares = joint.sub_(largest).exp_()
        total = shares.sum(dim=0)
        shares /= total
        hessian = self.precision.T @ shares
        return -(largest + total.log()), times(hessian, z) - self.pulled.T @ shares, hessian


@dataclass(frozen=True, eq=False)
class RegionLogisticNormal:
    """``mean`` (R, d), ``covariance`` (R, d, d), ``log_weights`` (R,) log π; ``lean`` (R, d) and ``strength`` (R,): where a region's mean is
    drawn to, and by how many pixels' worth (0: towards the overall mean, by one)."""

    mean: Tensor
    covariance: Tensor
    log_weights: Tensor
    lean: Tensor
    strength: Tensor

    @classmethod
    def from_moments(
        cls, moments: Moments, regions: Tensor, log_weights: Tensor, lean: Tensor, strength: Tensor
    ) -> RegionLogisticNormal:
        """The law with the moments (N,) of pixels with u (N,); where no u is known, one broad law for every region."""
        count, size = len(log_weights), moments.z.shape[1]
        centred = moments.z - moments.z.mean(dim=0)
        pooled = centred.T @ centred / len(centred) + moments.covariance.mean(dim=0)
        broad = cls(
            moments.z.mean(dim=0).expand(count, size),
            pooled.expand(count, size, size) + _LEAST_VARIANCE * torch.eye(size).to(pooled),
            log_weights,
            lean,
            strength,
        )
        return broad.m_step(moments, regions)

    @property
    def parameters_per_region(self) -> int:
        size = self.mean.shape[1]
        return size + size * (size + 1) // 2

    def _joint(self, z: Tensor) -> Tensor:
        """(N, R) log π_r + log N(z; μ_r, Σ_r)."""
        precision, log_det = self.precision()
        pulled = torch.einsum("rde,re->rd", precision, self.mean)
        outer = (z[:, :, None] * z[:, None, :]).flatten(1)
        quadratic = outer @ precision.flatten(1).T - 2 * z @ pulled.T + (pulled * self.mean).sum(dim=1)
        return self.log_weights - 0.5 * (quadratic + log_det + z.shape[1] * math.log(2 * math.pi))

    def precision(self) -> tuple[Tensor, Tensor]:
        """(R, d, d) Σ⁻¹ and (R,) log|Σ|."""
        precision: Tensor = torch.linalg.inv(self.covariance)
        log_det: Tensor = torch.linalg.slogdet(self.covariance)[1]
        return precision, log_det

    def log_prob(self, z: Tensor, regions: Tensor) -> Tensor:
        """(N,) log density with respect to z (N, d) for u (N,), 0 = unknown."""
        return -self.quadratic(z, regions).energy

    def mixture(self) -> NormalMixture:
        """What unknown u is drawn from."""
        precision, log_det = self.precision()
        pulled = torch.einsum("rde,re->rd", precision, self.mean)
        apart = (pulled * self.mean).sum(dim=1) + log_det + self.mean.shape[1] * math.log(2 * math.pi)
        return NormalMixture(packed(precision).T.contiguous(), pulled, self.log_weights - 0.5 * apart)

    def quadratic(self, z: Tensor, regions: Tensor) -> Quadratic:
        """Exact where u is known; for unknown u the Hessian is the mean of the regions' precisions by p(u | z)."""
        precision, log_det = self.precision()
        index = (regions - 1).clamp_min(0)
        centred = z - self.mean[index]
        hessian = precision[index]
        gradient = torch.einsum("nde,ne->nd", hessian, centred)
        energy = 0.5 * ((gradient * centred).sum(dim=1) + log_det[index] + z.shape[1] * math.log(2 * math.pi))
        hidden = regions == 0
        if bool(hidden.any()):
            energy, gradient, hessian = energy.clone(), gradient.clone(), hessian.clone()
            joint = self._joint(z[hidden])
            total = torch.logsumexp(joint, dim=1)
            shares = (joint - total[:, None]).exp()
            pulled = torch.einsum("rde,re->rd", precision, self.mean)
            energy[hidden] = -total
            mixed = (shares @ precision.flatten(1)).reshape(-1, *precision.shape[1:])
            hessian[hidden] = mixed
            gradient[hidden] = torch.einsum("nde,ne->nd", mixed, z[hidden]) - shares @ pulled
        return Quadratic(energy, gradient, hessian)

    def m_step(self, moments: Moments, regions: Tensor) -> RegionLogisticNormal:
        """EM's M-step from the posterior's means and covariances; small regions borrow the pooled covariance."""
        size, count = self.mean.shape[1], len(self.log_weights)
        # 1. Every region's pixels, and sums of z and of E[zzᵀ]; a pixel of unknown u counts in every region by p(u | z).
        values = torch.cat(
            [moments.z, (moments.z[:, :, None] * moments.z[:, None, :] + moments.covariance).flatten(1)], 1
        )
        known = regions > 0
        counts, sums = sums_by_region(values[known], regions[known], count)
        for hidden in torch.split(torch.nonzero(~known)[:, 0], HIDDEN_AT_ONCE):
            shares = torch.softmax(self._joint(moments.z[hidden]), dim=1)
            counts, sums = counts + shares.sum(dim=0), sums + shares.T @ values[hidden]
        # 2. The means, drawn to where a region leans or to the overall mean.
        leaning = self.strength[:, None] > 0
        overall = sums[:, :size].sum(dim=0) / counts.sum()
        towards = torch.where(leaning, self.lean, overall)
        pull = torch.where(leaning, self.strength[:, None], torch.full_like(self.strength[:, None], _MEAN_PIXELS))
        mean = (sums[:, :size] + pull * towards) / (counts[:, None] + pull)
        # 3. The covariances about them, drawn to the pooled one.
        cross = sums[:, :size, None] * mean[:, None, :]
        scatter = sums[:, size:].reshape(-1, size, size) - cross - cross.transpose(1, 2)
        scatter = scatter + counts[:, None, None] * mean[:, :, None] * mean[:, None, :]
        pooled = scatter.sum(dim=0) / counts.sum()
        borrowed = size + 2.0
        covariance = (scatter + borrowed * pooled) / (counts + borrowed)[:, None, None]
        covariance = 0.5 * (covariance + covariance.transpose(1, 2)) + _LEAST_VARIANCE * torch.eye(size).to(pooled)
        return replace(self, mean=mean, covariance=covariance, log_weights=reweighted(self.log_weights, counts))

    def concentrations(self) -> Tensor:
        """(R, P) α of the Dirichlet with the same mean abundances and the same total variance, by quadrature over the law."""
        size = self.mean.shape[1]
        basis = basis_of(self.mean, size + 1)
        generator = torch.Generator().manual_seed(0)
        normal = torch.randn(256, size, generator=generator, dtype=self.mean.dtype).to(self.mean)
        normal = torch.cat([normal, -normal])
        root = torch.linalg.cholesky(self.covariance)
        draws = self.mean[:, None, :] + torch.einsum("rde,se->rsd", root, normal)
        abundances = torch.softmax(draws @ basis.T, dim=2)
        mean, variance = abundances.mean(dim=1), abundances.var(dim=1, correction=0)
        # Var a_j = p_j (1 − p_j)/(c + 1) for every j: c from their sums.
        total = (mean * (1 - mean)).sum(dim=1) / variance.sum(dim=1).clamp_min(1e-12) - 1
        return total.clamp(1e-3, 1e6)[:, None] * mean

    def logistic_normal(self, moments: Moments, regions: Tensor) -> RegionLogisticNormal:
        """The same law with these moments."""
        return RegionLogisticNormal.from_moments(moments, regions, self.log_weights, self.lean, self.strength)

    def saved(self) -> dict[str, Tensor]:
        """Parameters by name."""
        return {"mean": self.mean, "covariance": self.covariance, "log_weights": self.log_weights}
