"""Cubes in memory of which a search reads a part: every residual is looked at afterwards, and what was lacking is read as well (decision 0051)."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from napari_unmix import pipeline
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, IntArray
from napari_unmix.geometry import search
from napari_unmix.given import Given
from napari_unmix.large.again import MOST_ROUNDS, Others, explained, newcomers_of, next_spec, within
from napari_unmix.large.lacking import Lacking, StandingOut, lacking
from napari_unmix.large.saying import SURE, said_of
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.spec import MethodSpec

# Share of the bar of the first fit: in most scenes nothing is lacking, and it is the only one.
_FITTED = 0.8


def unmix(cube: Cube, spec: MethodSpec, annotation: Annotation | None, given: Given | None) -> Fit[Unmixing]:
    """``pipeline.unmix`` of a cube in memory; again with the pixels that a search of a part of it lacked, where that explains them.

    Where nothing was lacking the answer is that of the first fit to the bit, and a note says how few pixels may have been missed.
    """
    begun = time.perf_counter()
    first = pipeline.unmix(cube, spec, annotation, given)
    if int(cube.valid_pixels.sum()) <= search.MOST_PIXELS:
        return (yield from first)
    best = yield from within(first, 0.0, _FITTED)
    if not _was_searched(best) or (answered := _answered(best)) <= search.MOST_PIXELS:
        return best
    looking = Progress("looking at every residual", 0, 1, _FITTED)
    missed, taken = (yield from meanwhile(lambda: missed_in(cube, best), looking)), np.zeros(0, np.intp)
    for _ in range(MOST_ROUNDS):
        if not missed.pixels:
            break
        tried = yield from _tried(cube, spec, annotation, given, best, missed, np.union1d(taken, missed.places))
        if tried is None:
            break
        best, taken = tried, np.union1d(taken, missed.places)
        missed = missed_in(cube, best)
    fitted = f"Endmembers were searched on {search.MOST_PIXELS:,} of {answered:,} pixels, and every pixel's residual was looked at."
    note = said_of(fitted, -(-SURE * answered // search.MOST_PIXELS), len(taken), missed)
    return replace(best, spec=spec, notes=(*best.notes, note), seconds=time.perf_counter() - begun)


def _tried(
    cube: Cube,
    spec: MethodSpec,
    annotation: Annotation | None,
    given: Given | None,
    before: Unmixing,
    missed: Lacking,
    places: IntArray,
) -> Fit[Unmixing | None]:
    """The answer with pixels at ``places`` read as well; None where it explains them hardly better, or the others worse."""
    others = Others.of(cube if annotation is None else pipeline.without_ignored(cube, annotation))
    room = others.have_room(before, newcomers_of(cube, missed))
    if not room and spec.endmembers != "auto":
        return None
    steps = pipeline.unmix(cube, next_spec(spec, before, missed, room=room), annotation, given, places)
    now = yield from within(steps, _FITTED, 1.0)
    was, left = (float(np.sqrt(np.mean(one.reconstruction_error.flat[missed.places] ** 2))) for one in (before, now))
    return now if explained(was, left) and others.allow(before, now) else None


def missed_in(cube: Cube, answer: Unmixing) -> Lacking:
    """The materials of which an answer of a cube in memory explains no pixel."""
    errors = answer.reconstruction_error.ravel().astype(np.float64)
    out = StandingOut.of(errors, answer.endmembers)
    places = np.flatnonzero(errors > out.line)  # NaN, where a pixel takes no part, is not
    spectra = cube.spectra.reshape(-1, cube.shape[2])[places][:, ~np.isnan(answer.endmembers).all(axis=0)]
    out.look(places, errors[places], spectra)
    return lacking(out)


def _was_searched(answer: Unmixing) -> bool:
    """Whether its endmembers come from the search that reads a part of large scenes; other methods read all pixels."""
    return "chi_linear" in answer.findings.search


def _answered(answer: Unmixing) -> int:
    """How many pixels have an answer."""
    return int(np.count_nonzero(np.isfinite(answer.reconstruction_error)))
