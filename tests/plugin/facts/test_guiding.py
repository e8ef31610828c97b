"""Which button comes next, which steps fold, what a step says in a line: decisions on made-up sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Meaning
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import method_specs
from napari_unmix.plugin.facts.guiding import (
    MADE_FROM,
    Painted,
    done_with,
    folded_text,
    gauge,
    next_step,
    painted,
    painting_advice,
)
from napari_unmix.plugin.facts.notices import MOST_LETTERS, notice
from napari_unmix.plugin.facts.runs import Run, Training, fresh_look
from napari_unmix.plugin.facts.session import Session, Trouble, Unfinished, preset

REPORT = Report("partly", "Partly: so.", ())


@pytest.fixture
def trained(session: Session, tools: Any) -> Session:
    """A session on a cube with one checked run, everything as it was made."""
    cube = tools.make_cube()
    found = tools.make_unmixing(cube, preset())
    run = Run(1, "iVAE", datetime(2026, 1, 1), cube, preset(), None, cube, found, fresh_look(found.endmembers), REPORT)
    session.cube, session.cubes, session.suggested = cube, (cube,), 3
    session.runs, session.run = (run,), run
    return session


def test_without_a_cube_the_next_is_to_open_one(session: Session) -> None:
    assert next_step(session) == "open"


def test_with_a_cube_the_next_is_to_train_painted_or_not(session: Session, tools: Any) -> None:
    session.cube = tools.make_cube()
    assert next_step(session) == "train"


def test_what_was_interrupted_is_taken_up_before_anything_is_trained_anew(session: Session, tools: Any) -> None:
    session.cube = tools.make_cube()
    session.unfinished = Unfinished(session.cube, preset(), None, 0.0, 0.5)
    assert next_step(session) == "take up"


@pytest.mark.parametrize("state", ["training", "paused", "checking"])
def test_while_something_is_under_way_nothing_is_asked_for(trained: Session, state: Any) -> None:
    trained.state = state
    assert next_step(trained) == ""


def test_a_checked_run_is_taken_along_and_then_all_is_done(trained: Session, tmp_path: Any) -> None:
    assert next_step(trained) == "export"
    trained.exported = tmp_path
    assert next_step(trained) == ""


def test_a_run_that_was_not_checked_can_not_be_written(trained: Session) -> None:
    trained.run = replace(trained.run, report=None)  # type: ignore[type-var]
    assert next_step(trained) == ""


def other_settings(session: Session) -> None:
    session.spec = method_specs()["vca-fcls"].model_validate({})


def other_bands(session: Session) -> None:
    assert session.cube is not None
    session.cube = replace(session.cube, good_bands=np.ones_like(session.cube.good_bands))


def trains_again(session: Session) -> None:
    assert session.cube is not None
    session.training = Training(2, session.cube, session.spec, None, None)
    session.state = "training"


def no_run(session: Session) -> None:
    session.run = None


def test_what_a_run_was_made_from_folds(trained: Session) -> None:
    assert done_with(trained) == MADE_FROM == ("side information", "method", "train")


@pytest.mark.parametrize("changed", [other_settings, other_bands, trains_again, no_run])
def test_and_is_open_again_when_it_is_asked_for(trained: Session, changed: Callable[[Session], None]) -> None:
    changed(trained)
    assert done_with(trained) == ()


@pytest.mark.parametrize("changed", [other_settings, other_bands])
def test_out_of_date_the_next_is_to_train(trained: Session, changed: Callable[[Session], None]) -> None:
    changed(trained)
    assert next_step(trained) == "train"


def test_trouble_keeps_its_step_open(trained: Session) -> None:
    trained.trouble = Trouble("method", "No.")
    assert done_with(trained) == ("side information", "train")
    trained.trouble = Trouble("result", "No.")
    assert done_with(trained) == MADE_FROM


def test_a_folded_step_says_what_it_holds(trained: Session) -> None:
    said = {step: folded_text(trained, step) for step in ("cube", *MADE_FROM, "result")}  # type: ignore[arg-type]
    assert said == {
        "cube": "scene",
        "side information": "nothing painted",
        "method": "iVAE, 3 endmembers",
        "train": "done in 0 s",
        "result": "partly",
    }
    assert trained.cube is not None
    labels = np.zeros(trained.cube.shape[:2], np.int32)
    labels[1], labels[2], labels[3] = 1, 2, 3
    trained.annotation = Annotation(labels, {3: Meaning("material", "rock")})
    assert folded_text(trained, "side information") == "2 regions, 1 material"


def test_what_is_painted_is_counted_by_what_it_means(session: Session) -> None:
    meanings = {
        3: Meaning("material", "rock"),
        4: Meaning("material", "rock"),
        5: Meaning("material"),
        6: Meaning("ignore"),
    }
    session.annotation = Annotation(np.zeros((4, 4), np.int32), meanings)
    counts = {1: 29, 2: 30, 3: 5, 4: 5, 5: 5, 6: 99}
    assert painted(session, counts) == Painted(regions=2, usable=1, materials=2, begun=True)
    assert painted(Session(), {}) == Painted()


@pytest.mark.parametrize(
    ("much", "count", "wanted", "shown", "said"),
    [
        (Painted(), 3, 7, (0, 0), "Optional: paint where mixtures differ, or where a material is pure."),
        (Painted(begun=True), 3, 7, (0, 0), "Paint on the image: drag with the left button."),
        (Painted(2, 2, begun=True), 3, 7, (2, 7), "2 of 7 regions: 5 more recommended."),
        (Painted(9, 9, begun=True), 3, 7, (7, 7), "9 regions; 7 recommended."),
        (Painted(1, 1, 2, begun=True), 3, 7, (1, 7), "1 of 7 regions and 2 materials: 6 more recommended."),
        (Painted(materials=3, begun=True), 3, 7, (3, 3), "3 of 3 materials named by strokes."),
        (Painted(materials=1, begun=True), 3, 7, (1, 3), "1 of 3 materials named by strokes."),
        (Painted(materials=1, begun=True), None, None, (0, 0), "1 material named by strokes."),
        (Painted(1, 1, begun=True), None, None, (0, 0), "1 region painted."),
    ],
)
def test_the_gauge_counts_what_was_asked(
    much: Painted, count: int | None, wanted: int | None, shown: tuple[int, int], said: str
) -> None:
    """Who paints a stroke of each material has done what they were asked: "0 of 7 regions" is no answer to that."""
    assert gauge(much, count, wanted) == shown
    assert painting_advice(much, count, wanted) == said


def test_a_short_sentence_is_notified_whole_and_a_long_one_begun() -> None:
    assert notice(Trouble("train", "There is no cube to unmix.")) == "There is no cube to unmix."
    assert (
        notice(Trouble("cube", "No band lies in 2000: the bands lie in 450–900 nm."))
        == "No band lies in 2000: see step 1."
    )
    long = notice(Trouble("side information", "The painting is 3×3 pixels but the cube is 40×50: make a new one."))
    assert long == "The painting is 3×3 pixels …: step 2."
    assert len(long) <= MOST_LETTERS
    assert notice(Trouble("train", "Out.", report="all of it")) == "Unexpected error: see step 4."
