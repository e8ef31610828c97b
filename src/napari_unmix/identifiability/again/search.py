"""The endmembers again: by the result's own recipe on other data, and by the geometry alone from another start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Redraw
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.identifiability.again.refits import Refits, Steps, like_the_result, silently, some_rows
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.sentences import UnmixError

# Regions that nothing tells apart, or that are told apart without error; or too few pixels of too few of them.
UNSOLVABLE = (np.linalg.LinAlgError, torch.linalg.LinAlgError, UnmixError)  # type: ignore[attr-defined]
SEARCHED_PIXELS = 3000


def repeatable(subject: Subject) -> bool:
    """Whether the result's endmembers can be found again as they were found: linear mixing, by a recipe that can repeat itself."""
    return subject.linear and subject.recipe.repeatable


def found_again(
    subject: Subject, spectra: FloatArray, regions: IntArray, generator: np.random.Generator
) -> Steps[FloatArray | None]:
    """Endmembers (P, B) of other spectra (N, B) and regions (N,) by the result's recipe, in its order; None where there is no solution."""
    redraw = Redraw(spectra, regions, subject.noise, subject.inversion, generator)
    try:
        found = yield from silently(subject.recipe.again(redraw, subject.endmembers))
    except UNSOLVABLE:
        return None
    return like_the_result(subject, found) if np.isfinite(found).all() else None


def search_again(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Search afresh with another seed; strokes are not known here, so where they led, there is no such second opinion."""
    if subject.recipe.by_strokes or len(subject.spectra) < 3 * subject.count:
        return refits
    rows = some_rows(len(subject.spectra), generator, SEARCHED_PIXELS)
    seed = subject.result.spec.seed + 1
    found = yield from silently(
        find_endmembers(subject.spectra[rows], subject.count, subject.inversion, strokes=[], seed=seed)
    )
    searched = found.endmembers[match_endmembers(found.endmembers, subject.endmembers)]
    return replace(refits, search=found, searched=searched)
