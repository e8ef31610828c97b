"""Strokes that anchor what the search did not find, as long as the rest of the scene agrees.

An anchor that is wrong takes an endmember away from a material that is there, and the fit leaves more of the scene; or the fit turns to something
else than was painted. So the anchored fit is held against the search's own and against the strokes: where it leaves too much, or an endmember does
not lead the stroke that anchors it, the stroke without which it would leave least no longer anchors.

Where neither all nor nearly all may anchor, fewer may, of those that nothing leads, if with them every stroke is led: then the fit has a material for
each, and nobody's stroke was given up for another's.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.coordinates import Sphere
from napari_unmix.geometry.seen import Losses, lifted, unseen
from napari_unmix.geometry.supported import off_cone
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.simplex import fully_constrained

# A stroke's mean, against all the evidence of its material (theory §3: λ).
ANCHORING = 0.3
# Each anchor may raise the mean squared angle to the endmembers' cone by this factor: good ones cost 1.04 to 1.14 each, bad ones 1.16 and more
# (strokings 0 to 5 of urban4, urban6 and muufl90).
COSTS = 1.15
# Beside given endmembers, where the search has one start and strokes mend more: single good ones cost up to 1.21 (muufl90), harmful ones 1.57 and
# more (urban4; stroking 0, decision 0019).
COSTS_BESIDE = 1.25
# An endmember that a stroke anchors has this share of the stroke, or something else was painted.
LED = 1 / 3
# So many of the strokes may be left out: the more endmembers are free, the better they make up for an anchor that is wrong, and cost tells nothing.
LEFT_OUT = 1 / 5
# Anchors are tried on this many pixels and the painted ones.
TRIED_ON = 2_000
_SWEEPS = 60


@dataclass(frozen=True, eq=False)
class Tried:
    """Which strokes may anchor, and of each that was tried what the last fit with it leaves, as a multiple of what is left without anchors."""

    anchors: tuple[int, ...]
    costs: dict[int, float]


@dataclass(frozen=True, eq=False)
class Anchored:
    """Endmembers (P, B), those of the strokes first, and of each stroke the share that its own has of its core, and which of its pixels count."""

    endmembers: FloatArray
    purities: tuple[float, ...]
    kept: tuple[IntArray, ...]

    @property
    def believed(self) -> tuple[float, ...]:
        """How many pixels of each stroke count."""
        return tuple(float(len(pixels)) for pixels in self.kept)


def accepted(cost: float, purities: Sequence[float], each: float = COSTS) -> bool:
    """Whether strokes anchor at this cost, ``each`` with this share of the endmember that it anchors; see ``COSTS`` and ``LED``."""
    return bool(purities and cost <= each ** len(purities) and min(purities) >= LED)


def suffices(cost: float, purities: Sequence[float], led: float) -> bool:
    """Whether these strokes anchor, and every stroke is ``led``, at the least by this share: else what was found for another may be given up.

    Cost alone says nothing of few anchors: of 32 sets of sloppy strokes that it accepts on urban4 and urban6, 23 end further from the reference. The
    least led stroke of all 32 has under 0.1 of its endmember, of the five that mend muufl90's answer 0.51 and more (strokings 0 to 2, decision 0019).
    """
    return led >= LED and accepted(cost, purities)


def try_anchors(
    spectra: FloatArray, endmembers: FloatArray, strokes: list[IntArray], given: Given | None = None
) -> Losses[Tried]:
    """Which of the strokes, indices into (N, B) spectra, may anchor, held against the search's ``endmembers`` (P, B): all, nearly all, or none.

    Endmembers that are ``given`` come first in every fit, and what is held of them stays. Yields the loss at every sweep.
    """
    trials = yield from Trials.of(spectra, endmembers, strokes, given)
    return (yield from trials.nearly_all())


@dataclass(frozen=True, eq=False)
class _Trial:
    """A fit that these strokes anchored.

    Attributes
    ----------
    anchors : the strokes
    cost : what it leaves, over what is left without anchors
    purities : the share that each anchor's own endmember has of its stroke
    led : the least share that any stroke has of an endmember of its own, whether it anchors or not
    """

    anchors: tuple[int, ...]
    cost: float
    purities: tuple[float, ...]
    led: float


@dataclass(frozen=True, eq=False)
class Trials:
    """Fits on few pixels, (n, B) spectra, that some of the strokes anchor, held against the fit from what the search found."""

    spectra: FloatArray
    sphere: Sphere
    strokes: list[IntArray]
    cores: list[IntArray]
    before: float
    count: int
    given: Given | None = None

    @classmethod
    def of(
        cls, spectra: FloatArray, endmembers: FloatArray, strokes: list[IntArray], given: Given | None = None
    ) -> Losses[Trials]:
        """On some of the (N, B) spectra, and the same kind of fit from the search's (P, B) ``endmembers``: what anchors cost, not coordinates."""
        pixels, places = _sampled(len(spectra), strokes)
        few = spectra[pixels]
        sphere = Sphere.of(few, len(endmembers))
        start = sphere.place(endmembers)
        held = _held(given, len(endmembers))
        free = yield from unseen(
            arch.fit_archetypes(sphere.scores, start, sphere.weights, arch.ON_SPHERE, held=held, sweeps=_SWEEPS)
        )
        before = left_by(few, free.archetypes @ sphere.subspace.basis)
        cores = [place[arch.stroke_mean(sphere.scores[place])[1]] for place in places]
        return cls(few, sphere, places, cores, before, len(endmembers), given)

    def nearly_all(self) -> Losses[Tried]:
        """All of them, or all but few, or none; those are left out one after another without which least is left."""
        count = len(self.strokes)
        last = yield from self._with(range(count))
        costs = dict.fromkeys(last.anchors, last.cost)
        while not accepted(last.cost, last.purities, COSTS if self.given is None else COSTS_BESIDE):
            if count - len(last.anchors) + 1 > LEFT_OUT * count:
                return Tried((), costs)
            without = []
            for k in last.anchors:
                without.append((yield from self._with([other for other in last.anchors if other != k])))
            last = min(without, key=lambda one: one.cost)
            costs |= dict.fromkeys(last.anchors, last.cost)
        return Tried(last.anchors, costs)

    def fewer(self, among: Sequence[int]) -> Losses[tuple[Tried, ...]]:
        """Sets of strokes ``among`` these, not all there are, that may anchor and leave none without an endmember that leads it, the best first.

        Of each size the set that leaves least grows by one: so the order of the strokes does not matter.
        """
        kept: list[_Trial] = []
        grown: list[tuple[int, ...]] = [(k,) for k in among]
        while grown and len(grown[0]) < len(self.strokes):
            taken = []
            for anchors in grown:
                trial = yield from self._with(anchors)
                taken += [trial] if suffices(trial.cost, trial.purities, trial.led) else []
            taken.sort(key=lambda trial: trial.cost)
            kept = [*taken, *kept]
            best = taken[0].anchors if taken else tuple(among)
            grown = [tuple(sorted((*best, k))) for k in among if k not in best]
        return tuple(Tried(trial.anchors, dict.fromkeys(trial.anchors, trial.cost)) for trial in kept)

    def _with(self, anchors: Sequence[int]) -> Losses[_Trial]:
        means = means_of(self.sphere.scores, [self.cores[k] for k in anchors])
        fit = yield from unseen(fit_anchored(self.sphere, means, self.count, self.given))
        left = left_by(self.spectra, fit.archetypes @ self.sphere.subspace.basis)
        first = 0 if self.given is None else len(self.given)
        purities = _purities(fit, [self.strokes[k] for k in anchors], first)
        return _Trial(tuple(anchors), left / max(self.before, 1e-300), purities, _least_led(fit, self.strokes))


