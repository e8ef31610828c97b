"""Verbs of naming: libraries are asked once, remembered, left out where they can't be read; names are taken and given back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.io import read_cube
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.library.stock import Stock, built_in
from napari_unmix.output.run import read_run
from napari_unmix.plugin.facts.candidates import EVERY, Answered, LibraryChoice, Question, Subject
from napari_unmix.plugin.facts.matching import answered_now, proposals, question_of, ranking_of, to_be_asked
from napari_unmix.plugin.facts.session import Session, shown_names
from napari_unmix.plugin.verbs import bookshelf
from napari_unmix.plugin.verbs.bookshelf import ask_libraries, read_choices, written_choices
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Fit, Progress, drain

BUILT_IN = LibraryChoice(None)
MATERIALS = ("water", "tree", "rock")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration."""
    monkeypatch.setattr(bookshelf, "user_list", lambda: tmp_path / "config" / "libraries.json")
    return tmp_path


@pytest.fixture
def minerals(session: Session, cube: Cube, tools: Any, tmp_path: Path) -> Path:
    """A library of what the fake fit finds."""
    found = tools.make_unmixing(cube, session.spec).endmembers
    spectra = np.where(np.isfinite(found), found, 0.5)
    return write_library(
        SpectralLibrary(spectra, cube.wavelengths, MATERIALS, name="minerals"), tmp_path / "minerals.sli"
    )[0]


@pytest.fixture
def controller(session: Session, cube: Cube, tools: Any) -> Controller:
    """With a run."""
    made = Controller(session, run_inline, tools.make_engine())
    made.add_cube(cube)
    made.start()
    return made


def test_every_endmember_finds_its_name(controller: Controller, session: Session, minerals: Path) -> None:
    controller.add_library(minerals)
    answered = answered_now(session)
    assert answered is not None
    assert sorted(answered.libraries) == ["USGS selection", "minerals"]
    assert [one.candidate.name for one in proposals(session) if one.candidate] == list(MATERIALS)
    found = ranking_of(session, Subject("endmember", 1))
    assert found is not None
    assert found.candidates[0].name == "tree"
    assert found.candidates[0].score < 1e-3
    assert not to_be_asked(session)


def test_one_name_is_taken_everywhere_and_given_back(controller: Controller, session: Session, minerals: Path) -> None:
    labels = np.zeros((12, 10), np.int32)
    labels[3] = 1
    controller.set_annotation(Annotation(labels, {1: Meaning("material", "endmember 2")}))
    controller.accept(Subject("endmember", 1), "tree")
    assert shown_names(session)[1] == "tree"
    assert session.annotation is not None
    assert session.annotation.meaning(1).name == "tree"
    controller.undo()
    assert shown_names(session)[1] == "endmember 2"
    assert session.annotation.meaning(1).name == "endmember 2"


def test_all_names_are_one_act_also_where_they_change_places(
    controller: Controller, session: Session, minerals: Path
) -> None:
    controller.add_library(minerals)
    controller.rename_endmember(0, "tree")
    controller.rename_endmember(1, "water")  # each has the other's name
    calls: list[Any] = []
    session.events.run.connect(lambda run: calls.append(run))
    controller.accept_all(proposals(session))
    assert shown_names(session) == MATERIALS
    assert len(calls) == 1
    controller.undo()
    assert shown_names(session) == ("tree", "water", "endmember 3")
    controller.redo()
    assert shown_names(session) == MATERIALS


def test_a_name_that_another_keeps_gets_a_number(controller: Controller, session: Session, minerals: Path) -> None:
    controller.add_library(minerals)
    controller.rename_endmember(2, "water")
    controller.accept_all(proposals(session)[:2])
    assert shown_names(session) == ("water 2", "tree", "water")


