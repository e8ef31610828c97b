"""Runs keep themselves, as they are by then, one at a time; they open again; what can't be kept is said once and stays in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run import read_run
from napari_unmix.plugin.facts.kept import Stamp, Strokes
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.verbs.store import Store, keep_run, keep_strokes, known_of, user_store
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError


def keeping(tools: Any, **others: Any) -> Engine:
    """An engine of fakes that really keeps."""
    return tools.make_engine(**{"keep_run": keep_run, "keep_strokes": keep_strokes, "known": known_of, **others})


@pytest.fixture
def controller(session: Session, tools: Any) -> Controller:
    return Controller(session, run_inline, keeping(tools))


def labels() -> np.ndarray:
    painted = np.zeros((12, 10), np.int32)
    painted[:3], painted[6] = 1, 2
    return painted


def paint(controller: Controller) -> None:
    controller.new_annotation()
    controller.set_labels(labels())
    controller.set_meaning(2, Meaning("material", "rock"))


def saved(session: Session) -> Any:
    assert session.run is not None
    assert session.run.folder is not None
    return read_run(session.run.folder)


# --- keeping


def test_a_run_is_on_the_disk_when_it_ends_and_with_its_report_when_it_is_checked(
    controller: Controller, session: Session, cube: Cube, own_data: Path
) -> None:
    controller.add_cube(cube)
    paint(controller)
    controller.start()
    stored = saved(session)
    assert session.run is not None
    assert stored.folder == own_data / "runs" / "scene-ivae-1"
    assert stored.report == session.run.report
    assert stored.annotation.meaning(2) == Meaning("material", "rock")
    np.testing.assert_array_equal(stored.annotation.labels, labels())
    np.testing.assert_array_equal(stored.abundances, session.run.unmixing.abundances)
    assert stored.card.ended == session.run.made.replace(microsecond=0)
    assert session.keeping == frozenset()


def test_it_is_kept_before_the_check_that_may_never_end(session: Session, tools: Any, cube: Cube) -> None:
    held = tools.HeldRunner()

    def runner(make: Callable[..., Any], handlers: Any) -> Any:
        return (held if checking else run_inline)(make, handlers)

    checking = False
    controller = Controller(session, runner, keeping(tools, assess=tools.fake_assess))
    controller.add_cube(cube)
    controller.start()
    assert session.run is not None
    assert saved(session).report is not None
    unchecked = replace(session.run, report=None, folder=None, number=9)
    controller._put_run(unchecked)
    folder = next(run.folder for run in session.runs if run.number == 9)
    assert folder is not None
    assert read_run(folder).report is None
    assert "was not checked when it was written" in json.loads((folder / "run.json").read_text())["missing"]["report"]


def test_names_title_colours_and_visibility_are_kept_as_they_change(
    controller: Controller, session: Session, cube: Cube
) -> None:
    controller.add_cube(cube)
    controller.start()
    controller.rename_endmember(1, "water")
    controller.colour_endmember(1, "#123456")
    controller.set_visible(0, False)
    controller.rename_run(1, "the shore")
    stored = saved(session)
    assert (stored.names[1], stored.card.title, stored.card.colours[1]) == ("water", "the shore", "#123456")
    assert stored.card.hidden == frozenset({0})
    controller.undo()
    assert saved(session).card.title == "ivae"
    controller.select_pixel(2, 3)
    controller.pin()
    controller.close()
    assert saved(session).card.pins == ((2, 3),)


def test_what_changes_while_it_is_written_is_written_next(session: Session, tools: Any, cube: Cube) -> None:
    held = tools.HeldRunner()
    calls: list[Run] = []

    def keep(run: Run, *_: Any) -> Any:
        calls.append(run)
        yield from ()
        return Path("/kept")

    controller = Controller(session, held, tools.make_engine(keep_run=keep))
    spec = spec_class("vca-fcls").model_validate({})
    unmixing = tools.make_unmixing(cube, spec)
    from napari_unmix.plugin.facts.runs import fresh_look

    controller.add_cube(cube)
    held.jobs.clear()
    run = Run(
        1,
        "one",
        __import__("datetime").datetime.now(),
        cube,
        spec,
        None,
        cube,
        unmixing,
        fresh_look(unmixing.endmembers),
    )
    controller._keep(run)
    assert (len(held.jobs), session.keeping) == (1, frozenset({1}))
    controller.rename_endmember(0, "a")
    controller.rename_endmember(0, "b")
    assert len(held.jobs) == 1
    first = held.jobs.pop()
    first.finish()
    writing = [job for job in held.jobs if job.handlers.done.__qualname__.startswith("KeepVerbs")]
    assert [run.look.names[0] for run in calls] == ["endmember 1"] or len(calls) == 1
    assert len(writing) == 1
    writing[0].finish()
    assert [run.look.names[0] for run in calls] == ["endmember 1", "b"]
    assert session.keeping == frozenset()
    assert session.run is not None
    assert session.run.folder == Path("/kept")


def test_what_cannot_be_kept_is_said_once_and_stays(session: Session, tools: Any, cube: Cube) -> None:
    def keep(*_: Any) -> Any:
        yield from ()
        raise UnmixError("“ivae” can't be kept (no space left on device): make room.")

    controller = Controller(session, run_inline, tools.make_engine(keep_run=keep))
    controller.add_cube(cube)
    controller.start()
    assert session.trouble is not None
    assert (session.trouble.step, session.run is not None) == ("result", True)
    session.trouble = None
    controller.rename_endmember(0, "water")
    assert session.trouble is None
    assert session.run is not None
    assert (session.run.look.names[0], session.run.folder, session.keeping) == ("water", None, frozenset())


def test_the_oldest_go_beyond_the_most_but_none_that_is_open_and_nothing_of_others(
    tmp_path: Path, tools: Any, cube: Cube
) -> None:
    from datetime import datetime

    from napari_unmix.plugin.facts.runs import fresh_look

    store = Store(tmp_path, most_runs=2)
    spec = spec_class("vca-fcls").model_validate({})
    unmixing = tools.make_unmixing(cube, spec)
    run = Run(1, "one", datetime(2026, 1, 1), cube, spec, None, cube, unmixing, fresh_look(unmixing.endmembers))
    folders = []
    for age in range(4):
        folder = store.keep(run, (), None, folders[:1])
        os.utime(folder / "run.json", (1000 + age, 1000 + age))
        folders.append(folder)
    assert {path.name for path in store.runs.iterdir()} >= {folders[0].name, folders[3].name}
    assert not folders[1].exists()
    (folders[2] / "mine.txt").write_text("keep me")
    small = replace(store, most_bytes=1)
    small.keep(run, (), None, ())
    assert (folders[2] / "mine.txt").exists()
    assert not folders[0].exists()


def test_a_folder_that_is_gone_or_of_others_is_written_anew(
    controller: Controller, session: Session, cube: Cube
) -> None:
    import shutil

    controller.add_cube(cube)
    controller.start()
    assert session.run is not None
    before = session.run.folder
    assert before is not None
    shutil.rmtree(before)
    controller.rename_endmember(0, "water")
    assert saved(session).names[0] == "water"
    before.joinpath("run.json").write_text('{"format": "other"}')
    controller.rename_endmember(0, "tree")
    assert saved(session).names[0] == "tree"


# --- opening again


@pytest.fixture
def tomorrow(tools: Any) -> Callable[[], tuple[Session, Controller]]:
    """Another start of the program."""

    def start() -> tuple[Session, Controller]:
        session = Session()
        return session, Controller(session, run_inline, keeping(tools))

    return start


def test_what_pins_are_called_goes_back_and_forth_with_a_run(
    controller: Controller, session: Session, cube: Cube
) -> None:
    controller.add_cube(cube)
    controller.start()
    for place, name in (((4, 5), "reed"), ((1, 2), "")):
        controller.select_pixel(*place)
        controller.pin()
        controller.name_pin(place, name)
    controller.close()
    stored = saved(session)
    assert (stored.card.pins, stored.card.pin_names) == (((4, 5), (1, 2)), {(4, 5): "reed"})
    controller.unpin(0)
    controller.use_run(1)
    assert session.pins == ((1, 2),)  # pins are the cube's, a run's settings leave them
    controller.undo()
    controller.undo()
    assert (session.pins, session.pin_names) == (((4, 5), (1, 2)), {(4, 5): "reed"})
    controller.name_pin((4, 5), "")
    controller.close()
    assert saved(session).card.pin_names == {}


def test_an_exported_run_has_the_spectra_of_the_pins_by_name_and_place(
    session: Session, tools: Any, cube: Cube, tmp_path: Path
) -> None:
    from napari_unmix.library import read_library

    controller = Controller(session, run_inline, keeping(tools))
    controller.add_cube(cube)
    controller.start()
    controller.export(tmp_path)
    assert session.exported is not None
    assert not (session.exported / "pins.csv").exists()
    for place, name in (((4, 5), "reed"), ((1, 2), "")):
        controller.select_pixel(*place)
        controller.pin()
        controller.name_pin(place, name)
    controller.export(tmp_path)
    lines = (session.exported / "pins.csv").read_text().splitlines()
    assert lines[0] == 'wavelength_nm,"reed (row 4, column 5)","pin 2 (row 1, column 2)"'
    table = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    np.testing.assert_array_equal(table[:, 0], cube.wavelengths)
    np.testing.assert_array_equal(table[:, 1], np.where(cube.good_bands, cube.spectra[4, 5], np.nan))
    np.testing.assert_array_equal(table[:, 2], np.where(cube.good_bands, cube.spectra[1, 2], np.nan))
    assert read_run(session.exported).card.pin_names == {(4, 5): "reed"}
    assert read_library(session.exported / "pins.csv").names[0] == "reed (row 4, column 5)"


def test_a_run_of_an_open_cube_opens_by_its_hash(
    controller: Controller, session: Session, cube: Cube, tomorrow: Callable[[], tuple[Session, Controller]]
) -> None:
    controller.add_cube(cube)
    controller.set_option("seed", 3)
    paint(controller)
    controller.start()
    controller.select_pixel(4, 5)
    controller.pin()
    controller.name_pin((4, 5), "reed")
    controller.rename_endmember(2, "rock")
    stored = saved(session)
    again, verbs = tomorrow()
    verbs.list_recent()
    assert [one.folder for one in again.recent] == [stored.folder]
    verbs.open_run(stored.folder)
    assert again.trouble is not None
    assert "was not read from a file: open it as before, and then the run" in again.trouble.sentence
    verbs.add_cube(replace(cube, spectra=cube.spectra.copy()))
    assert again.known is not None
    assert again.known.sha256 == again.recent[0].sha256
    verbs.open_run(stored.folder)
    assert again.trouble is None
    assert again.run is not None
    assert session.run is not None
    assert (again.run.look.names, again.run.title, again.run.report) == (
        session.run.look.names,
        session.run.title,
        session.run.report,
    )
    assert again.run.unmixing.abundances.tobytes() == session.run.unmixing.abundances.tobytes()
    assert (again.spec.seed, again.pins, again.pin_names) == (3, ((4, 5),), {(4, 5): "reed"})
    assert again.annotation is not None
    np.testing.assert_array_equal(again.annotation.labels, labels())
    before = (stored.folder / "run.json").stat().st_mtime_ns
    verbs.open_run(stored.folder)
    assert len(again.runs) == 1
    assert (stored.folder / "run.json").stat().st_mtime_ns == before


def test_what_is_painted_by_now_stays_when_a_run_is_opened(
    controller: Controller, session: Session, cube: Cube, tomorrow: Callable[[], tuple[Session, Controller]]
) -> None:
    controller.add_cube(cube)
    paint(controller)
    controller.start()
    folder = saved(session).folder
    again, verbs = tomorrow()
    verbs.add_cube(cube)
    mine = np.full((12, 10), 5)
    verbs.new_annotation()
    verbs.set_labels(mine)
    verbs.open_run(folder)
    assert again.run is not None
    assert again.annotation is not None
    np.testing.assert_array_equal(again.annotation.labels, mine)
    verbs.use_run(again.run.number)
    np.testing.assert_array_equal(again.annotation.labels, labels())
    verbs.undo()
    np.testing.assert_array_equal(again.annotation.labels, mine)


def test_bands_of_a_run_come_back_with_it(
    controller: Controller, session: Session, cube: Cube, tomorrow: Callable[[], tuple[Session, Controller]]
) -> None:
    controller.add_cube(cube)
    good = cube.good_bands.copy()
    good[0] = False
    controller._rebanded(drain(Engine().rebanded(cube, good)))
    controller.start()
    folder = saved(session).folder
    again, verbs = tomorrow()
    verbs.add_cube(cube)
    verbs.open_run(folder)
    assert again.cube is not None
    np.testing.assert_array_equal(again.cube.good_bands, good)
    assert again.run is not None
    np.testing.assert_array_equal(again.run.cube.good_bands, good)


def test_a_run_of_the_version_before_opens_and_says_what_it_lacks(
    controller: Controller, session: Session, cube: Cube, tomorrow: Callable[[], tuple[Session, Controller]]
) -> None:
    controller.add_cube(cube)
    paint(controller)
    controller.start()
    folder = saved(session).folder
    meta = json.loads((folder / "run.json").read_text())
    meta["format"] = "napari-unmix run 2"
    del meta["card"], meta["timings"]["ended"], meta["cube"]["excluded_bands"], meta["cube"]["parts"]
    (folder / "run.json").write_text(json.dumps(meta))
    for name in ("annotation.npy", "valid_pixels.npy", "again.py"):
        (folder / name).unlink()
    again, verbs = tomorrow()
    verbs.add_cube(cube)
    verbs.open_run(folder)
    assert again.run is not None
    assert again.run.unmixing.notes[-1].sentence.startswith("It was written by napari-unmix 0.1.0 without its painting")
    verbs.rename_endmember(0, "water")
    stored = read_run(folder)  # as a run of this version, which still says it
    assert (stored.names[0], stored.lacks) == ("water", "")
    assert stored.notes[-1] == again.run.unmixing.notes[-1]


def test_a_damaged_folder_is_a_sentence_and_not_in_the_list(
    controller: Controller, session: Session, cube: Cube
) -> None:
    controller.add_cube(cube)
    controller.start()
    folder = saved(session).folder
    (folder / "run.json").write_text("{")
    controller.list_recent()
    assert session.recent == ()
    controller.forget_run(1)
    controller.open_run(folder)
    assert session.trouble is not None
    assert (session.trouble.step, session.trouble.report) == ("cube", "")
    assert "is a damaged run" in session.trouble.sentence


# --- strokes


def test_strokes_come_back_with_their_cube_until_a_run_has_them(
    controller: Controller,
    session: Session,
    cube: Cube,
    own_data: Path,
    tomorrow: Callable[[], tuple[Session, Controller]],
) -> None:
    controller.add_cube(cube)
    paint(controller)
    again, verbs = tomorrow()
    verbs.add_cube(cube)
    assert again.annotation is not None
    np.testing.assert_array_equal(again.annotation.labels, labels())
    assert again.annotation.meaning(2) == Meaning("material", "rock")
    assert again.known is not None
    assert again.known.strokes is not None
    assert again.known.strokes.back
    verbs.start()
    assert again.known.strokes is None
    assert list((own_data / "paintings").iterdir()) == []
    third, verbs = tomorrow()
    verbs.add_cube(cube)
    assert third.annotation is None


def test_strokes_wait_where_something_is_painted_and_can_be_brought_back_or_thrown_away(
    controller: Controller,
    session: Session,
    cube: Cube,
    own_data: Path,
    tomorrow: Callable[[], tuple[Session, Controller]],
) -> None:
    controller.add_cube(cube)
    paint(controller)
    again, verbs = tomorrow()
    verbs._engine = replace(verbs._engine, known=None)
    verbs.add_cube(cube)
    verbs.set_annotation(Annotation(np.full((12, 10), 7)))
    verbs._found(cube, drain(known_of(cube)))
    assert again.annotation is not None
    assert again.known is not None
    assert isinstance(again.known.strokes, Strokes)
    assert not again.known.strokes.back
    assert again.annotation.labels.max() == 7
    verbs.bring_back()
    np.testing.assert_array_equal(again.annotation.labels, labels())
    verbs.throw_away()
    assert not again.annotation.labels.any()
    assert list((own_data / "paintings").iterdir()) == []


def test_erasing_all_takes_the_kept_strokes_away(controller: Controller, cube: Cube, own_data: Path) -> None:
    controller.add_cube(cube)
    paint(controller)
    assert len(list((own_data / "paintings").iterdir())) == 1
    controller.set_labels(np.zeros((12, 10), np.int32))
    assert list((own_data / "paintings").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 9, b"\x02\x00\x00\x00\x00\x00\x00\x00{}", os.urandom(200)])
def test_a_damaged_painting_is_none(cube: Cube, content: bytes) -> None:
    store = user_store()
    store.keep_strokes(cube, Annotation(labels()))
    store._painting(cube).write_bytes(content)
    assert store.strokes(cube) is None
    store.keep_strokes(cube, Annotation(np.full((3, 3), 1)))
    assert store.strokes(cube) is None  # of another size


def test_a_stamp_holds_what_was_written(controller: Controller, session: Session, cube: Cube) -> None:
    controller.add_cube(cube)
    controller.start()
    assert session.run is not None
    stamp = controller._stamps[session.run.number]
    assert isinstance(stamp, Stamp)
    assert stamp.says(session.run, ())
    controller.remove_cube(cube)
    assert controller._stamps == {}


# --- saying it again


@pytest.mark.parametrize("method", ["vca-fcls", "ivae"])
def test_what_the_window_copies_gives_the_same_bits(
    session: Session, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    from napari_unmix.cli import main
    from napari_unmix.io import read_cube
    from napari_unmix.plugin.window.panels.runs import command_text, python_text

    scene = tools.make_cube(16, 14, 12)
    noisy = scene.spectra + np.random.default_rng(0).normal(0, 0.003, scene.shape)
    noisy[3, 3] = -9
    file = tmp_path / "a field.npz"
    np.savez(file, cube=noisy.astype(np.float32), wavelength=scene.wavelengths)
    controller = Controller(session, run_inline, keeping(tools, unmix=Engine().unmix, rebanded=Engine().rebanded))
    controller.add_cube(read_cube(file, no_data=-9))
    controller.exclude_bands("600-650")
    controller.choose_method(method)
    for name, value in {"endmembers": 3, "seed": 8, **({"epochs": 2} if method == "ivae" else {})}.items():
        controller.set_option(name, value)
    painted = np.zeros((16, 14), np.int32)
    painted[:4], painted[5:9], painted[10, :3], painted[15] = 1, 2, 3, 4
    controller.new_annotation()
    controller.set_labels(painted)
    controller.set_meaning(3, Meaning("material", "dry grass"))
    controller.set_meaning(4, Meaning("ignore"))
    controller.start()
    assert session.run is not None
    assert session.run.folder is not None
    controller.rename_endmember(0, "called anew")
    monkeypatch.chdir(tmp_path)
    exec(compile(python_text(session.run), "copied", "exec"), {})
    words = __import__("shlex").split(command_text(session.run))
    assert main([*words[1:-1], "by-command"]) == 0
    assert main(["unmix", str(session.run.folder), "--out", "by-folder"]) == 0
    for again in (f"{session.run.folder.name}-again", "by-command", "by-folder"):
        for name in ("abundances.npy", "model.safetensors", "valid_pixels.npy", "annotation.npy"):
            assert (tmp_path / again / name).read_bytes() == (session.run.folder / name).read_bytes(), (again, name)


def test_a_dock_that_is_opened_again_writes_nothing_anew(
    controller: Controller, session: Session, cube: Cube, tomorrow: Callable[[], tuple[Session, Controller]]
) -> None:
    controller.add_cube(cube)
    controller.start()
    folder = saved(session).folder
    before = (folder / "run.json").stat().st_mtime_ns
    again, verbs = tomorrow()
    verbs.add_cube(cube, left=controller.left_of(cube))
    assert again.run is not None
    assert again.run.folder == folder
    assert (folder / "run.json").stat().st_mtime_ns == before
    verbs.rename_endmember(0, "water")
    assert read_run(folder).names[0] == "water"


def test_a_run_json_opens_its_run(controller: Controller, session: Session, cube: Cube) -> None:
    controller.add_cube(cube)
    controller.start()
    folder = saved(session).folder
    controller.forget_run(1)
    controller.open(folder / "run.json")
    assert session.run is not None
    assert session.run.folder == folder
