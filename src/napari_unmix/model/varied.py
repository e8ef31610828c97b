"""From a linear fit to one whose materials' spectra vary: the law learned from pairs of neighbours, and kept where the evidence is for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.model.composed import composed_share, off_the_plane, one_is_missing
from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import e_step
from napari_unmix.model.learn import variation_m_step, with_moved_endmembers
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.nonlinear import WORTH
from napari_unmix.model.pairs import PairedSpectra, beside_light, covariances_from_pairs, telling_subspace
from napari_unmix.model.settle import Steps, kept_if_better, settle
from napari_unmix.model.variation import InBands, Variation
from napari_unmix.model.views import FEWEST_PAIRS, Views
from napari_unmix.rows.simplex import scaled

# Where linear mixing leaves no more than this times the noise, there is nothing to explain.
NOTHING_LEFT = 1.02
# Of what linear mixing leaves beyond noise, products of abundances explain 85 % and more where light is scattered twice, spectra are bent or
# mixtures intimate, and at most 43 % where spectra vary or a material is missing (decision 0027).
OF_THE_MIXING = 0.5
# Steps on single pixels, and the evidence, are of at most so many.
_MOST_PIXELS = 1_500
# Steps of the law on single pixels, for one posterior of them.
_STEPS = 3
# Rounds of expectation and maximisation after each change.
_SETTLING = 2
# Least squares gives exact zeros: starts stand this share inside the simplex.
_INSIDE = 0.02
# Pixels under this share of the median brightness are too dark to be brought to even light.
_DARK = 0.1


@dataclass(frozen=True, eq=False)
class VariationFit:
    """The state that was kept, with its data, how many pairs (or pixels of regions) were read, and evidence per pixel, of noise and with the law."""

    data: Data
    state: State
    kept: bool
    pairs: int
    plain: float
    evidence: float


def may_vary(misfit: float, pairs: int, *, free_light: bool) -> bool:
    """Whether a law of variability is thought of unasked: linear mixing leaves more than noise, and pairs of pixels can say what that is.

    ``free_light`` has taken off most of what varies (decision 0017).
    """
    return not free_light and misfit > NOTHING_LEFT and pairs >= FEWEST_PAIRS


@dataclass(frozen=True)
class Leftover:
    """What a linear fit leaves: the ``share`` of it that follows from composition alone, and whether one ``missing`` material explains the rest."""

    share: float
    missing: bool


def is_of_the_spectra(left: Leftover) -> bool:
    """Whether it is variability that linear mixing leaves: products of abundances explain less than half of it, and one more material not all.

    What a nonlinear mixing or a missing material leaves would be learned as variability, and the fit be called good (decision 0027).
    """
    return left.share < OF_THE_MIXING and not left.missing


def leftover(state: State, spectra: FloatArray, data: Data) -> Leftover:
    """What the linear fit leaves of (N, B) ``spectra``."""
    light, abundances, variance = state.brightness(), state.abundances(), state.model.variance
    endmembers = data.spectra(state.model.mixing.endmembers)
    left, freedom = off_the_plane(spectra, endmembers, free_light=light is not None)
    amounts = abundances if light is None else light[:, None] * abundances
    share = composed_share(left, amounts, abundances, variance, freedom)
    return Leftover(share, one_is_missing(left, endmembers, variance, freedom, NOTHING_LEFT))


def law_is_kept(plain: float, evidence: float) -> bool:
    """Whether a law of this ``evidence`` (nats per pixel) is kept against ``plain`` noise's, on the same scores."""
    return evidence >= plain + WORTH


def fit_variation(data: Data, state: State, spectra: FloatArray, views: Views, held: BoolArray) -> Steps[VariationFit]:
    """Learn how the materials of a settled linear fit of (N, B) ``spectra`` vary, from ``views`` of one composition; ``held`` (P,) ones stay.

    Where abundances sum to one, the pairs' are those of free brightness: what varies has bent them less (decision 0017).
    """
    rows = data.learned_pixels(_MOST_PIXELS)
    # 1. The law from pairs, and the posterior under it.
    endmembers = data.spectra(state.model.mixing.endmembers)
    begun = _begun(state, spectra, endmembers)
    even = _in_even_light(begun, spectra)
    used = views.paired(even.spectra, begun.abundances(), endmembers, even.bright)
    if len(used.squares) < FEWEST_PAIRS:
        return VariationFit(data, state, False, len(used.squares), math.nan, math.nan)
    learned = _learned(data, begun, spectra, used, even.variance)
    settled = yield from settle(learned.state, learned.data, rows, _SETTLING)
    # 2. Steps on single pixels: of the law, and of the endmembers within what they vary by.
    lifted = replace(learned.data, anchor_std=_reach(learned.state, held))
    changes: tuple[Callable[[State, Data, Tensor], State], ...] = (_with_learned_law, with_moved_endmembers)
    for change in changes[: 1 if held.all() else 2]:
        settled = yield from kept_if_better(settled, change(settled.state, lifted, rows), lifted, rows, _SETTLING)
    # 3. Against noise alone, on the same scores.
    alone = replace(state.model, mixing=learned.state.model.mixing)
    plain = yield from settle(State(alone, state.latents), lifted, rows)
    evidence = settled.evidence - law_cost(int((~held).sum()), lifted.anchor.shape, len(rows))
    kept = law_is_kept(plain.evidence, evidence)
    found = (lifted, settled.state) if kept else (data, state)
    return VariationFit(*found, kept, len(used.squares), plain.evidence, evidence)


