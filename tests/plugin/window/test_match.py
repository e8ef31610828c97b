"""Naming by libraries in the real window: from an endmember or a pin to its name everywhere; nothing is an answer, a bad file a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QMenu, QPushButton, QTableView
from tests.plugin.window.conftest import fake_assess

from napari_unmix.cube import Cube
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.plugin.facts.candidates import EVERY, Subject
from napari_unmix.plugin.facts.matching import to_be_asked
from napari_unmix.plugin.facts.session import shown_names
from napari_unmix.plugin.verbs import bookshelf
from napari_unmix.plugin.window.panels.endmember_row import EndmemberRow, NameEdit
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle

AXIS = np.linspace(450, 900, 20)
THREE = np.random.default_rng(0).uniform(0.1, 0.9, (3, 20))  # the endmembers that the fake fit finds
MATERIALS = ("water", "tree", "rock")


@pytest.fixture(autouse=True)
def own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's list of libraries."""
    monkeypatch.setattr(bookshelf, "user_list", lambda: tmp_path / "config" / "libraries.json")


@pytest.fixture
def minerals(tmp_path: Path) -> Path:
    """A library of the three spectra of the scene."""
    return write_library(SpectralLibrary(THREE, AXIS, MATERIALS, name="minerals"), tmp_path / "minerals.sli")[0]


def dock(window: Any) -> Any:
    """The dock of naming."""
    return window.viewer.window._wrapped_dock_widgets["Match (napari-unmix)"]


def panel(window: Any) -> Any:
    return dock(window).inner_widget().panel


def trained(window: Any, library: Path | None = None) -> None:
    """A run of the scene, and its naming asked for with the mouse."""
    window.with_fakes(2)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.state == "idle")
    if library is not None:
        window.controller.add_library(library)
    window.press("Name from library…")
    answered(window)


def answered(window: Any) -> None:
    window.wait_for(
        lambda: (
            window.stands("Match") and not window.session.naming.doing and window.session.naming.answered is not None
        )
    )
    window.qtbot.wait(50)


def press(window: Any, label: str) -> None:
    """Press a button of the dock with the mouse."""
    (found,) = [b for b in panel(window).findChildren(QPushButton) if b.text() == label and b.isVisible()]
    window.qtbot.mouseClick(found, Qt.MouseButton.LeftButton)
    window.qtbot.wait(20)


