"""The spectra dock by mouse and keys: read-out, windows, pins linked both ways, shapes, the slider's band, taking along."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QImage, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QPushButton

from napari_unmix.cube import Cube
from napari_unmix.findings import Findings
from napari_unmix.plugin.facts.session import current_run
from napari_unmix.plugin.facts.shapes import Shape, shaped
from napari_unmix.plugin.viewer.layers import cube_layers

PINS = ((5, 6), (20, 31), (33, 12))


def button(window: Any, label: str) -> Any:
    """The button of the spectra dock that reads so."""
    return next(b for b in window.spectra.panel.findChildren(QPushButton) if b.text() == label)


def press(window: Any, label: str) -> None:
    window.qtbot.mouseClick(button(window, label), Qt.MouseButton.LeftButton)


def choose(window: Any, combo: Any, index: int) -> None:
    """By the keyboard, as a person does."""
    combo.setFocus()
    window.qtbot.keyClick(combo, Qt.Key.Key_Home)
    for _ in range(index):
        window.qtbot.keyClick(combo, Qt.Key.Key_Down)


def move(window: Any, pixel: tuple[float, float], shift: bool) -> None:
    """The pointer over the canvas."""
    native = window.viewer.window._qt_viewer.canvas.native
    place = QPointF(window.place(*pixel))
    keys = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    there = QPointF(native.mapToGlobal(place.toPoint()))
    event = QMouseEvent(
        QMouseEvent.Type.MouseMove, place, there, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, keys
    )
    QApplication.sendEvent(native, event)


def on_plot(plot: Any, place: float, height: float) -> QPoint:
    """Where a point of the axes is on the plot's widget."""
    return plot.mapFromScene(plot.plotItem.vb.mapViewToScene(QPointF(place, height)))


def pinned(window: Any, *places: tuple[int, int]) -> None:
    for place in places:
        window.click(*place)
        press(window, "Pin")


def test_shift_and_moving_reads_out_until_shift_is_released(window: Any) -> None:
    window.with_fakes(2)
    panel, cube, session = window.spectra.panel, window.session.cube, window.session
    hovering = window.workspace.link.hovering
    window.click(5, 6)
    move(window, (20, 31), shift=False)
    window.qtbot.wait(50)
    assert session.hover is None
    hovering.shift_held = lambda: True
    move(window, (20, 31), shift=True)
    window.wait_for(lambda: session.hover == (20, 31))
    np.testing.assert_allclose(panel.plot.measured.getData()[1], cube.spectra[20, 31])
    assert panel._heading.text() == "Under the pointer"
    assert panel._place.text().startswith("row 20, column 31")
    assert session.pixel == (5, 6)
    window.qtbot.wait(250)  # it stays while Shift is held, also where the pointer rests
    assert session.hover == (20, 31)
    hovering.shift_held = lambda: False
    window.wait_for(lambda: session.hover is None)
    np.testing.assert_allclose(panel.plot.measured.getData()[1], cube.spectra[5, 6])
    assert panel._heading.text() == "This pixel"


def test_no_shift_is_held_under_no_keyboard(window: Any) -> None:
    """The real keyboard is asked: under Xvfb nobody holds a key, whatever an event says."""
    window.with_fakes(2)
    seen: list[Any] = []
    window.session.events.hover.connect(seen.append)
    move(window, (20, 31), shift=True)
    window.wait_for(lambda: seen == [(20, 31), None])


def test_a_fast_pointer_is_read_out_at_the_rate_of_the_screen(window: Any) -> None:
    window.with_fakes(2)
    link, seen = window.workspace.link, []
    link.hovering.shift_held = lambda: True
    window.session.events.hover.connect(seen.append)
    for column in range(40):
        link.hovering.moved(window.viewer, SimpleNamespace(modifiers=("Shift",), position=(20.0, float(column))))
    assert seen == [(20, 0)]  # 40 moves in one turn
    window.wait_for(lambda: seen == [(20, 0), (20, 39)])  # the last is read
    link.hovering.end()


def test_a_window_of_pixels_is_averaged_in_plot_and_pins(window: Any) -> None:
    window.with_fakes(2)
    panel, cube = window.spectra.panel, window.session.cube
    pinned(window, (20, 31))
    window.click(5, 6)
    choose(window, panel._window, 1)
    mean = cube.spectra[4:7, 5:8].reshape(9, -1).astype(float)
    np.testing.assert_allclose(panel.plot.measured.getData()[1], mean.mean(axis=0))
    np.testing.assert_allclose(
        panel.plot.pins[0].getData()[1], cube.spectra[19:22, 30:33].reshape(9, -1).mean(axis=0), rtol=1e-5
    )
    assert "mean of 9 of 9 pixels" in panel._place.text()
    measured = panel.plot.drawn.of("measured")[0]
    np.testing.assert_allclose(measured.deviation, mean.std(axis=0, ddof=1))
    press(window, "±")
    assert panel.plot.drawn.of("measured")[0].deviation is None


