"""Verbs on the endmembers of the run shown: each makes the result at once, is undone, and training goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.given import Given
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.edits import is_edited
from napari_unmix.plugin.facts.locks import locked, trains_on, waits_for_training
from napari_unmix.plugin.facts.offers import lock_sign, why_not_edit, why_not_fewer, why_not_move, why_not_pin
from napari_unmix.plugin.facts.session import Session, current_report, current_run, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Progress


class Trainer:
    """A fake training that notes what was given to it."""

    def __init__(self, tools: Any) -> None:
        self.tools, self.given, self.specs = tools, [], []

    def __call__(self, cube: Cube, spec: Any, annotation: Any, given: Given | None = None) -> Any:
        self.given.append(given)
        self.specs.append(spec)
        yield Progress("training", 0, 1, 0.0)
        count = 3 if spec.endmembers == "auto" else spec.endmembers
        result = self.tools.make_unmixing(cube, spec, count)
        if given is not None:
            names = (*given.names, *(f"endmember {9 + k}" for k in range(count - len(given))))
            result.endmembers[: len(given)] = given.spectra
            result = self.tools.make_unmixing(cube, spec, count, names).with_given(given)
            result.endmembers[: len(given)] = given.spectra
        return result


@pytest.fixture
def trainer(tools: Any) -> Trainer:
    return Trainer(tools)


@pytest.fixture
def controller(session: Session, tools: Any, trainer: Trainer, cube: Cube) -> Controller:
    """One trained cube with the names rock, soil and tree."""
    made = Controller(session, run_inline, tools.make_engine(unmix=trainer))
    made.add_cube(cube)
    made.start()
    for k, name in enumerate(("rock", "soil", "tree")):
        made.rename_endmember(k, name)
    return made


def names(session: Session) -> tuple[str, ...]:
    what = shown(session)
    assert what is not None
    assert what.content.abundances.shape[2] == len(what.names) == len(what.content.endmembers)
    return what.names


EDITS: dict[str, tuple[Callable[[Controller], None], tuple[str, ...]]] = {
    "merging soil and tree": (lambda c: c.merge_endmembers([1, 2]), ("rock", "soil + tree")),
    "deleting soil": (lambda c: c.delete_endmember(1), ("rock", "tree")),
    "moving tree": (lambda c: c.move_endmember(2, -1), ("rock", "tree", "soil")),
    "locking rock to pin 1": (lambda c: c.lock_to_pin(0, 0), ("rock", "soil", "tree")),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_makes_the_result_at_once_and_is_undone_and_redone(
    what: str, controller: Controller, session: Session
) -> None:
    controller.select_pixel(5, 5)
    controller.pin()
    before = current_run(session)
    assert before is not None
    act, after = EDITS[what]
    act(controller)
    assert names(session) == after
    assert session.undoable == what
    assert session.trouble is None
    edited = current_run(session)
    assert edited is not None
    assert edited.number == before.number
    assert is_edited(edited.unmixing) == (not what.startswith("moving"))
    assert (current_report(session) is None) == (not what.startswith("moving"))
    controller.undo()
    back = current_run(session)
    assert back is not None
    assert back.unmixing is before.unmixing
    assert back.report is before.report
    assert names(session) == ("rock", "soil", "tree")
    controller.redo()
    again = current_run(session)
    assert again is not None
    assert again.unmixing is edited.unmixing


def test_everything_is_undone_in_the_order_it_was_done(controller: Controller, session: Session) -> None:
    controller.move_endmember(0, 1)
    controller.rename_endmember(0, "clay")
    controller.lock_endmember(0)
    controller.delete_endmember(1)
    assert names(session) == ("clay", "tree")
    assert locked(session) == {0}
    for expected in (
        ("clay", "rock", "tree"),
        ("clay", "rock", "tree"),
        ("soil", "rock", "tree"),
        ("rock", "soil", "tree"),
    ):
        controller.undo()
        assert names(session) == expected
    assert not locked(session)


def test_what_can_not_be_is_a_sentence_and_changes_nothing(controller: Controller, session: Session) -> None:
    controller.delete_endmember(0)
    before = current_run(session)
    controller.delete_endmember(0)
    assert session.trouble is not None
    assert session.trouble.step == "result"
    assert "2 endmembers are the fewest" in session.trouble.sentence
    assert current_run(session) is before
    controller.delete_endmember(17)
    assert current_run(session) is before


def test_training_on_begins_from_what_is_there_and_holds_what_is_locked(
    controller: Controller, session: Session, trainer: Trainer
) -> None:
    assert not trains_on(session)
    controller.lock_endmember(2)
    controller.merge_endmembers([0, 1])
    assert trains_on(session)
    run = current_run(session)
    assert run is not None
    controller.train_on()
    given = trainer.given[-1]
    assert given is not None
    assert given.names == ("rock + soil", "tree")
    assert given.held.tolist() == [False, True]
    assert given.sources[1] == f"as in {run.title}"
    np.testing.assert_array_equal(given.spectra, run.unmixing.endmembers)
    assert trainer.specs[-1].endmembers == 2  # as many as there are by now
    now = current_run(session)
    assert now is not None
    assert now.number != run.number
    assert names(session) == ("rock + soil", "tree")
    assert locked(session) == {1}  # carried with its spectrum
    assert current_report(session) is not None
    assert not is_edited(now.unmixing)


def test_training_anew_holds_what_is_locked_alone(controller: Controller, session: Session, trainer: Trainer) -> None:
    assert trainer.given == [None]
    controller.lock_endmember(1)
    controller.start()
    given = trainer.given[-1]
    assert given is not None
    assert (given.names, given.held.tolist()) == (("soil",), [True])
    controller.unlock_endmember(session.run.look.names.index("soil"))  # type: ignore[union-attr]
    controller.start()
    assert trainer.given[-1] is None


def test_locks_to_a_pin_and_to_a_region_mean_take_their_spectrum(
    controller: Controller, session: Session, cube: Cube, trainer: Trainer
) -> None:
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[3:5, 3:6] = 2
    controller.set_labels(labels)
    controller.lock_to_region(1, 2)
    run = current_run(session)
    assert run is not None
    good = cube.good_bands
    mean = cube.spectra[3:5, 3:6].reshape(6, -1).mean(axis=0)
    np.testing.assert_allclose(run.unmixing.endmembers[1, good], mean[good], rtol=1e-6)
    assert run.look.locked == {1: "region 2"}
    assert lock_sign(session, 1)[1].startswith("Locked to region 2: the next training holds")
    assert lock_sign(session, 0) == ("", "")
    controller.train_on()
    given = trainer.given[-1]
    assert given is not None
    assert given.sources[1] == "region 2"
    controller.lock_to_region(1, 7)
    assert session.trouble is not None
    assert "label 7" in session.trouble.sentence


def test_shapes_of_free_illumination_are_not_held_where_shares_sum_to_one(
    session: Session, tools: Any, cube: Cube
) -> None:
    from dataclasses import replace

    def lit(cube: Cube, spec: Any, annotation: Any, given: Any = None) -> Any:
        yield Progress("training", 0, 1, 0.0)
        return replace(tools.make_unmixing(cube, spec), illumination=np.ones(cube.shape[:2], np.float32))

    controller = Controller(session, run_inline, tools.make_engine(unmix=lit))
    controller.add_cube(cube)
    session.spec = spec_class("ivae")(illumination=True)
    controller.start()
    controller.lock_endmember(0)
    session.spec = spec_class("ivae")(illumination=False)
    runs = len(session.runs)
    for train in (controller.start, controller.train_on):
        train()
        assert session.trouble is not None
        assert "without brightness" in session.trouble.sentence
        assert len(session.runs) == runs
    session.spec = spec_class("ivae")(illumination=True)
    controller.train_on()
    assert len(session.runs) == runs + 1


def test_an_edit_of_a_run_that_is_being_checked_ends_the_check(session: Session, tools: Any, cube: Cube) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    controller.start()
    runner.jobs[-1].finish()
    assert session.state == "checking"
    check = runner.jobs[-1]
    controller.delete_endmember(0)
    runner.jobs[-1].finish()
    assert session.state == "idle"
    assert check.cancelled
    check.finish()
    assert current_report(session) is None  # it was of the result before


def test_an_edit_that_something_overtook_is_dropped(session: Session, tools: Any, cube: Cube) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    controller.start()
    for _ in range(2):
        runner.jobs[-1].finish()
    controller.delete_endmember(0)
    late = runner.jobs[-1]
    assert why_not_edit(session, 0) == "Another edit is under way."
    controller.split_endmember(1)  # refused while one is under way
    assert runner.jobs[-1] is late
    run = current_run(session)
    assert run is not None
    controller.forget_run(run.number)
    late.finish()
    assert not session.runs


def test_another_cube_keeps_its_own(session: Session, tools: Any, trainer: Trainer) -> None:
    controller = Controller(session, run_inline, tools.make_engine(unmix=trainer))
    one, two = tools.make_cube(name="one"), tools.make_cube(name="two", seed=3)
    for cube in (one, two):
        controller.add_cube(cube)
        controller.set_cube(cube)
        controller.start()
    controller.lock_endmember(0)
    controller.delete_endmember(2)
    controller.set_cube(one)
    assert len(names(session)) == 3
    assert not trains_on(session)
    controller.start()
    assert trainer.given[-1] is None
    controller.set_cube(two)
    assert len(names(session)) == 2
    assert locked(session) == {0}
    controller.undo()
    assert len(names(session)) == 3


def test_the_offers_say_why_not(controller: Controller, session: Session) -> None:
    assert why_not_edit(session, 0) == ""
    assert why_not_move(session, 0, -1) == "It is the first."
    assert why_not_move(session, 2, 1) == "It is the last."
    assert why_not_pin(session, 0).startswith("Pin a pixel first")
    controller.delete_endmember(0)
    assert why_not_fewer(session, 0) == "2 endmembers are the fewest."


def test_training_on_is_due_after_an_edit_or_another_lock_until_it_is_done(
    controller: Controller, session: Session
) -> None:
    assert not waits_for_training(session)
    controller.lock_endmember(0)
    assert waits_for_training(session)
    controller.train_on()
    assert trains_on(session)
    assert not waits_for_training(session)
    controller.unlock_endmember(session.run.look.names.index("rock"))  # type: ignore[union-attr]
    assert waits_for_training(session)  # the answer still holds it


def test_an_edited_run_is_checked_on_demand_and_exported_without(
    controller: Controller, session: Session, tools: Any, tmp_path: Any
) -> None:
    controller.delete_endmember(0)
    assert current_report(session) is None
    controller.save_as(tmp_path / "maps.tif", "geotiff")
    assert session.trouble is None or "checked" not in session.trouble.sentence
    controller.check_run()
    run = current_run(session)
    assert run is not None
    assert run.report is not None
    assert session.state == "idle"
    assert is_edited(run.unmixing)
    before = run.report
    controller.check_run()  # once is enough
    assert current_report(session) is before
