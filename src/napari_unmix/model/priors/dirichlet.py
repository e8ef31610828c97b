"""The Dirichlet region prior (theory M1): p(a | u) = Dir(α(u)).

The Dirichlet's density with respect to dz is √P ∏ a_j^{α_j} / B(α): the Jacobian of a(z) supplies one power of every a_j.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from napari_unmix.model.logratio import basis_of, softmax_slope
from napari_unmix.model.priors.base import (
    HIDDEN_AT_ONCE,
    Moments,
    Quadratic,
    RegionSums,
    reweighted,
    sums_by_region,
)
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal

# α is drawn towards this value by a Gaussian on log α worth one pixel, which keeps a region where a material is absent finite.
TYPICAL_ALPHA = 3.0


class Weighed(NamedTuple):
    """``log_prob`` (N,) of log abundances, and the ``alpha`` (N, P) of its gradient: for unknown u the mean of α by p(u | a)."""

    log_prob: Tensor
    alpha: Tensor


class DirichletMixture(NamedTuple):
    """Σ_r π_r Dir(α_r) of log-ratios: ``alpha`` (R, P), and ``constant`` (R,), log π less the log-normaliser."""

    alpha: Tensor
    constant: Tensor

    def weighed(self, log_abundances: Tensor) -> tuple[Tensor, Tensor]:
        """Log density (n,) with respect to z and the α (P, n) of its gradient, of log a (P, n): what ``RegionDirichlet.weighed`` has, pixels last."""
        joint = self.alpha @ log_abundances
        joint += self.constant[:, None]
        largest = joint.amax(dim=0)
        joint.sub_(largest).exp_()
        total = joint.sum(dim=0)
        alpha = self.alpha.T @ joint
        return largest.add_(total.log()), alpha.div_(total)


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

    def mixture(self) -> DirichletMixture:
        """What unknown u is drawn from."""
        return DirichletMixture(self.alpha, self.log_weights - self.log_normaliser())

    def weighed(self, log_abundances: Tensor, regions: Tensor) -> Weighed:
        """Log density with respect to z, and the α of its gradient, of log a (N, P) with u (N,), 0 = unknown."""
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
        return Weighed(value, effective)

    def log_prob(self, z: Tensor, regions: Tensor) -> Tensor:
        """(N,) log density with respect to z."""
        basis = basis_of(z, z.shape[1] + 1)
        return self.weighed(torch.log_softmax(z @ basis.T, dim=1), regions).log_prob

    def quadratic(self, z: Tensor, regions: Tensor) -> Quadratic:
        """H = c VᵀCV, c = Σα; for unknown u without the part from the spread of α over the regions, which may be negative."""
        basis = basis_of(z, z.shape[1] + 1)
        log_abundances = torch.log_softmax(z @ basis.T, dim=1)
        abundances = log_abundances.exp()
        log_prob, alpha = self.weighed(log_abundances, regions)
        total = alpha.sum(dim=1, keepdim=True)
        hessian = total[:, :, None] * torch.einsum("pd,npe->nde", basis, softmax_slope(abundances, basis))
        return Quadratic(-log_prob, -(alpha - total * abundances) @ basis, hessian)

    def gather(self, mean_log: Tensor, regions: Tensor) -> RegionSums:
        """Expected pixels and sums of log a (N, P) of every region, for u (N,).

        A pixel of unknown u counts in every region by p(u | a). Known pixels are added where they belong: a dense (N, R) table of a large
        scene with thousands of segments would not fit in memory.
        """
        known = regions > 0
        counts, sums = sums_by_region(mean_log[known], regions[known], len(self.log_alpha))
        for hidden in torch.split(torch.nonzero(~known)[:, 0], HIDDEN_AT_ONCE):
            joint = mean_log[hidden] @ self.alpha.T - self.log_normaliser() + self.log_weights
            shares = torch.softmax(joint, dim=1)
            counts, sums = counts + shares.sum(dim=0), sums + shares.T @ mean_log[hidden]
        return RegionSums(counts, sums)

    def m_step(self, moments: Moments, regions: Tensor) -> RegionDirichlet:
        """Maximum likelihood from the posterior means of log a (Minka 2000)."""
        counts, sums = self.gather(moments.mean_log(), regions)
        counts = counts.clamp_min(1e-9)
        log_alpha = fit_dirichlet(sums / counts[:, None], counts, self.log_alpha, self.centre, self.strength)
        return replace(self, log_alpha=log_alpha, log_weights=reweighted(self.log_weights, counts))

    def logistic_normal(self, moments: Moments, regions: Tensor) -> RegionLogisticNormal:
        """With the posterior's moments; a stroke's region leans to where its Dirichlet leans."""
        centre = self.centre if self.centre is not None else torch.zeros_like(self.log_alpha)
        strength = self.strength[:, 0] if self.strength is not None else torch.ones_like(centre[:, 0])
        # E[log a_j] = ψ(α_j) − ψ(Σα) under the Dirichlet that the stroke leans to.
        lean = torch.digamma(centre.exp()) @ basis_of(centre, centre.shape[1])
        strength = torch.where(strength > 1, strength, torch.zeros_like(strength))
        return RegionLogisticNormal.from_moments(moments, regions, self.log_weights, lean, strength)

    def saved(self) -> dict[str, Tensor]:
        """Parameters by name."""
        return {"log_alpha": self.log_alpha, "log_weights": self.log_weights}


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
        # 1. Newton's step; of the second derivative, a part that may be negative is kept only where it is positive: the step descends.
        alpha = log_alpha.exp()
        total = alpha.sum(1, keepdim=True)
        slope = torch.digamma(alpha) - torch.digamma(total) - mean_log
        gradient = counts * alpha * slope + strength * (log_alpha - centre)
        curvature = counts[:, :, None] * (
            torch.diag_embed(alpha**2 * torch.polygamma(1, alpha))
            - torch.polygamma(1, total)[:, :, None] * alpha[:, :, None] * alpha[:, None, :]
        )
        curvature = curvature + torch.diag_embed(strength + (counts * alpha * slope).clamp_min(0.0))
        step = torch.linalg.solve(curvature, gradient[..., None])[..., 0]
        step = step * (1.5 / step.norm(dim=1, keepdim=True).clamp_min(1.5))
        # 2. Shorter where the objective would rise.
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
