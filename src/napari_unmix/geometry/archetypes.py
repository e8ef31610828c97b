"""Robust archetypes: endmembers as averages of pixels, each backed by a share of its own material's mass.

Archetypal analysis (Cutler & Breiman 1994) with Frank–Wolfe steps towards the mean of several extreme pixels instead of a single one,
so that large materials average hundreds of pixels while a target of nine pixels still keeps three.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.geometry.picks import unit_length
from napari_unmix.geometry.racing import TRIED, out_of_reach
from napari_unmix.geometry.seen import NO_LOSS, LossOf, unseen
from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, like, named, numbers, plain, truth
from napari_unmix.progress import meanwhile
from napari_unmix.rows.simplex import FEW_ENDMEMBERS, fully_constrained, non_negative
from napari_unmix.sentences import UnmixError
from napari_unmix.wanted import still_wanted

FEWEST_BACKERS = 3
# Each archetype is the mean of this share of its material's mass: in simplex coordinates, and on the sphere, where spectra vary.
IN_PLANE, ON_SPHERE = 0.05, 0.1
_FRANK_WOLFE_SWEEPS = 8
# Two starts within this relative loss found the same optimum.
SAME_LOSS = 1.01
# Brightness from sums and from the pixels most alike differ by more than this factor where intimate mixing breaks the sums.
_CONTRADICTED = 1.5
_MANY = 12
# Of at least so many values one in sixteen tells where the smallest end, by so many more of the sample than that needs: of 10,000 a limit takes two
# thirds of the time of sorting all out, of 40,000 less than half, of 2,000 longer.
_WORTH_SAMPLING, _SAMPLED, _SPARE = 4_000, 16, 8


@dataclass(frozen=True, eq=False)
class Strokes:
    """Means of painted strokes that anchor the endmembers from ``first`` on: ``means`` (Q, K), worth ``weight`` times the material's own evidence."""

    means: FloatArray
    weight: float
    first: int = 0


@dataclass(frozen=True, eq=False)
class Archetypes:
    """A local optimum: archetypes (P, K), abundances (N, P) and the weighted loss."""

    archetypes: FloatArray
    abundances: FloatArray
    loss: float


Inversion = Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray]


@dataclass(frozen=True, eq=False)
class _Task:
    """What a fit reads: ``scores`` (N, K), the same with pixels last as ``columns`` (K, N), ``weights`` (N,), and what ``fit_archetypes`` says."""

    scores: FloatArray
    columns: FloatArray
    weights: FloatArray
    share: float
    invert: Inversion
    strokes: Strokes | None = None
    held: BoolArray | None = None

    @classmethod
    def of(cls, scores: FloatArray, weights: FloatArray, share: float, *, cone: bool) -> _Task:
        """A fit without anchors, and with all archetypes free."""
        invert: Inversion = non_negative if cone else fully_constrained
        return cls(scores, np.ascontiguousarray(scores.T), weights, share, invert)

    def loss(self, archetypes: FloatArray, abundances: FloatArray) -> float:
        """Σ w |z − aM|²."""
        left = abundances @ archetypes
        left -= self.scores
        return float(self.weights @ np.einsum("nk,nk->n", left, left))


@dataclass(eq=False)
class _Way:
    """How far a fit has come.

    ``archetypes`` (P, K) are to be measured next; ``abundances`` (N, P) are of those before, from which the next begin; ``best`` is the lowest
    optimum so far, of all ``losses``; ``over`` is whether more sweeps change nothing.
    """

    archetypes: FloatArray
    abundances: FloatArray | None = None
    best: Archetypes | None = None
    losses: list[float] = field(default_factory=list)
    over: bool = False

    @property
    def loss(self) -> float:
        """The lowest; infinite where there is none, or none that is finite."""
        return self.best.loss if self.best is not None and np.isfinite(self.best.loss) else np.inf

    def place(self) -> Tree:
        """All of it, for the journal."""
        kept = {"archetypes": self.archetypes, "abundances": self.abundances, "best": self.best}
        return plain({**kept, "losses": np.array(self.losses), "over": self.over})

    def go_to(self, place: Tree, pixels: int) -> None:
        """Where a journal says that it was, of N ``pixels``."""
        form = Archetypes(self.archetypes, np.empty((pixels, len(self.archetypes))), 0.0)
        archetypes, abundances, best, losses, over = named(place, "archetypes", "abundances", "best", "losses", "over")
        self.archetypes, self.abundances = like(form.archetypes, archetypes), like(form.abundances, abundances)
        self.best, self.losses, self.over = like(form, best), numbers(losses), truth(over)


