"""Verbs on the maps: together, alone, further ones; areas; pictures."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube
from napari_unmix.plugin.facts.areas import Outline
from napari_unmix.plugin.facts.asking import areas_now
from napari_unmix.plugin.facts.derived import DOMINANT, View
from napari_unmix.plugin.facts.seen import Sight
from napari_unmix.plugin.facts.session import Session, seen_alone, shown_hidden
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Fit, Progress

SPREAD = View("spread")
SQUARE = np.array([[1.0, 1.0], [1.0, 4.0], [3.0, 4.0], [3.0, 1.0]])


@pytest.fixture
def controller(session: Session, cube: Cube, tools: Any) -> Controller:
    """With a run of three endmembers."""
    made = Controller(session, run_inline, tools.make_engine())
    made.add_cube(cube)
    made.start()
    return made


def test_alone_and_together(controller: Controller, session: Session) -> None:
    controller.show_alone(1)
    assert (shown_hidden(session), seen_alone(session)) == ({0, 2}, 1)
    controller.show_alone(2)
    assert seen_alone(session) == 2
    controller.show_alone(2)
    assert shown_hidden(session) == frozenset()
    controller.show_maps({0, 2})
    assert (shown_hidden(session), seen_alone(session)) == ({1}, None)
    controller.show_maps()
    assert shown_hidden(session) == frozenset()


def test_what_covers_a_map_goes_when_the_map_is_asked_for(controller: Controller, session: Session) -> None:
    controller.show_alone(1)
    controller.toggle_dominant()
    controller.show_view(SPREAD)
    controller.show_view(SPREAD)
    assert session.views == (DOMINANT, SPREAD)
    assert seen_alone(session) is None
    controller.show_alone(1)  # it is alone, but covered
    assert (session.views, seen_alone(session)) == ((), 1)
    controller.toggle_dominant()
    controller.toggle_dominant()
    controller.hide_view(SPREAD)
    assert session.views == ()


def test_views_belong_to_their_cube(controller: Controller, session: Session, cube: Cube, tools: Any) -> None:
    controller.show_view(SPREAD)
    controller.add_cube(tools.make_cube(name="other", seed=1))
    assert session.views == ()
    controller.set_cube(cube)
    assert session.views == (SPREAD,)


def test_areas_are_measured_once_and_again_after_a_change(
    controller: Controller, session: Session, cube: Cube, tools: Any
) -> None:
    controller.measure_areas()
    first = session.areas
    assert first is not None
    assert areas_now(session) is first
    controller.measure_areas()
    assert session.areas is first
    labels = np.zeros(cube.shape[:2], int)
    labels[5:, 5:] = 1
    controller.set_annotation(Annotation(labels))
    assert areas_now(session) is None
    controller.measure_areas()
    assert [zone.name for zone in session.areas.zones] == ["whole image", "region 1"]
    controller.set_outlines((Outline("field", SQUARE),))
    controller.measure_areas()
    assert session.areas.zones[-1].name == "field"
    outlines = session.outlines
    controller.set_outlines((Outline("field", SQUARE.copy()),))
    assert session.outlines is outlines  # the same again


def test_the_areas_of_a_closed_cube_hold_nothing(controller: Controller, session: Session, cube: Cube) -> None:
    controller.measure_areas()
    maps = ref(session.run.unmixing.abundances)
    controller.remove_cube(cube)
    controller.set_outlines(())  # as the viewer says of every cube
    gc.collect()
    assert maps() is None


def test_an_answer_that_comes_too_late_is_not_heard(session: Session, cube: Cube, tools: Any) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(cube)
    controller.start()
    runner.jobs[-1].finish()
    controller.measure_areas()
    job = runner.jobs[-1]
    controller.set_outlines((Outline("field", SQUARE),))
    job.finish()
    assert session.areas is None


def test_the_areas_of_a_cube_without_a_run_are_none(session: Session, cube: Cube, tools: Any) -> None:
    controller = Controller(session, run_inline, tools.make_engine())
    controller.measure_areas()
    controller.add_cube(cube)
    controller.measure_areas()
    assert session.areas is None
    assert session.trouble is None


def test_the_picture_is_of_what_is_looked_at(session: Session, cube: Cube, tools: Any, tmp_path: Path) -> None:
    drawn: list[Sight] = []

    def picture(path: Path, sight: Sight) -> Fit[Path]:
        yield Progress("writing", 0, 1, 0.0)
        drawn.append(sight)
        return path

    controller = Controller(session, run_inline, tools.make_engine(picture=picture))
    controller.save_picture(tmp_path / "a.png")
    assert "train first" in session.trouble.sentence
    controller.add_cube(cube)
    controller.start()
    controller.save_picture(tmp_path / "a.png")
    controller.show_view(SPREAD)
    controller.save_picture(tmp_path / "b.png")
    assert [sight.view for sight in drawn] == [None, SPREAD]
    assert session.exported == tmp_path / "b.png"
    controller.show_maps(())
    controller.save_picture(tmp_path / "c.png")
    assert "Every map is hidden" in session.trouble.sentence
    assert len(drawn) == 2


def test_the_engine_writes_the_picture_and_explains_what_it_cannot(
    controller: Controller, session: Session, tmp_path: Path
) -> None:
    controller.save_picture(tmp_path / "a.svg")
    assert "endmember 1" in (tmp_path / "a.svg").read_text()
    controller.save_picture(tmp_path / "there" / "is" / "none.png")
    assert "cannot be written" in session.trouble.sentence


def test_written_pictures_and_pages_have_the_users_colours(
    controller: Controller, session: Session, tmp_path: Path
) -> None:
    controller.colour_endmember(0, "#123456")
    controller.save_picture(tmp_path / "a.svg")
    assert "#123456" in (tmp_path / "a.svg").read_text()
    controller.open_report()
    assert "#123456" in session.page.read_text()
    run = session.run
    assert replace(run).look.colours[0] == "#123456"