def test_a_pin_is_picked_by_its_curve_its_name_and_on_the_image(window: Any) -> None:
    window.with_fakes(2)
    panel, cube, session = window.spectra.panel, window.session.cube, window.session
    choose(window, panel._view, 1)
    pinned(window, *PINS)
    layer = window.viewer.layers["pins"]

    def strong() -> list[bool]:
        return [bool(width > 0.1) for width in layer.border_width]

    # 1. On its curve, where it is far from the others.
    spectra = np.array([cube.spectra[place] for place in PINS])
    band = int(np.abs(spectra[1] - spectra[[0, 2]]).min(axis=0).argmax())
    place = on_plot(panel.plot, float(cube.axis[band]), float(spectra[1, band]))
    window.qtbot.mouseClick(panel.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert session.picked == PINS[1]
    assert session.pixel == PINS[1]
    assert strong() == [False, True, False]
    widths = [curve.opts["pen"].widthF() for curve in panel.plot.pins]
    assert widths[1] > widths[0]
    # 2. By its name in the legend; once more lets it go.
    entry = panel._legend.buttons()[2]
    assert entry.text() == "pin 3"
    window.qtbot.mouseClick(entry, Qt.MouseButton.LeftButton)
    assert session.picked == PINS[2]
    assert [made.isChecked() for made in panel._legend.buttons()] == [False, False, True]
    window.qtbot.mouseClick(entry, Qt.MouseButton.LeftButton)
    assert session.picked is None
    assert strong() == [False, False, False]
    # 3. On the image.
    window.click(*PINS[0])
    assert session.picked == PINS[0]
    assert panel._legend.buttons()[0].isChecked()
    window.click(15, 45)
    assert session.picked is None


def test_pins_are_removed_one_by_one_and_undone(window: Any) -> None:
    window.with_fakes(2)
    panel, session = window.spectra.panel, window.session
    pinned(window, *PINS)
    entry = panel._legend.buttons()[1]
    window.qtbot.mouseClick(entry, Qt.MouseButton.LeftButton)
    window.qtbot.keyClick(entry, Qt.Key.Key_Delete)
    assert session.pins == (PINS[0], PINS[2])
    assert len(panel.plot.pins) == len(window.viewer.layers["pins"].data) == 2
    window.qtbot.keyClick(panel.plot, Qt.Key.Key_Delete)  # none is picked
    assert len(session.pins) == 2
    press(window, "Bring pins back")
    assert session.pins == PINS
    assert not button(window, "Bring pins back").isVisible()


def test_the_menu_of_a_pin_removes_it(window: Any) -> None:
    from napari_unmix.plugin.window.panels.pins import pin_menu

    window.with_fakes(2)
    pinned(window, *PINS[:2])
    menu = pin_menu(window.session, window.controller, 0, window.spectra.panel)
    removing = next(entry for entry in menu.actions() if entry.text() == "Remove pin 1")
    assert removing.toolTip()
    removing.trigger()
    assert window.session.pins == (PINS[1],)


def test_deleting_the_layer_of_pins_can_be_taken_back(window: Any) -> None:
    """Finding 16."""
    window.with_fakes(2)
    pinned(window, *PINS[:2])
    window.viewer.layers.remove("pins")
    assert window.session.pins == ()
    press(window, "Bring pins back")
    assert window.session.pins == PINS[:2]
    np.testing.assert_array_equal(window.viewer.layers["pins"].data, PINS[:2])


def pin_layers(window: Any) -> list[Any]:
    """The layers of pins; with several cubes open the cube's name stands before theirs."""
    return [layer for layer in window.viewer.layers if layer.name.endswith("pins")]


def test_each_cube_has_its_own_pins(window: Any) -> None:
    """Finding 16: pins were lost on switching cubes."""
    window.with_fakes(2)
    panel, mine = window.spectra.panel, window.session.cube
    pinned(window, *PINS[:2])
    window.qtbot.mouseClick(panel._legend.buttons()[1], Qt.MouseButton.LeftButton)
    other = Cube(np.random.default_rng(0).uniform(size=(20, 25, 30)), np.linspace(400, 1000, 30), name="other")
    for data, options, _ in cube_layers(other):
        window.viewer.add_image(data, **options)
    window.ready()
    assert window.session.pins == ()
    assert panel.plot.pins == []
    assert pin_layers(window) == []
    window.click(3, 4)
    press(window, "Pin")
    window.controller.set_cube(mine)
    window.wait_for(lambda: [len(layer.data) for layer in pin_layers(window)] == [2])
    assert window.session.pins == PINS[:2]
    assert [made.isChecked() for made in panel._legend.buttons()] == [False, True]
    assert len(panel.plot.pins) == 2
    window.controller.set_cube(other)
    window.wait_for(lambda: window.session.pins == ((3, 4),))
    window.settle()


@pytest.mark.parametrize("shape", [Shape.CONTINUUM, Shape.AREA, Shape.SLOPE])
def test_a_shape_is_drawn_and_its_axis_says_which(window: Any, shape: Shape) -> None:
    window.with_fakes(2)
    panel, cube = window.spectra.panel, window.session.cube
    window.click(5, 6)
    choose(window, panel._shape, list(Shape).index(shape))
    expected = shaped(cube.axis, cube.spectra[5, 6].astype(float), None, shape)[0]
    np.testing.assert_allclose(panel.plot.measured.getData()[1], expected)
    title = {Shape.CONTINUUM: "Over continuum", Shape.AREA: "Scaled to area 1 (per nm)", Shape.SLOPE: "Value per nm"}
    assert panel.plot.getAxis("left").labelText == title[shape]
    low, high = panel.plot.plotItem.vb.viewRange()[1]
    assert low < np.nanmin(expected) <= np.nanmax(expected) < high


def test_free_illumination_says_so_on_the_axis_and_keeps_endmembers_still(window: Any) -> None:
    """Finding 18."""
    window.with_fakes(2)
    panel, session = window.spectra.panel, window.session
    window.press("Train")
    window.wait_for(lambda: current_run(session) is not None and session.state == "idle")
    run = session.run
    light = np.random.default_rng(0).uniform(0.2, 0.9, session.cube.shape[:2]).astype(np.float32)
    findings = Findings(endmember_error=(0.1, 0.1, 0.1))
    window.controller._put_run(replace(run, unmixing=replace(run.unmixing, illumination=light, findings=findings)))
    drawn = []
    for pixel in PINS:
        window.click(*pixel)
        drawn.append(np.array([curve.getData()[1] for curve in panel.plot.endmembers]))
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[1], drawn[2])
    axis = panel.plot.getAxis("right")
    assert axis.isVisible()
    assert axis.labelText == "Scaled to maximum 1"
    np.testing.assert_allclose(drawn[0] * axis.scale, run.unmixing.endmembers)  # what the axis reads is what they are
    assert panel.plot.getAxis("left").labelText == "Value"
    assert all(curve.deviation is not None for curve in panel.plot.drawn.of("endmember"))