def law_cost(moved: int, shape: tuple[int, ...], count: int) -> float:
    """Nats per pixel that the law costs, learned from ``count`` pixels: ½ T log n / n (BIC), of P covariances in K scores and ``moved`` endmembers.

    ``shape`` is (P, K).
    """
    size, scores = shape
    numbers = size * scores * (scores + 1) / 2 + moved * scores
    return 0.5 * numbers * math.log(count) / count


def _begun(state: State, spectra: FloatArray, endmembers: FloatArray) -> State:
    """The state whose latents are of abundances with free brightness; as it is where that is free anyway."""
    if state.model.light is not None:
        return state
    abundances = (1 - _INSIDE) * scaled(spectra, endmembers)[0] + _INSIDE / len(endmembers)
    latents = torch.from_numpy(abundances).log().to(state.latents) @ state.model.basis()
    return replace(state, latents=latents)


class _Even(NamedTuple):
    """Spectra (N, B) in even light, their noise's variance, and which pixels (N,) are bright enough to be brought to it."""

    spectra: FloatArray
    variance: float
    bright: BoolArray


def _in_even_light(at: State, spectra: FloatArray) -> _Even:
    """The spectra over their light, in which the noise is a little larger; as they are where light is not free."""
    light = at.brightness()
    if light is None:
        return _Even(spectra, at.model.variance, np.ones(len(spectra), dtype=bool))
    bright = light > _DARK * float(np.median(light))
    return _Even(spectra / light[:, None], at.model.variance * float(np.mean(light[bright] ** -2.0)), bright)


class _Learned(NamedTuple):
    """Data in the scores that tell abundances apart, and a state that has the law there."""

    data: Data
    state: State


def _learned(data: Data, at: State, spectra: FloatArray, used: PairedSpectra, variance: float) -> _Learned:
    """The law by the pairs ``used``, of noise of σ² ``variance``, where the fit of (N, B) ``spectra`` is ``at``."""
    # 1. The covariances, and the scores in which they are told.
    endmembers = data.spectra(at.model.mixing.endmembers)
    covariances = covariances_from_pairs(used, variance, endmembers)
    if at.model.light is not None:
        covariances = beside_light(covariances, endmembers)
    subspace = telling_subspace(endmembers, covariances, variance)
    # 2. The same latents under that law.
    lifted = data.reprojected(spectra, subspace)
    mixing = LinearMixing(torch.from_numpy(subspace.scores(endmembers)).to(lifted.scores))
    inside = torch.from_numpy(subspace.basis @ covariances @ subspace.basis.T).to(lifted.scores)
    variation = Variation(inside, InBands.of(torch.from_numpy(covariances).to(lifted.scores)))
    return _Learned(lifted, replace(at, model=replace(at.model, mixing=mixing, variation=variation)))


def _reach(state: State, held: BoolArray) -> Tensor:
    """(P,) in scores, how far an endmember may be from where it was found: as far as one pixel of its material from the others."""
    variation = state.model.variation
    assert variation is not None
    spread = variation.covariances.diagonal(dim1=1, dim2=2).mean(dim=1).sqrt()
    return torch.where(torch.from_numpy(held).to(spread.device), torch.zeros_like(spread), spread)


def _with_learned_law(state: State, data: Data, rows: Tensor) -> State:
    """The state whose materials' covariances took some steps on single pixels, whose posterior is made once."""
    posterior = e_step(state.model, state.latents, data, rows)
    model = state.model
    for _ in range(_STEPS):
        model = variation_m_step(model, posterior, data, rows)
    return replace(state.with_latents(rows, posterior.latents), model=model)
