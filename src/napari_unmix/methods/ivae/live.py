"""The iVAE while somebody paints: what strokes do not change is found once, and each painting's answer is made from that alone.

A run's search reads the strokes last: they name, confirm or anchor what was found without them. So what was found is kept, and a painting's
endmembers come by the code of a run. Its α(u) come from the moments of the posterior without paint, which is one step of EM, and from a few steps
more where regions are painted; every pixel's posterior is sought from where it was without paint. Nothing is made from the painting before, so
the order of strokes does not matter, and what is undone is undone to the bit.

Endmembers are in two orders: the answer's, painted materials first, and the one of the fit without paint, in which all is computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.strokes import with_strokes
from napari_unmix.methods.contract import Problem
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.ivae.starting import stroke_regions
from napari_unmix.methods.ivae.unpainted import Prepared
from napari_unmix.model.compare import MOST_JUDGED
from napari_unmix.model.data import Data, State
from napari_unmix.model.fitted import LaplaceFitted, gaussian_evidence
from napari_unmix.model.infer import e_step
from napari_unmix.model.learn import endmembers_m_step, m_step
from napari_unmix.model.light import first_light
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.priors.base import Moments, RegionPrior
from napari_unmix.model.priors.gaussian import GaussianLaw
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.settle import e_steps
from napari_unmix.model.start import endmember_span, first_dirichlet
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit, Preview, Progress, meanwhile, staged
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.metrics import spectral_angle

# α(u) of painted regions is learned from about this many pixels, evenly spread so that painted ones count by their share, in so many rounds.
_LEARNED, _ROUNDS = 20_000, 2
# Steps of a pixel's posterior: from where it was without paint; from least squares; and of the painted pixels, which are shown first.
_STEPS, _FROM_AFAR, _FIRST = 2, 8, 3
# Endmembers within this angle (degrees) of those without paint: posteriors are near where they were.
_NEAR = 3.0
_INSIDE = 0.02  # as a fit's start has it
FOLLOWING = "following the painting"  # the stage that is told


@dataclass(frozen=True, eq=False)
class LiveMaps:
    """What a painting makes of the maps: ``endmembers`` (P, B_good) as written, ``abundances`` (N, P), in the order of the ``problem``'s names."""

    problem: Problem[IvaeSpec]
    endmembers: FloatArray
    abundances: FloatArray
    final: bool

    @cached_property
    def preview(self) -> Preview:
        """As images of the cube."""
        return self.problem.preview(self.endmembers, self.abundances)

    @property
    def names(self) -> tuple[str, ...]:
        """One per endmember."""
        return self.problem.names


@dataclass(frozen=True, eq=False)
class Begun:
    """A painting whose first maps are there: what goes on to the final ones.

    Attributes
    ----------
    problem : with paint
    found : the search with strokes
    at : where the endmembers of the strokes lead the fit
    prior : α(u) of this painting, by the moments of the posterior without paint; None where the first maps did not need it
    maps : the first ones
    """

    problem: Problem[IvaeSpec]
    found: Found
    at: _Placed
    prior: RegionPrior | None
    maps: LiveMaps


@dataclass(frozen=True, eq=False)
class _Placed:
    """Endmembers of a painting in the fit without paint.

    Attributes
    ----------
    place : (P,) where each of the answer's stands in the computed order
    data, state : with these endmembers; the state's region prior is the one without paint
    moved, near : whether they are others than without paint, and whether near those
    """

    place: IntArray
    data: Data
    state: State
    moved: bool
    near: bool


