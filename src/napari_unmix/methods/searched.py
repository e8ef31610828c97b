"""The first half of every method that begins from the geometry: its search, as progress, with a first look for the user."""

from __future__ import annotations

import math
from dataclasses import replace

from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.geometry.seen import LossOf
from napari_unmix.methods.contract import Problem, QuickLook, Spec
from napari_unmix.progress import Fit, staged


def searched(problem: Problem[Spec], done: float) -> Fit[Found]:
    """Find endmembers by the rule that the data allow, painted materials first; it takes the share ``done`` of the run."""
    look = QuickLook(problem)
    search = find_endmembers(
        problem.spectra,
        problem.endmember_count,
        problem.inversion,
        strokes=list(problem.painted.values()),
        seed=problem.spec.seed,
        given=problem.given,
        also_read=problem.also_read,
    )

    def show(loss: float) -> tuple[float | None, QuickLook]:
        if isinstance(loss, LossOf):
            look.show(loss.corners)
        return None if math.isnan(loss) else float(loss), look

    found = yield from staged("finding endmembers", search, (0.0, done), show=show)
    return _by_name(found, list(problem.painted))


def _by_name(found: Found, materials: list[str]) -> Found:
    """What the search made of each stroke, by the name of its material; a note of each that could not do what a stroke is for."""
    strokes = tuple(
        one.model_copy(update={"material": name}) for one, name in zip(found.strokes, materials, strict=False)
    )
    notes = tuple(Note(NoteKind.STROKES, str(one), one.advice) for one in strokes if one.advice)
    return replace(found, strokes=strokes, notes=(*found.notes, *notes))