def fit_archetypes(
    scores: FloatArray,
    start: FloatArray,
    weights: FloatArray,
    share: float,
    *,
    cone: bool = False,
    strokes: Strokes | None = None,
    held: BoolArray | None = None,
    sweeps: int = 80,
    needed: float = np.inf,
) -> Generator[float, None, Archetypes]:
    """Alternate exact abundances and Frank–Wolfe steps until the loss Σ w |z − aM|² changes by less than 1e-5.

    Parameters
    ----------
    scores : (N, K) pixels in a subspace
    start : (P, K)
    weights : (N,)
    share : each archetype is the mean of this share of its own material's mass, at least three pixels
    cone : non-negative amounts instead of abundances on the simplex
    strokes : anchors of the first archetypes
    held : (P,) archetypes that stay where they start
    needed : the fit is given up where it will not come down to this loss (``out_of_reach``)

    Yields the loss at every sweep, of the archetypes where it is the lowest so far.
    """
    task = replace(_Task.of(scores, weights, share, cone=cone), strokes=strokes, held=held)
    way = _Way(start.copy())
    yield from _swept(task, way, sweeps, partial(out_of_reach, needed=needed))
    if strokes is not None or way.best is None:
        abundances = yield from _inverted(task, way)
        return Archetypes(way.archetypes, abundances, task.loss(way.archetypes, abundances))
    return way.best


def measured(
    scores: FloatArray, archetypes: FloatArray, weights: FloatArray, *, cone: bool
) -> Generator[float, None, Archetypes]:
    """The archetypes (P, K) as they are, with the abundances and the loss of (N, K) pixels."""
    task = _Task.of(scores, weights, 1.0, cone=cone)
    abundances = yield from _inverted(task, _Way(archetypes))
    return Archetypes(archetypes, abundances, task.loss(archetypes, abundances))


def _swept(
    task: _Task, way: _Way, sweeps: int, hopeless: Callable[[list[float]], bool] = lambda losses: False
) -> Generator[float, None, None]:
    """Go on until the loss stays, there were so many ``sweeps`` since the fit began, or its losses are ``hopeless``; yields every new one."""
    begun = len(way.losses)
    with long_loop("archetypes of a race", way.place) as loop:
        if loop.before is not None:
            way.go_to(loop.before, len(task.scores))
            yield from way.losses[begun:]
        while not way.over and len(way.losses) < sweeps and not hopeless(way.losses):
            way.abundances = yield from _inverted(task, way)
            loss = task.loss(way.archetypes, way.abundances)
            if way.best is None or len(way.losses) < 4 or loss < way.best.loss:
                way.best = Archetypes(way.archetypes.copy(), way.abundances, loss)
            way.over = not np.isfinite(loss) or (len(way.losses) > 5 and abs(way.losses[-1] - loss) < 1e-5 * loss)
            way.losses.append(loss)
            if not way.over:
                way.archetypes = _moved(task, way.archetypes, way.abundances)
            yield LossOf(loss, partial(np.copy, way.best.archetypes)) if way.best.loss == loss else loss


def _inverted(task: _Task, way: _Way) -> Generator[float, None, FloatArray]:
    """Abundances (N, P) of the archetypes; for many endmembers that takes seconds, in which the last loss is told."""
    invert = partial(task.invert, task.scores, way.archetypes, way.abundances)
    if len(way.archetypes) <= FEW_ENDMEMBERS:
        return invert()
    return (yield from meanwhile(invert, way.losses[-1] if way.losses else NO_LOSS, pixels=len(task.scores)))


