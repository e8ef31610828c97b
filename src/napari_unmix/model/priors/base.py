"""What inference asks of a region prior p(z | u), and what every one of them needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from napari_unmix.model.logratio import basis_of

if TYPE_CHECKING:
    from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal

# Pixels of unknown u are weighed against all regions this many at a time.
HIDDEN_AT_ONCE = 20_000


class Quadratic(NamedTuple):
    """An energy, −log density, to second order at N points: ``energy`` (N,), ``gradient`` (N, D), ``hessian`` (N, D, D), not negative."""

    energy: Tensor
    gradient: Tensor
    hessian: Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """What the M-step of a region prior needs of N pixels' posterior: mode ``z`` (N, P−1) and ``covariance`` (N, P−1, P−1)."""

    z: Tensor
    covariance: Tensor

    def mean_log(self) -> Tensor:
        """(N, P) posterior mean of log a, to second order."""
        basis = basis_of(self.z, self.z.shape[1] + 1)
        log_abundances = torch.log_softmax(self.z @ basis.T, dim=1)
        # log a_j is linear in z but for the common log-sum-exp, whose curvature is VᵀCV = Σ_p a_p V_pᵀV_p − wᵀw, w = aV.
        abundances = log_abundances.exp()
        squares = (basis[:, :, None] * basis[:, None, :]).flatten(1)
        mean = abundances @ basis
        along = (self.covariance @ mean[:, :, None])[:, :, 0]
        bent = ((abundances @ squares) * self.covariance.flatten(1)).sum(dim=1) - (along * mean).sum(dim=1)
        return log_abundances - 0.5 * bent[:, None]


class RegionPrior(Protocol):
    """p(z | u) of every region u = 1 … R, and their mixture where u is unknown (0)."""

    @property
    def parameters_per_region(self) -> int:
        """Free numbers of one region, which the evidence pays for (BIC)."""
        ...

    def log_prob(self, z: Tensor, regions: Tensor) -> Tensor:
        """(N,) log density with respect to z (N, P−1) for u (N,), differentiable."""
        ...

    def quadratic(self, z: Tensor, regions: Tensor) -> Quadratic:
        """−log density to second order; where the exact Hessian may be negative, the part of it that is not."""
        ...

    def m_step(self, moments: Moments, regions: Tensor) -> Self:
        """The prior of highest expected log density, from the posterior's moments of pixels with u (N,)."""
        ...

    def concentrations(self) -> Tensor:
        """(R, P) α of the Dirichlet, or of the Dirichlet that has the same moments."""
        ...

    def logistic_normal(self, moments: Moments, regions: Tensor) -> RegionLogisticNormal:
        """The logistic-normal prior with the posterior's moments, that leans where this prior leans."""
        ...

    def saved(self) -> dict[str, Tensor]:
        """Parameters by name."""
        ...


class RegionSums(NamedTuple):
    """Pixels (R,) that belong to each region, and sums (R, F) of their values."""

    counts: Tensor
    sums: Tensor


def sums_by_region(values: Tensor, regions: Tensor, count: int) -> RegionSums:
    """Of values (N, F) in the regions 1 … R, each pixel counted where it belongs."""
    counts = torch.bincount(regions - 1, minlength=count).to(values.dtype)
    sums = torch.zeros(count, values.shape[1], dtype=values.dtype, device=values.device)
    return RegionSums(counts, sums.index_add_(0, regions - 1, values))


def reweighted(log_weights: Tensor, counts: Tensor) -> Tensor:
    """(R,) log of the regions' shares by their pixels; a region that unknown pixels can't belong to stays so."""
    shares = torch.where(torch.isfinite(log_weights), counts, torch.zeros_like(counts))
    return (shares / shares.sum()).log()
