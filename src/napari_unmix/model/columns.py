"""The E-step where mixing is linear and spectra do not vary: the same Gauss–Newton, pixels last.

A pixel has a handful of numbers, and a scene many pixels. With pixels last an operation is one run over thousands of them; with pixels first
(``infer``, for every other law) it is thousands of calls on a handful. In centred log-ratios y = Vz the softmax makes of a matrix W = MMᵀ/σ² the
Hessian a_p a_q (W_pq − g_p − g_q + a·g), g = Wa, of which one product makes the Hessian in z (theory: "Gauss–Newton").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from napari_unmix.model.law import Model
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.pulls import Pull, pull_of
from napari_unmix.model.small import MOST_UNKNOWNS, diagonal_places, factored, places, solved, unpacked
from napari_unmix.wanted import still_wanted

# Pixels that are done are left out where fewer than this share still move.
_WORTH_TAKING = 0.75


class Limits(NamedTuple):
    """When a pixel is done and how far it goes: see ``infer``, whose numbers they are."""

    iterations: int
    tolerance: float
    least_fall: float
    longest_step: float
    farthest: float
    shortenings: int


class Mode(NamedTuple):
    """Where pixels ended: ``latents`` (N, D), ``hessian`` (N, D, D) there and ``energy`` (N,)."""

    latents: Tensor
    hessian: Tensor
    energy: Tensor


def is_solved_in_columns(model: Model) -> bool:
    """Whether this law is one of those that are solved here."""
    known = isinstance(model.prior, RegionDirichlet | RegionLogisticNormal)
    linear = isinstance(model.mixing, LinearMixing) and model.variation is None
    return known and linear and model.dimension <= MOST_UNKNOWNS


def mode_in_columns(latents: Tensor, scores: Tensor, regions: Tensor, model: Model, limits: Limits) -> Mode:
    """Damped Gauss–Newton from ``latents`` (N, D) for scores (N, K) and u (N,), as ``infer.solve`` has it."""
    law = _Law.of(model)
    pixels = _Pixels.of_model(model, scores, regions)
    # A copy always: of one latent, the transposed tensor is the same memory.
    every, ended = pixels, latents.T.clone(memory_format=torch.contiguous_format)
    here, active = law.at(ended.clone(), pixels), torch.arange(len(latents), device=latents.device)
    still = torch.ones(len(latents), dtype=torch.bool, device=latents.device)
    for _ in range(limits.iterations):
        # 1. A step of every pixel that still moves, none longer than the prior's scale.
        quadratic = law.slopes(here, pixels)
        step = solved(factored(quadratic.hessian), quadratic.gradient)
        length = _lengths(step)
        step *= still * (limits.longest_step / length.clamp_min(limits.longest_step))
        # 2. Shorter for those whose energy would rise.
        there, stuck = _moved(law, pixels, here, step, limits)
        # 3. Who is done stays, and is left out once that are many.
        still &= (length > limits.tolerance) & (here.energy - there.energy > limits.least_fall)
        still[stuck] = False  # no shorter step helps: at the mode to working precision
        left = torch.nonzero(still)[:, 0]
        if not len(left) or len(left) < _WORTH_TAKING * len(active):
            ended[:, active] = there.latents
            active, pixels, there, still = active[left], pixels.of(left), there.of(left), still[left]
        here = there
        if not len(left):
            break
    ended[:, active] = here.latents
    last = law.at(ended, every)
    return Mode(ended.T.contiguous(), unpacked(law.slopes(last, every).hessian), last.energy)


def _lengths(vectors: Tensor) -> Tensor:
    """(n,) of (D, n). Torch's own norm is slow along the first axis."""
    return (vectors * vectors).sum(dim=0).sqrt()


class _Point(NamedTuple):
    """Where n pixels are: ``latents`` (D, n), ``energy`` (n,), ``abundances`` (P, n), what mixing leaves (K, n), and the prior's own (·, n)."""

    latents: Tensor
    energy: Tensor
    abundances: Tensor
    left: Tensor
    pull: Tensor

    def of(self, index: Tensor) -> _Point:
        return _Point(*(each.index_select(-1, index) for each in self))

    def put(self, index: Tensor, other: _Point) -> None:
        """Write the ``other`` pixels over those at ``index``."""
        for own, new in zip(self, other, strict=True):
            own[..., index] = new


