"""Robust archetypes: endmembers as averages of pixels, each backed by a share of its own material's mass.

Archetypal analysis (Cutler & Breiman 1994) with Frank–Wolfe steps towards the mean of several extreme pixels instead of a single one,
so that large materials average hundreds of pixels while a target of nine pixels still keeps three.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
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
_MANY = 12


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

    Yields the loss at every sweep, of the archetypes where it is the lowest so far.
    """
    invert: Inversion = non_negative if cone else fully_constrained
    abundances: FloatArray | None = None
    best: Archetypes | None = None
    archetypes, losses, over = start.copy(), list[float](), False

    def place() -> Tree:
        return plain(
            {"archetypes": archetypes, "abundances": abundances, "best": best, "losses": np.array(losses), "over": over}
        )

    with long_loop("archetypes", place) as loop:
        if loop.before is not None:
            form = Archetypes(start.copy(), np.empty((len(scores), len(start))), 0.0)
            archetypes, abundances, best, before, over = _went_on(form, loop.before)
            losses += before
            yield from before
        while not over and len(losses) < sweeps:
            abundances = yield from _inverted(invert, scores, archetypes, abundances, losses)
            loss = float(weights @ ((scores - abundances @ archetypes) ** 2).sum(axis=1))
            if best is None or len(losses) < 4 or loss < best.loss:
                best = Archetypes(archetypes.copy(), abundances, loss)
            over = not np.isfinite(loss) or (len(losses) > 5 and abs(losses[-1] - loss) < 1e-5 * loss)
            losses.append(loss)
            if not over:
                archetypes = _moved(scores, archetypes, abundances, weights, share, strokes, held)
            yield LossOf(loss, partial(np.copy, best.archetypes)) if best.loss == loss else loss
    if strokes is not None or best is None:
        abundances = yield from _inverted(invert, scores, archetypes, abundances, losses)
        return Archetypes(
            archetypes, abundances, float(weights @ ((scores - abundances @ archetypes) ** 2).sum(axis=1))
        )
    return best


def _inverted(
    invert: Inversion, scores: FloatArray, archetypes: FloatArray, start: FloatArray | None, losses: list[float]
) -> Generator[float, None, FloatArray]:
    """Abundances (N, P) of the archetypes; for many endmembers that takes seconds, in which the last loss is told."""
    if len(archetypes) <= FEW_ENDMEMBERS:
        return invert(scores, archetypes, start)
    loss = losses[-1] if losses else NO_LOSS
    return (yield from meanwhile(lambda: invert(scores, archetypes, start), loss, pixels=len(scores)))


def _went_on(form: Archetypes, place: Tree) -> tuple[FloatArray, FloatArray, Archetypes, list[float], bool]:
    """Archetypes, abundances, the best so far, losses, and whether it is over, as they were kept."""
    archetypes, abundances, best, losses, over = named(place, "archetypes", "abundances", "best", "losses", "over")
    return (
        like(form.archetypes, archetypes),
        like(form.abundances, abundances),
        like(form, best),
        numbers(losses),
        truth(over),
    )


def _moved(
    scores: FloatArray,
    archetypes: FloatArray,
    abundances: FloatArray,
    weights: FloatArray,
    share: float,
    strokes: Strokes | None,
    held: BoolArray | None,
) -> FloatArray:
    """Archetypes (P, K) a few Frank–Wolfe sweeps further."""
    weighted = abundances * weights[:, None]
    backers = (
        np.round(share * abundances.sum(axis=0)).astype(int).clip(FEWEST_BACKERS, max(FEWEST_BACKERS, len(scores) // 2))
    )
    return _frank_wolfe(scores, archetypes, weighted.T @ abundances, weighted.T @ scores, backers, strokes, held)


def _frank_wolfe(
    scores: FloatArray,
    archetypes: FloatArray,
    gram: FloatArray,
    moment: FloatArray,
    backers: IntArray,
    strokes: Strokes | None,
    held: BoolArray | None,
) -> FloatArray:
    archetypes = archetypes.copy()
    anchors = {} if strokes is None else {strokes.first + k: mean for k, mean in enumerate(strokes.means)}
    for _ in range(_FRANK_WOLFE_SWEEPS):
        still_wanted()
        for k in range(len(archetypes)):
            mass = gram[k, k]
            if mass < 1e-9 or (held is not None and held[k]):
                continue
            gradient = gram[k] @ archetypes - moment[k]
            if strokes is not None and k in anchors:
                gradient = gradient + strokes.weight * gram[k, k] * (archetypes[k] - anchors[k])
                mass = (1 + strokes.weight) * mass
            extreme = np.argpartition(scores @ gradient, backers[k] - 1)[: backers[k]]
            step = scores[extreme].mean(axis=0) - archetypes[k]
            curvature = mass * (step @ step)
            if curvature > 0:
                archetypes[k] += np.clip(-(gradient @ step) / curvature, 0.0, 1.0) * step
    return archetypes


def fit_from_starts(
    scores: FloatArray,
    starts: list[IntArray],
    weights: FloatArray,
    share: float,
    *,
    cone: bool = False,
    sweeps: int = 80,
) -> Generator[float, None, list[Archetypes]]:
    """Fit from every start; all optima, the smallest loss first (the only criterion that found the right one on all scenes tried).

    Raises UnmixError where none of them is finite.
    """
    found: list[Archetypes] = []
    # With many endmembers a fit is long, and starts differ in a few of them only.
    few = starts if len(starts[0]) <= _MANY else starts[:3]
    for picked in few:
        fit = fit_archetypes(scores, scores[picked], weights, share, cone=cone, sweeps=sweeps)
        optimum = yield from unseen(fit, least=min((optimum.loss for optimum in found), default=np.inf))
        if np.isfinite(optimum.loss):
            found.append(optimum)
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
