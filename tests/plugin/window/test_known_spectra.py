"""Known spectra in the real window: a library is opened from step 3, spectra are chosen with mouse and keys, are rows, and are held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel, QLineEdit, QMenu, QPushButton, QScrollArea, QToolButton
from tests.plugin.window.conftest import FakeFit

from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.plugin.verbs import bookshelf
from napari_unmix.plugin.window.panels.known_spectra import KnownPart

AXIS = np.linspace(450, 900, 20)
THREE = np.random.default_rng(0).uniform(0.1, 0.9, (3, 20))  # of the scene
MATERIALS = ("water", "tree", "rock")


@pytest.fixture(autouse=True)
def own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's list of libraries."""
    monkeypatch.setattr(bookshelf, "user_list", lambda: tmp_path / "config" / "libraries.json")


@pytest.fixture
def minerals(tmp_path: Path) -> Path:
    return write_library(SpectralLibrary(THREE, AXIS, MATERIALS, name="minerals"), tmp_path / "minerals.sli")[0]


def part(window: Any) -> KnownPart:
    found: KnownPart = window.widget.findChild(KnownPart)
    return found


def bring(window: Any, widget: Any) -> Any:
    window.widget.findChild(QScrollArea).ensureWidgetVisible(widget)
    window.qtbot.wait(20)
    return widget


def click(window: Any, widget: Any) -> None:
    window.qtbot.mouseClick(bring(window, widget), Qt.MouseButton.LeftButton)
    window.qtbot.wait(20)


def rows(window: Any) -> list[str]:
    """The held spectra that are seen."""
    known = part(window)
    return [label.text() for label in known._rows.findChildren(QLabel) if label.isVisible()]


def from_menu(window: Any, title: str) -> None:
    """Press Known spectra…, and click an entry of its menu."""
    known = part(window)
    menu: QMenu = known._open.menu()
    clicked: list[str] = []

    def choose() -> None:
        entry = next(action for action in menu.actions() if action.text() == title)
        window.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())
        clicked.append(title)

    from qtpy.QtCore import QTimer

    QTimer.singleShot(150, choose)
    click(window, known._open)
    window.wait_for(lambda: bool(clicked))
    window.wait_for(lambda: window.session.offered is not None and known._picker.isVisible())


def test_chosen_with_mouse_and_keys_held_removed_and_undone(window: Any, minerals: Path) -> None:
    window.with_fakes(2)
    window.controller.add_library(minerals)
    known, session = part(window), window.session
    assert not part(window).list.isVisible()  # nothing is offered yet
    from_menu(window, "minerals.sli")
    assert [known.list.item(k).text() for k in range(known.list.count())] == list(MATERIALS)
    # With the mouse: two with Ctrl.
    viewport = known.list.viewport()
    bring(window, known.list)
    for place, modifier in ((0, Qt.KeyboardModifier.NoModifier), (2, Qt.KeyboardModifier.ControlModifier)):
        middle = known.list.visualItemRect(known.list.item(place)).center()
        window.qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, modifier, middle)
    (hold,) = [b for b in known.findChildren(QPushButton) if b.text() == "Hold"]
    click(window, hold)
    window.wait_for(lambda: len(session.held) == 2)
    window.qtbot.wait(30)
    assert rows(window) == ["water", "rock"]
    assert "2 known, and no other is looked for." in window.texts()
    assert not known._picker.isVisible()
    # With keys alone: the menu's key, a word that is looked up, Down, Enter.
    from_menu(window, "minerals.sli")
    words = next(edit for edit in known.findChildren(QLineEdit) if edit.placeholderText() == "Look up…")
    words.setFocus()
    window.qtbot.keyClicks(words, "tre")
    assert [known.list.item(k).isHidden() for k in range(3)] == [True, False, True]
    known.list.setFocus()
    window.qtbot.keyClick(known.list, Qt.Key.Key_Down)
    window.qtbot.keyClick(known.list, Qt.Key.Key_Return)
    window.wait_for(lambda: len(session.held) == 3)
    window.qtbot.wait(30)
    assert rows(window) == ["water", "rock", "tree"]
    assert session.spec.endmembers == 3
    # Removed with the mouse, and with Space.
    for name, key in (("rock", False), ("water", True)):
        remove = next(b for b in known.findChildren(QToolButton) if b.accessibleName() == f"Remove {name}")
        if key:
            bring(window, remove).setFocus()
            window.qtbot.keyClick(remove, Qt.Key.Key_Space)
        else:
            click(window, remove)
        window.qtbot.wait(30)
    assert rows(window) == ["tree"]
    window.controller.undo()
    window.controller.undo()
    window.qtbot.wait(30)
    assert rows(window) == ["water", "rock", "tree"]


