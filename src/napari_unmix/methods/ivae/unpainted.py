"""The iVAE's fit of a cube that nobody has painted: what strokes do not change, from which ``live`` makes the maps of each painting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import TypeVar

import numpy as np

from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.methods.contract import Problem, QuickLook
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.ivae.starting import started
from napari_unmix.methods.ivae.variability import learned_variability
from napari_unmix.methods.searched import searched
from napari_unmix.model.compare import choose_prior
from napari_unmix.model.data import Data, State
from napari_unmix.model.fit import most_learned
from napari_unmix.model.fitted import GaussianFitted, LaplaceFitted
from napari_unmix.model.priors.base import Moments
from napari_unmix.model.settle import Steps, settle
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit, Progress, meanwhile, staged
from napari_unmix.regions.acceptance import first_direction

T = TypeVar("T")

# Shares of the bar.
_SEARCHED, _SETTLED, _VARIED = 0.4, 0.6, 0.8
# Strokes are held against about this many of the pixels, and all painted ones.
STROKES_READ = 4_000
# What the moments of painted regions load when they are fitted first: about a second.
_READ_BY_REGIONS = ("scipy.optimize", "scipy.stats")


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
    def direction(self) -> FloatArray:
        """(B_good,) in which the pixels spread most: neighbours are compared along it, whatever is painted."""
        return first_direction(self.problem.spectra)

    @cached_property
    def sample(self) -> IntArray:
        """Indices of the pixels that strokes are held against."""
        count = len(self.problem.spectra)
        return np.unique(np.linspace(0, count - 1, min(count, STROKES_READ)).astype(int))


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
    fitting = settle(state, data, data.learned_pixels(most_learned(len(data.scores))))
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
    for name in _READ_BY_REGIONS:  # else the first stroke of a region would wait for them
        import_module(name)
    return Prepared(kept, found, endmembers, fitted.data, fitted.state, moments, gaussian)


def _told(stage: str, steps: Steps[T], share: tuple[float, float], look: QuickLook) -> Fit[T]:
    """The steps of a fit as progress, with this look."""
    return (yield from staged(stage, steps, share, show=lambda seen: (None, look)))


def single(cube: Cube) -> FloatArray:
    """(N, B_good) spectra of the valid pixels as the cube has them, without a copy where all pixels and bands take part."""
    if cube.valid_pixels.all() and cube.good_bands.all():
        return np.asarray(cube.spectra).reshape(-1, cube.shape[2])
    return np.asarray(cube.spectra[cube.valid_pixels][:, cube.good_bands])
