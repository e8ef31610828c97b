"""Comparing runs by the verbs, with work in the background that is over at once, or waits for the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.comparison import compared, pairs_of
from napari_unmix.plugin.facts.likeness import DifferenceMap, Measured, Pictures
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs import side_by_side
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.latest import Latest
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Fit


class Asked:
    """The real work, counted."""

    def __init__(self) -> None:
        self.measured: list[tuple[int, ...]] = []
        self.drawn: list[str] = []

    def measure(self, shown: Unmixing, runs: Any, reference: Any) -> Fit[tuple[Measured, ...]]:
        """The runs' numbers are noted."""
        self.measured.append(tuple(asked.run.number for asked in runs))
        return (yield from side_by_side.measure(shown, runs, reference))

    def overlay(self, kind: str, *what: Any) -> Fit[Any]:
        """The kind is noted."""
        self.drawn.append(kind)
        return (yield from side_by_side.overlay(kind, *what))


@pytest.fixture
def asked() -> Asked:
    """Nothing yet."""
    return Asked()


@pytest.fixture
def controller(session: Session, cube: Cube, tools: Any, asked: Asked) -> Controller:
    """With two runs of a cube, the second of them shown."""
    made = Controller(session, run_inline, tools.make_engine(measure=asked.measure, overlay=asked.overlay))
    made.add_cube(cube)
    made.start()
    made.set_option("seed", 4)
    made.start()
    return made


def test_nothing_is_measured_until_it_is_asked_for(controller: Controller, session: Session, asked: Asked) -> None:
    assert session.measured == ()
    assert asked.measured == asked.drawn == []
    controller.compare_with(1)
    assert asked.measured == [(2, 1)]
    assert [(pair.mine, pair.its) for pair in pairs_of(session)] == [(0, 0), (1, 1), (2, 2)]
    assert asked.drawn == []  # one run alone is on the canvas


def test_each_view_is_drawn_once_and_taken_away_with_the_comparison(
    controller: Controller, session: Session, asked: Asked
) -> None:
    controller.compare_with(1)
    controller.view_comparison("difference")
    assert isinstance(session.overlay, DifferenceMap)
    controller.view_comparison("flicker")
    assert isinstance(session.overlay, Pictures)
    pictures = session.overlay
    controller.see_other()
    controller.view_comparison("split")
    controller.move_divider(0.2)
    assert session.overlay is pictures
    assert asked.drawn == ["difference", "pictures"]
    controller.compare_with(None)
    assert session.overlay is None
    assert session.measured == ()
    assert session.comparing.view == "one"


def test_names_and_titles_are_not_measured_again_but_colours_are_drawn_again(
    controller: Controller, session: Session, asked: Asked
) -> None:
    controller.compare_with(1)
    controller.view_comparison("split")
    controller.rename_endmember(0, "water")
    controller.rename_run(1, "first")
    assert (len(asked.measured), len(asked.drawn)) == (1, 1)
    assert session.beside is not None
    assert session.beside.title == "first"
    before = session.overlay
    controller.colour_endmember(0, "#123456")
    assert session.overlay is not before
    controller.set_visible(1, False)
    assert (len(asked.measured), len(asked.drawn)) == (1, 3)


def test_a_difference_begins_with_a_material_that_both_have(controller: Controller, session: Session) -> None:
    controller.set_option("endmembers", 2)
    controller.start()
    controller.show_run(2)
    controller.compare_material(2)
    controller.compare_with(3)
    controller.view_comparison("difference")
    assert session.comparing.material == 0
    controller.compare_material(2)  # whom the other run has not
    assert session.overlay is None


def test_swapping_keeps_the_material_and_turns_the_difference_round(controller: Controller, session: Session) -> None:
    controller.compare_with(1)
    controller.view_comparison("difference")
    controller.compare_material(1)
    assert isinstance(session.overlay, DifferenceMap)
    before = session.overlay.plane
    controller.swap_compared()
    assert session.run is not None
    assert session.beside is not None
    assert (session.run.number, session.beside.number, session.comparing.material) == (1, 2, 1)
    assert isinstance(session.overlay, DifferenceMap)
    np.testing.assert_allclose(session.overlay.plane, -before)


def test_showing_another_run_measures_it_and_never_shows_what_was_of_the_one_before(
    controller: Controller, session: Session, asked: Asked
) -> None:
    controller.set_option("seed", 9)
    controller.start()
    controller.compare_with(1)
    controller.view_comparison("split")
    seen: list[Any] = []
    session.events.overlay.connect(seen.append)
    controller.show_run(2)
    assert asked.measured == [(3, 1), (2, 1)]
    assert seen[0] is None
    assert isinstance(seen[-1], Pictures)
    controller.show_run(1)  # the one beside: there is nothing to compare
    assert compared(session) is None
    assert session.overlay is None


def test_a_run_that_is_forgotten_ends_its_comparison(controller: Controller, session: Session) -> None:
    controller.compare_with(1)
    controller.view_comparison("split")
    controller.forget_run(1)
    assert session.beside is None
    assert session.overlay is None
    assert session.measured == ()


def test_each_cube_has_its_own_comparison(controller: Controller, session: Session, cube: Cube, tools: Any) -> None:
    controller.compare_with(1)
    controller.view_comparison("difference")
    other = tools.make_cube(9, 9, name="other", seed=1)
    controller.add_cube(other)
    assert (session.beside, session.overlay, session.measured, session.comparing.view) == (None, None, (), "one")
    controller.set_cube(cube)
    assert session.beside is not None
    assert session.beside.number == 1
    assert isinstance(session.overlay, DifferenceMap)
    assert session.overlay.plane.shape == cube.shape[:2]
    controller.remove_cube(cube)
    assert (session.beside, session.overlay, session.measured) == (None, None, ())


