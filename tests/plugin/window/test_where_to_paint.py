"""Where to paint in a real window: asked for with the mouse, a place taken with mouse and keys, painted, trained."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest
from tests.plugin.window.conftest import scene

from napari_unmix.identifiability.painting import NOTHING, Place
from napari_unmix.plugin.facts.suggesting import Suggested
from napari_unmix.progress import Progress

PLACES = tuple(
    Place(kind, endmember, *(axis.ravel() for axis in np.mgrid[row : row + 6, 30:38]), reason)  # type: ignore[arg-type]
    for kind, endmember, row, reason in (
        ("material", None, 5, "48 pixels at the upper right leave 9.1 × what the rest of the scene leaves, all alike."),
        (
            "material",
            1,
            16,
            "48 pixels at the right are 71 % endmember 2, the clearest patch of a material that is shaky.",
        ),
        ("region", None, 30, "48 pixels at the lower right are 55 % endmember 1 and 30 % endmember 3."),
    )
)


def suggesting(places: tuple[Place, ...], said: str = "") -> Callable[..., Any]:
    """What the window's engine finds, made up."""

    def work(run: Any, annotation: Any) -> Any:
        yield Progress("looking where to paint", 0, 1, 0.0)
        return Suggested(ref(run.unmixing), run.named.names, places, said)

    return work


def trained(window: Any, work: Callable[..., Any]) -> None:
    """A run of the fakes that is checked."""
    window.with_fakes(3)
    window.seam.put(places=work)
    train(window)


def train(window: Any) -> None:
    """Press the button and wait for the report."""
    before = window.session.run
    window.press("Train")
    window.wait_for(lambda: window.session.run not in (None, before) and window.session.state == "idle")
    window.settle()


def layers(window: Any) -> list[Any]:
    """Those that show places."""
    return [layer for layer in window.viewer.layers if layer.metadata.get("napari_unmix") == "places"]


def rows(window: Any) -> list[Any]:
    """The reasons that are seen."""
    from napari_unmix.plugin.window.panels.places import PlaceRow

    return [row for row in window.widget.findChildren(PlaceRow) if row.isVisible()]


def shot(window: Any, name: str) -> None:
    """A picture, where the person who works on this asks for one."""
    folder = os.environ.get("NAPARI_UNMIX_SHOTS")
    if folder:
        window.qtbot.wait(300)
        window.viewer.window.screenshot(
            str(Path(folder) / f"{name}.png"), canvas_only=False, flash=False
        )  # a flash is grey, also in the next


def test_asked_taken_with_the_mouse_painted_and_trained(window: Any) -> None:
    from qtpy.QtCore import Qt

    trained(window, suggesting(PLACES))
    session, viewer = window.session, window.viewer

    # 1. Ask: outlines in one colour with a number each, and the reasons in the panel.
    window.press("Where to paint")
    window.wait_for(lambda: len(layers(window)) == 2)
    outlines, numbers = layers(window)
    assert sorted(np.unique(outlines.data)) == [0, 1, 2, 3]
    assert outlines.contour == 1
    assert not outlines.editable
    assert list(numbers.text.values) == ["1", "2", "3"]
    window.wait_for(lambda: len(rows(window)) == 3)
    assert rows(window)[0].reason.text() == f"{PLACES[0].reason} Paint it as a material."
    assert session.annotation is None  # they are no painting
    shot(window, "places-dark")

    # 2. Click the second reason: the view is centred, the brush is ready for that material.
    window.qtbot.mouseClick(rows(window)[1].reason, Qt.MouseButton.LeftButton)
    window.qtbot.wait(50)
    painting = window.workspace.link.painting.layer
    assert painting.mode == "paint"
    assert viewer.layers.selection.active is painting
    assert tuple(viewer.scene.camera.center)[-2:] == PLACES[1].centre
    assert session.annotation.meaning(1).kind == "material"
    assert session.annotation.meaning(1).name == "endmember 2"

    # 3. Paint there; the places stay, what was painted keeps its meaning when the next is taken by key.
    window.drag((17, 31), (19, 35))
    window.wait_for(lambda: bool((session.annotation.labels == 1).any()))
    third = rows(window)[2]._number
    third.setFocus()
    window.qtbot.keyClick(third, Qt.Key.Key_Space)
    window.qtbot.wait(50)
    assert session.label == 2
    assert session.annotation.meaning(1).kind == "material"
    assert session.annotation.meaning(2).kind == "region"
    assert len(layers(window)) == 2

    # 4. Undo takes the stroke back, and leaves the places.
    viewer.window._qt_viewer.canvas.native.setFocus()
    window.controller.undo()  # the meaning of label 2
    window.controller.undo()  # the stroke
    assert not session.annotation.labels.any()
    assert len(layers(window)) == 2

    # 5. Train: they were of the answer before.
    train(window)
    window.wait_for(lambda: layers(window) == [])
    assert rows(window) == []


