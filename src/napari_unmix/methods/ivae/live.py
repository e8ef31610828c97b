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
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.strokes import with_strokes
from napari_unmix.methods.contract import Problem, QuickLook
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.ivae.starting import started, stroke_regions
from napari_unmix.methods.ivae.variability import learned_variability
from napari_unmix.methods.searched import searched
from napari_unmix.model.compare import choose_prior
from napari_unmix.model.data import Data, State
from napari_unmix.model.fitted import GaussianFitted, LaplaceFitted
from napari_unmix.model.infer import e_step
from napari_unmix.model.learn import m_step
from napari_unmix.model.light import first_light
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.priors.base import Moments, RegionPrior
from napari_unmix.model.priors.gaussian import gaussian_steps
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.settle import Steps, e_steps, settle
from napari_unmix.model.start import endmember_span, first_dirichlet
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit, Preview, Progress, meanwhile, staged
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.metrics import spectral_angle

T = TypeVar("T")

# Shares of the preparation's bar.
_SEARCHED, _SETTLED, _VARIED = 0.4, 0.6, 0.8
_MOST_LEARNED = 60_000  # as a run's fit has it
# Strokes are held against about this many of the pixels, and all painted ones.
STROKES_READ = 8_000
# α(u) of painted regions is learned from about this many pixels, evenly spread so that painted ones count by their share, in so many rounds.
_LEARNED, _ROUNDS = 20_000, 2
# Steps of a pixel's posterior: from where it was without paint; from least squares; and of the painted pixels, which are shown first.
_STEPS, _FROM_AFAR, _FIRST = 2, 8, 3
# Endmembers within this angle (degrees) of those without paint: posteriors are near where they were.
_NEAR = 3.0
_INSIDE = 0.02  # as a fit's start has it
_FOLLOWING = "following the painting"