def _moved(law: _Law, pixels: _Pixels, here: _Point, step: Tensor, limits: Limits) -> tuple[_Point, Tensor]:
    """Where the pixels are after their step, or a shorter one; those that no step helps stay, and are told."""
    still_wanted()
    highest = here.energy + 1e-9
    there = law.at((here.latents - step).clamp_(-limits.farthest, limits.farthest), pixels)
    pending, length = torch.nonzero(~(there.energy <= highest))[:, 0], 1.0
    for _ in range(limits.shortenings - 1):
        if not len(pending):
            return there, pending
        still_wanted()
        length *= 0.3
        trial = (here.latents[:, pending] - length * step[:, pending]).clamp_(-limits.farthest, limits.farthest)
        tried = law.at(trial, pixels.of(pending))
        better = tried.energy <= highest[pending]
        there.put(pending[better], tried.of(torch.nonzero(better)[:, 0]))
        pending = pending[~better]
    there.put(pending, here.of(pending))
    return there, pending


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Scores (K, n), the prior's pull, and the shape κ of the light's law and its constant (n,), or empty where light is not free."""

    scores: Tensor
    pull: Pull
    shape: Tensor
    constant: Tensor

    @classmethod
    def of_model(cls, model: Model, scores: Tensor, regions: Tensor) -> _Pixels:
        pull = pull_of(model.prior, regions, model.basis())
        empty = scores.new_zeros(0)
        if model.light is None:
            return cls(scores.T.contiguous(), pull, empty, empty)
        shape = model.light.shape[regions]
        constant = torch.lgamma(shape) - shape * (shape.log() - math.log(model.light.mean))
        return cls(scores.T.contiguous(), pull, shape, constant)

    def of(self, index: Tensor) -> _Pixels:
        lit = len(self.shape) > 0
        return _Pixels(
            self.scores.index_select(1, index),
            self.pull.of(index),
            self.shape[index] if lit else self.shape,
            self.constant[index] if lit else self.constant,
        )


# The law


class _Quadratic(NamedTuple):
    """Gradient (D, n) and packed Hessian (D (D + 1) / 2, n)."""

    gradient: Tensor
    hessian: Tensor


@dataclass(frozen=True, eq=False)
class _Law:
    """The model's constants.

    ``basis`` (P, D) V, ``endmembers`` (P, K), ``variance``; ``gram`` (P, P) of the endmembers about their mean over σ²; ``turned``
    (D (D + 1) / 2, P (P + 1) / 2) makes of a packed Hessian in y the one in z; ``mean`` of the light, None where it is not free.
    """

    basis: Tensor
    endmembers: Tensor
    variance: float
    gram: Tensor
    turned: Tensor
    mean: float | None

    @classmethod
    def of(cls, model: Model) -> _Law:
        basis, endmembers = model.basis(), model.mixing.endmembers
        centred = endmembers - endmembers.mean(dim=0)
        rows, columns = places(len(basis))
        into, across = places(basis.shape[1])
        # z_de = Σ_pq V_pd y_pq V_qe: a number off the diagonal of y stands for two.
        both = basis[rows][:, into] * basis[columns][:, across] + basis[columns][:, into] * basis[rows][:, across]
        once = torch.tensor([0.5 if row == column else 1.0 for row, column in zip(rows, columns, strict=True)])
        turned = (both * once.to(both)[:, None]).T.contiguous()
        mean = None if model.light is None else model.light.mean
        return cls(basis, endmembers, model.variance, centred @ centred.T / model.variance, turned, mean)

    def at(self, latents: Tensor, pixels: _Pixels) -> _Point:
        """The pixels at ``latents`` (D, n)."""
        size = self.basis.shape[1]
        z = latents[:size]
        # No latent is further than ``farthest`` from zero, so that nothing overflows.
        log_abundances = self.basis @ z
        abundances = log_abundances.exp()
        total = abundances.sum(dim=0)
        abundances /= total
        log_abundances -= total.log_()
        energy, pull = pixels.pull.energy(z, log_abundances)
        mixed = self.endmembers.T @ abundances
        if self.mean is not None:
            brightness = latents[size].exp()
            energy = energy + pixels.constant + pixels.shape * (brightness / self.mean - latents[size])
            mixed *= brightness
        left = pixels.scores - mixed
        energy = energy + (left * left).sum(dim=0) / (2 * self.variance)
        return _Point(latents, energy, abundances, left, pull)

    def slopes(self, here: _Point, pixels: _Pixels) -> _Quadratic:
        """The energy to second order."""
        size = self.basis.shape[1]
        abundances, brightness = here.abundances, 1.0 if self.mean is None else here.latents[size].exp()
        own = pixels.pull.slopes(here.latents[:size], abundances, here.pull)
        # 1. The spectrum's pull on every material, and the simplex's curvature of it.
        pulled = self.endmembers @ here.left
        pulled *= brightness / self.variance
        gradient = own.gradient - self.basis.T @ (abundances * (pulled - (abundances * pulled).sum(dim=0)))
        hessian = self.turned @ self._in_ratios(abundances, brightness, own.concentration)
        if own.hessian is not None:
            hessian += own.hessian
        if self.mean is not None:
            gradient, hessian = self._lit(here, pixels, gradient, hessian)
        # 2. A ridge against rounding.
        diagonal = hessian[diagonal_places(len(gradient))]
        hessian[diagonal_places(len(gradient))] = diagonal + 1e-9 * (1 + diagonal.mean(dim=0))
        return _Quadratic(gradient, hessian)

    def _in_ratios(self, abundances: Tensor, brightness: Tensor | float, concentration: Tensor | None) -> Tensor:
        """The packed Hessian (P (P + 1) / 2, n) in y of the spectrum, and of a Dirichlet of this Σα."""
        size, count = abundances.shape
        # a_p a_q (W_pq − v_p − v_q), v = g − a·g / 2; the Dirichlet's is −Σα a_p a_q, and Σα a_p on the diagonal.
        half = self.gram @ abundances
        half -= 0.5 * (abundances * half).sum(dim=0)
        square = brightness * brightness
        half *= square
        if concentration is not None:
            half += 0.5 * concentration
        hessian, begin = abundances.new_empty(size * (size + 1) // 2, count), 0
        for column in range(size):
            own = hessian[begin : begin + size - column]
            torch.sub(self.gram[column:, column, None] * square, half[column:], out=own)
            own -= half[column]
            own *= abundances[column:]
            own *= abundances[column]
            if concentration is not None:
                own[0].addcmul_(concentration, abundances[column])
            begin += size - column
        return hessian

    def _lit(self, here: _Point, pixels: _Pixels, gradient: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient and packed Hessian with log s as the last latent."""
        size = self.basis.shape[1]
        assert self.mean is not None
        lit = pixels.scores - here.left  # s·aM
        brightness = here.latents[size].exp()
        relative = brightness / self.mean
        slope = pixels.shape * (relative - 1) - (lit * here.left).sum(dim=0) / self.variance
        own = pixels.shape * relative + (lit * lit).sum(dim=0) / self.variance
        # How log s and each material share the spectrum: s² a_p (M_p − aM)·aM / σ².
        along = self.endmembers @ lit
        along *= brightness / self.variance
        across = self.basis.T @ (here.abundances * (along - (here.abundances * along).sum(dim=0)))
        whole = hessian.new_empty(len(hessian) + size + 1, hessian.shape[1])
        begin = place = 0
        for column in range(size):  # every column is one longer
            count = size - column
            whole[begin : begin + count] = hessian[place : place + count]
            whole[begin + count] = across[column]
            begin, place = begin + count + 1, place + count
        whole[begin] = own
        return torch.cat([gradient, slope[None]]), whole