def test_with_the_checks_unfolded_the_places_are_listed_above_them_and_seen(window: Any) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QLabel

    from napari_unmix.plugin.window.panels.places import PlacesPart
    from napari_unmix.plugin.window.panels.reveal import dock_of

    trained(window, suggesting(PLACES))
    window.press("Why?")
    beside_why = next(part for part in window.widget.findChildren(PlacesPart) if part._step.name == "result").ask
    dock_of(beside_why).ensureWidgetVisible(beside_why)
    window.qtbot.wait(20)
    window.qtbot.mouseClick(beside_why, Qt.MouseButton.LeftButton)
    window.wait_for(lambda: len(rows(window)) == 3)
    viewport = dock_of(rows(window)[0]).viewport()

    def seen(row: Any) -> bool:
        top = row.mapTo(viewport, row.rect().topLeft()).y()
        return bool(0 <= top < viewport.height() - row.height() // 2)

    window.wait_for(lambda: all(map(seen, rows(window))))
    lowest = rows(window)[-1].mapToGlobal(rows(window)[-1].rect().bottomLeft()).y()
    checks = window.widget.findChild(QLabel, "checks")
    assert window.listed("checks")
    assert lowest < checks.mapToGlobal(checks.rect().topLeft()).y()
    shot(window, "places-why-dark")
    window.viewer.theme = "light"
    shot(window, "places-why-light")


def test_pressed_again_they_are_gone_and_so_where_the_layer_is_deleted(window: Any) -> None:
    trained(window, suggesting(PLACES))
    window.press("Where to paint")
    window.wait_for(lambda: len(layers(window)) == 2)
    window.press("Where to paint")
    window.wait_for(lambda: layers(window) == [])
    assert rows(window) == []
    window.press("Where to paint")
    window.wait_for(lambda: len(layers(window)) == 2)
    window.viewer.layers.remove(layers(window)[0])
    window.wait_for(lambda: layers(window) == [])
    assert window.session.places is None
    assert not window.button("Where to paint").isChecked()


def test_nothing_to_paint_says_so(window: Any) -> None:
    trained(window, suggesting((), NOTHING))
    window.press("Where to paint")
    window.wait_for(lambda: NOTHING in window.texts())
    assert layers(window) == []
    shot(window, "places-none")


def test_another_cube_a_theme_and_a_dock_that_is_closed(window: Any) -> None:
    from napari_unmix.plugin.viewer.layers import cube_layers

    trained(window, suggesting(PLACES))
    window.press("Where to paint")
    window.wait_for(lambda: len(layers(window)) == 2)
    first = window.session.cube
    window.viewer.theme = "light"
    window.qtbot.wait(100)
    assert len(layers(window)) == 2
    shot(window, "places-light")
    for data, options, _ in cube_layers(scene()):
        window.viewer.add_image(data, **{**options, "name": f"other {options['name']}"})
    window.wait_for(lambda: window.session.cube is not first)
    window.wait_for(lambda: layers(window) == [])
    window.controller.set_cube(first)
    window.wait_for(lambda: len(layers(window)) == 2)
    window.close_dock()  # the spectra stand, so all stays, and the reasons are listed again
    window.open_dock()
    window.wait_for(lambda: len(rows(window)) == 3)
    assert len(layers(window)) == 2
    if window.stands("Spectra"):
        window.close_dock("Spectra")
    window.close_dock()
    window.open_dock()
    window.wait_for(lambda: layers(window) == [])  # of a list that nobody sees any more
    window.settle()


def test_before_a_training_there_is_no_button(window: Any) -> None:
    window.with_fakes(3)
    with pytest.raises(AssertionError, match="no button reads"):
        window.button("Where to paint")