def _least_led(fit: arch.Archetypes, strokes: list[IntArray]) -> float:
    """The least share that an endmember of its own has of the median pixel of a stroke, when they are shared out for the most in all."""
    from scipy.optimize import linear_sum_assignment

    shares = np.array([np.median(fit.abundances[stroke], axis=0) for stroke in strokes])
    return float(shares[linear_sum_assignment(-shares)].min())


def _purities(fit: arch.Archetypes, strokes: list[IntArray], first: int = 0) -> tuple[float, ...]:
    """The share that the endmembers from ``first`` on, one after another, have of the median pixel of their strokes."""
    return tuple(float(np.median(fit.abundances[stroke, k])) for k, stroke in enumerate(strokes, start=first))


def _held(given: Given | None, count: int) -> BoolArray | None:
    """(P,) which endmembers stay where they are; None where none is given."""
    return None if given is None else np.concatenate([given.held, np.zeros(count - len(given), bool)])


def _sampled(count: int, strokes: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
    """Indices of the pixels on which anchors are tried, ascending, evenly spread and all painted ones; and the strokes among them."""
    spread = np.unique(np.linspace(0, count - 1, min(count, TRIED_ON)).astype(int))
    pixels = np.union1d(spread, np.concatenate(strokes))
    return pixels, [np.searchsorted(pixels, stroke) for stroke in strokes]


def left_by(spectra: FloatArray, endmembers: FloatArray) -> float:
    """Mean squared angle (sine) of the spectra to the cone of the endmembers as they are written: non-negative."""
    return float((off_cone(spectra, np.maximum(endmembers, 0.0)) ** 2).mean())


def anchored_by_strokes(
    spectra: FloatArray, count: int, strokes: list[IntArray], inversion: Inversion
) -> Generator[float, None, Anchored]:
    """``count`` endmembers of which the strokes anchor the first, and the others are the purest spectra left."""
    sphere = Sphere.of(spectra, count)
    look = partial(sphere.seen, inversion=inversion)
    cores = [stroke[arch.stroke_mean(sphere.scores[stroke])[1]] for stroke in strokes]
    fit = yield from lifted(fit_anchored(sphere, means_of(sphere.scores, cores), count), look)
    # Pixels that the first fit contradicts were painted by mistake.
    kept = []
    for k, core in enumerate(cores):
        share = fit.abundances[core, k]
        believed = core[share >= 0.5 * np.median(share)]
        kept.append(believed if len(believed) >= arch.FEWEST_BACKERS else core)
    fit = yield from lifted(fit_anchored(sphere, means_of(sphere.scores, kept), count), look)
    return Anchored(spectra_of(sphere, fit, inversion), _purities(fit, strokes), tuple(kept))


def means_of(values: FloatArray, cores: Sequence[IntArray]) -> FloatArray:
    """(Q, K) the mean of (N, K) values over each of Q sets of pixels."""
    return np.array([values[core].mean(axis=0) for core in cores])


def spectra_of(sphere: Sphere, fit: arch.Archetypes, inversion: Inversion) -> FloatArray:
    """(P, B) the archetypes as endmembers, as bright as the pixels nearest to them where brightness counts."""
    endmembers: FloatArray = fit.archetypes @ sphere.subspace.basis
    return endmembers if inversion.free_light else sphere.with_brightness(endmembers, fit.abundances)


def fit_anchored(
    sphere: Sphere, means: FloatArray, count: int, given: Given | None = None
) -> Generator[float, None, arch.Archetypes]:
    """Archetypes of which each of the (Q, K) means anchors one, in order, after those that are given."""
    scores, weights = sphere.scores, sphere.weights
    start = means if given is None else np.vstack([sphere.place(given.spectra), means])
    few = max(arch.FEWEST_BACKERS, len(scores) // 500)
    while len(start) < count:
        # A free endmember starts at the worst-explained pixel and its likes.
        residual = weights * ((scores - fully_constrained(scores, start) @ start) ** 2).sum(axis=1)
        worst = np.argpartition(-residual, few)[:few]
        seed = worst[residual[worst].argmax()]
        alike = worst[np.argsort(((scores[worst] - scores[seed]) ** 2).sum(axis=1))[: arch.FEWEST_BACKERS]]
        start = np.vstack([start, scores[alike].mean(axis=0)])
    anchors = arch.Strokes(means, ANCHORING, first=0 if given is None else len(given))
    held = _held(given, count)
    return (
        yield from arch.fit_archetypes(
            scores, start, weights, arch.ON_SPHERE, strokes=anchors, held=held, sweeps=_SWEEPS
        )
    )