def click_row(window: Any, table: QTableView, row: int, *, twice: bool = False, x: int = 60) -> None:
    place = table.visualRect(table.model().index(row, 0)).topLeft() + QPoint(x, 8)
    click = window.qtbot.mouseDClick if twice else window.qtbot.mouseClick
    window.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    if twice:
        click(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    window.qtbot.wait(20)


def sentences(window: Any) -> list[str]:
    return [label.text() for label in panel(window).findChildren(QLabel) if label.isVisible()]


def choose(window: Any, label: str) -> None:
    """Choose a subject with the keyboard."""
    (box,) = [b for b in panel(window).findChildren(QComboBox) if b.accessibleName() == "What is to be named"]
    box.setFocus()
    while box.currentText() != label:
        before = box.currentIndex()
        window.qtbot.keyClick(box, Qt.Key.Key_Down)
        assert box.currentIndex() != before
    window.qtbot.wait(20)


def cells(table: QTableView, column: int) -> list[str]:
    model = table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def test_all_endmembers_get_their_names_everywhere(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    table = panel(window).all_table
    assert dock(window).isVisible()
    assert window.session.naming.subject == EVERY
    assert cells(table, 0) == ["endmember 1", "endmember 2", "endmember 3"]
    assert cells(table, 1) == list(MATERIALS)
    assert "3 of 3 endmembers are like a spectrum of the libraries." in sentences(window)
    press(window, "Accept 3 names")
    assert shown_names(window.session) == MATERIALS
    assert [layer.name for layer in window.maps()] == list(MATERIALS)
    rows = [field.text() for field in window.widget.findChildren(QLineEdit) if isinstance(field, NameEdit)]
    assert [name for name in rows if name in MATERIALS] == list(MATERIALS)
    assert [text.split()[0] for text in window.spectra.panel.bars.texts()] == list(MATERIALS)
    assert window.session.undoable == "names from a library"
    window.qtbot.keyClick(panel(window), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [layer.name for layer in window.maps()] == ["endmember 1", "endmember 2", "endmember 3"]


def test_a_tick_that_is_taken_away_leaves_the_name(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    click_row(window, panel(window).all_table, 1, x=10)
    press(window, "Accept 2 names")
    assert shown_names(window.session) == ("water", "endmember 2", "rock")


def choose_entry(window: Any, title: str) -> None:
    """Click an entry of the menu that is open."""
    window.wait_for(lambda: QApplication.activePopupWidget() is not None)
    menu = QApplication.activePopupWidget()
    entry = next(action for action in menu.actions() if action.text() == title)
    assert entry.isEnabled(), entry.toolTip()
    window.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())
    window.qtbot.wait(20)


def test_one_endmember_by_its_menu(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    row = window.widget.findChildren(EndmemberRow)[1]
    window.qtbot.mouseClick(row._more, Qt.MouseButton.LeftButton)
    choose_entry(window, "Match…")
    answered(window)
    shown = panel(window)
    assert shown.table.isVisible()
    assert cells(shown.table, 0)[0].startswith("✓ tree")
    assert cells(shown.table, 1)[0] == "0.0°"
    assert any(text.startswith("tree (0.0°); next is") for text in sentences(window))
    curve = shown.plot.its.getData()[1]
    assert curve == pytest.approx(THREE[1], rel=1e-6)
    press(window, "Accept")
    assert window.maps()[1].name == "tree"
    (accept,) = [b for b in shown.findChildren(QPushButton) if b.text() == "Accept"]
    assert not accept.isEnabled()
    assert accept.toolTip() == "It is called so already."


def test_another_spectrum_is_looked_up_by_hand_and_taken_with_the_keyboard(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    choose(window, "endmember 1")
    (search,) = [f for f in panel(window).findChildren(QLineEdit) if f.accessibleName() == "Look up a spectrum"]
    window.qtbot.keyClicks(search, "rock")
    assert [name.split("·")[0].strip() for name in cells(panel(window).table, 0)] == ["rock"]
    assert any("water (0.0°)" in text for text in sentences(window))  # what libraries say does not change
    window.qtbot.keyClick(search, Qt.Key.Key_Return)
    window.qtbot.keyClick(panel(window).table, Qt.Key.Key_Return)
    assert shown_names(window.session)[0] == "rock"


def test_a_pin_is_named(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    spectra = window.session.cube.spectra
    cosine = (spectra @ THREE[2]) / np.linalg.norm(spectra, axis=2)
    purest = np.unravel_index(int(cosine.argmax()), cosine.shape)
    window.click(*map(int, purest))
    window.controller.pin()
    window.viewer.window._wrapped_dock_widgets["Spectra (napari-unmix)"].raise_()
    legend = window.spectra.panel._legend
    window.wait_for(lambda: bool(legend.buttons()))
    (entry,) = legend.buttons()
    assert entry.text() == "pin 1"
    legend.asked_menu(0, entry.mapToGlobal(QPoint(5, 5)))  # as its context menu does
    choose_entry(window, "Match…")
    answered(window)
    assert any("rock" in text for text in sentences(window))
    click_row(window, panel(window).table, 0, twice=True)
    assert window.session.pin_names == {tuple(map(int, purest)): "rock"}
    (box,) = [b for b in panel(window).findChildren(QComboBox) if b.accessibleName() == "What is to be named"]
    assert box.currentText() == "rock (pin 1)"
    assert [made.text() for made in legend.buttons()] == ["rock (pin 1)"]
    assert shown_names(window.session) == ("endmember 1", "endmember 2", "endmember 3")


def test_a_name_is_locked_to_the_librarys_spectrum(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    choose(window, "endmember 2")
    (lock,) = [b for b in panel(window).findChildren(QPushButton) if b.text() == "Accept and lock"]
    assert lock.isVisible()
    assert lock.isEnabled()
    entries = {action.text(): action for action in lock.menu().actions()}
    assert entries["To the library's spectrum"].isEnabled()
    entries["To the library's spectrum"].trigger()
    window.wait_for(lambda: bool(window.session.run.look.locked))
    assert dict(window.session.run.look.locked) == {1: "tree of minerals"}
    assert shown_names(window.session)[1] == "tree"
    answered(window)
    window.wait_for(lambda: any(text.startswith("tree (0.0°)") for text in sentences(window)))  # of what is there now


def test_from_an_empty_viewer_one_is_locked_to_the_library_and_the_others_are_found_around_it(
    window: Any, tmp_path: Path
) -> None:
    """The real training, twice; the library's tree is a few degrees off the scene's."""
    window.seam.put(assess=fake_assess)
    generator = np.random.default_rng(3)
    shares = generator.dirichlet(np.full(3, 0.4), (24, 24))
    values = (shares @ THREE + 0.002 * generator.normal(size=(24, 24, 20))).astype("<f4")
    values.tofile(tmp_path / "field.img")
    wavelengths = ", ".join(f"{nm:.1f}" for nm in AXIS)
    (tmp_path / "field.hdr").write_text(
        "ENVI\nsamples = 24\nlines = 24\nbands = 20\nheader offset = 0\ndata type = 4\ninterleave = bip\nbyte order = 0\n"
        f"wavelength units = nm\nwavelength = {{{wavelengths}}}\n"
    )
    others = THREE.copy()
    others[1] = THREE[1] * (1 + 0.1 * np.sin(np.linspace(0, 9, 20)))
    library = write_library(SpectralLibrary(others, AXIS, MATERIALS, name="minerals"), tmp_path / "minerals.sli")[0]
    window.drop(tmp_path / "field.hdr")
    window.ready()
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.state == "idle")
    window.wait_for(lambda: window.session.run.report is not None)
    window.controller.add_library(library)
    window.press("Name from library…")
    answered(window)
    tree = cells(panel(window).all_table, 1).index("tree")
    before = window.session.run.unmixing.endmembers
    choose(window, f"endmember {tree + 1}")
    (lock,) = [b for b in panel(window).findChildren(QPushButton) if b.text() == "Accept and lock"]

    def to_the_library() -> None:
        choose_entry(window, "To the library's spectrum")

    QTimer.singleShot(100, to_the_library)
    window.qtbot.mouseClick(lock, Qt.MouseButton.LeftButton)
    window.wait_for(lambda: dict(window.session.run.look.locked) == {tree: "tree of minerals"})
    window.press("Train on")
    window.wait_for(lambda: len(window.session.runs) == 2 and window.session.state == "idle")
    after = window.session.run.unmixing
    held = after.names.index("tree")
    assert np.degrees(spectral_angle(after.endmembers[held], others[1])) < 0.05  # by its bands
    assert np.degrees(spectral_angle(before[tree], others[1])) > 2
    rest = np.delete(after.endmembers, held, axis=0)
    order = match_endmembers(rest, THREE[[0, 2]])
    assert np.degrees(spectral_angle(rest[order], THREE[[0, 2]])).max() < 3
    assert "Held as given: tree" in " ".join(map(str, after.notes))


def test_nothing_is_an_answer_with_the_nearest_and_its_angles(window: Any) -> None:
    trained(window)  # minerals and plants are none of the random spectra
    assert "0 of 3 endmembers are like a spectrum of the libraries." in sentences(window)
    assert all(text.startswith("nothing matches (nearest ") for text in cells(panel(window).all_table, 1))
    (accept,) = [b for b in panel(window).findChildren(QPushButton) if b.text() == "Accept"]
    assert not accept.isEnabled()
    click_row(window, panel(window).all_table, 2, twice=True)
    assert window.session.naming.subject == Subject("endmember", 2)
    (said,) = [text for text in sentences(window) if text.startswith("Nothing matches within 4°: the nearest is ")]
    assert "° by shape, " in said
    press(window, "Accept")  # a person may know better
    assert not shown_names(window.session)[2].startswith("endmember")


def test_a_bad_library_is_one_sentence_and_the_others_answer(window: Any, minerals: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("wavelength_nm,a\n500,word\n")
    trained(window, minerals)
    window.controller.add_library(tmp_path / "bad.csv")
    answered(window)
    said = [text for text in sentences(window) if text.startswith("bad.csv is left out: Row 2 of bad.csv holds a word")]
    assert len(said) == 1
    assert cells(panel(window).all_table, 1) == list(MATERIALS)


def test_the_menu_of_libraries_ticks_and_forgets(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    (button,) = [b for b in panel(window).findChildren(QPushButton) if b.accessibleName() == "Libraries that are asked"]
    assert button.text() == "2 libraries"
    menu: QMenu = button.menu()
    menu.aboutToShow.emit()
    entries = {action.text(): action for action in menu.actions()}
    assert list(entries)[:2] == ["USGS selection", "minerals.sli"]
    assert all(action.toolTip() for action in menu.actions() if action.text() and action.menu() is None)
    entries["USGS selection"].trigger()
    answered(window)
    assert button.text() == "1 library"
    assert [one.chosen for one in window.session.naming.libraries] == [False, True]


def test_the_dock_stands_with_the_spectra_and_comes_forward_each_time(window: Any, minerals: Path) -> None:
    trained(window, minerals)
    main = window.viewer.window._qt_window
    window.open_dock("Spectra")
    spectra = window.viewer.window._wrapped_dock_widgets["Spectra (napari-unmix)"]
    assert main.tabifiedDockWidgets(dock(window)) == [spectra]
    window.wait_for(lambda: panel(window).is_seen())
    spectra.raise_()
    window.wait_for(lambda: not panel(window).is_seen())
    window.controller.select_pixel(3, 3)
    window.controller.pin()
    window.qtbot.wait(50)
    assert to_be_asked(window.session)  # nobody looks: nothing is asked
    window.press("Name from library…")
    window.wait_for(lambda: panel(window).is_seen() and not to_be_asked(window.session))
    spectra.raise_()
    window.wait_for(lambda: not panel(window).is_seen())
    window.controller.select_pixel(9, 9)
    window.controller.pin()
    dock(window).raise_()  # a click on its tab
    window.wait_for(lambda: panel(window).is_seen() and not to_be_asked(window.session))
    window.qtbot.wait(300)  # Qt moves docks in steps
    window.close_dock("Match")
    window.wait_for(lambda: not window.stands("Match"))
    window.press("Name from library…")
    window.wait_for(lambda: window.stands("Match") and panel(window).is_seen())


def test_match_first_and_the_steps_later(windows: Callable[..., Any], minerals: Path) -> None:
    """The other order of docks: naming stands, and has nothing to say yet."""
    window = windows()
    window.open_dock("Match")
    window.qtbot.wait(50)
    assert "Train, or pin a pixel in Spectra: then libraries can say what it is." in sentences(window)
    window.controller.add_library(minerals)
    window.open_dock("Unmix")
    window.with_fakes(2)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.state == "idle")
    answered(window)
    assert cells(panel(window).all_table, 1) == list(MATERIALS)


def test_each_cube_has_its_own_answers(window: Any, minerals: Path) -> None:
    from napari_unmix.plugin.viewer.layers import cube_layers

    trained(window, minerals)
    press(window, "Accept 3 names")
    first = window.session.cube
    other = Cube(np.random.default_rng(5).uniform(0.1, 0.9, (20, 20, 20)), AXIS, name="other")
    for data, options, _ in cube_layers(other):
        window.viewer.add_image(data, **options)
    window.wait_for(lambda: window.session.cube is not None and window.session.cube.name == "other")
    window.ready()
    assert panel(window).all_table.model().rowCount() == 0
    assert "Train, or pin a pixel in Spectra: then libraries can say what it is." in sentences(window)
    window.controller.set_cube(first)
    answered(window)
    window.wait_for(lambda: cells(panel(window).all_table, 0) == list(MATERIALS))


def test_every_control_says_what_it_does_and_can_be_reached(window: Any, minerals: Path) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox

    trained(window, minerals)
    for kind in (QPushButton, QComboBox, QLineEdit, QAbstractSpinBox):
        for control in panel(window).findChildren(kind):
            if isinstance(control.parent(), QAbstractSpinBox):
                continue
            assert control.toolTip(), control
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control
            assert control.accessibleName() or getattr(control, "text", str)(), control


def test_the_wheel_over_the_dock_changes_nothing(window: Any, minerals: Path) -> None:
    from qtpy.QtWidgets import QDoubleSpinBox

    trained(window, minerals)
    for control in (*panel(window).findChildren(QComboBox), panel(window).findChild(QDoubleSpinBox)):
        control.clearFocus()
        window.turn_wheel(control, -1)
    assert window.session.naming.within == 4.0
    assert window.session.naming.subject == EVERY
    assert [box.currentIndex() for box in panel(window).findChildren(QComboBox)] == [0, 0]


@pytest.mark.parametrize("width", [330, 700])
def test_nothing_is_clipped(window: Any, minerals: Path, width: int) -> None:
    trained(window, minerals)
    dock(window).setFloating(True)
    for _ in range(2):  # as the mouse drags it, in steps
        dock(window).resize(width, 420)
        window.qtbot.wait(60)
    assert dock(window).width() <= width + 10
    shown = panel(window)
    assert (shown._split.orientation() == Qt.Orientation.Vertical) == (width == 330)
    for button in shown.findChildren(QPushButton):
        if button.isVisible():
            assert button.width() >= button.sizeHint().width() - 1, button.text()
