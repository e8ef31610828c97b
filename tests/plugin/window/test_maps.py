"""Looking at maps by mouse and keys: alone, together, dominant, further ones; colours; areas; two cubes; both orders of docks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugin.window.conftest import THREE, FakeFit, Window, fake_assess, scene

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, Georeference
from napari_unmix.progress import Fit, Preview, Progress


@pytest.fixture
def trained(window: Window) -> Window:
    """Three endmembers of the scene, checked."""
    window.with_fakes(3)
    train(window)
    return window


def train(window: Window) -> None:
    """Press Train and wait for the last word."""
    window.press("Train", "Train again")
    window.wait_for(lambda: window.session.state == "idle" and window.session.run is not None)
    window.wait_for(lambda: sum(layer.visible for layer in window.maps()) >= 3, 30)
    window.settle()


def rows(window: Window) -> list[Any]:
    """The rows of the endmembers, the first first."""
    from napari_unmix.plugin.window.panels.endmember_row import EndmemberRow

    return sorted(window.widget.findChildren(EndmemberRow), key=lambda row: row._index)


def tool(widget: Any, name: str) -> Any:
    """The small button of that object name or text."""
    from qtpy.QtWidgets import QToolButton

    return next(b for b in widget.findChildren(QToolButton) if name in (b.objectName(), b.text()))


def see(window: Window, widget: Any) -> None:
    """Scroll the dock so that a person could click it."""
    from qtpy.QtWidgets import QScrollArea

    window.widget.findChild(QScrollArea).ensureWidgetVisible(widget)
    window.qtbot.wait(20)


def click(window: Window, widget: Any, *, twice: bool = False) -> None:
    """With the left button, in the middle."""
    from qtpy.QtCore import Qt

    see(window, widget)
    window.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
    if twice:
        window.qtbot.mouseDClick(widget, Qt.MouseButton.LeftButton)
        window.qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton)
    window.qtbot.wait(60)


def name_of(row: Any) -> Any:
    """Its editable name."""
    from qtpy.QtWidgets import QLineEdit

    return row.findChild(QLineEdit)


def choose(window: Window, *path: str) -> None:
    """The entry of the menu that is open, and of its submenus, by the keyboard's way: without a pointer."""
    from qtpy.QtWidgets import QApplication

    menu = QApplication.activePopupWidget()
    assert menu is not None
    for title in path:
        entry = next(action for action in menu.actions() if action.text().startswith(title))
        assert entry.isEnabled(), entry.toolTip()
        menu = entry.menu() or menu
    entry.trigger()
    if QApplication.activePopupWidget() is not None:
        QApplication.activePopupWidget().close()
    window.qtbot.wait(60)


def visible(window: Window) -> list[bool]:
    """Which maps the canvas shows."""
    return [layer.visible for layer in window.maps()]


def test_a_click_on_a_row_shows_that_map_alone_and_a_second_all(trained: Window) -> None:
    first, second, _ = rows(trained)
    click(trained, name_of(second))
    assert visible(trained) == [False, True, False]
    assert second.property("seen") == "true"
    click(trained, first)
    assert visible(trained) == [True, False, False]
    trained.qtbot.wait(500)  # no double click
    click(trained, first)
    assert visible(trained) == [True] * 3
    click(trained, second)
    trained.qtbot.wait(500)
    click(trained, tool(trained.widget, "All 3"))
    assert visible(trained) == [True] * 3


def test_a_double_click_renames_and_leaves_what_is_seen(trained: Window) -> None:
    from qtpy.QtCore import Qt

    first, second, _ = rows(trained)
    click(trained, tool(first, "eye"))
    assert visible(trained) == [False, True, True]
    name = name_of(second)
    click(trained, name, twice=True)
    assert visible(trained) == [False, True, True]
    assert not name.isReadOnly()
    trained.qtbot.keyClicks(name, "rock")
    trained.qtbot.keyClick(name, Qt.Key.Key_Return)
    assert [layer.name for layer in trained.maps()] == ["endmember 1", "rock", "endmember 3"]


