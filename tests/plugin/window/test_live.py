"""The switch *Live*: strokes of a real mouse, and maps that follow them before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_unmix.plugin.facts.following import live_shown
from napari_unmix.plugin.facts.session import shown
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.synthetic import blind_scene


@pytest.fixture
def place(window: Any) -> Any:
    """A window with a scene of three materials, and a fit of runs that is made up: only what follows the painting is real."""
    window.with_fakes(2)
    made = blind_scene(777002, materials=3, pure=True, kind="linear", decibels=30.0, size=40)
    for data, options, _ in cube_layers(made.cube):
        window.viewer.add_image(data, **options)
    window.controller.set_cube(made.cube)
    window.ready()
    window.controller.set_option("endmembers", 3)
    return window


def switch(window: Any) -> QCheckBox:
    return next(box for box in window.widget.findChildren(QCheckBox) if box.text() == "Live")


def click_switch(window: Any) -> None:
    box = switch(window)
    window.qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    window.qtbot.wait(20)


def followed(window: Any) -> Any:
    """Wait until the final maps of what is painted are there; these."""
    window.wait_for(lambda: live_shown(window.session) and window.session.following is None)
    return shown(window.session).content.abundances


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_stroke_moves_the_maps_undo_moves_them_back_and_train_makes_a_run(place: Any, theme: str) -> None:
    place.viewer.theme = theme
    place.press("New annotation")
    place.drag((8, 8), (8, 14))
    click_switch(place)
    assert place.session.live
    before = followed(place)
    place.wait_for(lambda: len(place.maps()) == 3)
    assert any("Train for the whole answer" in text for text in place.texts())
    # 1. A second stroke with the brush that is still in hand.
    place.drag((25, 25), (25, 32), (30, 32))
    place.wait_for(lambda: shown(place.session).content.abundances is not before)
    after = followed(place)
    assert not np.array_equal(np.nan_to_num(after), np.nan_to_num(before))
    place.wait_for(lambda: np.array_equal(place.maps()[0].data, np.ascontiguousarray(after[..., 0])))
    # 2. Undone, to the bit.
    canvas = place.viewer.window._qt_viewer.canvas.native
    place.qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    place.wait_for(lambda: shown(place.session).content.abundances is not after)
    np.testing.assert_array_equal(followed(place), before)
    # 3. Nothing of it is a run until the user says so.
    assert place.session.runs == ()
    visible = [b.text() for b in place.widget.findChildren(QPushButton) if b.isVisible()]
    assert "Export…" not in visible
    assert "Why?" not in visible
    place.press("Train")
    place.wait_for(lambda: len(place.session.runs) == 1 and place.session.state == "idle")
    assert not live_shown(place.session)
    click_switch(place)
    assert not place.session.live


def test_where_it_is_not_possible_the_switch_is_greyed_and_says_why(window: Any) -> None:
    assert not switch(window).isEnabled()
    assert switch(window).toolTip() == "Open a cube first."
    window.with_fakes(2)
    assert switch(window).isEnabled()
    window.controller.choose_method("vca-fcls")
    assert not switch(window).isEnabled()
    assert "choose iVAE" in switch(window).toolTip()
