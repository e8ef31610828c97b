"""Where to paint: asked for in the background, shown while it is of what is shown, gone to with the brush."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

import numpy as np
import pytest

from napari_unmix.cube import Cube, Meaning
from napari_unmix.identifiability.painting import Kind, Place
from napari_unmix.plugin.facts.session import Session, current_run
from napari_unmix.plugin.facts.suggesting import Suggested, suggested_now, why_no_places
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Progress


def place(kind: Kind = "material", endmember: int | None = None, row: int = 4) -> Place:
    """Six pixels."""
    rows, columns = np.mgrid[row : row + 2, 3:6]
    return Place(kind, endmember, rows.ravel(), columns.ravel(), "six pixels are here.")


def suggesting(*places: Place, said: str = "") -> Any:
    """An engine's work that always finds these."""

    def work(run: Any, annotation: Any) -> Any:
        yield Progress("looking", 0, 1, 0.0)
        return Suggested(ref(run.unmixing), run.named.names, tuple(places), said)

    return work


@pytest.fixture
def trained(session: Session, cube: Cube, tools: Any) -> Controller:
    """A run that is checked, and three places."""
    work = suggesting(place(endmember=1), place(), place("region"))
    controller = Controller(session, run_inline, tools.make_engine(places=work))
    assert why_no_places(session) == "Train first."
    controller.toggle_places()
    assert session.places is None
    controller.add_cube(cube)
    controller.set_cube(cube)
    controller.start()
    return controller


def kinds(session: Session) -> Sequence[str]:
    """Of the places that are shown."""
    suggested = suggested_now(session)
    return [] if suggested is None else [one.kind for one in suggested.places]


def test_asked_once_they_are_there_asked_again_they_are_gone(trained: Controller) -> None:
    session = trained.session
    assert why_no_places(session) == ""
    trained.toggle_places()
    assert kinds(session) == ["material", "material", "region"]
    trained.toggle_places()
    assert session.places is None


def test_the_next_training_makes_an_end_of_them(trained: Controller) -> None:
    trained.toggle_places()
    trained.start()
    assert suggested_now(trained.session) is None
    trained.toggle_places()
    assert kinds(trained.session)


def test_they_go_and_come_with_their_cube(trained: Controller, tools: Any) -> None:
    session, first = trained.session, trained.session.cube
    trained.toggle_places()
    other = tools.make_cube(9, 9, name="other", seed=1)
    trained.add_cube(other)
    trained.set_cube(other)
    assert suggested_now(session) is None
    trained.set_cube(first)
    assert kinds(session)


def test_what_comes_for_a_run_that_is_shown_no_more_is_dropped(session: Session, cube: Cube, tools: Any) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, run_inline, tools.make_engine(places=suggesting(place())))
    controller.add_cube(cube)
    controller.set_cube(cube)
    controller.start()
    controller._chores._runner = runner
    controller.toggle_places()
    controller.start()  # another run
    runner.jobs[-1].finish()
    assert session.places is None


@pytest.mark.parametrize(("number", "kind", "name"), [(1, "material", "material 1"), (2, "region", "")])
def test_going_to_a_place_begins_its_stroke(trained: Controller, number: int, kind: str, name: str) -> None:
    session = trained.session
    trained.toggle_places()
    trained.paint_at(number)
    assert session.annotation is not None
    assert session.annotation.meaning(1) == Meaning(kind, name)
    assert session.label == 1
    assert session.aim is not None
    assert session.aim.pixel == place().centre


def test_a_stroke_for_an_endmember_has_its_name_as_the_user_calls_it(trained: Controller) -> None:
    session = trained.session
    trained.rename_endmember(1, "roof")
    trained.toggle_places()
    labels = np.zeros((12, 10), np.int32)
    labels[0, :3] = 4
    trained.new_annotation()
    trained.set_labels(labels)
    trained.paint_at(0)
    assert session.label == 5  # what is painted stays what it is
    assert session.annotation is not None
    assert session.annotation.meaning(5) == Meaning("material", "roof")
    trained.undo()
    assert session.annotation.meaning(5) == Meaning()


def test_no_place_of_that_number_nothing_happens(trained: Controller) -> None:
    trained.paint_at(0)
    trained.toggle_places()
    trained.paint_at(7)
    assert trained.session.annotation is None
    assert current_run(trained.session) is not None