@steps_on_one_thread
def begun(known: Prepared, problem: Problem[IvaeSpec], before: LiveMaps | None = None) -> Fit[Begun]:
    """The first maps of a painting, whose ``problem`` is the one without paint but for its regions and materials.

    Least squares where strokes moved the endmembers; else the maps ``before`` with the painted pixels' posterior. Yields between its parts.
    """
    yield Progress(FOLLOWING, 0, 2, 0.0)
    found = yield from _with_strokes(known, problem)
    at = _placed(known, problem, found.endmembers)
    yield Progress(FOLLOWING, 1, 2, 0.5)
    regions = stroke_regions(problem, found)
    labels = torch.from_numpy(regions.regions.astype(np.int64)).to(known.data.regions)
    at = replace(at, data=replace(at.data, regions=labels))
    at = replace(at, state=_lit(at, problem))
    if at.moved and not known.varies:
        abundances, light = _inverted(known, at.data, at.state)
        return Begun(problem, found, at, None, _answered(problem, at, abundances, light, final=False))
    prior = _first_prior(known, at, problem, found)
    return Begun(problem, found, at, prior, _with_paint(known, at, prior, problem, before))


@steps_on_one_thread
def finished(known: Prepared, begun: Begun) -> Fit[LiveMaps]:
    """The final maps of a painting; yields at every batch of pixels."""
    problem, at, declared = begun.problem, begun.at, bool(begun.problem.declared.any())
    yield Progress(FOLLOWING, 0, 3, 0.0)
    prior = begun.prior or _first_prior(known, at, problem, begun.found)
    # 1. Painted regions refine the endmembers, where their moments are believed.
    if declared:
        at = yield from _refined(known, begun)
    yield Progress(FOLLOWING, 1, 3, 0.3)
    # 2. α(u) of painted regions, to which pixels of unknown u belong as well.
    state = replace(at.state, model=replace(at.state.model, prior=prior))
    if declared:
        state = yield from _learned(state, at)
    yield Progress(FOLLOWING, 2, 3, 0.5)
    # 3. Every pixel under the law that won: of painted regions the closed form competes with what won without them.
    closed = yield from _closed_form(known, problem, at, state, competes=declared)
    if closed is not None:
        return _answered(problem, replace(at, state=state), closed, None, final=True)
    steps = e_steps(state, at.data, at.data.everything(), _steps(at))
    posterior = yield from staged(FOLLOWING, steps, (0.6, 1.0), halfway=10)
    at = replace(at, state=replace(state, latents=posterior.latents))
    return _answered(problem, at, at.state.abundances(), at.state.brightness(), final=True)


def _steps(at: _Placed) -> int:
    return _STEPS if at.near else _FROM_AFAR


def _closed_form(
    known: Prepared, problem: Problem[IvaeSpec], at: _Placed, state: State, *, competes: bool
) -> Fit[FloatArray | None]:
    """(N, P) abundances under the closed-form Gaussian prior where its evidence is higher, or, where no region is painted, was without paint."""
    may = problem.spec.prior == "auto" and state.model.light is None and state.model.variation is None
    if not may or not (competes or known.gaussian):
        return None
    corners, scores = state.model.mixing.endmembers.cpu().numpy(), at.data.scores.cpu().numpy()
    law = GaussianLaw.of(scores, corners, problem.regions, state.model.variance**0.5)
    if law is None:
        return None
    if competes and not _wins(law.evidence, (yield from _on_some(state, at))):
        return None
    gaussian = yield from staged(FOLLOWING, law.posterior_steps(), (0.6, 1.0))
    return gaussian.abundances


def _wins(evidence: float, fitted: LaplaceFitted) -> bool:
    """Whether the Gaussian's ``evidence`` is above that of what was ``fitted``."""
    return gaussian_evidence(evidence, fitted) > fitted.evidence()


def _on_some(state: State, at: _Placed) -> Fit[LaplaceFitted]:
    """The posterior of the pixels that judge a law, as a run has it."""
    rows = at.data.judging_pixels(MOST_JUDGED)
    every = at.data.everything() if rows is None else rows
    steps = e_steps(state, at.data, every, _steps(at))
    posterior = yield from staged(FOLLOWING, steps, (0.5, 0.6), halfway=10)
    return LaplaceFitted(at.data, state.with_latents(every, posterior.latents), posterior, rows)


