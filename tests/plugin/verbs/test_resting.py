"""Runs that were not looked at for longest give their maps back once they are on the disk, and have them again to the bit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.output.run import read_run
from napari_unmix.plugin.facts.comparison import compared, pairs_of
from napari_unmix.plugin.facts.resting import rests
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session, runs_of, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.verbs.store import keep_run
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError

ONE = 12 * 10 * 3 * 4 * 2  # bytes of a run: shares and their spread


def holding(most: int, session: Session, engine: Engine, runner: Any = run_inline) -> Controller:
    """Its runs hold so many bytes together."""
    controller = Controller(session, runner, engine)
    controller.most_held_bytes = most
    return controller


def keeping(tools: Any) -> Engine:
    """Fakes that really keep."""
    made: Engine = tools.make_engine(keep_run=keep_run)
    return made


def train(controller: Controller, times: int) -> None:
    for _ in range(times):
        controller.set_option("seed", controller.session.spec.seed + 1)
        controller.start()


@pytest.fixture
def three(session: Session, tools: Any, cube: Cube) -> Controller:
    """Three runs, of which two may be in memory: the first rests."""
    controller = holding(2 * ONE, session, keeping(tools))
    controller.add_cube(cube)
    train(controller, 3)
    return controller


def resting(session: Session) -> list[int]:
    return [run.number for run in session.runs if rests(run.unmixing)]


def test_the_oldest_rests_when_there_are_more_than_may_be(three: Controller, session: Session) -> None:
    assert resting(session) == [1]
    assert [run.title for run in session.runs] == ["ivae", "ivae 2", "ivae 3"]
    assert all(run.report is not None and run.folder is not None for run in session.runs)


def test_a_run_that_is_shown_again_is_as_it_was_to_the_bit_and_another_rests(
    session: Session, tools: Any, cube: Cube
) -> None:
    controller = holding(2 * ONE, session, keeping(tools))
    controller.add_cube(cube)
    train(controller, 1)
    assert session.run is not None
    before = session.run
    train(controller, 2)
    assert resting(session) == [1]
    controller.show_run(1)
    assert session.run is not None
    assert (session.run.number, session.waking, resting(session)) == (1, None, [2])
    after = session.run.unmixing
    np.testing.assert_array_equal(after.abundances, before.unmixing.abundances)
    np.testing.assert_array_equal(after.abundance_std, before.unmixing.abundance_std)
    assert after.endmembers is before.unmixing.endmembers
    assert (after.notes, after.names, session.run.look, session.run.report) == (
        before.unmixing.notes, before.unmixing.names, before.look, before.report
    )  # fmt: skip
    what = shown(session)
    assert what is not None
    assert what.run is session.run


def test_until_it_is_read_the_other_stays_and_the_last_one_asked_for_wins(
    session: Session, tools: Any, cube: Cube
) -> None:
    held, holds = tools.HeldRunner(), False

    def runner(make: Any, handlers: Any) -> Any:
        return (held if holds else run_inline)(make, handlers)

    controller = holding(ONE, session, keeping(tools), runner)
    controller.add_cube(cube)
    train(controller, 3)
    assert resting(session) == [1, 2]
    holds = True
    controller.show_run(1)
    assert session.waking is not None
    assert session.run is not None
    assert (session.waking.title, session.run.number) == ("ivae", 3)
    controller.show_run(2)
    first, second = held.jobs
    first.finish()
    assert session.run.number == 3
    second.finish()
    assert (session.run.number, session.waking) == (2, None)
    controller.show_run(1)
    controller.show_run(2)  # it is there: nothing is waited for
    held.jobs[-1].finish()
    assert session.run.number == 2
    controller.show_run(1)
    controller.set_cube(None)
    held.jobs[-1].finish()
    assert session.run is None


def test_what_is_compared_is_read_and_never_rests(three: Controller, session: Session) -> None:
    three.compare_with(1)
    both = compared(session)
    assert both is not None
    assert (both[0].number, both[1].number, resting(session)) == (3, 1, [2])
    assert pairs_of(session)
    three.swap_compared()
    assert session.run is not None
    assert (session.run.number, resting(session)) == (1, [2])
    three.show_run(2)
    assert resting(session) == [1]  # 3 is still beside


def test_a_table_of_all_runs_reads_those_that_rest_and_they_rest_on(three: Controller, session: Session) -> None:
    three.measure_all(True)
    assert [one.number for one in session.measured] == [1, 2, 3]
    assert all(one.pairs for one in session.measured[:2])
    assert np.isfinite([one.difference for one in session.measured[:2]]).all()
    assert resting(session) == [1]
    assert all(rests(one.result) and rests(one.against) for one in session.measured)


def test_what_could_not_be_kept_holds_its_maps(session: Session, tools: Any, cube: Cube) -> None:
    def refuse(*_: Any) -> Fit[Any]:
        yield Progress("keeping", 0, 1, 0.0)
        raise UnmixError("There is no room.")

    controller = holding(ONE, session, replace(keeping(tools), keep_run=refuse))
    controller.add_cube(cube)
    train(controller, 3)
    assert resting(session) == []


def test_an_edit_that_could_not_be_kept_holds_its_maps(session: Session, tools: Any, cube: Cube) -> None:
    full = False

    def keep(*what: Any) -> Fit[Any]:
        if full:
            raise UnmixError("There is no room.")
        return (yield from keep_run(*what))

    controller = holding(ONE, session, replace(keeping(tools), keep_run=keep))
    controller.add_cube(cube)
    train(controller, 1)
    full = True
    controller.merge_endmembers([0, 1])
    train(controller, 1)
    assert resting(session) == []


def test_an_edit_is_taken_back_while_its_run_rests(three: Controller, session: Session) -> None:
    three.show_run(1)
    assert session.run is not None
    before = session.run.unmixing
    three.move_endmember(0, 1)
    three.lock_endmember(0)
    three.show_run(2)
    three.show_run(3)
    assert 1 in resting(session)
    three.undo()
    now = session.runs[0]
    assert (rests(now.unmixing), dict(now.look.locked)) == (True, {})
    three.undo()
    assert session.runs[0].unmixing.endmembers is before.endmembers
    three.show_run(1)
    np.testing.assert_array_equal(session.run.unmixing.abundances, before.abundances)
    three.show_run(2)
    three.redo()
    three.redo()
    three.show_run(1)
    np.testing.assert_array_equal(session.run.unmixing.abundances, before.abundances[..., [1, 0, 2]])
    assert 0 in session.run.look.locked


def test_a_name_that_is_given_to_a_run_at_rest_reaches_its_folder_whose_maps_stay(
    three: Controller, session: Session
) -> None:
    folder = session.runs[0].folder
    assert folder is not None
    three.rename_run(1, "the shore")
    stored = read_run(folder)
    assert (stored.card.title, stored.abundances.shape) == ("the shore", (12, 10, 3))
    assert resting(session) == [1]


def test_a_run_at_rest_is_never_written_as_a_whole(three: Controller, session: Session) -> None:
    first = session.runs[0]
    assert first.folder is not None
    shutil.rmtree(first.folder)
    three.rename_run(1, "the shore")
    assert not first.folder.exists()
    assert session.trouble is not None


def test_a_folder_that_is_gone_is_said_and_its_run_leaves_the_list(three: Controller, session: Session) -> None:
    first = session.runs[0]
    assert first.folder is not None
    shutil.rmtree(first.folder)
    three.show_run(1)
    assert [run.number for run in session.runs] == [2, 3]
    assert session.run is not None
    assert session.run.number == 3
    assert session.trouble is not None
    assert session.trouble.sentence.startswith("“ivae” left the list, its maps can't be read again from ")
    assert session.trouble.sentence.endswith("open a copy of that folder, or train again.")


def test_a_folder_that_holds_another_result_by_now_is_gone_as_well(three: Controller, session: Session) -> None:
    first, second = (run.folder for run in session.runs[:2])
    assert first is not None
    assert second is not None
    table = (second / "endmembers.csv").read_text().replace("0.", "0.1", 1)
    (first / "endmembers.csv").write_text(table)
    three.show_run(1)
    assert [run.number for run in session.runs] == [2, 3]


def test_where_the_shown_one_is_forgotten_the_newest_is_read(session: Session, tools: Any, cube: Cube) -> None:
    controller = holding(ONE, session, keeping(tools))
    controller.add_cube(cube)
    train(controller, 2)
    controller.forget_run(2)
    assert session.run is not None
    assert (session.run.number, resting(session)) == (1, [])
    controller.undo()
    assert (session.run.number, len(runs_of(session, cube))) == (2, 2)


def test_what_another_cube_shows_does_not_rest(session: Session, tools: Any, cube: Cube) -> None:
    controller = holding(ONE, session, keeping(tools))
    controller.add_cube(cube)
    train(controller, 1)
    controller.add_cube(tools.make_cube(name="other", seed=3))
    train(controller, 2)
    assert resting(session) == [2]
    controller.set_cube(cube)
    assert session.run is not None
    assert not rests(session.run.unmixing)


def test_a_run_that_is_opened_twice_is_read_where_it_rests(three: Controller, session: Session) -> None:
    first: Run = session.runs[0]
    assert first.folder is not None
    three.open_run(first.folder)
    assert session.run is not None
    assert (session.run.number, len(session.runs)) == (1, 3)
    result: Unmixing = session.run.unmixing
    assert not rests(result)


def test_of_runs_that_are_opened_from_the_disk_the_last_is_whole(
    three: Controller, session: Session, tools: Any, cube: Cube
) -> None:
    folders = [run.folder for run in session.runs]
    again = Session()
    controller = holding(ONE, again, keeping(tools))
    controller.add_cube(replace(cube, spectra=cube.spectra.copy()))
    for folder in folders:
        assert folder is not None
        controller.open_run(folder)
    assert resting(again) == [1, 2]
    assert again.run is not None
    assert again.run.number == 3


def test_what_is_compared_no_longer_rests(session: Session, tools: Any, cube: Cube) -> None:
    controller = holding(ONE, session, keeping(tools))
    controller.add_cube(cube)
    train(controller, 2)
    controller.compare_with(1)
    assert resting(session) == []
    controller.compare_with(None)
    assert resting(session) == [1]
