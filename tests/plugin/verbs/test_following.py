"""Maps that follow the painting: what is prepared once, what a stroke asks for, and what stays when it is over. Fakes, no window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.following import live_shown, live_text, why_not_live
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Fit, Preview, Progress
from napari_unmix.sentences import UnmixError

THREE = np.random.default_rng(9).uniform(0.1, 0.9, (3, 8))


@dataclass(frozen=True, eq=False)
class FakeMaps:
    """Maps whose first pixel says how many were painted."""

    preview: Preview
    final: bool
    names: tuple[str, ...] = ("endmember 1", "endmember 2", "endmember 3")


@dataclass(frozen=True, eq=False)
class FakeBegun:
    maps: FakeMaps


@dataclass(frozen=True, eq=False)
class FakeLive:
    """What was prepared; it ignores as many pixels as it says."""

    cube: Cube
    spec: Any
    ignores: int = 0

    def fits(self, annotation: Annotation | None) -> bool:
        return _ignored(annotation) == self.ignores


def _ignored(annotation: Annotation | None) -> int:
    return 0 if annotation is None else int(np.isin(annotation.labels, annotation.of_kind("ignore")).sum())


class FakeCore:
    """The three generators, and what was asked of them."""

    def __init__(self) -> None:
        self.prepared: list[tuple[Cube, Any]] = []
        self.followed: list[int] = []

    def prepare(self, cube: Cube, spec: Any, annotation: Annotation | None) -> Fit[FakeLive]:
        self.prepared.append((cube, spec))
        yield Progress("finding endmembers", 1, 2, 0.5)
        if spec.endmembers == 9:
            raise UnmixError("9 endmembers can't be told apart: ask for fewer.")
        return FakeLive(cube, spec, _ignored(annotation))

    def first(self, live: FakeLive, annotation: Annotation | None, before: FakeMaps | None) -> Fit[FakeBegun]:
        yield Progress("following the painting", 0, 2, 0.0)
        return FakeBegun(_maps(live.cube, annotation, final=False))

    def final(self, live: FakeLive, begun: FakeBegun) -> Fit[FakeMaps]:
        yield Progress("following the painting", 1, 2, 0.5)
        self.followed.append(int(begun.maps.preview.abundances[0, 0, 0]))
        return replace(begun.maps, final=True)


def _maps(cube: Cube, annotation: Annotation | None, *, final: bool) -> FakeMaps:
    count = 0 if annotation is None else int((annotation.labels > 0).sum())
    return FakeMaps(Preview(THREE, np.full((*cube.shape[:2], 3), float(count), np.float32)), final)


@pytest.fixture
def core() -> FakeCore:
    return FakeCore()


@pytest.fixture
def controller(session: Session, cube: Cube, tools: Any, core: FakeCore) -> Controller:
    """With a cube, and work that is over at once."""
    made = Controller(session, run_inline, _engine(tools, core))
    made.add_cube(cube)
    return made


def _engine(tools: Any, core: FakeCore) -> Any:
    return tools.make_engine(prepare_live=core.prepare, live_first=core.first, live_final=core.final)


def painted(cube: Cube, rows: int, kind: Any = "region") -> Annotation:
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[:rows] = 1
    return Annotation(labels, {1: Meaning(kind, "")})


def seen(session: Session) -> float:
    """What the maps that are shown say of how much was painted."""
    what = shown(session)
    return -1.0 if what is None else float(what.content.abundances[-1, -1, 0])


def test_a_stroke_and_its_undo_are_followed_by_one_preparation(
    controller: Controller, session: Session, cube: Cube, core: FakeCore
) -> None:
    controller.set_annotation(painted(cube, 1))
    assert seen(session) == -1
    controller.set_live(True)
    assert (seen(session), live_shown(session)) == (10, True)
    controller.set_annotation(painted(cube, 2))
    assert seen(session) == 20
    controller.set_annotation(painted(cube, 1))
    assert seen(session) == 10
    assert (len(core.prepared), core.followed) == (1, [10, 20, 10])
    assert session.following is None
    assert "Train for the whole answer" in live_text(session)


def test_maps_that_follow_are_no_run_and_go_when_it_is_switched_off(
    controller: Controller, session: Session, cube: Cube
) -> None:
    controller.start()
    run = session.run
    controller.set_live(True)
    assert not live_shown(session)  # the run is of this painting
    assert shown(session).grades == run.grades
    controller.set_annotation(painted(cube, 2))
    assert live_shown(session)
    assert shown(session).grades == (None, None, None)
    assert (session.runs, session.run) == ((run,), run)
    controller.set_annotation(None)
    assert not live_shown(session)  # back at the painting of the run
    controller.set_annotation(painted(cube, 3))
    controller.set_live(False)
    assert (live_shown(session), shown(session).run) == (False, run)


def test_it_is_prepared_before_the_first_stroke_where_a_run_is_shown(
    controller: Controller, session: Session, cube: Cube, core: FakeCore
) -> None:
    controller.start()
    controller.set_live(True)
    assert (len(core.prepared), core.followed) == (1, [])


def test_train_makes_a_run_of_it_and_the_next_stroke_is_followed_again(
    controller: Controller, session: Session, cube: Cube, core: FakeCore
) -> None:
    controller.set_live(True)
    controller.set_annotation(painted(cube, 2))
    controller.start()
    assert (live_shown(session), len(session.runs)) == (False, 1)
    controller.set_annotation(painted(cube, 3))
    assert (live_shown(session), seen(session)) == (True, 30)


def test_other_settings_and_other_ignored_pixels_are_prepared_anew(
    controller: Controller, session: Session, cube: Cube, core: FakeCore
) -> None:
    controller.set_live(True)
    controller.set_option("endmembers", 2)
    assert [spec.endmembers for _, spec in core.prepared] == ["auto", 2]
    controller.set_annotation(painted(cube, 2, "ignore"))
    assert len(core.prepared) == 3
    assert seen(session) == 20
    controller.set_annotation(painted(cube, 2, "region"))
    assert len(core.prepared) == 4


def test_each_cube_has_its_own_and_a_closed_one_leaves_nothing(
    controller: Controller, session: Session, cube: Cube, core: FakeCore, tools: Any
) -> None:
    controller.set_live(True)
    controller.set_annotation(painted(cube, 2))
    other = tools.make_cube(name="other", seed=4)
    controller.add_cube(other)
    assert shown(session).cube is other
    assert seen(session) == 0
    controller.set_cube(cube)
    assert [known for known, _ in core.prepared] == [cube, other]  # what was prepared of the first is still there
    controller.remove_cube(cube)
    assert session.training is None or session.training.cube is other
    assert controller._prepared.get(cube, None) is None


def test_while_it_trains_nothing_is_followed(session: Session, cube: Cube, tools: Any, core: FakeCore) -> None:
    runner = tools.HeldRunner()
    made = Controller(session, runner, _engine(tools, core))
    made.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    runner.jobs.clear()
    made.start()
    training = session.training
    made.set_live(True)
    assert len(runner.jobs) == 1  # the training alone
    assert live_text(session) == "Live waits for the training."
    made.set_annotation(painted(cube, 2))
    assert session.training is training
    made.cancel()
    assert len(runner.jobs) == 2
    assert session.following is not None


def test_of_strokes_that_come_meanwhile_only_the_last_is_followed(
    session: Session, cube: Cube, tools: Any, core: FakeCore
) -> None:
    runner = tools.HeldRunner()
    made = Controller(session, runner, _engine(tools, core))
    made.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    runner.jobs.clear()
    made.set_live(True)
    preparing = runner.jobs[0]
    for rows in (1, 2, 3):
        made.set_annotation(painted(cube, rows))
    assert runner.jobs == [preparing]
    preparing.finish()
    first = runner.jobs[1]
    made.set_annotation(painted(cube, 4))
    assert first.cancelled
    first.finish()  # too late: nobody hears
    assert shown(session) is None
    runner.jobs[2].finish()
    assert seen(session) == 40
    runner.jobs[3].finish()
    assert core.followed[-1] == 40
    assert session.following is None


def test_what_goes_wrong_is_a_sentence_and_the_maps_stay(
    controller: Controller, session: Session, cube: Cube, core: FakeCore
) -> None:
    controller.set_live(True)
    controller.set_annotation(painted(cube, 2))

    def refuses(live: FakeLive, annotation: Annotation | None, before: FakeMaps | None) -> Fit[FakeBegun]:
        yield Progress("following the painting", 0, 2, 0.0)
        raise UnmixError("4 materials are painted but 3 endmembers were asked for: ask for at least 4.")

    said = []
    session.events.trouble.connect(lambda trouble: said.append(trouble.step) if trouble is not None else None)
    controller._engine = replace(controller._engine, live_first=refuses)
    controller.set_annotation(painted(cube, 3))
    assert said == ["train"]
    assert (seen(session), session.following) == (20, None)
    controller._engine = replace(controller._engine, live_first=core.first)
    controller.set_annotation(painted(cube, 4))
    assert (session.trouble, seen(session)) == (None, 40)


def test_names_that_the_user_gave_stay_with_the_maps_and_with_the_run_that_is_trained(
    controller: Controller, session: Session, cube: Cube
) -> None:
    controller.set_live(True)
    controller.set_annotation(painted(cube, 1))
    controller.rename_endmember(1, "water")
    controller.set_annotation(painted(cube, 2))
    assert shown(session).names[1] == "water"


def test_showing_a_run_switches_it_off(controller: Controller, session: Session, cube: Cube) -> None:
    controller.start()
    controller.set_live(True)
    controller.set_annotation(painted(cube, 2))
    controller.show_run(session.runs[0].number)
    assert (session.live, shown(session).run) == (False, session.runs[0])


def test_where_maps_cannot_follow_the_reason_is_said(controller: Controller, session: Session, core: FakeCore) -> None:
    assert why_not_live(session) == ""
    controller.choose_method("vca-fcls")
    assert "choose iVAE" in why_not_live(session)
    controller.set_live(True)
    assert core.prepared == []
    assert live_text(session).startswith("Live waits. ")
    session.spec, session.suggested = spec_class("ivae")(), 1
    assert "One endmember has one map" in why_not_live(session)
    session.spec, session.suggested = spec_class("ivae")(mixing="fan", variability="latent"), 3
    assert "without fan mixing, latent variability, error bars or grades" in live_text(session)
