"""Excluding bands by mouse and keys: over the plot, in the table, by presets, those of noise; as they were written."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from napari_unmix.cube import Cube
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.progress import Fit, Progress


def exclude_button(window: Any) -> Any:
    return next(b for b in window.spectra.panel.findChildren(QPushButton) if b.text() == "Exclude")


def drag_over(window: Any, start: float, end: float) -> None:
    """Over the plot, from one place on the axis to another."""
    plot = window.spectra.panel.plot
    surface, middle = plot.viewport(), sum(plot.plotItem.vb.viewRange()[1]) / 2

    def at(place: float) -> QPoint:
        return plot.mapFromScene(plot.plotItem.vb.mapViewToScene(QPointF(place, middle)))

    QTest.mousePress(surface, Qt.MouseButton.LeftButton, pos=at(start))
    for share in (0.3, 0.6, 1.0):
        window.qtbot.mouseMove(surface, at(start + share * (end - start)))
        window.qtbot.wait(10)
    QTest.mouseRelease(surface, Qt.MouseButton.LeftButton, pos=at(end))


def excluded(window: Any) -> list[int]:
    return np.flatnonzero(~window.session.cube.good_bands).tolist()


def editor(window: Any) -> Any:
    window.press("Bands…")
    return window.widget.panels[0]._editor


def test_a_drag_over_the_plot_excludes_bands_and_takes_them_in_again(window: Any) -> None:
    window.with_fakes(2)
    panel, axis = window.spectra.panel, window.session.cube.axis
    view = panel.plot.plotItem.vb.viewRange()
    window.qtbot.mouseClick(exclude_button(window), Qt.MouseButton.LeftButton)
    drag_over(window, axis[4] - 5, axis[7] + 5)
    window.wait_for(lambda: excluded(window) == [4, 5, 6, 7])
    assert panel.plot.plotItem.vb.viewRange() == view  # the plot has not moved
    window.wait_for(lambda: len(panel.plot._mouse._shades) == 1)
    assert np.isnan(panel.plot.measured.getData()[1][4:8]).all()
    drag_over(window, axis[6] - 5, axis[9] + 5)  # it begins on bands that are left out
    window.wait_for(lambda: excluded(window) == [4, 5])
    window.qtbot.keyClick(panel.plot, Qt.Key.Key_Escape)
    assert not exclude_button(window).isChecked()
    assert panel.plot._mouse._shades == []
    drag_over(window, axis[10], axis[12])  # moves the plot again
    window.qtbot.wait(50)
    assert excluded(window) == [4, 5]
    window.controller.undo()
    window.wait_for(lambda: excluded(window) == [4, 5, 6, 7])
    window.settle()


def test_the_table_takes_a_range_in_again(window: Any) -> None:
    window.with_fakes(2)
    made = editor(window)
    window.qtbot.keyClicks(made._line, "500-600, 700")
    window.qtbot.keyClick(made._line, Qt.Key.Key_Return)
    assert window.session.trouble is not None  # no band lies at 700
    made._line.setText("500-600, 680-710")
    window.qtbot.keyClick(made._line, Qt.Key.Key_Return)
    window.wait_for(lambda: len(made._table.buttons()) == 2)
    first = made._table.buttons()[0]
    assert first.accessibleName() == "Take 500–600 nm in again"
    window.qtbot.mouseClick(first, Qt.MouseButton.LeftButton)
    window.wait_for(lambda: len([b for b in made._table.buttons() if b.isVisible()]) == 1)
    assert made._line.text() == "680-710"
    window.settle()


def test_usual_ranges_are_offered_where_the_cube_has_them(window: Any) -> None:
    window.with_fakes(2)
    made = editor(window)
    assert not made._presets.isVisible()  # 450–900 nm
    wide = Cube(np.random.default_rng(0).uniform(size=(20, 20, 100)), np.linspace(400, 2500, 100), name="wide")
    for data, options, _ in cube_layers(wide):
        window.viewer.add_image(data, **options)
    window.ready()
    assert made._presets.isVisible()
    entries = {entry.text(): entry for entry in made._menu.actions()}
    entries["Water vapour, 1350–1450 nm"].trigger()
    inside = (wide.axis >= 1350) & (wide.axis <= 1450)
    window.wait_for(lambda: np.array_equal(~window.session.cube.good_bands, inside))
    window.settle()


def test_noisy_bands_are_suggested_and_excluded_on_a_press(window: Any) -> None:
    window.with_fakes(2)

    def noisy(cube: Cube) -> Fit[tuple[int, ...]]:
        yield Progress("looking", 0, 1, 0.0)
        return (2, 3)

    window.seam.put(noisy=noisy)
    editor(window)
    window.press("Suggest noisy bands")
    window.wait_for(lambda: any(said.startswith("2 bands are mostly noise") for said in window.texts()))
    assert excluded(window) == []
    window.press("Exclude these")
    window.wait_for(lambda: excluded(window) == [2, 3])
    window.settle()


def test_what_was_written_comes_back_after_another_cube(window: Any) -> None:
    """Finding 19."""
    window.with_fakes(2)
    made = editor(window)
    window.qtbot.keyClicks(made._line, "750-780")
    window.qtbot.keyClick(made._line, Qt.Key.Key_Return)
    window.wait_for(lambda: excluded(window) != [])
    mine = window.session.cube
    window.settle()
    other = Cube(np.random.default_rng(0).uniform(size=(20, 20, 30)), np.linspace(400, 1000, 30), name="other")
    for data, options, _ in cube_layers(other):
        window.viewer.add_image(data, **options)
    window.ready()
    assert made._line.text() == ""
    window.controller.set_cube(mine)
    assert made._line.text() == "750-780"
    window.settle()