def test_a_pin_is_named_beside_its_cube(controller: Controller, session: Session, tools: Any) -> None:
    controller.select_pixel(4, 4)
    controller.pin()
    controller.accept(Subject("pin", place=(4, 4)), "tree")
    assert session.pin_names == {(4, 4): "tree"}
    cube = session.cube
    controller.add_cube(tools.make_cube(name="other", seed=5))
    assert session.pin_names == {}
    controller.set_cube(cube)
    assert session.pin_names == {(4, 4): "tree"}
    controller.undo()
    assert session.pin_names == {}
    controller.accept(Subject("pin", place=(9, 9)), "rock")  # no pin
    assert session.pin_names == {}


def test_a_library_that_cannot_be_read_is_one_sentence_and_the_others_answer(
    controller: Controller, session: Session, minerals: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.csv").write_text("wavelength_nm,a\n500,word\n600,0.2\n")
    controller.add_library(tmp_path / "words.csv")
    controller.add_library(minerals)
    answered = answered_now(session)
    assert answered is not None
    assert "minerals" in answered.libraries
    (sentence,) = answered.refused
    assert sentence.startswith("words.csv is left out: Row 2 of words.csv holds a word (could not convert")
    assert sentence.endswith("give numbers below the names.")
    assert proposals(session)[0].candidate is not None


def test_no_library_is_a_sentence_too(controller: Controller, session: Session) -> None:
    controller.match()
    controller.use_library(None, False)
    answered = answered_now(session)
    assert answered is not None
    assert answered.trouble == "No library is chosen: tick one under Libraries, or add one."
    assert not to_be_asked(session)
    assert session.trouble is None


def test_libraries_of_one_name_are_told_apart(
    controller: Controller, session: Session, cube: Cube, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        library = SpectralLibrary(np.full((1, 8), 0.3) + np.eye(1, 8), cube.wavelengths, (folder,), name="x")
        controller.add_library(write_library(library, tmp_path / folder / "x.sli")[0])
    answered = answered_now(session)
    assert answered is not None
    assert sorted(answered.libraries) == ["USGS selection", "x", "x 2"]
    found = answered.rankings[0].candidates
    assert {answered.libraries[one.library].names[one.row] for one in found} == {one.name for one in found}


# --- asking


@pytest.fixture
def held(session: Session, cube: Cube, tools: Any) -> tuple[Controller, Any]:
    """With a cube and a pin, and jobs that wait."""
    runner = tools.HeldRunner()
    made = Controller(session, runner, tools.make_engine())
    made.add_cube(cube)
    for job in list(runner.jobs):
        job.finish()
    made.select_pixel(3, 3)
    made.pin()
    runner.jobs.clear()
    return made, runner


def test_the_list_is_recalled_before_the_first_question(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    drain(bookshelf.keep_libraries((BUILT_IN, LibraryChoice(Path("gone.sli")))))
    controller.name_from_library(EVERY)
    assert session.naming.asked == 1
    (recall,) = runner.jobs
    recall.finish()
    assert [one.path for one in session.naming.libraries] == [None, Path("gone.sli")]
    runner.jobs[1].step()
    assert session.naming.doing == "looking into the libraries"
    runner.jobs[1].finish()
    assert session.naming.doing == ""
    answered = answered_now(session)
    assert answered is not None
    assert answered.refused[0].startswith("gone.sli is left out: There is no library gone.sli")


def test_a_question_in_place_of_another_cancels_it(held: tuple[Controller, Any], session: Session) -> None:
    controller, runner = held
    controller.match()
    runner.jobs[0].finish()
    first = runner.jobs[1]
    first.step()
    controller.match_within(3.0)
    assert first.cancelled
    first.finish()  # it says its answer all the same
    assert session.naming.answered is None
    runner.jobs[2].finish()
    answered = answered_now(session)
    assert answered is not None
    assert answered.question.within == 3.0


def test_cancelling_is_answered_at_once_and_does_not_begin_again(
    held: tuple[Controller, Any], session: Session
) -> None:
    controller, runner = held
    controller.match()
    runner.jobs[0].finish()
    runner.jobs[1].step()
    controller.stop_matching()
    assert runner.jobs[1].cancelled
    assert session.naming.doing == ""
    assert not to_be_asked(session)
    controller.match_again()
    runner.jobs[2].finish()
    answered = answered_now(session)
    assert answered is not None
    assert answered.rankings


def test_what_nobody_expected_can_be_sent(session: Session, cube: Cube, tools: Any) -> None:
    def broken(question: Question, stock: Stock) -> Fit[Answered]:
        yield Progress("looking", 0, 1, 0.0)
        raise ZeroDivisionError("by zero")

    controller = Controller(session, run_inline, tools.make_engine(match=broken))
    controller.add_cube(cube)
    controller.start()
    controller.match()
    answered = answered_now(session)
    assert answered is not None
    assert "by zero" in answered.trouble
    assert session.trouble is not None
    assert session.trouble.report
    assert not to_be_asked(session)


def test_a_pixel_without_data_is_like_nothing(controller: Controller, session: Session) -> None:
    cube = session.cube
    assert cube is not None
    controller.select_pixel(0, 0)
    controller.pin()
    controller.match()
    asked = question_of(session)
    assert asked is not None
    blank = np.where(np.arange(len(asked.subjects))[:, None] == 3, np.nan, asked.spectra)
    answered = drain(
        ask_libraries(Question(cube, asked.endmembers, asked.subjects, asked.names, blank, (None,), 4.0), Stock())
    )
    assert answered.rankings[3].candidates == ()
    assert answered.rankings[0].candidates


def test_a_name_is_taken_and_locked_as_it_was_found(controller: Controller, session: Session, minerals: Path) -> None:
    controller.add_library(minerals)
    found = ranking_of(session, Subject("endmember", 1))
    assert found is not None
    controller.accept_and_lock(Subject("endmember", 1), found.candidates[0], library=False)
    assert session.run is not None
    assert session.run.look.names[1] == "tree"
    assert dict(session.run.look.locked) == {1: ""}


def test_a_name_is_taken_and_locked_to_the_library_at_its_brightness(
    controller: Controller, session: Session, cube: Cube, tmp_path: Path
) -> None:
    run = session.run
    assert run is not None
    other = np.linspace(0.02, 0.05, 8)
    controller.add_library(
        write_library(SpectralLibrary(other[None], cube.wavelengths, ("dark ramp",), name="x"), tmp_path / "x.sli")[0]
    )
    found = ranking_of(session, Subject("endmember", 1))
    assert found is not None
    (ramp,) = [one for one in found.candidates if one.name == "dark ramp"]
    before, good = run.unmixing.endmembers[1], cube.good_bands
    controller.accept_and_lock(Subject("endmember", 1), ramp, library=True)
    assert session.run is not None
    assert session.run.look.names[1] == "dark ramp"
    assert dict(session.run.look.locked) == {1: "dark ramp of x"}
    after = session.run.unmixing.endmembers[1][good]
    scale = (other[good] @ before[good]) / (other[good] @ other[good])
    assert after == pytest.approx(scale * other[good], rel=1e-6)


def test_a_pin_is_the_mean_of_the_window_that_is_averaged(controller: Controller, session: Session, cube: Cube) -> None:
    controller.select_pixel(5, 5)
    controller.pin()
    controller.match()
    assert answered_now(session) is not None
    controller.average(3)
    assert answered_now(session) is None
    controller.match()
    answered = answered_now(session)
    assert answered is not None
    mean = cube.spectra[4:7, 4:7].reshape(9, -1).mean(axis=0)[cube.good_bands]
    assert answered.question.spectra[3][cube.good_bands] == pytest.approx(mean, rel=1e-5)


def test_a_closed_cube_is_held_by_no_answer(held: tuple[Controller, Any], session: Session, tools: Any) -> None:
    controller, runner = held
    cube = session.cube
    assert cube is not None
    controller.match()
    runner.jobs[0].finish()
    runner.jobs[1].step()
    controller.remove_cube(cube)
    assert runner.jobs[1].cancelled
    runner.jobs[1].finish()
    assert session.naming.answered is None
    assert session.naming.doing == ""
    controller.add_cube(cube)
    controller.select_pixel(3, 3)
    controller.pin()
    controller.match()
    runner.jobs[-1].finish()
    assert answered_now(session) is not None
    controller.add_cube(tools.make_cube(name="other", seed=2))
    controller.remove_cube(cube)  # also where another is the current one
    assert session.naming.answered is None


# --- the user's list


def test_the_list_is_kept_for_the_next_session(
    controller: Controller, session: Session, minerals: Path, tools: Any
) -> None:
    controller.add_library(minerals)
    controller.use_library(None, False)
    other = Controller(Session(), run_inline, tools.make_engine())
    other.add_cube(tools.make_cube())
    other.select_pixel(3, 3)
    other.pin()
    other.match()
    assert other.session.naming.libraries == (LibraryChoice(None, chosen=False), LibraryChoice(minerals))
    other.forget_library(minerals)
    assert drain(bookshelf.recall_libraries()) == (LibraryChoice(None, chosen=False),)
    assert minerals.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"libraries": 3}', '{"libraries": [3]}', '{"libraries": [{"path": 1, "chosen": 2}]}']
)
def test_a_list_that_is_none_leaves_the_built_in_library(text: str) -> None:
    assert read_choices(text) == (BUILT_IN,)


def test_the_list_reads_as_it_was_written() -> None:
    choices = (
        LibraryChoice(None, chosen=False),
        LibraryChoice(Path("/a b/ü.sli")),
        LibraryChoice(Path("c"), chosen=False),
    )
    assert read_choices(written_choices(choices)) == choices


def test_a_list_that_cannot_be_written_is_said_and_the_library_is_asked(
    controller: Controller, session: Session, minerals: Path, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("a file in the place of the folder")
    controller.add_library(minerals)
    assert session.trouble is not None
    assert "The list of libraries cannot be kept in" in session.trouble.sentence
    answered = answered_now(session)
    assert answered is not None
    assert "minerals" in answered.libraries


def test_the_command_says_the_same_as_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both bring libraries to the cube's bands by their widths."""
    monkeypatch.chdir(tmp_path)
    usgs = built_in()
    axis, fwhm = np.arange(500.0, 2350.0, 30.0), np.full(62, 55.0)
    rows = [usgs.names.index(name) for name in ("calcite", "siderite", "chlorite")]
    pure = usgs.chosen(rows).resampled(axis, fwhm).spectra
    shares = np.random.default_rng(0).dirichlet(np.full(3, 0.4), (12, 12))
    shares[0, :3] = np.eye(3)
    np.savez("scene.npz", cube=(shares @ pure).astype(np.float32), wavelength=axis, fwhm=fwhm)
    assert main(["unmix", "scene.npz", "--method", "vca-fcls", "--endmembers", "3", "--out", "run", "--json"]) == 0
    capsys.readouterr()
    assert main(["match", "run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["endmembers"]
    run, cube = read_run("run"), read_cube("scene.npz")
    assert cube.fwhm is not None
    subjects = tuple(Subject("endmember", k) for k in range(3))
    question = Question(cube, run.endmembers, subjects, run.names, run.endmembers, (None,), 4.0)
    answered = drain(ask_libraries(question, Stock()))
    for ranking, found in zip(answered.rankings, told, strict=True):
        assert ranking.candidates[0].name == found["match"]
        for one, its in zip(ranking.candidates, (found["best"], found["runner_up"]), strict=False):
            assert one.name == its["name"]
            assert one.score == pytest.approx(its["score_degrees"], abs=1e-4)
            assert one.derivative_angle == pytest.approx(its["derivative_angle_degrees"], abs=1e-4)
    bare = Question(
        replace(cube, fwhm=None),
        *[getattr(question, name) for name in ("endmembers", "subjects", "names")],
        question.spectra,
        (None,),
        4.0,
    )
    other = drain(ask_libraries(bare, Stock())).rankings[0].candidates[0]
    assert abs(other.score - answered.rankings[0].candidates[0].score) > 0.01  # widths do count