def test_the_slider_and_the_plot_show_the_same_band(window: Any) -> None:
    window.with_fakes(2)
    panel, session, viewer = window.spectra.panel, window.session, window.viewer
    window.click(5, 6)
    line, overlay = panel.plot._band_line, viewer.canvas.overlays.text
    viewer.dims.set_current_step(0, 4)
    place = float(session.cube.axis[4])
    assert session.band == 4
    assert line.value() == pytest.approx(place)
    value = float(session.cube.spectra[5, 6, 4])
    assert line.label.toPlainText() == f"{place:.0f} nm: {value:.4g}"
    # The canvas says it while bands are seen.
    assert overlay.text == ""
    viewer.layers["scene bands"].visible = True
    assert overlay.text == f"{place:.0f} nm (band 5)"
    assert overlay.visible
    # Dragging the line moves the slider.
    start, end = (on_plot(panel.plot, float(session.cube.axis[band]), 0.3) for band in (4, 12))
    surface = panel.plot.viewport()
    QTest.mouseMove(surface, start)
    window.qtbot.wait(20)
    QTest.mousePress(surface, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 9):
        window.qtbot.mouseMove(surface, start + (end - start) * step / 8)
        window.qtbot.wait(15)
    QTest.mouseRelease(surface, Qt.MouseButton.LeftButton, pos=end)
    assert session.band == 12
    assert viewer.dims.current_step[0] == 12
    viewer.layers["scene bands"].visible = False
    assert overlay.text == ""
    viewer.layers.remove("scene bands")  # with it goes the slider
    assert session.band is None
    assert not line.isVisible()


