"""What is known of each painted material's stroke: what the run made of it, or a first look while it is being painted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.findings import StrokeFound
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import Session, current_run, endmember_count, shown


@dataclass(frozen=True, eq=False)
class StrokesAsked:
    """Which strokes of which cube are to be judged, and by what: the abundances (H, W, P) that are shown, or (None) a first look at the cube.

    ``of`` says whose abundances they are: the number of a run, 0 for a preview, -1 for none. Two questions are the same where these are:
    previews of a training follow each other, and tell the same of a stroke.
    """

    cube: Cube
    annotation: Annotation
    abundances: FloatArray | None
    count: int
    free_light: bool
    of: int

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StrokesAsked):
            return NotImplemented
        return other.cube is self.cube and other.annotation is self.annotation and self._by == other._by

    def __hash__(self) -> int:
        return hash((id(self.cube), id(self.annotation), self._by))

    @property
    def _by(self) -> tuple[int, int, bool]:
        return self.of, self.count, self.free_light


@dataclass(frozen=True, eq=False)
class Judged:
    """The answer: each material's stroke as a first look sees it."""

    question: StrokesAsked
    strokes: tuple[StrokeFound, ...]


def question_now(session: Session) -> StrokesAsked | None:
    """What there is to judge; None where no material is painted, the method reads no paint, or it is not known how many endmembers there are."""
    cube, annotation, what, count = session.cube, session.annotation, shown(session), endmember_count(session)
    if cube is None or annotation is None or not type(session.spec).uses_paint:
        return None
    painted = any(meaning.kind == "material" for meaning in annotation.meanings.values())
    if not painted or not annotation.of_kind("material"):
        return None
    light = session.spec.illumination
    if what is not None:
        abundances, of = what.content.abundances, 0 if what.run is None else what.run.number
        return StrokesAsked(cube, annotation, abundances, abundances.shape[-1], light, of)
    return None if count is None or count < 2 else StrokesAsked(cube, annotation, None, count, light, -1)


def judged_now(session: Session) -> Judged | None:
    """The first look, where it is of what is painted now."""
    judged = session.judged
    return judged if judged is not None and judged.question == question_now(session) else None


def stroke_said(session: Session, label: int) -> tuple[str, str]:
    """What is known of the stroke of this label, in a line and in full; ("", "") where nothing is."""
    found = _by_run(session, label)
    if found is not None:
        return _line(found), f"{found}" + (f" {found.advice}" if found.advice else "")
    annotation, judged = session.annotation, judged_now(session)
    if annotation is None or judged is None or annotation.meaning(label).kind != "material":
        return "", ""
    name = material_name(annotation, label)
    glimpse = next((one for one in judged.strokes if one.material == name), None)
    return ("", "") if glimpse is None else glimpsed(glimpse, judged.question.of)


def glimpsed(one: StrokeFound, of: int) -> tuple[str, str]:
    """What a first look tells of a stroke, in a line and in full; ``of`` as in ``StrokesAsked``."""
    by = "a first look at the cube" if of < 0 else "the maps so far" if of == 0 else "the maps of the run that is shown"
    share = f"{100 * one.purity:.0f} %"
    if one.background:
        line = f"mostly background? {share} is what it would name"
        full = f"By {by} it is mostly background: {share} of it is the endmember that it would name."
        return line, f"Stroke “{one.material}”: {full} Paint only where the material is pure."
    return (
        f"{share} is one material",
        f"Stroke “{one.material}”: by {by}, {share} of it is the endmember that it would name.",
    )


def _line(one: StrokeFound) -> str:
    """What the run made of a stroke, in a few words."""
    share = f"{100 * one.purity:.0f} %"
    if one.how == "refused" and one.cost is not None:
        return f"contradicts the scene: leaves {one.cost:.1f} × as much"
    if one.background:
        return f"mostly background: {share} is what it names"
    return f"{one.how} its endmember, {share} of the stroke"


def _by_run(session: Session, label: int) -> StrokeFound | None:
    """What the shown run made of this label's stroke, where that is painted as it was then."""
    run, now = current_run(session), session.annotation
    if run is None or run.annotation is None or now is None or not same_image(run.home, session.cube):
        return None
    before = run.annotation
    if now.meaning(label).kind != "material" or before.meaning(label).kind != "material":
        return None
    name = material_name(before, label)
    if not all(
        _same_pixels(before, now, one) for one in before.of_kind("material") if material_name(before, one) == name
    ):
        return None
    return next((one for one in run.unmixing.findings.strokes if one.material == name), None)


def _same_pixels(before: Annotation, now: Annotation, label: int) -> bool:
    return before.labels is now.labels or np.array_equal(before.labels == label, now.labels == label)


def material_name(annotation: Annotation, label: int) -> str:
    """What a material is called; two labels of one name are one material."""
    return annotation.meaning(label).name or f"material {label}"
