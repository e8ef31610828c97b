"""In the real window: a run keeps itself, opens again tomorrow by menu and by drop, is said again; strokes survive a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.io import read_cube
from napari_unmix.output.run import read_run


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    """A mixture of three spectra, as a file."""
    rng = np.random.default_rng(0)
    endmembers = rng.uniform(0.1, 0.9, (3, 20))
    cube = np.random.default_rng(1).dirichlet(np.ones(3), (40, 50)) @ endmembers
    path = tmp_path / "field.npz"
    np.savez(path, cube=cube.astype(np.float32), wavelength=np.linspace(450, 900, 20))
    return path


def opened(window: Any, path: Path) -> None:
    """The scene of the file, with fakes at the seam."""
    from napari_unmix.plugin.viewer.layers import cube_layers

    for data, options, _ in cube_layers(read_cube(path)):
        window.viewer.add_image(data, **options)
    window.ready()


def trained(window: Any, path: Path, strokes: bool = True) -> Any:
    window.with_fakes_on(path)
    if strokes:
        paint(window)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.run.report is not None)
    window.wait_for(lambda: window.session.run.folder is not None and not window.session.keeping)
    window.settle()
    return window.session.run


def paint(window: Any) -> None:
    """Two strokes by mouse."""
    window.press("New annotation")
    window.qtbot.wait(150)
    window.drag((10, 10), (10, 20))
    window.press("Next region")
    window.drag((30, 10), (30, 20))
    window.wait_for(lambda: set(np.unique(window.session.annotation.labels)) == {0, 1, 2})


def part(window: Any) -> Any:
    from napari_unmix.plugin.window.panels.runs import RunsPart

    return window.widget.findChild(RunsPart)


def entry(menu: Any, text: str) -> Any:
    found = [action for action in menu.actions() if text in action.text()]
    assert found, [action.text() for action in menu.actions()]
    return found[0]


@pytest.fixture
def desk(window: Any) -> Any:
    """A window whose engine is fake where it would compute."""

    def on(path: Path) -> None:
        window.seam.put(unmix=_fit(), assess=_assess)
        opened(window, path)

    window.with_fakes_on = on
    return window


def _fit() -> Any:
    """A fit of a few steps that finds what is there."""
    import time

    from napari_unmix.answer import Unmixing
    from napari_unmix.progress import Preview, Progress

    def fit(cube: Any, spec: Any, annotation: Any) -> Any:
        abundances = np.random.default_rng(0).dirichlet(np.ones(3), cube.shape[:2]).astype(np.float32)
        endmembers = np.random.default_rng(0).uniform(0.1, 0.9, (3, cube.shape[2]))
        endmembers[:, ~cube.good_bands] = np.nan
        for step in range(3):
            time.sleep(0.01)
            yield Progress(f"epoch {step}", step, 3, step / 3, 1.0, lambda: Preview(endmembers, abundances))
        names = ("endmember 1", "endmember 2", "endmember 3")
        return Unmixing(endmembers, abundances, None, None, np.zeros(cube.shape[:2], np.float32), names, spec)

    return fit


def _assess(cube: Any, result: Any) -> Any:
    from napari_unmix.identifiability.report import Report
    from napari_unmix.progress import Progress

    yield Progress("checking", 0, 1, 0.0)
    return Report("partly", "Partly: a test.", ())


def test_a_run_keeps_itself_with_names_title_and_pins(desk: Any, scene_file: Path, own_data: Path) -> None:
    run = trained(desk, scene_file)
    assert run.folder.parent == own_data / "runs"
    stored = read_run(run.folder)
    assert stored.report is not None
    assert stored.annotation is not None
    np.testing.assert_array_equal(stored.annotation.labels, desk.session.annotation.labels)
    assert stored.origin.parts[0].source == scene_file
    desk.controller.rename_endmember(0, "water")
    desk.click(5, 6)
    desk.controller.pin()
    name = part(desk)._name
    desk.qtbot.mouseDClick(name, _left())
    desk.qtbot.keyClicks(name, "shore, first")
    desk.qtbot.keyClick(name, _key("Key_Return"))
    desk.wait_for(lambda: read_run(run.folder).card.title == "shore, first")
    stored = read_run(run.folder)
    assert (stored.names[0], stored.card.pins) == ("water", ((5, 6),))
    assert stored.card.colours == desk.session.run.look.colours


def _left() -> Any:
    from qtpy.QtCore import Qt

    return Qt.MouseButton.LeftButton


def _key(name: str) -> Any:
    from qtpy.QtCore import Qt

    return getattr(Qt.Key, name)


def test_tomorrow_it_is_in_the_list_and_opens_with_cube_painting_settings_and_pins(
    desk: Any, scene_file: Path, windows: Callable[..., Any]
) -> None:
    from napari_unmix.plugin.window.panels.recent import RecentPart

    desk.controller.set_option("endmembers", 3)
    run = trained(desk, scene_file)
    desk.controller.rename_endmember(1, "tree")
    desk.controller.rename_run(run.number, "of the shore")
    desk.controller.colour_endmember(1, "#123456")
    desk.click(5, 6)
    desk.controller.pin()
    desk.close_dock()
    desk.settle()

    again = windows()
    again.open_dock()
    again.wait_for(lambda: again.session.recent != ())
    recent = again.widget.findChild(RecentPart)
    assert recent.isVisible()
    menu = recent._menu
    action = entry(menu, "of the shore · field · 3 endmembers")
    action.trigger()
    again.wait_for(lambda: again.session.run is not None)
    again.settle()
    shown = again.session.run
    assert (shown.title, shown.look.names[1], shown.look.colours[1]) == ("of the shore", "tree", "#123456")
    assert again.session.cube.source == scene_file
    assert again.session.spec == run.spec
    assert again.session.pins == ((5, 6),)
    np.testing.assert_array_equal(again.session.annotation.labels, run.annotation.labels)
    assert [layer for layer in again.viewer.layers if layer.metadata.get("napari_unmix") == "annotation"]
    again.wait_for(lambda: len(again.maps()) == 3)  # one a turn
    assert again.maps()[1].name.endswith("tree")
    np.testing.assert_array_equal(again.maps()[1].data, shown.unmixing.abundances[:, :, 1])
    assert shown.folder == run.folder
    assert not recent.isVisible()  # step 5 has it now
    assert any("Partly" in text or "partly" in text for text in again.texts())


def test_a_run_is_dropped_before_and_after_its_cube_is_open(
    desk: Any, scene_file: Path, windows: Callable[..., Any]
) -> None:
    run = trained(desk, scene_file, strokes=False)
    desk.close_dock()
    desk.settle()
    first = windows()
    first.drop(run.folder)  # no dock is open
    assert first.viewer.layers
    first.open_dock()
    first.wait_for(lambda: first.session.run is not None)
    first.settle()
    assert len(first.session.cubes) == 1
    first.session.runs = ()
    first.session.run = None
    first.drop(run.folder)  # its cube is open
    first.wait_for(lambda: first.session.run is not None)
    first.settle()
    assert (len(first.session.cubes), first.session.run.folder) == (1, run.folder)
    first.drop(run.folder / "run.json")  # and so is the run
    first.settle()
    assert len(first.session.runs) == 1


def test_what_is_missing_is_a_sentence_in_step_1(desk: Any, scene_file: Path) -> None:
    run = trained(desk, scene_file, strokes=False)
    folder = run.folder
    for layer in list(desk.viewer.layers):
        desk.viewer.layers.remove(layer)
    desk.wait_for(lambda: desk.session.cubes == ())
    scene_file.rename(scene_file.with_name("moved.npz"))
    desk.controller.open_run(folder)
    desk.wait_for(lambda: desk.session.trouble is not None)
    assert (desk.session.trouble.step, desk.session.trouble.report) == ("cube", "")
    assert "is not there any more: bring it back" in desk.session.trouble.sentence
    opened(desk, scene_file.with_name("moved.npz"))
    desk.controller.open_run(folder)
    desk.wait_for(lambda: desk.session.run is not None)
    desk.settle()
    assert desk.session.trouble is None


def test_copy_show_forget_and_open_again_by_the_menu(desk: Any, scene_file: Path) -> None:
    from qtpy.QtWidgets import QApplication

    run = trained(desk, scene_file)
    menu = part(desk)._more.menu()
    entry(menu, "Copy as Python").trigger()
    text = QApplication.clipboard().text()
    assert f"read_cube({str(scene_file)!r}" in text
    assert str(run.folder) in text
    entry(menu, "Copy as command").trigger()
    assert (
        QApplication.clipboard()
        .text()
        .startswith(f"napari-unmix unmix {scene_file} --annotation {run.folder}/annotation.npy")
    )
    entry(menu, "Forget").trigger()
    assert desk.session.runs == ()
    assert (run.folder / "run.json").exists()
    desk.controller.list_recent()
    desk.wait_for(lambda: desk.session.recent != ())
    desk.controller.open_run(run.folder)
    desk.wait_for(lambda: desk.session.run is not None)
    assert desk.session.run.folder == run.folder
    desk.wait_for(lambda: len(desk.maps()) == 3)
    desk.settle()


def test_a_run_of_no_file_says_what_to_do(window: Any) -> None:
    window.with_fakes(3)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.run.folder is not None)
    window.settle()
    from napari_unmix.plugin.window.panels.runs import command_text, python_text

    assert command_text(window.session.run).startswith(
        "# scene was not read from a file: save it, and name its file after --cube."
    )
    assert "put its values, (40, 50, 20), in the place of the dots" in python_text(window.session.run)


def test_the_list_of_runs_by_keys(desk: Any, scene_file: Path) -> None:
    first = trained(desk, scene_file, strokes=False)
    desk.controller.set_option("seed", 5)
    desk.press("Train")
    desk.wait_for(lambda: len(desk.session.runs) == 2 and desk.session.runs[1].report is not None)
    desk.settle()
    runs = part(desk)
    assert runs._others.isVisible()
    assert runs._others.accessibleName() == "Runs of this cube"
    runs._list.aboutToShow.emit()
    lines = runs._list.actions()
    assert len(lines) == 2
    assert [action.isChecked() for action in lines] == [True, False]
    lines[1].trigger()
    assert desk.session.run.number == first.number
    assert runs._name.text() == first.title
    entry(runs._more.menu(), "Back to its settings").trigger()
    assert desk.session.spec == first.spec
    desk.controller.undo()
    assert desk.session.spec.seed == 5
    runs._name.setFocus()
    desk.qtbot.keyClick(runs._name, _key("Key_F2"))
    desk.qtbot.keyClicks(runs._name, "x")
    desk.qtbot.keyClick(runs._name, _key("Key_Escape"))
    assert (runs._name.text(), desk.session.run.title) == (first.title, first.title)


def test_a_run_that_rests_says_that_it_is_read_and_then_its_maps_are_seen(desk: Any, scene_file: Path) -> None:
    first = trained(desk, scene_file, strokes=False)
    desk.controller.most_held_bytes = 0
    desk.controller.set_option("seed", 5)
    desk.press("Train")
    desk.wait_for(lambda: len(desk.session.runs) == 2 and desk.session.runs[1].report is not None)
    desk.wait_for(lambda: not desk.session.runs[0].unmixing.abundances.size)  # it is kept, and holds nothing
    desk.settle()
    desk.controller.show_run(first.number)
    assert part(desk)._kept.text() == f"reading {first.title} …"
    assert desk.session.run.number != first.number
    desk.wait_for(lambda: desk.session.run.number == first.number)
    desk.settle()
    assert part(desk)._kept.text() == "kept"
    for index, layer in enumerate(desk.maps()):
        np.testing.assert_array_equal(layer.data, np.nan_to_num(first.unmixing.abundances[:, :, index]))


def test_strokes_that_were_not_trained_come_back_and_can_be_thrown_away(
    desk: Any, scene_file: Path, windows: Callable[..., Any], own_data: Path
) -> None:
    from napari_unmix.plugin.window.panels.strokes import StrokesPart

    desk.with_fakes_on(scene_file)
    paint(desk)
    labels = desk.session.annotation.labels.copy()
    desk.wait_for(lambda: len(list((own_data / "paintings").glob("*.painting"))) == 1)
    desk.settle()  # from here on the window is dead
    again = windows()
    again.open_dock()
    opened(again, scene_file)
    again.wait_for(lambda: again.session.annotation is not None)
    np.testing.assert_array_equal(again.session.annotation.labels, labels)
    strokes = again.widget.findChild(StrokesPart)
    assert strokes.isVisible()
    assert any(text.startswith("The painting of ") and text.endswith(" is back.") for text in again.texts())
    again.press("Discard")
    again.settle()
    assert not again.session.annotation.labels.any()
    assert not strokes.isVisible()
    assert list((own_data / "paintings").glob("*.painting")) == []


def test_strokes_that_a_run_has_are_not_kept_twice(desk: Any, scene_file: Path, own_data: Path) -> None:
    trained(desk, scene_file)
    desk.wait_for(lambda: list((own_data / "paintings").glob("*.painting")) == [])


def test_a_disk_that_takes_nothing_is_said_once_and_the_run_stays(desk: Any, scene_file: Path) -> None:
    from napari_unmix.plugin.verbs.store import Store

    place = scene_file.parent / "a file"
    place.write_text("no folder")

    def keep(run: Any, *others: Any) -> Any:
        yield __import__("napari_unmix.progress", fromlist=["Progress"]).Progress("keeping", 0, 1, 0.0)
        return Store(place).keep(run, *others)

    desk.seam.put(keep_run=keep)
    desk.with_fakes_on(scene_file)
    desk.press("Train")
    desk.wait_for(lambda: desk.session.trouble is not None)
    desk.settle()
    assert desk.session.trouble.step == "result"
    assert "can't be kept in" in desk.session.trouble.sentence
    assert desk.session.trouble.report == ""
    assert desk.session.run is not None
    assert desk.session.run.folder is None
    desk.wait_for(lambda: part(desk)._kept.text() == "not kept")  # a run that changes is tried again
    desk.controller._settle("result")
    desk.controller.rename_endmember(0, "water")
    desk.settle()
    assert desk.session.trouble is None


def test_open_on_the_command_line_opens_a_run(desk: Any, scene_file: Path, windows: Callable[..., Any]) -> None:
    from napari_unmix.plugin.window.launch import open_viewer

    run = trained(desk, scene_file)
    desk.close_dock()
    desk.settle()
    again = windows(viewer=False)
    again.viewer = open_viewer(str(run.folder), block=False, engine=again.seam.engine)
    again.wait_for(lambda: again.session.run is not None, 30)
    again.settle()
    assert again.session.cube.source == scene_file
    assert again.session.run.folder == run.folder
    np.testing.assert_array_equal(again.session.annotation.labels, run.annotation.labels)
    again.wait_for(lambda: len(again.maps()) == 3)
    again.viewer.close()


def test_two_cubes_have_their_own_runs_and_the_menu_speaks_of_the_cube_shown(
    desk: Any, scene_file: Path, tmp_path: Path
) -> None:
    from napari_unmix.plugin.window.panels.recent import RecentPart

    first = trained(desk, scene_file, strokes=False)
    other = tmp_path / "other.npz"
    rng = np.random.default_rng(5)
    np.savez(other, cube=rng.uniform(0.1, 0.9, (30, 20, 20)).astype(np.float32), wavelength=np.linspace(450, 900, 20))
    opened(desk, other)
    assert not part(desk).isVisible()
    assert not desk.widget.findChild(RecentPart).isVisible()  # no run of this cube is kept
    desk.press("Train")
    desk.wait_for(lambda: desk.session.run is not None and desk.session.run.folder is not None)
    desk.settle()
    second = desk.session.run
    assert second.folder != first.folder
    assert read_run(second.folder).origin.parts[0].source == other
    desk.controller.rename_run(second.number, "of the other")
    desk.controller.set_cube(first.home)
    desk.wait_for(lambda: read_run(second.folder).card.title == "of the other")
    assert part(desk)._name.text() == first.title
    assert not part(desk)._others.isVisible()
    desk.controller.forget_run(first.number)
    desk.controller.list_recent()
    desk.wait_for(lambda: len(desk.session.recent) == 2)
    kept = desk.widget.findChild(RecentPart)
    assert kept._button.text() == "Kept runs of this cube (1)"
    entry(kept._menu, f"{first.title} · 3 endmembers").trigger()
    desk.wait_for(lambda: desk.session.run is not None)
    desk.settle()
    assert desk.session.run.folder == first.folder
    assert len(desk.session.cubes) == 2