def test_train_on_holds_the_locked_and_the_known(window: Any, minerals: Path) -> None:
    window.with_fakes(3)
    given: list[Any] = []
    fit = FakeFit(3)

    def noted(cube: Any, spec: Any, annotation: Any, held: Any = None) -> Any:
        given.append(held)
        return (yield from fit(cube, spec, annotation))

    window.seam.put(unmix=noted)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.run.report is not None)
    window.controller.rename_endmember(0, "water")
    window.controller.lock_endmember(2)
    window.controller.offer_library(minerals)
    window.wait_for(lambda: window.session.offered is not None)
    window.controller.hold_spectra([0])
    window.wait_for(lambda: bool(window.session.held))
    window.press("Train on")
    window.wait_for(lambda: len(given) == 2)
    assert given[1].names == ("water", "endmember 2", "endmember 3")
    assert given[1].held.tolist() == [True, False, True]
    assert given[1].sources[0] == "from minerals"
    window.wait_for(lambda: len(window.session.runs) == 2 and window.session.state == "idle")
    assert QApplication.activePopupWidget() is None


def test_the_real_training_holds_them_and_another_cube_has_none(window: Any, minerals: Path) -> None:
    from napari_unmix.cube import Cube
    from napari_unmix.plugin.viewer.layers import cube_layers

    window.with_fakes(2)
    window.seam.put(unmix=_real)
    window.controller.add_library(minerals)
    from_menu(window, "minerals.sli")
    known, session = part(window), window.session
    known.list.selectAll()
    (hold,) = [b for b in known.findChildren(QPushButton) if b.text() == "Hold"]
    click(window, hold)
    window.wait_for(lambda: len(session.held) == 3)
    window.controller.choose_method("vca-fcls")
    window.press("Train")
    window.wait_for(lambda: session.run is not None and session.state == "idle", 60)
    run = session.run
    assert run.look.names == MATERIALS
    np.testing.assert_allclose(run.unmixing.endmembers, THREE)
    assert "Held as given: water (from minerals)" in " ".join(str(note) for note in run.unmixing.notes)
    for data, options, _ in cube_layers(Cube(np.random.default_rng(7).random((20, 20, 20)), AXIS, name="other")):
        window.viewer.add_image(data, **options)
    window.wait_for(lambda: session.cube.name == "other")
    window.qtbot.wait(50)
    assert (rows(window), session.held) == ([], ())
    window.controller.set_cube(session.cubes[0])
    window.qtbot.wait(50)
    window.unfold_for("Known spectra…")
    assert rows(window) == list(MATERIALS)


def _real(*arguments: Any) -> Any:
    from napari_unmix.pipeline import unmix

    return (yield from unmix(*arguments))


def test_brightness_is_shown_with_illumination_alone(window: Any) -> None:
    window.with_fakes(2)
    panel = next(panel for panel in window.widget.panels if panel.name == "method")
    native = panel._form.controls["brightness"].native
    assert not native.isVisible()
    window.controller.set_option("illumination", True)
    window.qtbot.wait(30)
    assert native.isVisible()
    bring(window, native).setFocus()
    window.qtbot.keyClick(native, Qt.Key.Key_Down)
    assert window.session.spec.brightness == "own"
    window.controller.set_option("illumination", False)
    window.qtbot.wait(30)
    assert not native.isVisible()
    assert window.session.spec.brightness == "maximum"
