"""The work behind a comparison of runs, for a worker: reading a reference, measuring runs, what the canvas shows of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.comparison import AskedRun
from napari_unmix.plugin.facts.likeness import (
    DifferenceMap,
    Measured,
    Pictures,
    added_up,
    paired,
    subtracted,
    with_maps,
)
from napari_unmix.plugin.facts.resting import at_rest, same_answer
from napari_unmix.plugin.verbs.store import read_back
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from napari_unmix.library.reference import Reference

Reads = Callable[[Path, Cube], "Fit[Reference]"]
Measures = Callable[[Unmixing, "Sequence[AskedRun]", "Reference | None"], "Fit[tuple[Measured, ...]]"]
Draws = Callable[..., "Fit[DifferenceMap | Pictures]"]
NO_ARRAYS = "save them as E (P, B) and A (H, W, P) with numpy.savez, or give a spectral library"


def reference(path: Path, cube: Cube) -> Fit[Reference]:
    """Read a reference for a cube: an .npz with E, A or both, or a spectral library. Raises UnmixError."""
    yield Progress(f"reading {path.name}", 0, 1, 0.0)
    from napari_unmix.library.reference import read_reference

    return read_reference(path, "", cube, NO_ARRAYS)


def measure(shown: Unmixing, runs: Sequence[AskedRun], reference: Reference | None) -> Fit[tuple[Measured, ...]]:
    """Hold each of the runs against the one that is shown, which may be among them, and against the reference.

    One that rests is read for as long as it takes; what was measured holds no maps.
    """
    found = []
    for done, asked in enumerate(runs):
        yield Progress("comparing runs", done, len(runs), done / len(runs))
        run = asked.run
        one = Measured(run.number, at_rest(run.unmixing), at_rest(shown), run.unmixing.reconstruction_rmse)
        try:
            result = read_back(run)
        except UnmixError as error:
            found.append(replace(one, notes=(f"{run.title} can't be compared: {error}",)))
            continue
        if not same_answer(result, shown):
            one = replace(one, pairs=tuple((yield from _pairs(shown, result))))
        found.append(one if reference is None else _beside(one, result, reference))
    return tuple(found)


def _pairs(shown: Unmixing, other: Unmixing) -> Fit[list[Any]]:
    pairs = paired(shown, other)
    if shown.abundances.shape[:2] == other.abundances.shape[:2]:
        for k, pair in enumerate(pairs):
            yield Progress("comparing maps", k, len(pairs), k / len(pairs))
            pairs[k] = with_maps(pair, shown, other)
    return pairs


def _beside(measured: Measured, result: Unmixing, reference: Reference) -> Measured:
    """With what a reference says of the result, as far as it fits the run."""
    from napari_unmix.io.budget import readable_shape
    from napari_unmix.library.reference import held_against

    known = {"spectra": reference.endmembers, "maps": reference.abundances}
    own = {"spectra": result.endmembers.shape[1:], "maps": result.abundances.shape[:2]}
    wrong = [
        f"The {what} of {reference.title} are of {_size(values, what)}, this run's of {readable_shape(own[what])}:"
        " load the reference again for the cube as it is read now."
        for what, values in known.items()
        if values is not None and _extent(values, what) != own[what]
    ]
    if wrong:
        return replace(measured, notes=(*measured.notes, *wrong))
    near = held_against(reference, result.endmembers, result.abundances)
    partners = int((near.order >= 0).sum())
    notes = list(reference.notes)
    if len(result.endmembers) != reference.count:
        fewer = f"the figures are of the {partners} that match"
        notes.append(f"{reference.title} has {reference.count} endmembers, a run {len(result.endmembers)}: {fewer}.")
    return replace(
        measured,
        angles=None if near.angles is None else tuple(near.angles.tolist()),
        abundance_error=near.abundance_error,
        reference_correlation=near.correlation,
        partners=partners,
        notes=(*measured.notes, *(note if note.endswith(".") else f"{note}." for note in notes)),
    )


def _extent(values: Any, what: str) -> tuple[int, ...]:
    return tuple(values.shape[1:] if what == "spectra" else values.shape[:2])


def _size(values: Any, what: str) -> str:
    from napari_unmix.io.budget import readable_shape

    return readable_shape(_extent(values, what))


def overlay(kind: str, *what: Any) -> Fit[DifferenceMap | Pictures]:
    """What the canvas shows of two runs, as ``facts.comparison.wanted_overlay`` says it."""
    yield Progress("drawing two runs", 0, 1, 0.0)
    if kind == "difference":
        shown, beside, mine, its = what
        return subtracted(shown, mine, beside, its)
    shown, beside, look, other = what
    first = added_up(shown.abundances, *look)
    yield Progress("drawing two runs", 1, 2, 0.5)
    return Pictures(first, added_up(beside.abundances, *other))
