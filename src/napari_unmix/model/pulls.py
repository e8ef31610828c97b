"""What a region prior says of pixels, pixels last: its energy, gradient and Hessian in log-ratios, for ``columns``.

A pixel of known u has its region's law; where no pixel's u is known, all have the mixture over the regions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from napari_unmix.model.priors.base import RegionPrior
from napari_unmix.model.priors.dirichlet import DirichletMixture, RegionDirichlet
from napari_unmix.model.priors.logistic_normal import NormalMixture, RegionLogisticNormal
from napari_unmix.model.small import packed, times


class Pull(Protocol):
    """What a region prior says of n pixels of given u."""

    def of(self, index: Tensor) -> Self:
        """Some of the pixels."""
        ...

    def energy(self, z: Tensor, log_abundances: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) −log density with respect to z (D, n), and what the slopes there need, (·, n)."""
        ...

    def slopes(self, z: Tensor, abundances: Tensor, kept: Tensor) -> Slopes:
        """Gradient in z (D, n), and the Hessian: in z, packed, and as the c of c VᵀCV (n,)."""
        ...


class Slopes(NamedTuple):
    gradient: Tensor
    hessian: Tensor | None
    concentration: Tensor | None


@dataclass(frozen=True, eq=False)
class _DirichletPull:
    """α (P, n) and log-normaliser (n,) of each pixel's region; pixels of unknown u, at ``hidden``, ask the ``prior``."""

    prior: RegionDirichlet
    basis: Tensor
    alpha: Tensor
    normaliser: Tensor
    regions: Tensor
    hidden: Tensor

    @classmethod
    def made(cls, prior: RegionDirichlet, regions: Tensor, basis: Tensor) -> _DirichletPull:
        index = (regions - 1).clamp_min(0)
        alpha, normaliser = prior.alpha.T[:, index], prior.log_normaliser()[index]
        return cls(prior, basis, alpha, normaliser, regions, _hidden(regions))

    def of(self, index: Tensor) -> _DirichletPull:
        regions = self.regions[index]
        return replace(
            self,
            alpha=self.alpha.index_select(1, index),
            normaliser=self.normaliser[index],
            regions=regions,
            hidden=_hidden(regions),
        )

    def energy(self, z: Tensor, log_abundances: Tensor) -> tuple[Tensor, Tensor]:
        value, alpha = self.normaliser - (self.alpha * log_abundances).sum(dim=0), self.alpha
        if len(self.hidden):
            weighed = self.prior.weighed(log_abundances[:, self.hidden].T, self.regions[self.hidden])
            alpha = alpha.clone()
            value[self.hidden], alpha[:, self.hidden] = -weighed.log_prob, weighed.alpha.T
        return value, alpha

    def slopes(self, z: Tensor, abundances: Tensor, kept: Tensor) -> Slopes:
        return _dirichlet_slopes(self.basis, abundances, kept)


@dataclass(frozen=True, eq=False)
class _DirichletsPull:
    """Where no pixel's u is known: the mixture over all regions, of which no pixel has anything of its own."""

    basis: Tensor
    mixture: DirichletMixture

    def of(self, index: Tensor) -> _DirichletsPull:
        return self

    def energy(self, z: Tensor, log_abundances: Tensor) -> tuple[Tensor, Tensor]:
        value, alpha = self.mixture.weighed(log_abundances)
        return value.neg_(), alpha

    def slopes(self, z: Tensor, abundances: Tensor, kept: Tensor) -> Slopes:
        return _dirichlet_slopes(self.basis, abundances, kept)


def _dirichlet_slopes(basis: Tensor, abundances: Tensor, alpha: Tensor) -> Slopes:
    """Of Dirichlets ``alpha`` (P, n)."""
    total = alpha.sum(dim=0)
    return Slopes(basis.T @ (total * abundances - alpha), None, total)


@dataclass(frozen=True, eq=False)
class _NormalPull:
    """Mean (D, n), packed precision and half its log-determinant (n,) of each pixel's region; pixels of unknown u ask the ``prior``.

    Where there are any of those, ``unknown``, each pixel keeps a Hessian of its own.
    """

    prior: RegionLogisticNormal
    mean: Tensor
    precision: Tensor
    constant: Tensor
    regions: Tensor
    hidden: Tensor
    unknown: bool

    @classmethod
    def made(cls, prior: RegionLogisticNormal, regions: Tensor) -> _NormalPull:
        index = (regions - 1).clamp_min(0)
        precision, log_det = prior.precision()
        constant = 0.5 * (log_det + prior.mean.shape[1] * math.log(2 * math.pi))
        hidden = _hidden(regions)
        return cls(
            prior,
            prior.mean.T[:, index],
            packed(precision)[:, index],
            constant[index],
            regions,
            hidden,
            unknown=len(hidden) > 0,
        )

    def of(self, index: Tensor) -> _NormalPull:
        regions = self.regions[index]
        return replace(
            self,
            mean=self.mean.index_select(1, index),
            precision=self.precision.index_select(1, index),
            constant=self.constant[index],
            regions=regions,
            hidden=_hidden(regions),
        )

    def energy(self, z: Tensor, log_abundances: Tensor) -> tuple[Tensor, Tensor]:
        centred = z - self.mean
        pulled = times(self.precision, centred)
        value = self.constant + 0.5 * (pulled * centred).sum(dim=0)
        if not self.unknown:
            return value, pulled
        # What slopes need of a pixel of unknown u: gradient, and Hessian as well.
        found = self.prior.quadratic(z[:, self.hidden].T, self.regions[self.hidden])
        value[self.hidden], pulled[:, self.hidden] = found.energy, found.gradient.T
        hessian = self.precision.clone()
        hessian[:, self.hidden] = packed(found.hessian)
        return value, torch.cat([pulled, hessian])

    def slopes(self, z: Tensor, abundances: Tensor, kept: Tensor) -> Slopes:
        size = len(z)
        return Slopes(kept[:size], kept[size:] if len(kept) > size else self.precision, None)


@dataclass(frozen=True, eq=False)
class _NormalsPull:
    """The same of logistic-normals."""

    mixture: NormalMixture

    def of(self, index: Tensor) -> _NormalsPull:
        return self

    def energy(self, z: Tensor, log_abundances: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient, hessian = self.mixture.quadratic(z)
        return value, torch.cat([gradient, hessian])

    def slopes(self, z: Tensor, abundances: Tensor, kept: Tensor) -> Slopes:
        return Slopes(kept[: len(z)], kept[len(z) :], None)


def _hidden(regions: Tensor) -> Tensor:
    """Indices of pixels of unknown u."""
    return torch.nonzero(regions == 0)[:, 0]


def pull_of(prior: RegionPrior, regions: Tensor, basis: Tensor) -> Pull:
    """The pull on pixels of u ``regions`` (n,), 0 = unknown; ``basis`` (P, D) makes centred log-ratios of z."""
    known = bool((regions > 0).any())
    if isinstance(prior, RegionDirichlet):
        return _DirichletPull.made(prior, regions, basis) if known else _DirichletsPull(basis, prior.mixture())
    assert isinstance(prior, RegionLogisticNormal)
    return _NormalPull.made(prior, regions) if known else _NormalsPull(prior.mixture())
