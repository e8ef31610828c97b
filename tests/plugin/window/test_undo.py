"""Ctrl+Z takes back whatever was done last, in the order in which it was done, on the cube that it was done to."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt

from napari_unmix.cube import Meaning
from napari_unmix.plugin.facts.session import shown_names


def canvas_key(window: Any, key: Any, modifiers: Any = Qt.KeyboardModifier.ControlModifier) -> None:
    """A key where the mouse paints."""
    window.qtbot.keyClick(window.viewer.window._qt_viewer.canvas.native, key, modifiers)
    window.qtbot.wait(50)


def painted(window: Any) -> int:
    """Painted pixels, as the session has them."""
    return 0 if window.session.annotation is None else int((window.session.annotation.labels > 0).sum())


def test_strokes_names_and_meanings_are_undone_in_their_order(window: Any) -> None:
    window.with_fakes(2)
    window.press("New annotation")
    window.drag((5, 5), (5, 20))
    first = painted(window)
    assert first > 0
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.state == "idle")
    window.controller.rename_endmember(1, "water")
    window.controller.set_meaning(1, Meaning("material", "water"))
    window.viewer.layers["annotation"].mode = "paint"
    window.viewer.layers.selection.active = window.viewer.layers["annotation"]
    window.drag((20, 5), (20, 20))
    assert painted(window) > first
    assert window.session.undoable == "stroke"
    canvas_key(window, Qt.Key.Key_Z)
    assert painted(window) == first
    assert str(first) in window.texts()  # the row of the label says so too
    assert shown_names(window.session)[1] == "water"
    canvas_key(window, Qt.Key.Key_Z)
    assert window.session.annotation.meaning(1).kind == "region"
    canvas_key(window, Qt.Key.Key_Z)
    assert shown_names(window.session)[1] == "endmember 2"
    assert painted(window) == first
    canvas_key(window, Qt.Key.Key_Z)
    assert painted(window) == 0
    for _ in range(4):
        canvas_key(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert shown_names(window.session)[1] == "water"
    assert painted(window) > first
    assert window.session.redoable == ""


def test_the_dock_undoes_too_but_a_field_that_is_written_in_its_own_text(window: Any) -> None:
    window.with_fakes(2)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.state == "idle")
    window.controller.rename_endmember(0, "rock")
    window.button("Train").setFocus()
    window.qtbot.keyClick(window.button("Train"), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert shown_names(window.session)[0] == "endmember 1"
