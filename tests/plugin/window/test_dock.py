"""The docks in a real window, with fake generators where a fit is needed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import current_report, shown_preview
from napari_unmix.plugin.window.panels.endmembers import EndmemberRows
from napari_unmix.progress import Fit, Progress

# A Cancel that waits for its thread does so for up to ten seconds (``CLOSE_SECONDS``); on a busy machine a click takes half a second.
AT_ONCE = 2.0


def test_empty_dock_says_what_to_do(window: Any) -> None:
    assert any(text.startswith("1. Open a cube.") for text in window.texts())
    assert "Train first." in window.texts()
    assert window.button("Open…").isEnabled()
    assert not window.button("Train").isEnabled()


def open_by_button(window: Any) -> None:
    """Press the button of the empty dock."""
    window.press("Try the sample")


def open_by_menu(window: Any) -> None:
    """File > Open Sample."""
    layers = window.viewer.open_sample("napari-unmix", "synthetic_mixture")
    assert len(layers) == 3


@pytest.mark.parametrize("opened", [open_by_button, open_by_menu])
def test_the_sample_is_ready_to_train(window: Any, opened: Any) -> None:
    opened(window)
    window.wait_for(lambda: window.session.annotation is not None, 60)
    window.ready()
    assert window.session.spec.illumination  # the scene has light and shade
    illumination = [box for box in window.widget.findChildren(QCheckBox) if box.text() == "Illumination"]
    assert [box.isChecked() for box in illumination if box.isVisible()] == [True]
    assert len(window.session.annotation.of_kind("region")) >= 6
    assert window.session.trouble is None
    assert window.button("Train").isEnabled()
    assert window.button("Train").property("emphasised")
    assert [layer.metadata["napari_unmix"] for layer in window.viewer.layers] == ["bands", "composite", "annotation"]


def test_launching_with_the_sample_is_ready_to_train(window: Any) -> None:
    """What ``sh setup.sh demo`` opens."""
    from napari_unmix.plugin.window.launch import open_viewer
    from napari_unmix.plugin.window.workspace import workspace_of

    viewer = open_viewer(sample=True, block=False)
    launched = workspace_of(viewer)
    assert launched is not window.workspace
    assert launched.session.spec.illumination
    assert launched.session.annotation is not None
    window.wait_for(lambda: launched.session.suggested is not None and launched.session.survey is not None, 30)
    viewer.close()


def test_arrays_of_others_are_not_read(window: Any, tmp_path: Any) -> None:
    np.save(tmp_path / "theirs.npy", np.zeros((4, 5)))
    from napari_unmix.plugin.viewer.reader import get_reader

    assert get_reader(str(tmp_path / "theirs.npy")) is None


def test_previews_results_trust_and_names(window: Any) -> None:
    fit = window.with_fakes(6000)
    window.press("Train")
    window.wait_for(lambda: any(text.startswith("epoch") for text in window.texts()))
    window.wait_for(lambda: len(window.maps()) == 3)
    before = window.maps()
    first = before[0].data.copy()
    window.wait_for(lambda: not np.array_equal(before[0].data, first))
    fit.enough.set()
    window.wait_for(lambda: current_report(window.session) is not None)
    window.qtbot.wait(100)
    assert fit.thread != threading.get_ident()
    assert "Not identified by this painting." in window.texts()
    assert "• Paint was not used." not in window.texts()
    assert window.listed("checks") == []
    window.press("Why?")
    assert "• Paint was not used." in window.texts()
    assert "→ Paint 3 regions." in window.listed("checks")
    row = window.widget.findChild(EndmemberRows)._rows[1]
    window.qtbot.mouseDClick(row._name, Qt.MouseButton.LeftButton)
    row._name.selectAll()
    window.qtbot.keyClicks(row._name, "tree")
    window.qtbot.keyClick(row._name, Qt.Key.Key_Return)
    assert before[1].name == "tree"
    assert window.spectra.panel.bars.texts()[1].startswith("tree")
    window.press("Train")
    window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
    window.qtbot.wait(100)
    assert [layer.name for layer in window.maps()] == ["endmember 1", "tree", "endmember 3"]
    assert all(a is b for a, b in zip(before, window.maps(), strict=True))


def test_cancel_pause_and_the_last_good_result(window: Any) -> None:
    fit = window.with_fakes(30)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    good = window.session.run
    fit.steps = 10_000
    window.press("Train")
    window.wait_for(lambda: shown_preview(window.session) is not None)
    window.press("Pause")
    assert window.button("Resume")
    window.press("Resume")
    start = time.monotonic()
    window.press("Cancel")
    assert window.button("Train").text() == "Train"
    assert time.monotonic() - start < AT_ONCE
    assert fit.closed.wait(AT_ONCE)
    assert (window.session.run.number, window.session.run.unmixing) == (good.number, good.unmixing)
    window.qtbot.wait(200)
    np.testing.assert_array_equal(window.maps()[0].data, good.unmixing.abundances[:, :, 0])
    assert "cancelled: the last result stays" in window.texts()


def test_the_window_stays_alive_while_it_trains(window: Any) -> None:
    """No turn of the event loop is long: a timer that should fire every 10 ms does so."""
    from qtpy.QtCore import QTimer

    fit = window.with_fakes(250)
    times: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: times.append(time.perf_counter()))
    window.press("Train")
    window.wait_for(lambda: len(window.maps()) == 3)
    timer.start(10)
    window.wait_for(fit.closed.is_set, 20)
    timer.stop()
    gaps = np.diff(times)
    shown = [round(1000 * value) for value in (np.median(gaps), np.percentile(gaps, 95), gaps.max())]
    print(f"gaps in ms: median {shown[0]}, 95 % {shown[1]}, longest {shown[2]}")
    assert np.median(gaps) < 0.1  # 0.01 on an idle machine; a window that waits for the fit has one gap of seconds


@pytest.mark.parametrize("how", ["dock", "viewer"])
def test_closing_while_training_stops_the_thread(window: Any, how: str) -> None:
    fit = window.with_fakes(100_000)
    window.press("Train")
    window.wait_for(lambda: shown_preview(window.session) is not None)
    assert not fit.closed.is_set()
    if how == "dock":
        window.dock.destroyOnClose()
    else:
        window.viewer.close()
    window.qtbot.wait(50)
    assert fit.closed.wait(10.0)
    window.wait_for(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)


CLOSE_THE_FRAME = """
import threading, time
import napari, numpy as np
from qtpy.QtCore import QTimer
from napari_unmix.cube import Cube
from napari_unmix.plugin.window.dock import SpectraDock, UnmixDock
from napari_unmix.plugin.window.workspace import workspace_of
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.progress import Progress

