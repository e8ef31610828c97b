"""``assess`` of a result whose cube stays in its file: on the sample that it was fitted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix import pipeline
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube
from napari_unmix.identifiability import painting
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.report import Report
from napari_unmix.large.fitting import Fitted, fitted_on
from napari_unmix.large.sampling import drawn, saved_sample
from napari_unmix.progress import Fit, Progress, meanwhile

ON_FILE = "Where to paint is suggested of cubes in memory, and this one stays in its file: crop it to what matters."


def assess(cube: Cube, result: Unmixing, searches: Searches | None = None) -> Fit[Report]:
    """Check what may be claimed of a result: a generator that yields ``Progress`` and returns the ``Report``.

    Of a cube that stays in its file on the sample that the result was fitted on. Where this program does not have it any more (a run that was
    written, an answer that a person changed) it is read again, with the maps that the result has there.
    """
    if cube.lazy is None:
        return (yield from pipeline.assess(cube, result, searches))
    reading = Progress("reading a sample", 0, 1, 0.0)
    fitted = fitted_on(result)
    if fitted is None:
        fitted = yield from meanwhile(lambda: _again(cube, result), reading)
    return (yield from pipeline.assess(fitted.sample.cube, fitted.answer, searches))


def where_to_paint(
    cube: Cube, result: Unmixing, report: Report, annotation: Annotation | None
) -> tuple[painting.Place, ...]:
    """Where the next stroke would tell most; nowhere in a cube that stays in its file: pixels of its sample are no patches that a hand can paint."""
    return () if cube.lazy is not None else painting.where_to_paint(cube, result, report, annotation)


def _again(cube: Cube, result: Unmixing) -> Fitted:
    """The sample of a result, and the result there."""
    sample = saved_sample(cube, None, result.model)
    if sample is None:  # of a run whose cube was in memory then
        sample = drawn(cube, None, result.spec.seed, np.zeros(0, np.intp))
    of = sample.of
    answer = replace(
        result,
        abundances=of(result.abundances),
        abundance_std=None if result.abundance_std is None else of(result.abundance_std),
        illumination=None if result.illumination is None else of(result.illumination),
        reconstruction_error=of(result.reconstruction_error),
        regions=None if result.regions is None else of(result.regions, 0),
        contribution=None,
    )
    return Fitted(sample, answer)
