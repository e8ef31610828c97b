"""What helps a person along beside the steps: the invitation on the empty canvas, the tour, keys, preferences, dropped headers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import QApplication, QDialog, QLineEdit, QPushButton

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.model.machine import Machine, machine, use
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.plugin.verbs.pace import SECONDS, pace
from napari_unmix.plugin.window.keys import KEYS, listed, taken
from napari_unmix.plugin.window.panels.endmember_row import NameEdit
from napari_unmix.plugin.window.preferences import HEADERS, PLUGIN, prefer_our_reader, without_a_reader
from napari_unmix.plugin.window.tour import STOPS
from napari_unmix.progress import Fit

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Threads, device and pace are the process's own: given back."""
    yield
    use(Machine())
    pace.seconds = SECONDS


def guides(window: Any) -> Any:
    """The guides of the dock."""
    return window.widget.guides


def invitation(window: Any) -> Any:
    """What lies over the canvas."""
    return guides(window).welcoming._welcome


def press_on(window: Any, widget: Any, label: str) -> None:
    """Press a button of a widget with the mouse."""
    button = next(b for b in widget.findChildren(QPushButton) if b.text() == label)
    window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def header(tmp_path: Path) -> Path:
    """A small ENVI file."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, (8, 9, 12)).astype("<f4")
    (tmp_path / "small.img").write_bytes(values.transpose(2, 0, 1).tobytes())
    lines = [
        "ENVI",
        "samples = 9",
        "lines = 8",
        "bands = 12",
        "data type = 4",
        "interleave = bsq",
        "byte order = 0",
        "header offset = 0",
    ]
    (tmp_path / "small.hdr").write_text("\n".join(lines) + "\n")
    return tmp_path / "small.hdr"


# --- the invitation


def test_an_empty_canvas_invites_and_the_first_layer_ends_it(window: Any) -> None:
    assert invitation(window).isVisible()
    canvas = window.viewer.window._qt_viewer.canvas.native
    middle = canvas.mapToGlobal(canvas.rect().center())
    over = QApplication.widgetAt(middle)
    assert over is invitation(window) or invitation(window).isAncestorOf(over)
    press_on(window, invitation(window), "Open the sample")
    window.wait_for(lambda: window.session.cube is not None, 30)
    window.ready()
    assert not invitation(window).isVisible()
    window.viewer.layers.clear()
    assert invitation(window).isVisible()


def test_it_never_lies_over_somebodys_layers(windows: Any) -> None:
    """A dock that opens second finds the canvas in use."""
    made = windows()
    made.viewer.add_points([[1, 2]])
    made.open_dock()
    made.qtbot.wait(50)
    assert not invitation(made).isVisible()
    made.close_dock()
    made.viewer.layers.clear()
    made.open_dock()
    made.qtbot.wait(50)
    assert invitation(made).isVisible()


def test_it_goes_with_the_dock(window: Any) -> None:
    welcome = invitation(window)
    gone = threading.Event()
    welcome.destroyed.connect(gone.set)
    window.close_dock()
    window.wait_for(gone.is_set)


def test_it_is_as_large_as_the_canvas_and_follows_the_theme(window: Any) -> None:
    window.viewer.window.resize(1000, 700)
    window.qtbot.wait(50)
    assert invitation(window).size() == invitation(window).parentWidget().size()
    window.viewer.theme = "light"
    assert window.session.theme.background in invitation(window).styleSheet()


def test_what_is_dropped_on_it_is_opened_without_a_question(window: Any, tmp_path: Path) -> None:
    from qtpy.QtCore import QMimeData, QPointF, QUrl
    from qtpy.QtGui import QDropEvent

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(header(tmp_path)))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    target: Any = invitation(window)
    while not target.acceptDrops():  # as Qt looks for whom a drop is meant
        target = target.parentWidget()
    asked: list[str] = []
    answering = QTimer()
    answering.timeout.connect(lambda: asked.extend(_questions()))
    answering.start(20)
    target.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, mime, buttons, keys))
    answering.stop()
    assert asked == []
    window.wait_for(lambda: window.session.cube is not None, 20)
    assert window.session.cube.shape == (8, 9, 12)
    window.ready()


def _questions() -> list[str]:
    """The dialog that waits for an answer, which is refused."""
    dialog = QApplication.activeModalWidget()
    if not isinstance(dialog, QDialog):
        return []
    dialog.reject()
    return [dialog.windowTitle()]


# --- headers


def test_a_reader_that_the_user_chose_stays() -> None:
    assert without_a_reader({}) == dict.fromkeys(HEADERS, PLUGIN)
    assert without_a_reader({"*.hdr": "somebody-else", "*.tif": "napari"}) == {}


def test_the_preference_is_set_once_and_said(window: Any) -> None:
    from napari.settings import get_settings

    assert get_settings().plugins.extension2reader["*.hdr"] == PLUGIN
    assert window.viewer.status.startswith("Files ending in .hdr now open here")
    assert not prefer_our_reader()


# --- the tour


def test_the_tour_goes_through_the_five_steps_and_esc_ends_it(window: Any) -> None:
    press_on(window, invitation(window), "Take the tour")
    tour = guides(window).tour
    said = []
    for place in range(len(STOPS)):
        assert tour.place == place
        said.append(tour._title.text())
        bar = window.widget.panels[place].title_bar
        at = bar.mapTo(tour.window(), QPoint(0, 0))
        assert tour.x() + tour.width() <= at.x()  # beside its step, and not over it
        assert tour.window().rect().contains(tour.geometry())
        window.qtbot.keyClick(tour, Qt.Key.Key_Right)
    assert said == [stop.title for stop in STOPS]
    assert not tour.isVisible()  # after the last
    window.qtbot.wait(20)
    guides(window).start_tour()
    tour = guides(window).tour
    window.qtbot.keyClick(tour, Qt.Key.Key_Escape)
    assert not tour.isVisible()


def test_the_tour_blocks_nothing(window: Any) -> None:
    window.with_fakes(3)
    guides(window).start_tour()
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    assert guides(window).tour.isVisible()
    window.close_dock()


def test_help_has_the_tour_and_the_keys_while_the_dock_is_open(window: Any) -> None:
    menu = window.viewer.window.help_menu
    window.close_dock("Unmix")
    window.wait_for(lambda: not [a for a in menu.actions() if a.text().startswith("Unmixing")])
    window.open_dock()
    window.qtbot.wait(50)
    ours = {action.text(): action for action in menu.actions() if action.text().startswith("Unmixing")}
    assert list(ours) == ["Unmixing: a short tour", "Unmixing: keys"]
    ours["Unmixing: keys"].trigger()
    listing = [d for d in window.viewer.window._qt_window.findChildren(QDialog) if "Keys of" in d.windowTitle()]
    assert len(listing) == 1
    assert not listing[0].isModal()
    listing[0].close()
    ours["Unmixing: a short tour"].trigger()
    assert guides(window).tour.isVisible()


# --- keys


def press_keys(window: Any, keys: str) -> None:
    """As the keyboard does, wherever the focus is in the window."""
    sequence = QKeySequence(keys)[0]
    window.qtbot.keyClick(window.viewer.window._qt_window, sequence.key(), sequence.keyboardModifiers())
    window.qtbot.wait(20)


@pytest.fixture
def active(window: Any) -> Any:
    """A window that has the keyboard."""
    window.with_fakes(40)
    window.viewer.window._qt_window.activateWindow()
    window.viewer.window._qt_window.setFocus()
    window.qtbot.wait(50)
    return window


def test_train_pause_and_cancel_by_keys(active: Any) -> None:
    press_keys(active, "Ctrl+Return")
    active.wait_for(lambda: active.session.state == "training")
    press_keys(active, "Ctrl+Shift+.")
    active.wait_for(lambda: active.session.state == "paused")
    press_keys(active, "Ctrl+Shift+.")
    active.wait_for(lambda: active.session.state == "training")
    press_keys(active, "Ctrl+.")
    active.wait_for(lambda: active.session.state == "idle")
    assert active.session.run is None


def test_regions_and_pins_by_keys(active: Any) -> None:
    press_keys(active, "Ctrl+Shift+N")
    assert active.session.annotation is not None
    labels = np.zeros((40, 50), np.int32)
    labels[:5] = 1
    active.controller.set_labels(labels)
    press_keys(active, "Ctrl+Shift+N")
    assert active.session.label == 2
    active.controller.select_pixel(3, 4)
    press_keys(active, "Ctrl+Shift+K")
    assert active.session.pins == ((3, 4),)


def test_maps_one_by_one_by_keys(active: Any) -> None:
    active.controller.start()
    active.wait_for(lambda: current_report(active.session) is not None)
    active.wait_for(lambda: active.session.state == "idle")
    seen = []
    for keys in ("Ctrl+Shift+Right", "Ctrl+Shift+Right", "Ctrl+Shift+Left", "Ctrl+Shift+Left", "Ctrl+Shift+Up"):
        press_keys(active, keys)
        seen.append(sorted(set(range(3)) - active.session.run.look.hidden))
    assert seen == [[0], [1], [0], [2], [0, 1, 2]]


def test_a_key_of_a_text_that_is_written_stays_the_texts(active: Any) -> None:
    """Ctrl+Shift+Right selects a word where one writes."""
    active.controller.start()
    active.wait_for(lambda: current_report(active.session) is not None)
    edit = next(e for e in active.widget.findChildren(QLineEdit) if isinstance(e, NameEdit) and e.isVisible())
    active.qtbot.mouseDClick(edit, Qt.MouseButton.LeftButton)
    active.qtbot.keyClick(edit, Qt.Key.Key_Home)
    active.qtbot.keyClick(edit, Qt.Key.Key_Right, CTRL_SHIFT)
    assert edit.selectedText().strip() == "endmember"
    assert active.session.run.look.hidden == frozenset()
    active.qtbot.keyClick(edit, Qt.Key.Key_Escape)


def test_no_key_is_napari_s(window: Any) -> None:
    """Neither one of its shortcuts, as they come, nor one of its menus."""
    from napari.settings import get_settings

    theirs = {QKeySequence(str(b)).toString() for keys in get_settings().shortcuts.shortcuts.values() for b in keys}
    menus = {s.toString() for a in window.viewer.window._qt_window.findChildren(QAction) for s in a.shortcuts()}
    assert len(theirs) > 50
    assert taken(theirs | menus) == frozenset()
    ours = [QKeySequence(key.keys).toString() for key in KEYS]
    assert ours == [key.keys for key in KEYS]  # as Qt writes them, or a clash would not be seen
    assert len(set(ours)) == len(ours)


def test_keys_that_a_user_gave_to_napari_are_left_to_it(window: Any) -> None:
    known = taken(["Ctrl+Return", "Ctrl+W"])
    assert known == {"Ctrl+Return"}
    assert listed(known)[0][1] == "Train (napari uses these keys: not available)"
    action = QAction("theirs", window.viewer.window._qt_window)
    action.setShortcut(QKeySequence("Ctrl+Return"))
    window.close_dock()
    window.open_dock()
    window.qtbot.wait(50)
    assert len(guides(window).keys._shortcuts) == len(KEYS) - 1


def test_keys_go_with_the_dock(active: Any) -> None:
    active.close_dock()
    active.viewer.window._qt_window.setFocus()
    active.qtbot.keyClick(active.viewer.window._qt_window, Qt.Key.Key_Return, CTRL)
    active.qtbot.wait(50)
    assert active.session.state == "idle"


# --- preferences


def settings() -> Any:
    """The plugin's page of napari's Preferences."""
    from napari.settings import get_plugin_settings

    return get_plugin_settings(PLUGIN).running


@pytest.fixture
def preferred() -> Iterator[Any]:
    """The preferences, given back as they come."""
    from napari.settings import get_plugin_settings

    yield settings
    get_plugin_settings(PLUGIN).reset()


def test_preferences_take_effect_at_once(window: Any, preferred: Any) -> None:
    assert machine() == Machine(1, "auto")
    assert pace.seconds == 0.5
    settings().threads = 2
    settings().device = "cpu"
    settings().previews_per_second = 4.0
    assert machine() == Machine(2, "cpu")
    assert pace.seconds == 0.25
    with pytest.raises(ValueError, match="threads"):
        settings().threads = 0
    window.close_dock()
    settings().threads = 3
    assert machine() == Machine(2, "cpu")  # nobody listens any more


def test_the_page_is_in_napari_s_preferences(window: Any, preferred: Any) -> None:
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    dialog = PreferencesDialog(window.viewer.window._qt_window)
    names = [dialog._list.item(k).text() for k in range(dialog._list.count())]
    dialog.close()
    assert "Hyperspectral unmixing" in names


def test_a_fit_runs_on_as_many_threads_as_preferred() -> None:
    import torch

    from napari_unmix.model.threads import steps_on_one_thread

    seen: list[int] = []

    @steps_on_one_thread
    def fit(cube: Cube) -> Fit[Unmixing]:
        seen.append(torch.get_num_threads())
        raise StopIteration
        yield

    before = torch.get_num_threads()
    use(Machine(threads=2))
    with pytest.raises(RuntimeError):
        next(fit(None))  # type: ignore[arg-type]
    assert seen == [2]
    assert torch.get_num_threads() == before
