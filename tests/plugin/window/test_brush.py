"""Every door into painting puts the brush in hand, whatever took it away: real mouse, real keys."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from tests.plugin.window.conftest import scene
from tests.plugin.window.test_guides import press_keys
from tests.plugin.window.test_undo import canvas_key, painted

from napari_unmix.plugin.viewer.layers import cube_layers


def painting(window: Any) -> Any:
    """The layer of the painting of the cube that is looked at."""
    return window.workspace.link.painting.layer


def train(window: Any) -> None:
    """A run of the fakes, with the mouse."""
    before = window.session.run
    window.press("Train")
    window.wait_for(lambda: window.session.run not in (None, before) and window.session.state == "idle")
    window.wait_for(lambda: len(window.maps()) == 3)


# --- how the brush gets out of hand


def another_run(window: Any) -> None:
    """A training puts the brush down, so that a click asks what a pixel is made of."""
    train(window)
    assert painting(window).mode == "pan_zoom"


def put_down(window: Any) -> None:
    """By napari's own button."""
    painting(window).mode = "pan_zoom"


def a_map_is_selected(window: Any) -> None:
    """The user looks at a map's contrast."""
    window.viewer.layers.selection.active = window.maps()[0]


def the_eye_is_closed(window: Any) -> None:
    """The painting is hidden, and napari lets nobody paint on what is hidden."""
    painting(window).visible = False


def another_cube(window: Any) -> None:
    """Worked on for a while, with a painting of its own; then the first again."""
    first = window.session.cube
    for data, options, _ in cube_layers(scene()):
        window.viewer.add_image(data, **options)
    window.wait_for(lambda: window.session.cube is not first)
    window.press("New annotation")
    window.drag((8, 8), (8, 12))
    assert painted(window) > 0
    window.controller.set_cube(first)
    window.qtbot.wait(20)


# --- the doors


def by_keys(window: Any) -> None:
    """The key of the next region."""
    press_keys(window, "Ctrl+Shift+N")


def by_button(window: Any) -> None:
    """The button of the next region."""
    window.press("Next region")


def by_row(window: Any) -> None:
    """The number of a label that is painted."""
    row = window.widget.panels[1]._by_label[1]
    window.unfold_for("Next region")
    window.qtbot.mouseClick(row._swatch, Qt.MouseButton.LeftButton)


WAYS = (
    (another_run, by_keys),
    *(
        (lose, door)
        for lose in (put_down, a_map_is_selected, the_eye_is_closed)
        for door in (by_keys, by_button, by_row)
    ),
    (another_cube, by_keys),
)


def test_the_brush_is_in_hand(window: Any) -> None:
    """Each stroke is undone, so that the label that comes next is the one that the brush has already."""
    window.with_fakes(2)
    window.viewer.window._qt_window.activateWindow()
    window.press("New annotation")
    window.drag((5, 5), (5, 20))
    window.press("Next region")
    for lose, door in WAYS:
        lose(window)
        before = painted(window)
        door(window)
        window.drag((20, 10), (20, 30))
        said = f"{lose.__name__}, {door.__name__}"
        assert painted(window) > before, said
        assert (painting(window).visible, painting(window).contour) == (True, 0), said
        assert window.viewer.layers.selection.active == painting(window), said
        canvas_key(window, Qt.Key.Key_Z)
        assert painted(window) == before, said


def test_an_annotation_that_is_empty_is_begun_again(window: Any) -> None:
    """Nothing was painted, so the layer is the same."""
    window.with_fakes(2)
    window.press("New annotation")
    put_down(window)
    window.press("New annotation")
    window.drag((5, 5), (5, 20))
    assert painted(window) > 0
    assert len([layer for layer in window.viewer.layers if layer.metadata.get("napari_unmix") == "annotation"]) == 1


def test_a_label_chosen_among_napari_s_own_tools_leaves_the_tool(window: Any) -> None:
    window.with_fakes(2)
    window.press("New annotation")
    window.drag((5, 5), (5, 20))
    painting(window).mode = "fill"
    painting(window).selected_label = 4
    assert window.session.label == 4
    assert painting(window).mode == "fill"
