"""Looking where to paint next, in the background."""

from __future__ import annotations

from weakref import ref

from napari_unmix.cube import Annotation
from napari_unmix.identifiability.painting import nothing_said
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.suggesting import Suggested
from napari_unmix.progress import Fit, Progress, meanwhile


def suggest_places(run: Run, annotation: Annotation | None) -> Fit[Suggested]:
    """Where painting would help a run that is checked, beside what is painted by now."""
    return (yield from meanwhile(lambda: _suggested(run, annotation), Progress("looking where to paint", 0, 1, 0.0)))


def _suggested(run: Run, annotation: Annotation | None) -> Suggested:
    from napari_unmix.large.judging import ON_FILE, where_to_paint  # loads torch, which no window waits for

    assert run.report is not None
    result = run.named
    places = where_to_paint(run.cube, result, run.report, annotation)
    why = ON_FILE if run.cube.lazy is not None else nothing_said(result, run.report)
    return Suggested(ref(run.unmixing), result.names, places, "" if places else why)
