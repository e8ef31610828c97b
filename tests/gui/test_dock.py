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
from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton

from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.engine import Engine
from napari_unmix.plugin.layers import cube_layers
from napari_unmix.unmixing import Fit, Preview, Progress, Unmixing

THREE = np.random.default_rng(0).uniform(0.1, 0.9, (3, 20))


def scene() -> Cube:
    """A mixture of three spectra."""
    abundances = np.random.default_rng(1).dirichlet(np.ones(3), (40, 50))
    return Cube(abundances @ THREE, np.linspace(450, 900, 20), name="scene")


class FakeFit:
    """A fit of steps of ten milliseconds, which knows whether it was closed."""

    def __init__(self, steps: int) -> None:
        self.steps, self.closed, self.thread = steps, threading.Event(), 0

    def __call__(self, cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
        self.thread = threading.get_ident()
        self.closed.clear()
        height, width, _ = cube.shape
        rng = np.random.default_rng(0)
        try:
            for step in range(self.steps):
                abundances = rng.dirichlet(np.ones(3), (height, width)).astype(np.float32)
                time.sleep(0.01)
                share = step / self.steps
                yield Progress(f"epoch {step}", step, self.steps, share, 1.0, lambda a=abundances: Preview(THREE, a))
            error = np.zeros((height, width), np.float32)
            names = ("endmember 1", "endmember 2", "endmember 3")
            return Unmixing(
                THREE, abundances, None, None, error, names, spec, notes=("Paint was not used.",), seconds=1.0
            )
        finally:
            self.closed.set()


def fake_assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """One failed check."""
    yield Progress("refitting a simulated twin", 0, 1, 0.0)
    check = Check("enough regions", "fail", 0, 3, "No region is painted.", "Paint 3 regions.")
    return Report("not identified", "Not identified by this painting.", (check,))


def with_fakes(window: Any, steps: int) -> FakeFit:
    """Put fakes at the seam, and open the scene."""
    fit = FakeFit(steps)
    window.controller._engine = Engine(unmix=fit, assess=fake_assess)
    for data, options, _ in cube_layers(scene()):
        window.viewer.add_image(data, **options)
    window.ready()
    return fit


def texts(window: Any) -> list[str]:
    """What the dock says."""
    return [label.text() for label in window.widget.findChildren(QLabel) if label.isVisible()]


def test_empty_dock_says_what_to_do(window: Any) -> None:
    assert any(text.startswith("1. Open a cube.") for text in texts(window))
    assert "Train first." in texts(window)
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
    from napari_unmix.plugin.launch import open_viewer
    from napari_unmix.plugin.workspace import workspace_of

    viewer = open_viewer(sample=True, block=False)
    launched = workspace_of(viewer)
    assert launched is not window.workspace
    assert launched.session.spec.illumination
    assert launched.session.annotation is not None
    window.wait_for(lambda: launched.session.suggested is not None and launched.session.survey is not None, 30)
    viewer.close()


def test_arrays_of_others_are_not_read(window: Any, tmp_path: Any) -> None:
    np.save(tmp_path / "theirs.npy", np.zeros((4, 5)))
    from napari_unmix.plugin.reader import get_reader

    assert get_reader(str(tmp_path / "theirs.npy")) is None


def test_previews_results_trust_and_names(window: Any) -> None:
    fit = with_fakes(window, 80)
    window.press("Train")
    window.wait_for(lambda: len(window.maps()) == 3)
    before = window.maps()
    first = before[0].data.copy()
    window.wait_for(lambda: not np.array_equal(before[0].data, first))
    assert any(text.startswith("epoch") for text in texts(window))
    window.wait_for(lambda: window.session.report is not None)
    window.qtbot.wait(100)
    assert fit.thread != threading.get_ident()
    assert "Not identified by this painting." in texts(window)
    assert "• Paint was not used." in texts(window)
    assert "→ Paint 3 regions." not in texts(window)
    window.press("Why?")
    assert "→ Paint 3 regions." in texts(window)
    row = window.widget.panels[4]._endmembers[1]
    window.qtbot.mouseDClick(row._name, Qt.MouseButton.LeftButton)
    row._name.selectAll()
    window.qtbot.keyClicks(row._name, "tree")
    window.qtbot.keyClick(row._name, Qt.Key.Key_Return)
    assert before[1].name == "tree"
    assert window.spectra.panel.bars.texts()[1].startswith("tree")
    window.press("Train")
    window.wait_for(lambda: window.session.state == "idle" and window.session.report is not None)
    window.qtbot.wait(100)
    assert [layer.name for layer in window.maps()] == ["endmember 1", "tree", "endmember 3"]
    assert all(a is b for a, b in zip(before, window.maps(), strict=True))


def test_cancel_pause_and_the_last_good_result(window: Any) -> None:
    fit = with_fakes(window, 30)
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
    good = window.session.answer
    fit.steps = 10_000
    window.press("Train")
    window.wait_for(lambda: window.session.preview is not None)
    window.press("Pause")
    assert window.button("Resume")
    window.press("Resume")
    start = time.monotonic()
    window.press("Cancel")
    assert window.button("Train").text() == "Train"
    assert time.monotonic() - start < 0.3
    assert fit.closed.wait(0.3)
    assert window.session.answer is good
    window.qtbot.wait(200)
    np.testing.assert_array_equal(window.maps()[0].data, good.unmixing.abundances[:, :, 0])
    assert "cancelled: the last result stays" in texts(window)


def test_the_window_stays_alive_while_it_trains(window: Any) -> None:
    """No turn of the event loop is long: a timer that should fire every 10 ms does so."""
    from qtpy.QtCore import QTimer

    fit = with_fakes(window, 250)
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
    assert np.median(gaps) < 0.05


@pytest.mark.parametrize("how", ["dock", "viewer"])
def test_closing_while_training_stops_the_thread(window: Any, how: str) -> None:
    fit = with_fakes(window, 100_000)
    window.press("Train")
    window.wait_for(lambda: window.session.preview is not None)
    assert not fit.closed.is_set()
    if how == "dock":
        window.dock.destroyOnClose()
    else:
        window.viewer.close()
    window.qtbot.wait(50)
    assert fit.closed.wait(2.0)
    window.wait_for(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)


CLOSE_THE_FRAME = """
import threading, time
import napari, numpy as np
from qtpy.QtCore import QTimer
from napari_unmix.cube import Cube
from napari_unmix.plugin.dock import SpectraDock, UnmixDock
from napari_unmix.plugin.engine import Engine
from napari_unmix.unmixing import Progress

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

viewer = napari.Viewer(show_welcome_screen=False)
dock = UnmixDock(viewer)
viewer.window.add_dock_widget(dock)
controller, session = dock.workspace.controller, dock.workspace.session
controller._engine = Engine(unmix=forever, warm_up=nothing)
controller.add_cube(Cube(np.random.default_rng(0).uniform(size=(20, 20, 9)), name="scene"))
QTimer.singleShot(500, controller.start)
QTimer.singleShot(1500, lambda: print(session.state, closed.is_set(), flush=True))
QTimer.singleShot(1600, viewer.window._qt_window.close)
QTimer.singleShot(3000, lambda: print("stopped", closed.is_set(), flush=True))
QTimer.singleShot(3100, napari.qt.get_qapp().quit)
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

    with_fakes(window, 10)
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
    good = window.session.answer
    window.controller._engine = Engine(unmix=broken, assess=fake_assess)
    window.press("Train")
    window.wait_for(lambda: window.session.trouble is not None)
    assert any("mat1 and mat2" in text for text in texts(window))
    assert window.session.answer is good
    assert window.button("Train").isEnabled()


def test_a_file_that_is_none_is_told_in_the_first_step(window: Any, tmp_path: Any) -> None:
    (tmp_path / "broken.hdr").write_text("ENVI\nsamples = many\n")
    window.controller.open(tmp_path / "broken.hdr")
    window.wait_for(lambda: window.session.trouble is not None)
    assert window.session.trouble.step == "cube"
    assert window.session.trouble.sentence in texts(window)
    assert window.session.cube is None


def test_both_docks_share_one_session(window: Any) -> None:
    with_fakes(window, 10)
    assert window.spectra.workspace is window.workspace
    window.viewer.window.remove_dock_widget(window.spectra)
    assert window.session.cube is not None
    window.controller.select_pixel(1, 2)


def test_every_control_says_what_it_does(window: Any) -> None:
    from qtpy.QtWidgets import QComboBox, QSpinBox

    with_fakes(window, 10)
    for kind in (QPushButton, QComboBox, QCheckBox, QSpinBox):
        for control in window.widget.findChildren(kind):
            assert control.toolTip(), f"{kind.__name__} {getattr(control, 'text', str)()} has no tooltip"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_smallest_screen_clips_nothing_sideways(window: Any, theme: str) -> None:
    from qtpy.QtWidgets import QScrollArea

    with_fakes(window, 20)
    window.viewer.theme = theme
    window.viewer.window.resize(1280, 720)
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
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
        "from napari_unmix.plugin.dock import SpectraDock, UnmixDock\n"
        "viewer = ViewerModel()\n"
        "docks = UnmixDock(viewer), SpectraDock(viewer)\n"
        "app.processEvents()\n"
        "assert 'torch' not in sys.modules\n"
        "print('no torch')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "no torch" in done.stdout, done.stderr


def test_an_array_that_a_user_added_can_be_chosen(window: Any) -> None:
    with_fakes(window, 10)
    rng = np.random.default_rng(3)
    window.viewer.add_image(rng.uniform(size=(30, 60, 70)).astype(np.float32), name="by hand")
    window.wait_for(lambda: len(window.session.cubes) == 2)
    box = window.widget.panels[0]._cubes
    assert [box.itemText(k) for k in range(box.count())] == ["scene", "by hand"]
    box.setFocus()
    window.qtbot.keyClick(box, Qt.Key.Key_Down)
    window.wait_for(lambda: window.session.cube.name == "by hand")
    assert "60×70 pixels, 30 bands\nno wavelengths: bands are numbered" in texts(window)
    assert "Taken from the layer by hand: its first axis holds the 30 bands." in texts(window)
    assert window.viewer.layers["by hand composite"].visible
    window.settle()


def choose_folder(folder: Any) -> None:
    """Choose a folder in the file dialog, when it is there."""
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog

    dialog = QApplication.activeModalWidget()
    if isinstance(dialog, QFileDialog):
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(folder))
        dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open).click()
    else:
        QTimer.singleShot(50, lambda: choose_folder(folder))


def test_export_writes_a_new_folder_each_time(window: Any, tmp_path: Any) -> None:
    from qtpy.QtCore import QTimer

    with_fakes(window, 5)
    assert not [b for b in window.widget.findChildren(QPushButton) if b.text() == "Export…" and b.isVisible()]
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
    window.controller.rename_endmember(1, "tree")
    for number in (1, 2):
        QTimer.singleShot(50, lambda: choose_folder(tmp_path))
        window.press("Export…")
        folder = tmp_path / f"scene-ivae-{number}"
        window.wait_for(lambda folder=folder: window.session.exported == folder, 30)
        names = sorted(path.name for path in folder.iterdir())
        assert {"abundances.npy", "abundances.png", "endmembers.csv", "endmembers.png", "run.json"} <= set(names)
        assert (folder / "endmembers.csv").read_text().splitlines()[0] == "wavelength_nm,endmember 1,tree,endmember 3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene-ivae-1", "scene-ivae-2"]
    assert any(text.replace("\u200b", "") == f"written to {tmp_path / 'scene-ivae-2'}" for text in texts(window))
    np.testing.assert_array_equal(
        np.load(tmp_path / "scene-ivae-1" / "abundances.npy"), window.session.answer.unmixing.abundances
    )


def test_export_to_where_nothing_can_be_written_says_so(window: Any, tmp_path: Any) -> None:
    with_fakes(window, 5)
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
    (tmp_path / "file").write_text("")
    window.controller.export(tmp_path / "file")
    window.wait_for(lambda: window.session.trouble is not None)
    assert window.session.trouble.step == "result"
    assert window.session.trouble.sentence.endswith("choose another folder.")
    assert "--" not in window.session.trouble.sentence
    assert window.session.trouble.sentence in texts(window)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert window.button("Export…").isEnabled()
    window.controller.export(tmp_path)
    window.wait_for(lambda: window.session.exported is not None, 30)
    assert window.session.trouble is None


def test_excluded_bands_are_gaps_and_make_the_result_out_of_date(window: Any) -> None:
    with_fakes(window, 10)
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
    window.controller.select_pixel(3, 4)
    plot = window.spectra.panel.plot
    window.wait_for(lambda: "selected pixel" in window.viewer.layers)
    layers = list(window.viewer.layers)
    window.press("Bands…")
    line = window.widget.panels[0]._editor._line
    assert line.window().focusWidget() is line
    window.qtbot.keyClicks(line, "500-600, 2000")
    window.qtbot.keyClick(line, Qt.Key.Key_Return)
    assert "No band lies in 2000: the cube's bands lie in 450–900 nm." in texts(window)
    assert window.session.cube.good_bands.all()
    line.setText("500-600")
    window.qtbot.keyClick(line, Qt.Key.Key_Return)
    window.wait_for(lambda: not window.session.cube.good_bands.all())
    axis = window.session.cube.wavelengths
    inside = (axis >= 500) & (axis <= 600)
    np.testing.assert_array_equal(np.isnan(plot.measured.getData()[1]), inside)
    np.testing.assert_array_equal(np.isnan(plot.reconstruction.getData()[1]), inside)
    assert all(np.array_equal(np.isnan(curve.getData()[1]), inside) for curve in plot.endmembers)
    assert "out of date: bands changed since" in texts(window)
    assert window.session.trouble is None
    assert window.session.pixel == (3, 4)
    assert line.text() == "500-600"
    assert list(window.viewer.layers) == layers
    assert len(window.session.cubes) == 1
    line.clear()
    window.press("Apply")
    window.wait_for(lambda: window.session.cube.good_bands.all())
    assert "out of date: bands changed since" not in texts(window)
    window.settle()


def spectra_button(window: Any, label: str) -> Any:
    """The button of the spectra dock that reads so."""
    return next(b for b in window.spectra.panel.findChildren(QPushButton) if b.text() == label)


def test_pins_keep_pixels_with_their_curves(window: Any) -> None:
    with_fakes(window, 10)
    cube, plot = window.session.cube, window.spectra.panel.plot
    pin, clear = spectra_button(window, "Pin"), spectra_button(window, "Clear pins")
    assert not pin.isEnabled()
    assert not clear.isVisible()
    for place in ((5, 6), (20, 31)):
        window.click(*place)
        window.qtbot.mouseClick(pin, Qt.MouseButton.LeftButton)
        assert not pin.isEnabled()
    layer = window.viewer.layers["pins"]
    np.testing.assert_array_equal(layer.data, [[5, 6], [20, 31]])
    assert list(layer.text.values) == ["1", "2"]
    for curve, point, colour in zip(plot.pins, layer.data.astype(int), layer.face_color, strict=True):
        np.testing.assert_allclose(curve.getData()[1], cube.spectra[tuple(point)])
        shown = curve.opts["pen"].color()
        np.testing.assert_allclose(colour[:3], [shown.redF(), shown.greenF(), shown.blueF()], atol=0.01)
    assert window.viewer.layers.selection.active != layer
    window.qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert "pins" not in window.viewer.layers
    assert plot.pins == []
    window.qtbot.mouseClick(pin, Qt.MouseButton.LeftButton)
    window.viewer.layers.remove("pins")
    assert window.session.pins == ()


def test_region_means_are_the_means_of_what_is_painted(window: Any) -> None:
    from napari_unmix.cube import Annotation, Meaning
    from napari_unmix.plugin.colours import annotation_row_colours

    with_fakes(window, 10)
    cube, panel = window.session.cube, window.spectra.panel
    panel._view.setFocus()
    window.qtbot.keyClick(panel._view, Qt.Key.Key_End)
    assert panel._legend.text().startswith("Nothing is painted yet")
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[:5], labels[10:20, :7], labels[30:] = 1, 2, 3
    window.controller.set_annotation(Annotation(labels, {2: Meaning("region", "shore"), 3: Meaning("ignore")}))
    colours = annotation_row_colours(window.session)
    assert len(panel.plot.regions) == 2
    for label, curve in zip((1, 2), panel.plot.regions, strict=True):
        np.testing.assert_allclose(curve.getData()[1], cube.spectra[labels == label].mean(axis=0), rtol=1e-5)
        assert curve.opts["pen"].color().name() == colours[label]
    assert "shore" in panel._legend.text()
    window.qtbot.keyClick(panel._view, Qt.Key.Key_Home)
    assert panel.plot.regions == []
    window.press("Train")
    window.wait_for(lambda: window.session.report is not None)
    drawn = []
    for _ in range(panel._view.count()):
        drawn.append((len(panel.plot.endmembers), len(panel.plot.regions)))
        window.qtbot.keyClick(panel._view, Qt.Key.Key_Down)
    assert drawn == [(3, 0), (0, 0), (3, 0), (0, 2)]
