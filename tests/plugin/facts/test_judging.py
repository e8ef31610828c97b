"""A first look at strokes: what is asked, what is the same question, what is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import StrokeFound
from napari_unmix.plugin.facts.judging import StrokesAsked, glimpsed, question_now, stroke_said
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.judging import judge
from napari_unmix.progress import drain

SPECTRA = np.random.default_rng(5).uniform(0.1, 0.9, (3, 20))


def shares() -> np.ndarray:
    right = np.linspace(0, 1, 50)
    made = np.zeros((40, 50, 3))
    made[..., 0], made[..., 1] = 1 - right, right
    made[20] = (0.0, 0.0, 1.0)
    return made


def cube() -> Cube:
    noise = 0.003 * np.random.default_rng(0).normal(size=(40, 50, 20))
    return Cube(shares() @ SPECTRA + noise, np.linspace(450, 900, 20))


def annotation(kind: str = "material") -> Annotation:
    labels = np.zeros((40, 50), np.int32)
    labels[5:9, 0:3], labels[12:28, 24:26] = 1, 2
    return Annotation(labels, {1: Meaning(kind, "grass"), 2: Meaning(kind, "roof")})  # type: ignore[arg-type]


def asked(**changes: object) -> StrokesAsked:
    return replace(StrokesAsked(cube(), annotation(), None, 3, False, -1), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", ["a first look", "maps"])
def test_a_pure_stroke_and_one_of_background(by: str) -> None:
    judged = drain(judge(asked() if by == "a first look" else asked(abundances=shares(), of=1)))
    assert [one.material for one in judged.strokes] == ["grass", "roof"]
    assert [one.background for one in judged.strokes] == [False, True]


def test_pixels_without_an_answer_are_passed_over() -> None:
    holed = shares()
    holed[6:8] = np.nan
    judged = drain(judge(asked(abundances=holed, of=1)))
    assert [one.background for one in judged.strokes] == [False, True]


def test_more_materials_than_endmembers_are_not_judged() -> None:
    assert drain(judge(asked(count=1, abundances=shares()[..., :1], of=1))).strokes == ()


def test_previews_of_one_training_are_one_question() -> None:
    image, painted = cube(), annotation()
    one = StrokesAsked(image, painted, shares(), 3, False, 0)
    assert one == StrokesAsked(image, painted, 1 - shares(), 3, False, 0)
    assert hash(one) == hash(StrokesAsked(image, painted, 1 - shares(), 3, False, 0))
    for other in (
        replace(one, of=1),
        replace(one, count=4),
        replace(one, annotation=annotation()),
        replace(one, cube=cube()),
    ):
        assert one != other


def test_a_question_needs_a_material_and_the_number_of_endmembers() -> None:
    session = Session()
    assert question_now(session) is None
    session.cube, session.suggested, session.annotation = cube(), 3, annotation()
    assert question_now(session) is not None
    session.annotation = annotation("region")
    assert question_now(session) is None
    session.annotation, session.suggested = annotation(), None
    assert question_now(session) is None
    assert stroke_said(session, 1) == ("", "")


@pytest.mark.parametrize(
    ("of", "by"), [(-1, "a first look at the cube"), (0, "the maps so far"), (2, "the maps of the run")]
)
def test_it_says_what_it_was_judged_by(of: int, by: str) -> None:
    line, full = glimpsed(StrokeFound(material="roof", how="names", purity=0.04), of)
    assert line == "mostly background? 4 % is what it would name"
    assert by in full
    line, full = glimpsed(StrokeFound(material="roof", how="names", purity=0.9), of)
    assert line == "90 % is one material"
    assert by in full
