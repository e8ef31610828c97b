"""Maps that follow a person's painting: prepared once for a cube and its settings, then first maps and final ones of each painting.

Drive each generator to its end, or close it where another painting is there by now. All values are frozen, and a final answer depends on nothing
but what was prepared and its painting: neither on the painting before nor on the order of the strokes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from napari_unmix.auxiliary import SideInformation, painted_over
from napari_unmix.cube import Annotation, BoolArray, Cube
from napari_unmix.methods.contract import Problem
from napari_unmix.methods.ivae import live as ivae
from napari_unmix.methods.ivae.live import Begun, LiveMaps
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.ivae.unpainted import Prepared, prepared
from napari_unmix.pipeline import make_problem, materials_of, without_ignored
from napari_unmix.progress import Fit, drain, forward
from napari_unmix.sentences import UnmixError


@dataclass(frozen=True, eq=False)
class Live:
    """A cube and settings whose maps can follow a painting; ``ignored`` (H, W) are the pixels that were left out when this was prepared."""

    cube: Cube
    spec: IvaeSpec
    ignored: BoolArray
    prepared: Prepared

    def fits(self, annotation: Annotation | None) -> bool:
        """Whether a painting leaves out the pixels that were left out: those of another need another preparation."""
        return np.array_equal(self.ignored, ignored_by(self.cube, annotation))

    def begin(self, annotation: Annotation | None, before: LiveMaps | None = None) -> Fit[Begun]:
        """The first maps of a painting; ``before`` are those that it follows on the screen, of which unpainted pixels may stay as they are.

        Raises UnmixError where more materials are painted than there are endmembers, or the painting is of another size.
        """
        problem = _painted(self.prepared.problem, annotation)
        return (yield from ivae.begun(self.prepared, problem, before))

    def finish(self, begun: Begun) -> Fit[LiveMaps]:
        """The final maps of a painting whose first ones are there."""
        return (yield from ivae.finished(self.prepared, begun))

    def follow(self, annotation: Annotation | None) -> LiveMaps:
        """The final maps of a painting, at once."""
        return drain(self.finish(drain(self.begin(annotation))))


def prepare(cube: Cube, spec: IvaeSpec, annotation: Annotation | None = None) -> Fit[Live]:
    """Find what strokes do not change: the search, and the fit without paint. Of the ``annotation`` only pixels to be ignored are read.

    Raises UnmixError where the cube and the settings do not fit, as ``unmix`` does.
    """
    return (yield from forward(_prepared(cube, spec, annotation)))


def _prepared(cube: Cube, spec: IvaeSpec, annotation: Annotation | None) -> Fit[Live]:
    if annotation is not None:
        annotation.check_against(cube)
    ignored = ignored_by(cube, annotation)
    kept = cube if annotation is None else without_ignored(cube, annotation)
    problem = yield from make_problem(kept, spec)
    if problem.endmember_count < 2:
        raise UnmixError(
            f"{cube.name} holds one endmember, whose map no painting changes: ask for two or more to have maps that follow it."
        )
    known = yield from prepared(cast("Problem[IvaeSpec]", problem))
    return Live(cube, spec, ignored, known)


def ignored_by(cube: Cube, annotation: Annotation | None) -> BoolArray:
    """(H, W) the valid pixels that a painting says are to be ignored."""
    if annotation is None:
        return np.zeros(cube.shape[:2], bool)
    return np.asarray(np.isin(annotation.labels, annotation.of_kind("ignore")) & cube.valid_pixels)


def _painted(problem: Problem[IvaeSpec], annotation: Annotation | None) -> Problem[IvaeSpec]:
    """The problem with a painting: its regions over what the cube's own side information is, and its materials."""
    cube, spec, count = problem.cube, problem.spec, problem.endmember_count
    if annotation is None:
        return problem
    side: SideInformation = painted_over(cube, annotation, spec.side_information, problem.side.labels)
    materials = materials_of(annotation, cube)
    if len(materials) > count:
        raise UnmixError(
            f"{len(materials)} materials are painted but {count} endmembers were asked for: ask for at least {len(materials)}, or merge strokes."
        )
    return replace(problem, regions=side.labels[cube.valid_pixels], side=side, materials=materials)