def test_rows_by_keys(trained: Window) -> None:
    from qtpy.QtCore import Qt

    def focus() -> Any:
        return trained.widget.window().focusWidget()

    every = tool(trained.widget, "All 3")
    every.setFocus()
    trained.qtbot.keyClick(every, Qt.Key.Key_Down)
    trained.qtbot.keyClick(focus(), Qt.Key.Key_Down)
    focused = focus()
    assert focused is name_of(rows(trained)[1])
    trained.qtbot.keyClick(focused, Qt.Key.Key_Space)
    assert visible(trained) == [False, True, False]
    trained.qtbot.keyClick(focused, Qt.Key.Key_F2)
    trained.qtbot.keyClicks(focused, "a b")  # a blank in a name is no click
    trained.qtbot.keyClick(focused, Qt.Key.Key_Return)
    assert trained.maps()[1].name == "a b"
    trained.qtbot.keyClick(focused, Qt.Key.Key_Up)
    trained.qtbot.keyClick(focus(), Qt.Key.Key_Up)
    assert focus() is every
    trained.qtbot.keyClick(every, Qt.Key.Key_Return)
    assert visible(trained) == [True] * 3


def test_the_dominant_endmember_is_a_third_view(trained: Window) -> None:
    dominant = tool(trained.widget, "Dominant")
    click(trained, dominant)
    layer = trained.viewer.layers["dominant endmember"]
    np.testing.assert_array_equal(layer.data, trained.session.run.unmixing.abundances.argmax(axis=2) + 1)
    assert dominant.isChecked()
    click(trained, rows(trained)[0])
    trained.wait_for(lambda: "dominant endmember" not in trained.viewer.layers)
    assert visible(trained) == [True, False, False]
    assert not dominant.isChecked()


def test_further_maps_from_the_menu(trained: Window) -> None:
    from qtpy.QtWidgets import QApplication

    click(trained, tool(trained.widget, "More ▾"))
    offered = {action.text(): action for action in QApplication.activePopupWidget().actions()}
    assert not offered["Spread"].isEnabled()
    assert "says nothing of the spread" in offered["Spread"].toolTip()
    choose(trained, "Residual")
    assert "residual" in trained.viewer.layers
    click(trained, tool(trained.widget, "More ▾"))
    choose(trained, "Residual")
    trained.wait_for(lambda: "residual" not in trained.viewer.layers)


def test_a_colour_of_the_users_choice_everywhere(trained: Window) -> None:
    first, _, third = rows(trained)
    orange, sky_blue = trained.session.run.look.colours[:2]
    click(trained, tool(first, "swatch"))
    choose(trained, "sky blue (swap with endmember 2)")
    assert trained.session.run.look.colours[:2] == (sky_blue, orange)
    np.testing.assert_allclose(trained.maps()[0].colormap.colors[-1][:3], np.array([0x56, 0xB4, 0xE9]) / 255, atol=1e-6)
    click(trained, tool(third, "more"))
    choose(trained, "Colour", "yellow")
    assert trained.session.run.look.colours[2] == "#f0e442"


def test_any_other_colour_from_a_window_that_blocks_nothing(trained: Window) -> None:
    from qtpy.QtGui import QColor
    from qtpy.QtWidgets import QColorDialog

    click(trained, tool(rows(trained)[1], "swatch"))
    choose(trained, "Other…")
    dialog = trained.widget.findChild(QColorDialog, "colourDialog")
    assert dialog.isVisible()
    assert not dialog.isModal()
    click(trained, tool(rows(trained)[0], "eye"))  # the window goes on
    assert visible(trained) == [False, True, True]
    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    assert trained.session.run.look.colours[1] == "#123456"