def _refined(known: Prepared, begun: Begun) -> Fit[_Placed]:
    """Where the moments of painted regions lead the fit, if they are believed: as far as spectra do not vary more than these can bear."""
    problem, found, at = begun.problem, begun.found, begun.at
    if not found.linear_to_noise(problem.inversion):
        return at

    def fitted() -> Refined:
        valid, declared = problem.cube.valid_pixels, problem.declared
        if problem.inversion.free_light:  # every pixel's light is taken off first
            return refine_by_regions(problem.spectra.astype(np.float64), declared, valid, found, problem.inversion)
        painted, there = declared > 0, valid.copy()
        there[valid] = painted
        spectra = problem.spectra[painted].astype(np.float64)
        return refine_by_regions(spectra, declared[painted], there, found, problem.inversion, direction=known.direction)

    refined = yield from meanwhile(fitted, Progress(FOLLOWING, 0, 3, 0.0))
    if not refined.accepted:
        return at
    moved = _placed(known, problem, refined.endmembers, refined.vertex_std)
    moved = replace(moved, data=replace(moved.data, regions=at.data.regions))
    return replace(moved, state=_lit(moved, problem))


def _with_strokes(known: Prepared, problem: Problem[IvaeSpec]) -> Fit[Found]:
    """The search's endmembers, those of the painted materials first."""
    strokes = list(problem.painted.values())
    if not strokes:
        return known.found
    rows = np.union1d(known.sample, np.concatenate(strokes))
    there: list[IntArray] = [np.searchsorted(rows, stroke) for stroke in strokes]
    spectra = problem.spectra[rows].astype(np.float64)
    found, excess = known.found, known.found.excess
    search = with_strokes(spectra, found, there, found.noise, problem.inversion, variability=excess.linear)
    led = yield from staged(FOLLOWING, search, (0.0, 0.5))
    named = tuple(
        one.model_copy(update={"material": name}) for one, name in zip(led.strokes, problem.painted, strict=False)
    )
    return replace(led, noise=found.noise, excess=excess, strokes=named)


def _placed(
    known: Prepared, problem: Problem[IvaeSpec], endmembers: FloatArray, vertex_std: FloatArray | None = None
) -> _Placed:
    """Endmembers (P, B_good) as a search has them, painted ones first, in the fit without paint; ``vertex_std`` (P,) where they may move."""
    order = problem.order(endmembers)
    written = problem.written(endmembers[order])
    back = match_endmembers(written, known.endmembers)
    computed, place = written[back], np.argsort(back)
    if np.array_equal(computed, known.endmembers):
        return _Placed(place, known.data, known.state, moved=False, near=True)
    near = bool(np.degrees(spectral_angle(computed, known.endmembers)).max() <= _NEAR)
    data = known.data if known.varies else _projected(known, computed)
    if vertex_std is not None:
        data = replace(data, anchor_std=torch.from_numpy(vertex_std[order][back]).to(data.scores))
    corners = torch.from_numpy(data.subspace.scores(computed)).to(data.scores)
    model = replace(known.state.model, mixing=LinearMixing(corners))
    state = State(model, known.state.latents)
    return _Placed(place, data, state if near else _by_least_squares(known, data, state), True, near)


def _projected(known: Prepared, endmembers: FloatArray) -> Data:
    """The pixels in the span of other endmembers (P, B_good), in single precision: far below the noise."""
    free_light = known.problem.inversion.free_light
    subspace = endmember_span(endmembers, affine=not free_light)
    basis = subspace.basis.astype(np.float32)
    scores = (known.problem.spectra @ basis.T).astype(np.float64) - subspace.basis @ subspace.origin
    corners = torch.from_numpy(subspace.scores(endmembers)).to(known.data.scores)
    return replace(known.data, subspace=subspace, scores=torch.from_numpy(scores).to(corners), anchor=corners)


def _inverted(known: Prepared, data: Data, state: State) -> Inverted:
    """Least squares in scores, which hold all that the endmembers' span does."""
    corners = state.model.mixing.endmembers
    return known.problem.inversion.invert(data.scores.cpu().numpy(), corners.cpu().numpy())