@dataclass(frozen=True, eq=False)
class Prepared:
    """What strokes do not change.

    Attributes
    ----------
    problem : without paint; its spectra are the cube's own single precision
    found : the search without strokes
    endmembers : (P, B_good) the answer's without paint, as written, in the order in which all is computed
    data, state : of the linear fit without paint, with the law of variability that was learned
    moments : of every pixel's posterior there
    gaussian : whether the closed form won among the region priors
    """

    problem: Problem[IvaeSpec]
    found: Found
    endmembers: FloatArray
    data: Data
    state: State
    moments: Moments
    gaussian: bool

    @property
    def varies(self) -> bool:
        """Whether it was learned how the materials' spectra vary."""
        return self.state.model.variation is not None

    @cached_property
    def sample(self) -> IntArray:
        """Indices of the pixels that strokes are held against."""
        count = len(self.problem.spectra)
        return np.unique(np.linspace(0, count - 1, min(count, STROKES_READ)).astype(int))


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
    prior : α(u) of this painting, by the moments of the posterior without paint
    maps : the first ones
    """

    problem: Problem[IvaeSpec]
    found: Found
    at: _Placed
    prior: RegionPrior
    maps: LiveMaps


@dataclass(frozen=True, eq=False)
class _Placed:
    """Endmembers of a painting in the fit without paint.

    Attributes
    ----------
    written : (P, B_good) in the answer's order
    place : (P,) where each of the answer's stands in the computed order
    data, state : with these endmembers; the state's region prior is the one without paint
    moved, near : whether they are others than without paint, and whether near those
    """

    written: FloatArray
    place: IntArray
    data: Data
    state: State
    moved: bool
    near: bool


# Before anything is painted


@steps_on_one_thread
def prepared(problem: Problem[IvaeSpec]) -> Fit[Prepared]:
    """Search and fit without paint, as a run does whose start is least squares: its inference network is not trained. ``problem`` has no paint."""
    found = yield from searched(problem, _SEARCHED)
    endmembers = problem.written(found.endmembers[problem.order(found.endmembers)])
    look = QuickLook(problem, endmembers)
    beginning = Progress("refining the posterior", 0, 1, _SEARCHED, snapshot=look)

    def first() -> tuple[Data, State]:
        inverted = problem.inversion.invert(problem.spectra, endmembers)
        start = started(problem, endmembers, inverted, np.zeros(len(endmembers)), found)
        return start.data, start.state

    data, state = yield from meanwhile(first, beginning)
    # 1. α(u), how spectra vary, and which region prior wins.
    fitting = settle(state, data, data.learned_pixels(_MOST_LEARNED))
    settled = yield from _told("refining the posterior", fitting, (_SEARCHED, _SETTLED), look)
    varying = learned_variability(problem, data, settled.state)
    varied = yield from _told("learning how spectra vary", varying, (_SETTLED, _VARIED), look)
    competing = choose_prior(varied.data, varied.state, problem.spectra, problem.regions, choice=problem.spec.prior)
    chosen = yield from _told("comparing region priors", competing, (_VARIED, 1.0), look)
    # 2. What is kept.
    gaussian = isinstance(chosen.fitted, GaussianFitted)
    fitted = chosen.fitted.laplace if isinstance(chosen.fitted, GaussianFitted) else chosen.fitted
    assert isinstance(fitted, LaplaceFitted)
    moments = yield from meanwhile(lambda: fitted.posterior.moments(fitted.state.model.size), beginning)
    kept = replace(problem, spectra=single(problem.cube))
    return Prepared(kept, found, endmembers, fitted.data, fitted.state, moments, gaussian)


def _told(stage: str, steps: Steps[T], share: tuple[float, float], look: QuickLook) -> Fit[T]:
    """The steps of a fit as progress, with this look."""
    return (yield from staged(stage, steps, share, show=lambda seen: (None, look)))


def single(cube: Cube) -> FloatArray:
    """(N, B_good) spectra of the valid pixels as the cube has them, without a copy where all pixels and bands take part."""
    if cube.valid_pixels.all() and cube.good_bands.all():
        return np.asarray(cube.spectra).reshape(-1, cube.shape[2])
    return np.asarray(cube.spectra[cube.valid_pixels][:, cube.good_bands])


# A painting


@steps_on_one_thread
def begun(known: Prepared, problem: Problem[IvaeSpec], before: LiveMaps | None = None) -> Fit[Begun]:
    """The first maps of a painting, whose ``problem`` is the one without paint but for its regions and materials.

    Least squares where strokes moved the endmembers; else the maps ``before`` with the painted pixels' posterior. Yields between its parts.
    """
    yield Progress(_FOLLOWING, 0, 2, 0.0)
    found = yield from _with_strokes(known, problem)
    at = _placed(known, problem, found, found.endmembers)
    yield Progress(_FOLLOWING, 1, 2, 0.5)
    regions = stroke_regions(problem, found)
    labels = torch.from_numpy(regions.regions.astype(np.int64)).to(known.data.regions)
    at = replace(at, data=replace(at.data, regions=labels), state=_lit(known, at, problem, regions.regions))
    prior = _first_prior(known, at, labels, problem, found)
    maps = _first_maps(known, at, prior, problem, found, before)
    return Begun(problem, found, at, prior, maps)


@steps_on_one_thread
def finished(known: Prepared, begun: Begun) -> Fit[LiveMaps]:
    """The final maps of a painting; yields at every batch of pixels."""
    problem, at, prior = begun.problem, begun.at, begun.prior
    yield Progress(_FOLLOWING, 0, 3, 0.0)
    # 1. Painted regions refine the endmembers, where their moments are believed.
    if problem.declared.any():
        refined = yield from meanwhile(lambda: _refined(problem, begun.found), Progress(_FOLLOWING, 0, 3, 0.0))
        if refined is not None and refined.accepted:
            labels = at.data.regions
            moved = _placed(known, problem, begun.found, refined.endmembers)
            at = replace(moved, data=replace(moved.data, regions=labels), state=moved.state)
            at = replace(at, state=_lit(known, at, problem, labels.cpu().numpy()))
    yield Progress(_FOLLOWING, 1, 3, 0.3)
    # 2. α(u) of painted regions, to which pixels of unknown u belong as well.
    state = replace(at.state, model=replace(at.state.model, prior=prior))
    if problem.declared.any():
        state = yield from _learned(state, at)
    yield Progress(_FOLLOWING, 2, 3, 0.5)
    # 3. Every pixel.
    if known.gaussian and at.state.model.light is None:
        abundances = yield from _in_closed_form(at)
    else:
        steps = _STEPS if at.near else _FROM_AFAR
        posterior = yield from staged(
            _FOLLOWING, e_steps(state, at.data, at.data.everything(), steps), (0.5, 1.0), halfway=10
        )
        state = replace(state, latents=posterior.latents)
        abundances = state.abundances()
    return _answered(problem, at, abundances, state.brightness(), final=True)


def _refined(problem: Problem[IvaeSpec], found: Found) -> Refined | None:
    """Endmembers by the moments of painted regions; None where spectra vary more than these can bear."""
    if not found.linear_to_noise(problem.inversion):
        return None
    spectra = problem.spectra.astype(np.float64)
    return refine_by_regions(spectra, problem.declared, problem.cube.valid_pixels, found, problem.inversion)


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
    led = yield from staged(_FOLLOWING, search, (0.0, 0.5))
    named = tuple(
        one.model_copy(update={"material": name}) for one, name in zip(led.strokes, problem.painted, strict=False)
    )
    return replace(led, noise=found.noise, excess=excess, strokes=named)


def _placed(known: Prepared, problem: Problem[IvaeSpec], found: Found, endmembers: FloatArray) -> _Placed:
    """Endmembers (P, B_good) as a search has them, painted ones first, in the fit without paint."""
    written = problem.exactly(problem.written(endmembers[problem.order(endmembers)]))
    back = match_endmembers(written, known.endmembers)
    computed, place = written[back], np.argsort(back)
    if np.array_equal(computed, known.endmembers):
        return _Placed(written, place, known.data, known.state, moved=False, near=True)
    near = bool(np.degrees(spectral_angle(computed, known.endmembers)).max() <= _NEAR)
    data = known.data if known.varies else _projected(known, computed)
    corners = torch.from_numpy(data.subspace.scores(computed)).to(data.scores)
    model = replace(known.state.model, mixing=LinearMixing(corners))
    state = State(model, known.state.latents)
    return _Placed(written, place, data, state if near else _by_least_squares(known, data, state), True, near)


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


def _lit(known: Prepared, at: _Placed, problem: Problem[IvaeSpec], regions: IntArray) -> State:
    """The state whose law of the light is of these regions (N,)."""
    light = at.state.brightness()
    if light is None:
        return at.state
    law = first_light(light, regions, problem.side.declared, at.data.scores.device)
    return replace(at.state, model=replace(at.state.model, light=law))


def _first_prior(known: Prepared, at: _Placed, labels: Tensor, problem: Problem[IvaeSpec], found: Found) -> RegionPrior:
    """α(u) of labels (N,) by the moments of the posterior without paint: of the family of priors that won there."""
    regions = stroke_regions(problem, found)
    led = [int(at.place[k]) for k in problem.led]
    moments = (
        known.moments if at.near else Moments(at.state.latents[:, : at.state.model.size], known.moments.covariance)
    )
    prior = first_dirichlet(moments.mean_log(), labels, regions.strokes, led, regions.leaning)
    if isinstance(known.state.model.prior, RegionLogisticNormal):
        return prior.logistic_normal(moments, labels)
    return prior


def _painted(known: Prepared, at: _Placed) -> BoolArray:
    """(N,) the pixels whose u is a person's."""
    return np.asarray((at.data.regions != known.data.regions).cpu().numpy() & (at.data.regions > 0).cpu().numpy())