closed = threading.Event()

def forever(cube, spec, annotation):
    try:
        while True:
            time.sleep(0.01)
            yield Progress("fitting", 0, 1, 0.5)
    finally:
        closed.set()

def nothing():
    yield Progress("warming up", 0, 1, 0.0)

def once(condition, then):
    def look():
        if condition() or time.monotonic() > end:
            timer.stop()
            then()
    end, timer = time.monotonic() + 30, QTimer()
    timer.timeout.connect(look)
    timer.start(50)
    timers.append(timer)

def close():
    print(session.state, closed.is_set(), flush=True)
    viewer.window._qt_window.close()
    once(closed.is_set, stop)

def stop():
    print("stopped", closed.is_set(), flush=True)
    napari.qt.get_qapp().quit()

timers = []
viewer = napari.Viewer(show_welcome_screen=False)
workspace_of(viewer, Engine(unmix=forever, warm_up=nothing))
dock = UnmixDock(viewer)
viewer.window.add_dock_widget(dock)
controller, session = dock.workspace.controller, dock.workspace.session
controller.add_cube(Cube(np.random.default_rng(0).uniform(size=(20, 20, 9)), name="scene"))
QTimer.singleShot(500, controller.start)
once(lambda: session.progress is not None and session.progress.fraction == 0.5, close)
napari.run()
print("ended", closed.is_set())
"""


def test_closing_the_frame_of_a_running_program_stops_the_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSE_THE_FRAME], capture_output=True, text=True, timeout=120, check=False
    )
    assert "training False" in done.stdout, done.stderr
    assert "ended True" in done.stdout, done.stderr
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_an_error_is_told_in_its_step(window: Any) -> None:
    torch = pytest.importorskip("torch")

    def broken(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
        yield Progress("multiplying", 0, 1, 0.0)
        torch.ones(2, 3) @ torch.ones(4, 5)
        raise AssertionError

    window.with_fakes(10)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    good = window.session.run
    window.seam.put(unmix=broken)
    window.press("Train")
    window.wait_for(lambda: window.session.trouble is not None)
    assert any("mat1 and mat2" in text for text in window.texts())
    assert (window.session.run.number, window.session.run.unmixing) == (good.number, good.unmixing)
    assert window.button("Train").isEnabled()


def test_a_file_that_is_none_is_told_in_the_first_step(window: Any, tmp_path: Any) -> None:
    (tmp_path / "broken.hdr").write_text("ENVI\nsamples = many\n")
    window.controller.open(tmp_path / "broken.hdr")
    window.wait_for(lambda: window.session.trouble is not None)
    assert window.session.trouble.step == "cube"
    assert window.session.trouble.sentence in window.texts()
    assert window.session.cube is None


def test_both_docks_share_one_session(window: Any) -> None:
    window.with_fakes(10)
    assert window.spectra.workspace is window.workspace
    window.viewer.window.remove_dock_widget(window.spectra)
    assert window.session.cube is not None
    window.controller.select_pixel(1, 2)


def test_spectra_that_the_user_closed_are_not_offered_again(window: Any) -> None:
    window.with_fakes(5)
    window.close_dock("Spectra")
    window.controller.add_cube(Cube(window.session.cube.spectra * 1.0, name="later"))
    window.close_dock("Unmix")
    window.open_dock("Spectra")  # it alone: a new workspace, where it stood
    window.open_dock()
    window.wait_for(lambda: window.session.cube is not None)
    window.close_dock("Spectra")
    window.controller.set_cube(window.session.cubes[0])
    window.qtbot.wait(50)
    assert list(window.viewer.window._wrapped_dock_widgets) == ["Unmix (napari-unmix)"]


def test_every_control_says_what_it_does(window: Any) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox, QComboBox

    window.with_fakes(10)
    for kind in (QPushButton, QComboBox, QCheckBox, QAbstractSpinBox):
        for control in window.widget.findChildren(kind):
            assert control.toolTip(), f"{kind.__name__} {getattr(control, 'text', str)()} has no tooltip"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_smallest_screen_clips_nothing_sideways(window: Any, theme: str) -> None:
    from qtpy.QtWidgets import QScrollArea

    window.with_fakes(20)
    window.viewer.theme = theme
    window.viewer.window.resize(1280, 720)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.press("Why?")
    window.qtbot.wait(100)
    assert 280 <= window.widget.width() <= 360
    scroll = window.widget.findChild(QScrollArea)
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()
    assert window.viewer.window.geometry()[2:] == (1280, 720)
    assert window.session.theme.dark == (theme == "dark")


def test_the_dock_starts_without_torch() -> None:
    code = (
        "import sys\n"
        "from napari.components import ViewerModel\n"
        "from qtpy.QtWidgets import QApplication\n"
        "app = QApplication([])\n"
        "from napari_unmix.plugin.window.dock import SpectraDock, UnmixDock\n"
        "viewer = ViewerModel()\n"
        "docks = UnmixDock(viewer), SpectraDock(viewer)\n"
        "app.processEvents()\n"
        "assert 'torch' not in sys.modules\n"
        "print('no torch')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "no torch" in done.stdout, done.stderr