def test_what_is_seen_is_copied_and_saved(window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.with_fakes(2)
    panel, session = window.spectra.panel, window.session
    pinned(window, *PINS[:1])
    window.click(20, 31)
    menu = button(window, "Save").menu()
    menu.aboutToShow.emit()
    entries = {entry.text(): entry for entry in menu.actions() if entry.text()}
    entries["Copy numbers"].trigger()
    rows = list(csv.reader(io.StringIO(QApplication.clipboard().text()), delimiter="\t"))
    assert rows[0] == ["wavelength_nm", "pin 1 [Value]", "measured [Value]"]
    np.testing.assert_allclose([float(row[2]) for row in rows[1:]], session.cube.spectra[20, 31], rtol=1e-5)
    entries["Copy picture"].trigger()
    seen = panel.plot.viewport().size()
    assert QApplication.clipboard().image().width() == 3 * seen.width()
    for suffix, entry in (("csv", "numbers (CSV)"), ("png", "picture (PNG)"), ("svg", "drawing (SVG)")):
        path = tmp_path / f"seen.{suffix}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, path=path: (str(path), ""))
        entries[f"Save {entry}…"].trigger()
        window.wait_for(path.exists)
        window.wait_for(lambda path=path: session.spectra_written == path)
        assert panel._note.text() == f"saved seen.{suffix}"
    assert (tmp_path / "seen.csv").read_text().startswith("wavelength_nm,pin 1 [Value],measured [Value]\n450,")
    picture = QImage(str(tmp_path / "seen.png"))
    colours = {picture.pixelColor(x, y).name() for x in range(0, picture.width(), 2) for y in range(0, 90, 2)}
    assert panel.plot.drawn.of("pin")[0].colour in colours  # the legend is in it
    drawing = (tmp_path / "seen.svg").read_text()
    assert ">pin 1<" in drawing
    assert "Wavelength (nm)" in drawing
    assert "<image" not in drawing


def test_nothing_open_is_said_in_one_line_without_axes(window: Any) -> None:
    panel = window.spectra.panel
    assert panel.plot.hint == "Open a cube: its spectra are drawn here."
    assert not panel.plot.getAxis("bottom").isVisible()
    assert not panel.plot.getAxis("left").isVisible()
    assert not button(window, "Save").isEnabled()
    window.with_fakes(2)
    assert panel.plot.hint == ""
    assert panel.plot.getAxis("bottom").isVisible()
    window.viewer.layers.clear()
    window.wait_for(lambda: panel.plot.hint != "")
    assert not panel.plot.getAxis("bottom").isVisible()


def test_many_endmembers_scroll_and_take_nothing_of_the_canvas(window: Any) -> None:
    """Finding 13."""
    window.with_fakes(2)
    panel, session = window.spectra.panel, window.session
    canvas = window.viewer.window._qt_viewer.canvas.native
    window.press("Train")
    window.wait_for(lambda: current_run(session) is not None and session.state == "idle")
    window.click(5, 6)
    window.qtbot.wait(50)
    height, least = canvas.height(), panel.minimumSizeHint().height()
    run, rng = session.run, np.random.default_rng(0)
    spectra = rng.uniform(0.1, 0.9, (30, session.cube.shape[2]))
    shares = rng.dirichlet(np.ones(30), session.cube.shape[:2]).astype(np.float32)
    names = tuple(f"endmember {k + 1}" for k in range(30))
    from napari_unmix.plugin.facts.runs import fresh_look

    many = replace(run.unmixing, endmembers=spectra, abundances=shares, names=names)
    window.controller._put_run(replace(run, unmixing=many, look=fresh_look(spectra, names)))
    window.qtbot.wait(100)
    assert len(panel.bars.texts()) == 30
    assert canvas.height() == height
    assert panel.minimumSizeHint().height() == least
    area = panel.bars.parentWidget().parentWidget()
    assert area.verticalScrollBar().maximum() > 0
    assert not any(curve.opts["antialias"] for curve in panel.plot.endmembers)
    window.settle()


def test_curves_that_stay_are_not_set_again(window: Any) -> None:
    window.with_fakes(2)
    panel, session = window.spectra.panel, window.session
    window.press("Train")
    window.wait_for(lambda: current_run(session) is not None and session.state == "idle")
    window.click(5, 6)
    told: list[int] = []
    for curve in panel.plot.endmembers:
        curve.sigPlotChanged.connect(lambda *_: told.append(1))
    lines = panel.plot.endmembers
    window.click(20, 31)
    window.controller.rename_endmember(0, "tree")
    assert panel.plot.endmembers == lines
    assert told == []


def test_the_spectra_first_and_the_steps_second(windows: Any) -> None:
    made = windows()
    panel = made.spectra.panel
    made.open_dock()
    made.with_fakes(2)
    made.click(5, 6)
    press(made, "Pin")
    assert made.session.pins == ((5, 6),)
    assert made.session.band is not None
    assert len(panel.plot.pins) == 1