def _moved(task: _Task, archetypes: FloatArray, abundances: FloatArray) -> FloatArray:
    """Archetypes (P, K) a few Frank–Wolfe sweeps further."""
    weighted = (abundances * task.weights[:, None]).T
    mass = np.round(task.share * abundances.sum(axis=0)).astype(int)
    backers = mass.clip(FEWEST_BACKERS, max(FEWEST_BACKERS, len(abundances) // 2))
    return _frank_wolfe(task, archetypes, weighted @ abundances, weighted @ task.scores, backers)


def _frank_wolfe(
    task: _Task, archetypes: FloatArray, gram: FloatArray, moment: FloatArray, backers: IntArray
) -> FloatArray:
    archetypes, strokes = archetypes.copy(), task.strokes
    anchors = {} if strokes is None else {strokes.first + k: mean for k, mean in enumerate(strokes.means)}
    ones = np.ones(int(backers.max()))
    for _ in range(_FRANK_WOLFE_SWEEPS):
        still_wanted()
        for k in range(len(archetypes)):
            mass = gram[k, k]
            if mass < 1e-9 or (task.held is not None and task.held[k]):
                continue
            gradient = gram[k] @ archetypes - moment[k]
            if strokes is not None and k in anchors:
                gradient = gradient + strokes.weight * gram[k, k] * (archetypes[k] - anchors[k])
                mass = (1 + strokes.weight) * mass
            number = int(backers[k])
            extreme = smallest(gradient @ task.columns, number)
            step = ones[:number] @ task.scores.take(extreme, axis=0) / number - archetypes[k]
            curvature = mass * (step @ step)
            if curvature > 0:
                archetypes[k] += min(max(-float(gradient @ step) / curvature, 0.0), 1.0) * step
    return archetypes


def smallest(values: FloatArray, number: int) -> IntArray:
    """(number,) indices of the smallest of ``values`` (N,), in any order.

    A sample says under which limit about half as many again lie; where at least ``number`` do, only these are sorted out.
    """
    sample = values[::_SAMPLED]
    rank = int(1.5 * number / _SAMPLED) + _SPARE
    if len(values) >= _WORTH_SAMPLING and 2 * rank < len(sample):
        near = (values <= np.partition(sample, rank)[rank]).nonzero()[0]
        if len(near) >= number:
            return np.asarray(near[values[near].argpartition(number - 1)[:number]])
    return np.asarray(values.argpartition(number - 1)[:number])


def fit_from_starts(
    scores: FloatArray,
    starts: list[IntArray],
    weights: FloatArray,
    share: float,
    *,
    cone: bool = False,
    sweeps: int = 80,
    within: float = SAME_LOSS,
) -> Generator[float, None, list[Archetypes]]:
    """Fit from every start; all optima, the smallest loss first (the only criterion that found the right one on all scenes tried).

    Every start is followed for a few sweeps, then the lowest one to its end, and the others, from the lowest on, while they may still come
    ``within`` this factor of the lowest end (``out_of_reach``); where one is given up, what it had reached is among the optima.

    Raises UnmixError where none of them is finite.
    """
    task = _Task.of(scores, weights, share, cone=cone)
    # With many endmembers a fit is long, and starts differ in a few of them only.
    few = starts if len(starts[0]) <= _MANY else starts[:3]
    ways, lowest = list[_Way](), np.inf
    for picked in few:
        ways.append(_Way(scores[picked]))
        yield from unseen(_swept(task, ways[-1], min(sweeps, TRIED)), least=lowest)
        lowest = min(lowest, ways[-1].loss)
    least = np.inf
    for way in sorted(ways, key=lambda way: way.loss):
        yield from unseen(_swept(task, way, sweeps, partial(out_of_reach, needed=within * least)), least=lowest)
        least, lowest = min(least, way.loss), min(lowest, way.loss)
    found = [way.best for way in ways if way.best is not None and np.isfinite(way.best.loss)]
    if not found:
        raise UnmixError(
            f"The search for {len(starts[0])} endmembers ended in no finite numbers from any of {len(few)} starts: "
            "leave out pixels that are dark or extreme (valid_pixels, --no-data VALUE), or ask for fewer endmembers."
        )
    return sorted(found, key=lambda optimum: optimum.loss)


def stroke_mean(scores: FloatArray, keep: float = 0.7, rounds: int = 10) -> tuple[FloatArray, IntArray]:
    """Mean (K,) of the share of a stroke's pixels that is closest to its own centre, and their indices: painting is imprecise."""
    centre = np.median(scores, axis=0)
    kept = np.arange(len(scores))
    for _ in range(rounds):
        kept = np.argsort(((scores - centre) ** 2).sum(axis=1))[: max(min(3, len(scores)), int(keep * len(scores)))]
        centre = scores[kept].mean(axis=0)
    return centre, kept


def purest_mean(unit: FloatArray, abundances: FloatArray, purity: float = 0.9) -> FloatArray:
    """(P, B): mean of the pixels with an abundance above ``purity``, or of the three purest."""
    rows = []
    for column in abundances.T:
        pure = np.flatnonzero(column > purity)
        if len(pure) < FEWEST_BACKERS:
            pure = np.argsort(-column)[:FEWEST_BACKERS]
        rows.append(unit[pure].mean(axis=0))
    return np.array(rows)


def brightness_of_closest(
    unit: FloatArray, lengths: FloatArray, endmembers: FloatArray, abundances: FloatArray, share: float = 0.2
) -> FloatArray:
    """Scale directions (P, B) to spectra: the median length of the ``share`` of each material's mass that is closest in angle."""
    directions = endmembers / np.linalg.norm(endmembers, axis=1, keepdims=True)
    cosines = unit @ directions.T
    counts = np.clip((share * abundances.sum(axis=0)).astype(int), 5, len(unit))
    scale = [
        np.median(lengths[np.argpartition(-cosines[:, k], counts[k] - 1)[: counts[k]]]) for k in range(len(directions))
    ]
    return np.asarray(directions * np.array(scale)[:, None])


def brightness_by_sum(spectra: FloatArray, endmembers: FloatArray) -> FloatArray | None:
    """Scale directions (P, B) so that amounts sum to one (robust least squares); None where a scale would not be positive."""
    directions = endmembers / np.linalg.norm(endmembers, axis=1, keepdims=True)
    amounts = non_negative(spectra, directions)
    weights = np.ones(len(amounts))
    inverse_scale: FloatArray = np.ones(len(directions))
    for _ in range(10):
        inverse_scale = np.linalg.lstsq(amounts * weights[:, None], weights, rcond=None)[0]
        misfit = np.abs(amounts @ inverse_scale - 1)
        weights = 1 / np.sqrt(1 + (misfit / max(float(np.median(misfit)), 1e-6) / 2) ** 2)
    return np.asarray(directions / inverse_scale[:, None]) if (inverse_scale > 0).all() else None


def brightness_for_sums(spectra: FloatArray, endmembers: FloatArray, pure: bool) -> FloatArray:
    """Scale directions (P, B) so that amounts sum to one; where that contradicts the pure pixels' own brightness, these are believed."""
    unit, lengths = unit_length(spectra)
    directions = endmembers / np.linalg.norm(endmembers, axis=1, keepdims=True)
    alike = brightness_of_closest(unit, lengths, directions, fully_constrained(unit, directions))
    scaled = brightness_by_sum(spectra, endmembers)
    if scaled is None:
        return alike
    ratio = np.linalg.norm(scaled, axis=1) / np.linalg.norm(alike, axis=1)
    contradicts = pure and max(ratio.max(), 1 / ratio.min()) > _CONTRADICTED
    return alike if contradicts else scaled