def test_the_menu_of_a_row_renames_and_shows_alone_and_offers_what_others_add(
    trained: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtCore import Qt

    from napari_unmix.plugin.window.panels import endmember_row
    from napari_unmix.plugin.window.panels.actions import Action

    done: list[int] = []
    added = (
        Action(lambda *_: "Do it", "Does it.", lambda *_: "", lambda _, index, widget: done.append(index)),
        Action(lambda *_: "Never", "", lambda *_: "It can't be done.", lambda *_: done.append(-1)),
    )
    monkeypatch.setattr(endmember_row, "ENDMEMBER_ACTIONS", added)
    row = rows(trained)[1]
    click(trained, tool(row, "more"))
    choose(trained, "Do it")
    assert done == [1]
    click(trained, tool(row, "more"))
    choose(trained, "Show alone")
    assert visible(trained) == [False, True, False]
    click(trained, tool(row, "more"))
    choose(trained, "Rename")
    trained.qtbot.keyClicks(name_of(row), "rock")
    trained.qtbot.keyClick(name_of(row), Qt.Key.Key_Return)
    assert trained.maps()[1].name == "rock"


def test_areas_of_image_and_of_a_shape_that_is_drawn(window: Window) -> None:
    from qtpy.QtWidgets import QApplication, QTreeWidget

    from napari_unmix.plugin.viewer.layers import cube_layers

    window.seam.put(unmix=FakeFit(2), assess=fake_assess)
    placed = replace(scene(), georeference=Georeference((30.0, 0, 5e5, 0, -30.0, 4e6), "EPSG:32611"))
    for data, options, _ in cube_layers(placed):
        window.viewer.add_image(data, **options)
    window.ready()
    train(window)
    window.press("Areas…")
    table = window.widget.findChild(QTreeWidget, "areas")
    window.wait_for(lambda: table.topLevelItemCount() == 1)
    whole = table.topLevelItem(0)
    assert (whole.text(0), whole.text(1)) == ("whole image", "2\u202f000 px")
    assert table.headerItem().text(2) == "ha"
    assert float(whole.text(2)) == pytest.approx(2000 * 900 / 1e4)
    assert whole.childCount() == 3
    window.viewer.add_shapes([np.array([[5, 5], [5, 15], [15, 15], [15, 5]])], shape_type="polygon")
    window.wait_for(lambda: table.topLevelItemCount() == 2)
    assert table.topLevelItem(1).text(1) == "100 px"
    window.controller.rename_endmember(0, "rock")
    assert table.topLevelItem(0).child(0).text(0) == "rock"
    window.press("Copy table")
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == 1 + 2 * 3
    assert lines[4].startswith("shape 1,shape,100,rock,")


def other(name: str = "other") -> Cube:
    """Another cube, of other size and bands."""
    shares = np.random.default_rng(2).dirichlet(np.ones(3), (30, 20))
    return Cube(shares @ THREE[:, :12], np.linspace(450, 700, 12), name=name)


def fit_any(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """Three endmembers of any of the cubes."""
    height, width, bands = cube.shape
    shares = np.random.default_rng(0).dirichlet(np.ones(3), (height, width)).astype(np.float32)
    yield Progress("fitting", 0, 1, 0.5, 1.0, lambda: Preview(THREE[:, :bands], shares))
    names = tuple(f"endmember {k + 1}" for k in range(3))
    return Unmixing(THREE[:, :bands], shares, None, None, np.zeros((height, width), np.float32), names, spec)


@pytest.mark.parametrize("dock_first", [True, False])
def test_two_cubes_in_both_orders_of_docks(windows: Any, dock_first: bool) -> None:
    from napari_unmix.plugin.viewer.layers import cube_layers

    window = windows()
    window.viewer.window.resize(1390, 890)
    window.seam.put(unmix=fit_any, assess=fake_assess)
    if dock_first:
        window.open_dock()
    for data, options, _ in cube_layers(scene()):
        window.viewer.add_image(data, **options)
    window.open_dock()
    window.ready()
    train(window)
    for data, options, _ in cube_layers(other()):
        window.viewer.add_image(data, **options)
    window.ready()
    train(window)
    click(window, rows(window)[2])
    names = [layer.name for layer in window.viewer.layers]
    assert [name for name in names if "endmember" in name] == [
        *(f"scene · endmember {k}" for k in (1, 2, 3)),
        *(f"other · endmember {k}" for k in (1, 2, 3)),
    ]
    assert [layer.name for layer in window.viewer.layers if layer.visible] == ["other · endmember 3"]
    assert window.viewer.dims.range[0].stop == 11
    assert fits(window, 30, 20)
    data = [layer.data for layer in window.maps() if layer.name.startswith("scene")]
    window.controller.set_cube(window.session.cubes[0])
    shown = [layer.name for layer in window.viewer.layers if layer.visible]
    assert shown == [f"scene · endmember {k}" for k in (1, 2, 3)]  # at once: they show that run already
    window.settle()
    assert all(
        any(layer.data is before for before in data) for layer in window.maps() if layer.name.startswith("scene")
    )
    assert window.viewer.dims.range[0].stop == 19
    assert fits(window, 40, 50)
    assert [layer.name for layer in window.viewer.layers][-5:][0] == "scene bands"


def fits(window: Window, height: int, width: int) -> bool:
    """Whether the image fills the canvas in one direction, and stands in it in both."""
    canvas = window.viewer.window._qt_viewer.canvas.native
    corner, far = window.place(-0.5, -0.5), window.place(height - 0.5, width - 0.5)
    across, down = (far.x() - corner.x()) / canvas.width(), (far.y() - corner.y()) / canvas.height()
    return max(across, down) > 0.8 and max(across, down) <= 1.01 and corner.x() >= -2 and corner.y() >= -2


def fit_many(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """As many endmembers as are asked for; it goes on until it is cancelled."""
    count = 3 if spec.endmembers == "auto" else int(spec.endmembers)
    height, width, bands = cube.shape
    endmembers = np.random.default_rng(7).uniform(0.1, 0.9, (count, bands))
    shares = np.random.default_rng(count).dirichlet(np.ones(count), (height, width)).astype(np.float32)
    for step in range(4 if count == 3 else 10_000):
        import time

        time.sleep(0.005)
        yield Progress("fitting", step, 4, 0.5, 1.0, lambda: Preview(endmembers, shares))
    names = tuple(f"endmember {k + 1}" for k in range(count))
    return Unmixing(endmembers, shares, None, None, np.zeros((height, width), np.float32), names, spec)


def test_cancelling_a_run_of_many_endmembers_gives_the_last_maps_back(window: Window) -> None:
    window.with_fakes(2)
    window.seam.put(unmix=fit_many)
    train(window)
    kept = window.maps()
    window.controller.set_option("endmembers", 14)
    window.press("Train", "Train again")
    window.wait_for(lambda: len(window.maps()) == 14, 60)
    from qtpy.QtWidgets import QScrollArea

    list_of_rows = window.widget.findChild(QScrollArea, "mapRows")
    assert list_of_rows.height() < 12 * rows(window)[0].height()  # the verdict stays near

    window.press("Cancel")
    assert window.button("Train", "Train again").isEnabled()
    assert len(window.maps()) > 3  # they go a few a turn, and nobody waits for them
    window.wait_for(lambda: len(window.maps()) == 3, 30)
    assert window.maps() == kept

    assert [layer.name for layer in kept] == ["endmember 1", "endmember 2", "endmember 3"]


def test_a_picture_is_saved_by_the_menu(trained: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qtpy.QtWidgets import QFileDialog

    chosen = (str(tmp_path / "maps"), "SVG drawing (*.svg)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: chosen)
    click(trained, tool(trained.widget, "More ▾"))
    choose(trained, "Save as picture…")
    trained.wait_for(lambda: (tmp_path / "maps.svg").exists(), 20)
    text = (tmp_path / "maps.svg").read_text()
    assert "endmember 2" in text
    assert "10 pixels" in text