def _by_least_squares(known: Prepared, data: Data, state: State) -> State:
    """Latents of least squares, a little inside the simplex."""
    abundances, light = _inverted(known, data, state)
    inside = torch.from_numpy((1 - _INSIDE) * abundances + _INSIDE / abundances.shape[1]).to(state.latents)
    latents = inside.log() @ state.model.basis()
    if light is not None:
        positive = np.maximum(light, 1e-3 * float(np.median(light)) + 1e-9)
        latents = torch.cat([latents, torch.from_numpy(positive).log().to(latents)[:, None]], dim=1)
    return replace(state, latents=latents)


def _lit(at: _Placed, problem: Problem[IvaeSpec]) -> State:
    """The state whose law of the light is of the regions there."""
    light = at.state.brightness()
    if light is None:
        return at.state
    law = first_light(light, at.data.regions.cpu().numpy(), problem.side.declared, at.data.scores.device)
    return replace(at.state, model=replace(at.state.model, light=law))


def _first_prior(known: Prepared, at: _Placed, problem: Problem[IvaeSpec], found: Found) -> RegionPrior:
    """α(u) by the moments of the posterior without paint: of the family of priors that won there."""
    painted = stroke_regions(problem, found)
    led = [int(at.place[k]) for k in problem.led]
    z = at.state.latents[:, : at.state.model.size]
    moments = known.moments if at.near else Moments(z, known.moments.covariance)
    prior = first_dirichlet(moments.mean_log(), at.data.regions, painted.strokes, led, painted.leaning)
    if isinstance(known.state.model.prior, RegionLogisticNormal):
        return prior.logistic_normal(moments, at.data.regions)
    return prior


def _with_paint(
    known: Prepared, at: _Placed, prior: RegionPrior, problem: Problem[IvaeSpec], before: LiveMaps | None
) -> LiveMaps:
    """The maps ``before``, else those without paint, with the posterior of the pixels whose u is painted."""
    state = replace(at.state, model=replace(at.state.model, prior=prior))
    rows = torch.nonzero((at.data.regions != known.data.regions) & (at.data.regions > 0))[:, 0]
    posterior = e_step(state.model, state.latents, at.data, rows, _FIRST)
    state = state.with_latents(rows, posterior.latents)
    maps = _answered(problem, at, state.abundances(), state.brightness(), final=False)
    if before is None or before.names != maps.names or not np.array_equal(before.endmembers, maps.endmembers):
        return maps
    kept, painted = before.abundances.copy(), rows.cpu().numpy()
    kept[painted] = maps.abundances[painted]
    return replace(maps, abundances=kept)


def _learned(state: State, at: _Placed) -> Fit[State]:
    """The state whose α(u) was learned on evenly spread pixels, each as near its mode as a step takes it; endmembers within their error."""
    count, steps = len(state.latents), 1 if at.near else _FROM_AFAR
    rows = torch.arange(0, count, max(1, count // _LEARNED), device=state.latents.device)
    for number in range(_ROUNDS):
        posterior = e_step(state.model, state.latents, at.data, rows, steps)
        state = state.with_latents(rows, posterior.latents)
        state = replace(state, model=m_step(state.model, posterior, at.data, rows))
        yield Progress(FOLLOWING, number, _ROUNDS, 0.3)
    if not bool((at.data.anchor_std > 0).any()):
        return state
    posterior = e_step(state.model, state.latents, at.data, rows, _STEPS)
    moved = replace(state, model=endmembers_m_step(state.model, posterior, at.data, rows))
    yield Progress(FOLLOWING, _ROUNDS, _ROUNDS, 0.4)
    after = e_step(moved.model, moved.latents, at.data, rows, _STEPS)
    return moved if float(after.evidence.mean()) > float(posterior.evidence.mean()) else state


def _answered(
    problem: Problem[IvaeSpec], at: _Placed, abundances: FloatArray, light: FloatArray | None, *, final: bool
) -> LiveMaps:
    """Maps in the answer's order."""
    endmembers, inverted = problem.rewritten(
        at.state.endmembers(at.data)[at.place], Inverted(abundances[:, at.place], light)
    )
    return LiveMaps(problem, endmembers, inverted.abundances, final)
