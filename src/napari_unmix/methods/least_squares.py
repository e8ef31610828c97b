"""The second half of every method whose abundances are least squares: exact, on endmembers that were found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, Note, Recipe
from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, like, listed_as, plain
from napari_unmix.methods.contract import Problem, QuickLook, Solution, Spec
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.subspace import noise_level

_CHUNK = 50_000

# (N, B) spectra, (P, B) endmembers -> what pixels have of them.
Invert = Callable[[FloatArray, FloatArray], Inverted]


def least_squares(
    problem: Problem[Spec],
    endmembers: FloatArray,
    recipe: Recipe,
    done: float,
    notes: tuple[Note, ...] = (),
    solve: Callable[[Problem[Spec], FloatArray, float], Fit[Inverted]] | None = None,
) -> Fit[Solution]:
    """FCLS, or NNLS normalised with free illumination, on (P, B) endmembers that ``recipe`` found in the share ``done`` of the run.

    ``solve`` finds abundances in another way, of the endmembers as written and in the answer's order.
    """
    endmembers = problem.written(endmembers)
    ordering = Progress("finding abundances", 0, 1, done, snapshot=QuickLook(problem, endmembers))
    order = yield from meanwhile(partial(problem.order, endmembers), ordering, pixels=len(problem.spectra))
    endmembers = problem.exactly(endmembers[order])
    inverted = yield from (solve or inverted_in_parts)(problem, endmembers, done)
    return Solution(
        endmembers=endmembers,
        abundances=inverted.abundances,
        illumination=inverted.illumination,
        notes=notes,
        findings=Findings(recipe=recipe, noise=noise_level(problem.spectra, problem.endmember_count)),
        model={"endmembers": endmembers.astype(np.float32)},
    )


def inverted_in_parts(
    problem: Problem[Spec], endmembers: FloatArray, done: float, invert: Invert | None = None
) -> Fit[Inverted]:
    """Abundances of all pixels for (P, B) endmembers as written, some pixels at a time, so that a cancel is answered soon.

    ``invert`` is the problem's own inversion where it is None.
    """
    invert = problem.inversion.invert if invert is None else invert
    look = QuickLook(problem, endmembers)
    parts: list[Inverted] = []
    starts = range(0, len(problem.spectra), _CHUNK)
    with long_loop("abundances", lambda: plain(parts)) as loop:
        if loop.before is not None:
            parts += [_kept(problem, start, part) for start, part in zip(starts, listed_as(loop.before), strict=False)]
        for step, start in enumerate(starts):
            if step >= len(parts):
                share = done + (1 - done) * step / len(starts)
                inverting = Progress("finding abundances", step, len(starts), share, snapshot=look)
                some = problem.spectra[start : start + _CHUNK]
                parts.append((yield from meanwhile(partial(invert, some, endmembers), inverting)))
            share = done + (1 - done) * (step + 1) / len(starts)
            yield Progress("finding abundances", step + 1, len(starts), share, snapshot=look)
    light = [part.illumination for part in parts if part.illumination is not None]
    return Inverted(np.concatenate([part.abundances for part in parts]), np.concatenate(light) if light else None)


def _kept(problem: Problem[Spec], start: int, place: Tree) -> Inverted:
    """What was kept of the pixels from ``start`` on."""
    count = len(problem.spectra[start : start + _CHUNK])
    light = np.empty(count) if problem.inversion.free_light else None
    return like(Inverted(np.empty((count, problem.endmember_count)), light), place)
