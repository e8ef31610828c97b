"""The work of a probe, driven in a worker. Heavy imports are inside: the dock starts without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unmix.cube import Annotation, BoolArray, Cube
from napari_unmix.plugin.facts.probing import Probe
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.verbs.store import read_back
from napari_unmix.probing.evaluate import Features, Probed, probing
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from napari_unmix.probing.painted import Answer

READING = 0.1  # of a probe's time


def probe_classes(cube: Cube, annotation: Annotation, runs: Sequence[Run]) -> Fit[Probe]:
    """Probe what is painted on a cube. Raises UnmixError where that is too little, or in too few places."""
    yield Progress("reading the painted pixels", 0, 1, 0.0)
    from napari_unmix.probing.painted import painted_classes, raw_spectra

    painted = painted_classes(cube, annotation)
    folds = painted.folds()
    features, notes = [raw_spectra(cube, painted.mask)], []
    for number, run in enumerate(runs):
        yield Progress(f"reading {run.title}", number, len(runs), READING * number / len(runs))
        found, said = _features_of(run, cube, painted.mask)
        features += found
        notes += said
    rows: list[Probed] = []
    for one in features:
        begun, share = READING + (1 - READING) * len(rows) / len(features), (1 - READING) / len(features)
        steps = probing(one, painted.classes, len(painted.names), folds)
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                rows.append(end.value)
                break
            yield replace(event, stage=f"learning from {event.stage}", fraction=begun + share * event.fraction)
    numbers = tuple(run.number for run in runs)
    return Probe(annotation, numbers, painted.names, painted.pixels, len(folds), folds.side, tuple(rows), tuple(notes))


def _features_of(run: Run, cube: Cube, mask: BoolArray) -> tuple[list[Features], list[str]]:
    """Abundances and codes of a run; a sentence where there are none."""
    from napari_unmix.probing.painted import abundances_of, codes_of, no_codes

    try:
        answer = _answer(run)
    except UnmixError as error:
        return [], [f"{run.title} can't be read: {error}"]
    if answer.abundances.shape[:2] != mask.shape:
        return [], [f"{run.title} is of another size than the cube as it is read now: it is left out."]
    abundances = abundances_of(answer, mask)
    if abundances is None:
        return [], [f"{run.title} has no answer in some of the painted pixels: it is left out."]
    codes = codes_of(answer, run.cube.spectral_axis, run.cube, mask)
    return ([abundances], [no_codes(answer)]) if codes is None else ([abundances, codes], [])


def _answer(run: Run) -> Answer:
    from napari_unmix.probing.painted import Answer

    result = read_back(run)
    return Answer(run.title, run.spec, result.endmembers, run.look.names, result.abundances, result.model)
