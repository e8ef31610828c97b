"""The E-step: damped Gauss–Newton to each pixel's posterior mode in log-ratio coordinates, and the Laplace posterior there.

All pixels are solved together; derivatives are in closed form (theory: "Coordinates, inference, noise"). Where mixing is linear and spectra do
not vary, ``columns`` takes the same steps several times sooner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_unmix.model.columns import Limits, is_solved_in_columns, mode_in_columns
from napari_unmix.model.data import Data
from napari_unmix.model.law import Model, quadratic
from napari_unmix.model.priors.base import Moments, Quadratic
from napari_unmix.model.small import (
    MOST_UNKNOWNS,
    factored,
    half_log_determinants,
    inverted,
    packed,
    unpacked,
)
from napari_unmix.wanted import still_wanted

_FARTHEST = 25.0  # |z| beyond which an abundance is zero to double precision
_LONGEST_STEP = 2.0
_LEAST_FALL = 1e-7  # nats: a pixel whose step gains less is done
# Where spectra vary, the expected Hessian's steps shrink slowly: these last ones cost a quarter and move abundances by 0.0003 (rms).
_LEAST_FALL_VARIED = 1e-4
_SHORTENINGS = 5
# Gauss–Newton steps where a pixel is to end at its mode.
TO_THE_MODE = 20


@dataclass(frozen=True, eq=False)
class Posterior:
    """Laplace approximation of N pixels.

    ``latents`` (N, D) at the mode. ``hessian`` (N, D, D). ``energy`` (N,): −log p(x, latents | u) at the mode up to the noise's constant.
    """

    latents: Tensor
    hessian: Tensor
    energy: Tensor

    @property
    def evidence(self) -> Tensor:
        """(N,) log p(x | u) ≈ −energy − ½ log|H| + ½D log 2π, up to the constant of the noise."""
        dimension = self.latents.shape[1]
        if dimension <= MOST_UNKNOWNS:
            half_log_det = half_log_determinants(factored(packed(self.hessian)))
        else:
            factor: Tensor = torch.linalg.cholesky_ex(self.hessian)[0]
            half_log_det = factor.diagonal(dim1=1, dim2=2).clamp_min(1e-150).log().sum(dim=1)
        return -self.energy - half_log_det + 0.5 * dimension * math.log(2 * math.pi)

    def covariance(self) -> Tensor:
        """(N, D, D)."""
        if self.latents.shape[1] <= MOST_UNKNOWNS:
            return unpacked(inverted(factored(packed(self.hessian))))
        inverse: Tensor = torch.linalg.inv(self.hessian)
        return inverse

    def of(self, rows: Tensor) -> Posterior:
        """Of the pixels ``rows`` (n,) alone."""
        return Posterior(self.latents[rows], self.hessian[rows], self.energy[rows])

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


def e_step(model: Model, latents: Tensor, data: Data, rows: Tensor, iterations: int = TO_THE_MODE) -> Posterior:
    """The posterior of the pixels ``rows`` (n,), searched from where their ``latents`` (N, D) are."""
    with torch.no_grad():
        return solve(latents[rows], data.scores[rows], data.regions[rows], model, iterations)


def solve(
    latents: Tensor,
    scores: Tensor,
    regions: Tensor,
    model: Model,
    iterations: int = TO_THE_MODE,
    tolerance: float = 1e-5,
) -> Posterior:
    """Damped Gauss–Newton from ``latents`` (N, D) for scores (N, K) and u (N,): every accepted step lowers its pixel's energy."""
    if not is_solved_in_columns(model):
        return solve_any(latents, scores, regions, model, iterations, tolerance)
    limits = Limits(iterations, tolerance, _LEAST_FALL, _LONGEST_STEP, _FARTHEST, _SHORTENINGS)
    return Posterior(*mode_in_columns(latents, scores, regions, model, limits))


def solve_any(
    latents: Tensor,
    scores: Tensor,
    regions: Tensor,
    model: Model,
    iterations: int = TO_THE_MODE,
    tolerance: float = 1e-5,
) -> Posterior:
    """The same for every law, pixels first."""
    least = _LEAST_FALL if model.variation is None else _LEAST_FALL_VARIED
    here = quadratic(latents, scores, regions, model)
    latents, active = latents.clone(), torch.arange(len(latents), device=latents.device)
    for _ in range(iterations):
        # 1. A step of every pixel that still moves, none longer than the prior's scale.
        step = torch.linalg.solve(here.hessian[active], here.gradient[active][..., None])[..., 0]
        step = step * (_LONGEST_STEP / step.norm(dim=1, keepdim=True).clamp_min(_LONGEST_STEP))
        # 2. Shorter for those whose energy would rise.
        pending, length, before = torch.arange(len(active), device=active.device), 1.0, here.energy[active]
        for _ in range(_SHORTENINGS):
            still_wanted()
            rows = active[pending]
            trial = (latents[rows] - length * step[pending]).clamp(-_FARTHEST, _FARTHEST)
            there = quadratic(trial, scores[rows], regions[rows], model)
            better = there.energy <= here.energy[rows] + 1e-9
            latents[rows[better]] = trial[better]
            _accept(here, there, rows, better)
            pending, length = pending[~better], 0.3 * length
            if not len(pending):
                break
        # 3. Who is done stays.
        moving = (step.norm(dim=1) > tolerance) & (before - here.energy[active] > least)
        moving[pending] = False  # no shorter step helps: at the mode to working precision
        active = active[moving]
        if not len(active):
            break
    return Posterior(latents, here.hessian, here.energy)


def _accept(here: Quadratic, there: Quadratic, rows: Tensor, better: Tensor) -> None:
    """Write what was found at the ``better`` ones of ``rows`` over what was there."""
    for held, new in zip(here, there, strict=True):
        held[rows[better]] = new[better]
