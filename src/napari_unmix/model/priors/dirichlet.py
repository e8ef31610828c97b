"""Distributions on the simplex, in the log-ratio coordinates in which inference works.

z ∈ R^{P−1} are isometric log-ratio coordinates (Egozcue et al. 2003): log a = V z − logsumexp(V z), V (P, P−1) Helmert's basis. The
Dirichlet's density with respect to dz is ∏ a_j^{α_j} / B(α): the Jacobian of a(z) supplies one power of every a_j (up to a constant √P).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def helmert(size: int, *, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor:
    """(P, P−1) orthonormal columns that sum to zero; one tensor for all callers, not to be written to."""
    basis = torch.zeros(size, size - 1, dtype=dtype)
    for column in range(1, size):
        basis[:column, column - 1] = 1.0
        basis[column, column - 1] = -float(column)
        basis[:, column - 1] /= (column * (column + 1)) ** 0.5
    return basis.to(device)


def softmax_slope(abundances: Tensor, basis: Tensor) -> Tensor:
    """(N, P, P−1) derivative of a with respect to z: C V with C = diag a − aaᵀ."""
    return abundances[:, :, None] * (basis - (abundances @ basis)[:, None, :])


@dataclass(frozen=True, eq=False)
class Moments:
    """What the M-step of a region prior needs of N pixels' posterior: mode ``z`` (N, P−1) and ``covariance`` (N, P−1, P−1)."""

    z: Tensor
    covariance: Tensor

    def mean_log(self) -> Tensor:
        """(N, P) posterior mean of log a, to second order."""
        basis = helmert(self.z.shape[1] + 1, dtype=self.z.dtype, device=self.z.device)
        log_abundances = torch.log_softmax(self.z @ basis.T, dim=1)
        # log a_j is linear in z but for the common log-sum-exp, whose curvature is Vᵀ C V.
        curvature = torch.einsum("pd,npe->nde", basis, softmax_slope(log_abundances.exp(), basis))
        return log_abundances - 0.5 * (curvature * self.covariance).sum(dim=(1, 2))[:, None]