def test_all_runs_are_measured_where_the_table_is_open(controller: Controller, session: Session, asked: Asked) -> None:
    controller.measure_all(True)
    assert asked.measured == [(1, 2)]
    assert [measured.number for measured in session.measured] == [1, 2]
    controller.measure_all(False)
    assert session.measured == ()


def test_flicker_alone_can_flicker(controller: Controller, session: Session) -> None:
    controller.compare_with(1)
    controller.see_other()
    controller.flicker(True)
    assert not session.comparing.other
    assert not session.comparing.paced
    controller.view_comparison("flicker")
    controller.flicker(True)
    controller.see_other()
    controller.see_other()
    controller.see_other()
    assert session.comparing.other
    controller.view_comparison("split")
    assert not session.comparing.paced


def reference_of(folder: Path, cube: Cube, **arrays: Any) -> Path:
    """An archive of arrays."""
    path = folder / "reference.npz"
    np.savez(path, **arrays)
    return path


def test_runs_are_held_against_a_reference(
    controller: Controller, session: Session, cube: Cube, tmp_path: Path
) -> None:
    run = session.run
    assert run is not None
    endmembers = np.nan_to_num(run.unmixing.endmembers[::-1], nan=0.5)
    abundances = np.nan_to_num(run.unmixing.abundances[:, :, ::-1])
    controller.load_reference(reference_of(tmp_path, cube, E=endmembers, A=abundances))
    (measured,) = session.measured  # without a run beside, of the one that is shown
    assert measured.angle == pytest.approx(0, abs=1e-4)
    assert measured.abundance_error == pytest.approx(0, abs=1e-6)
    controller.compare_with(1)
    assert [one.partners for one in session.measured] == [3, 3]
    error = session.measured[1].abundance_error
    assert error is not None
    assert error > 0.1
    controller.forget_reference()
    assert [one.angle for one in session.measured] == [None, None]


def test_a_bad_reference_is_a_sentence_and_the_good_one_stays(
    controller: Controller, session: Session, cube: Cube, tmp_path: Path
) -> None:
    good = reference_of(tmp_path, cube, E=np.ones((2, cube.shape[2])))
    controller.load_reference(good)
    kept = session.reference
    controller.load_reference(reference_of(tmp_path, cube, E_other=np.ones((2, 3))))
    assert session.trouble is not None
    assert session.trouble.step == "result"
    assert session.trouble.sentence == (
        "reference.npz has no E and no A, it holds E_other:"
        " save them as E (P, B) and A (H, W, P) with numpy.savez, or give a spectral library."
    )
    controller.load_reference(reference_of(tmp_path, cube, E=np.ones((2, 5))))
    assert "is 2×5 but the cube has 8 bands" in session.trouble.sentence
    assert session.reference is kept


def test_a_reference_of_fewer_materials_says_of_how_many_it_is(
    controller: Controller, session: Session, cube: Cube, tmp_path: Path
) -> None:
    controller.load_reference(reference_of(tmp_path, cube, E=np.random.default_rng(0).random((2, cube.shape[2]))))
    (measured,) = session.measured
    assert measured.partners == 2
    assert measured.notes == ("reference.npz has 2 endmembers, a run 3: the figures are of the 2 that match.",)


def test_a_reference_that_no_longer_fits_is_not_held_against(
    controller: Controller, session: Session, cube: Cube, tmp_path: Path, tools: Any
) -> None:
    controller.load_reference(reference_of(tmp_path, cube, A=np.ones((12, 10, 3)) / 3))
    larger = tools.make_cube(14, 11)
    run = session.run
    assert run is not None
    session.run = replace(run, unmixing=tools.make_unmixing(larger, run.spec))
    (measured,) = session.measured
    assert measured.abundance_error is None
    assert measured.notes[0].startswith("The maps of reference.npz are of 12×10, this run's of 14×11:")


def test_a_reference_goes_to_the_cube_that_it_was_read_for(
    session: Session, cube: Cube, tools: Any, tmp_path: Path
) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    controller.load_reference(reference_of(tmp_path, cube, E=np.ones((2, cube.shape[2]))))
    reading = runner.jobs[-1]
    controller.add_cube(tools.make_cube(name="other", seed=5))
    reading.finish()
    assert session.reference is None
    controller.set_cube(cube)
    assert session.reference is not None


class Held:
    """Chores that wait for the test."""

    def __init__(self) -> None:
        self.begun: list[tuple[Any, Any, Any]] = []

    def do(self, make: Any, done: Any, failed: Any) -> None:
        """Note it."""
        self.begun.append((make, done, failed))


def test_of_what_is_asked_meanwhile_only_the_last_is_done() -> None:
    held, told = Held(), []
    latest = Latest(held)  # type: ignore[arg-type]

    def ask(*wanted: str) -> None:
        latest.ask(wanted or None, lambda *what: what, told.append, told.append)  # type: ignore[arg-type, return-value]

    for word in ("a", "a", "b", "c"):
        ask(word)
    assert len(held.begun) == 1
    held.begun[0][1]("of a")
    assert told == []  # nobody wants it any more
    assert len(held.begun) == 2
    held.begun[1][1]("of c")
    assert told == ["of c"]
    ask("c")
    assert len(held.begun) == 2
    ask()
    ask("c")
    held.begun[2][2]("an error")
    assert told == ["of c", "an error"]
    ask("c")
    assert len(held.begun) == 3  # what failed is not tried again and again