def _first_maps(
    known: Prepared, at: _Placed, prior: RegionPrior, problem: Problem[IvaeSpec], found: Found, before: LiveMaps | None
) -> LiveMaps:
    """What can be shown at once."""
    if at.moved and not known.varies:
        abundances, light = _inverted(known, at.data, at.state)
        return _answered(problem, at, abundances, light, final=False)
    state = replace(at.state, model=replace(at.state.model, prior=prior))
    rows = torch.from_numpy(np.flatnonzero(_painted(known, at))).to(at.data.regions)
    posterior = e_step(state.model, state.latents, at.data, rows, _FIRST)
    state = state.with_latents(rows, posterior.latents)
    maps = _answered(problem, at, state.abundances(), state.brightness(), final=False)
    if before is None or before.names != maps.names or not np.array_equal(before.endmembers, maps.endmembers):
        return maps
    kept = before.abundances.copy()
    kept[rows.cpu().numpy()] = maps.abundances[rows.cpu().numpy()]
    return replace(maps, abundances=kept)


def _learned(state: State, at: _Placed) -> Fit[State]:
    """The state whose α(u) was learned on evenly spread pixels, each of them as near its mode as a step takes it."""
    count = len(state.latents)
    rows = torch.arange(0, count, max(1, count // _LEARNED), device=state.latents.device)
    for number in range(_ROUNDS):
        posterior = e_step(state.model, state.latents, at.data, rows, 1 if at.near else _FROM_AFAR)
        state = replace(
            state.with_latents(rows, posterior.latents), model=m_step(state.model, posterior, at.data, rows)
        )
        yield Progress(_FOLLOWING, number, _ROUNDS, 0.3)
    return state


def _in_closed_form(at: _Placed) -> Fit[FloatArray]:
    """(N, P) abundances under the Gaussian prior; scores hold all that it reads."""
    model = at.state.model
    corners, scores = model.mixing.endmembers.cpu().numpy(), at.data.scores.cpu().numpy()
    steps = gaussian_steps(scores, corners, at.data.regions.cpu().numpy(), model.variance**0.5)
    gaussian = yield from staged(_FOLLOWING, steps, (0.5, 1.0))
    assert gaussian is not None  # it was had without paint
    return gaussian.abundances


def _answered(
    problem: Problem[IvaeSpec], at: _Placed, abundances: FloatArray, light: FloatArray | None, *, final: bool
) -> LiveMaps:
    """Maps in the answer's order."""
    endmembers, inverted = problem.rewritten(
        at.state.endmembers(at.data)[at.place], Inverted(abundances[:, at.place], light)
    )
    return LiveMaps(problem, endmembers, inverted.abundances, final)