class RegionPrior(Protocol):
    """p(z | u) of every region u = 1 … R, and their mixture where u is unknown (0)."""

    @property
    def parameters_per_region(self) -> int: ...

    def log_density(self, z: Tensor, regions: Tensor) -> Tensor:
        """(N,) log density with respect to z (N, P−1), differentiable."""
        ...

    def parts(self, z: Tensor, regions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """−log density (N,), its gradient (N, d), and a positive semi-definite Hessian (N, d, d)."""
        ...

    def updated(self, moments: Moments, regions: Tensor) -> RegionPrior:
        """The M-step from the posterior's moments of pixels with u (N,)."""
        ...

    def concentrations(self) -> Tensor:
        """(R, P) α of the Dirichlet, or of the Dirichlet that has the same moments."""
        ...

    def saved(self) -> dict[str, Tensor]:
        """Parameters by name."""
        ...


@dataclass(frozen=True, eq=False)
class RegionDirichlet:
    """p(a | u) = Dir(α(u)) for u = 1 … R, and the mixture Σ_r π_r Dir(α_r) where u is unknown (0).

    ``log_alpha`` (R, P), ``log_weights`` (R,) log π: −∞ for a region that unknown pixels can't belong to. ``centre`` (R, P) and ``strength`` (R, 1)
    are where log α is drawn to, and by how many pixels' worth.
    """

    log_alpha: Tensor
    log_weights: Tensor
    centre: Tensor | None = None
    strength: Tensor | None = None

    @property
    def alpha(self) -> Tensor:
        """(R, P) concentrations."""
        return self.log_alpha.exp()

    @property
    def parameters_per_region(self) -> int:
        return self.log_alpha.shape[1]

    def concentrations(self) -> Tensor:
        """(R, P) α."""
        return self.alpha

    def log_normaliser(self) -> Tensor:
        """(R,) log of the integral of ∏ a_j^{α_j} dz: log B(α), and the constant √P of the coordinates."""
        alpha = self.alpha
        return torch.lgamma(alpha).sum(dim=1) - torch.lgamma(alpha.sum(dim=1)) - 0.5 * math.log(alpha.shape[1])

    def log_prob(self, log_abundances: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Log density with respect to z (N,) and the α (N, P) of its gradient, for log a (N, P) and u (N,), 0 = unknown.

        For unknown u the gradient's α is the posterior mean of α over the regions.
        """
        alpha, normaliser = self.alpha, self.log_normaliser()
        known = regions > 0
        index = (regions - 1).clamp_min(0)
        effective = alpha[index]
        value = (effective * log_abundances).sum(dim=1) - normaliser[index]
        if not bool(known.all()):
            hidden = ~known
            joint = log_abundances[hidden] @ alpha.T - normaliser + self.log_weights
            total = torch.logsumexp(joint, dim=1)
            value = value.clone()
            effective = effective.clone()
            value[hidden] = total
            effective[hidden] = (joint - total[:, None]).exp() @ alpha
        return value, effective

    def log_density(self, z: Tensor, regions: Tensor) -> Tensor:
        """(N,) log density with respect to z."""
        basis = helmert(z.shape[1] + 1, dtype=z.dtype, device=z.device)
        return self.log_prob(torch.log_softmax(z @ basis.T, dim=1), regions)[0]

    def parts(self, z: Tensor, regions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """−log density, gradient and Hessian; for unknown u without the Hessian's part from the spread of α, which may be negative."""
        basis = helmert(z.shape[1] + 1, dtype=z.dtype, device=z.device)
        log_abundances = torch.log_softmax(z @ basis.T, dim=1)
        abundances = log_abundances.exp()
        value, alpha = self.log_prob(log_abundances, regions)
        total = alpha.sum(dim=1, keepdim=True)
        hessian = total[:, :, None] * torch.einsum("pd,npe->nde", basis, softmax_slope(abundances, basis))
        return -value, -(alpha - total * abundances) @ basis, hessian

    def gather(self, mean_log: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Expected pixels (R,) and sums of log a (R, P) of every region, for log a (N, P) and u (N,).

        A pixel of unknown u counts in every region by p(u | a). Known pixels are added where they belong: a dense (N, R) table of a large
        scene with thousands of segments would not fit in memory.
        """
        known = regions > 0
        counts, sums = sums_by_region(mean_log[known], regions[known], len(self.log_alpha))
        for hidden in torch.split(torch.nonzero(~known)[:, 0], HIDDEN_AT_ONCE):
            joint = mean_log[hidden] @ self.alpha.T - self.log_normaliser() + self.log_weights
            shares = torch.softmax(joint, dim=1)
            counts, sums = counts + shares.sum(dim=0), sums + shares.T @ mean_log[hidden]
        return counts, sums

    def updated(self, moments: Moments, regions: Tensor) -> RegionDirichlet:
        """Maximum likelihood from the posterior means of log a (Minka 2000)."""
        counts, sums = self.gather(moments.mean_log(), regions)
        counts = counts.clamp_min(1e-9)
        log_alpha = fit_dirichlet(sums / counts[:, None], counts, self.log_alpha, self.centre, self.strength)
        return replace(self, log_alpha=log_alpha, log_weights=reweighted(self.log_weights, counts))

    def saved(self) -> dict[str, Tensor]:
        """Parameters by name."""
        return {"log_alpha": self.log_alpha, "log_weights": self.log_weights}


def reweighted(log_weights: Tensor, counts: Tensor) -> Tensor:
    """(R,) log of the regions' shares by their pixels; a region that unknown pixels can't belong to stays so."""
    shares = torch.where(torch.isfinite(log_weights), counts, torch.zeros_like(counts))
    return (shares / shares.sum()).log()


# Pixels of unknown u are weighed against all regions this many at a time.
HIDDEN_AT_ONCE = 20_000


def sums_by_region(values: Tensor, regions: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Pixels (R,) and sums (R, P) of values (N, P) in the regions 1 … R."""
    counts = torch.bincount(regions - 1, minlength=count).to(values.dtype)
    sums = torch.zeros(count, values.shape[1], dtype=values.dtype, device=values.device)
    return counts, sums.index_add_(0, regions - 1, values)


# α is drawn towards this value by a Gaussian on log α worth one pixel, which keeps a region where a material is absent finite.
TYPICAL_ALPHA = 3.0


def fit_dirichlet(
    mean_log: Tensor,
    counts: Tensor,
    log_alpha: Tensor,
    centre: Tensor | None = None,
    strength: Tensor | None = None,
    iterations: int = 30,
) -> Tensor:
    """Maximise Σ n [Σ_j α_j s_j − log B(α)] − ½λ|log α − centre|² over log α, by damped Newton (Minka 2000), all regions at once.

    Parameters
    ----------
    mean_log : (R, P) s = mean of log a
    counts : (R,) n
    log_alpha : (R, P) start
    centre : (R, P), log 3 where not given
    strength : (R, 1) λ, one pixel's worth where not given

    Returns
    -------
    (R, P) log α
    """
    centre = torch.full_like(log_alpha, math.log(TYPICAL_ALPHA)) if centre is None else centre
    strength = torch.ones_like(log_alpha[:, :1]) if strength is None else strength
    counts = counts[:, None]

    def objective(x: Tensor) -> Tensor:
        alpha = x.exp()
        normaliser = torch.lgamma(alpha).sum(1) - torch.lgamma(alpha.sum(1))
        return counts[:, 0] * (normaliser - (alpha * mean_log).sum(1)) + 0.5 * (strength * (x - centre) ** 2).sum(1)

    value = objective(log_alpha)
    for _ in range(iterations):
        alpha = log_alpha.exp()
        total = alpha.sum(1, keepdim=True)
        slope = torch.digamma(alpha) - torch.digamma(total) - mean_log
        gradient = counts * alpha * slope + strength * (log_alpha - centre)
        curvature = counts[:, :, None] * (
            torch.diag_embed(alpha**2 * torch.polygamma(1, alpha))
            - torch.polygamma(1, total)[:, :, None] * alpha[:, :, None] * alpha[:, None, :]
        )
        # The part of the second derivative that may be negative is kept only where it is positive: the step stays a descent.
        curvature = curvature + torch.diag_embed(strength + (counts * alpha * slope).clamp_min(0.0))
        step = torch.linalg.solve(curvature, gradient[..., None])[..., 0]
        step = step * (1.5 / step.norm(dim=1, keepdim=True).clamp_min(1.5))
        length = torch.ones_like(counts)
        for _ in range(6):
            trial = log_alpha - length * step
            trial_value = objective(trial)
            worse = trial_value > value + 1e-12
            if not bool(worse.any()):
                break
            length = torch.where(worse[:, None], 0.3 * length, length)
        log_alpha = torch.where(worse[:, None], log_alpha, trial)
        value = torch.where(worse, value, trial_value)
        if float((step * length).abs().max()) < 1e-7:
            break
    return log_alpha
