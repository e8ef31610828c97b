"""A window that is used for long: what is closed is freed, what was trained and cancelled leaves nothing, docks that close leave nothing."""

from __future__ import annotations

import gc
import threading
import weakref
from itertools import chain
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QThreadPool

from napari_unmix.cube import Annotation, Cube
from napari_unmix.plugin.facts.session import Session, current_report, shown_preview
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import ThreadJob
from napari_unmix.plugin.viewer.layers import cube_layers, layer_cube
from napari_unmix.plugin.viewer.link import ViewerLink
from napari_unmix.plugin.window.dock import SpectraDock, UnmixDock
from napari_unmix.plugin.window.workspace import Workspace, _open

CYCLES, CLICKS = 4, 20
WITH_A_DOCK = (Session, Controller, ViewerLink, Workspace, UnmixDock)
OURS = (*WITH_A_DOCK, SpectraDock, ThreadJob)


def scene(seed: int) -> Cube:
    """A noisy cube of the size that the fakes answer."""
    generator = np.random.default_rng(seed)
    return Cube(generator.uniform(0.1, 0.9, (40, 50, 20)), np.linspace(450, 900, 20), name=f"scene {seed}")


def add(window: Any, cube: Cube) -> list[weakref.ref[Any]]:
    """Open a cube, and know it without holding it."""
    for data, options, _ in cube_layers(cube):
        window.viewer.add_image(data, **options)
    window.qtbot.wait(50)
    return [weakref.ref(cube), weakref.ref(cube.spectra)]


def remove(window: Any, cube: Cube | None) -> None:
    """Remove a cube's layers, and hold none of them. Hidden ones are shown before: see ``viewer/farewell.py`` on software OpenGL."""
    for layer in window.viewer.layers:
        layer.visible = layer.visible or layer_cube(layer) is cube
    window.qtbot.wait(250)
    for layer in list(window.viewer.layers):
        if layer_cube(layer) is cube and layer in window.viewer.layers:
            window.viewer.layers.remove(layer)
    window.qtbot.wait(100)


def callbacks(viewer: Any) -> list[list[Any]]:
    """Who listens to what the link listens to."""
    events = viewer.layers.events
    signals = (events.inserted, events.removing, events.removed, viewer.events.theme)
    return [
        *(list(signal.callbacks) for signal in signals),
        [*viewer.mouse_drag_callbacks, *viewer.mouse_move_callbacks],
    ]


def counted(viewer: Any) -> list[int]:
    """How many listen."""
    return [len(heard) for heard in callbacks(viewer)]


def ours(viewer: Any) -> int:
    """How many of them are this plugin's."""
    found = 0
    for callback in chain.from_iterable(callbacks(viewer)):
        held = callback[0]() if isinstance(callback, tuple) else getattr(callback, "__self__", callback)
        found += "napari_unmix" in f"{type(held).__module__} {getattr(held, '__module__', '')}"
    return found


def left(kind: type) -> int:
    """How many objects there are of a class."""
    return sum(type(thing) is kind for thing in gc.get_objects())


def collect() -> None:
    """What Qt is to delete, and what nobody holds."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()


@pytest.mark.slow
def test_closed_cubes_are_freed_in_a_window(window: Any) -> None:
    window.viewer.add_image(
        np.zeros((4, 4))
    )  # software OpenGL does not bear an empty canvas twice, also without this plugin
    window.with_fakes(3)
    known: list[weakref.ref[Any]] = []
    for seed in range(2):
        known += add(window, scene(seed))
        window.controller.set_annotation(Annotation(np.ones((40, 50), np.int32)))
        window.click(20, 20)
        window.press("Train")
        window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
        remove(window, window.session.cube)
    window.settle()
    remove(window, window.session.cube)
    window.settle()
    collect()
    assert sum(one() is not None for one in known) == 0


@pytest.mark.slow
def test_train_cancel_retrain_and_close_leave_nothing(window: Any) -> None:
    fit = window.with_fakes(100_000)
    collect()
    others = {kind: left(kind) - (kind in WITH_A_DOCK) for kind in OURS}  # of the tests before
    window.controller.set_annotation(Annotation(np.ones((40, 50), np.int32)))
    window.open_dock("Spectra")
    window.settle()
    workspace = weakref.ref(window.workspace)
    listening, layers = counted(window.viewer), []
    assert ours(window.viewer) > 7
    for cycle in range(CYCLES):
        window.press("Train")
        window.wait_for(lambda: shown_preview(window.session) is not None)
        for _ in range(CLICKS // CYCLES):
            window.click(*np.random.default_rng(cycle).integers(1, 39, 2).tolist())
        window.press("Cancel")
        assert fit.closed.wait(10.0)
        fit.steps = 3
        window.press("Train")
        window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
        fit.steps = 100_000
        window.qtbot.wait(100)
        layers.append(len(window.viewer.layers))
    window.settle()
    assert not ThreadJob._alive
    assert layers == layers[:1] * CYCLES
    assert counted(window.viewer) == listening
    collect()
    assert left(ThreadJob) <= others[ThreadJob]
    window.close_dock("Spectra")
    window.close_dock("Unmix")
    window.settle()
    collect()
    assert hash(window.viewer) not in _open
    assert ours(window.viewer) == 0
    assert QThreadPool.globalInstance().activeThreadCount() == 0
    assert [one for one in threading.enumerate() if "unmix" in one.name.lower()] == []
    assert workspace() is None
    assert [kind.__name__ for kind in OURS if left(kind) > others[kind]] == []
    count = len(window.viewer.layers)
    window.viewer.add_image(np.zeros((9, 12, 10)))
    window.qtbot.wait(100)
    assert len(window.viewer.layers) == count + 1


@pytest.mark.parametrize("mode", ["paint", "erase", "fill"])
def test_a_brush_is_put_down_before_its_layer_goes(window: Any, mode: str) -> None:
    """napari would draw the brush of a layer that is gone."""
    window.with_fakes(3)
    window.press("New annotation")
    painting = window.viewer.layers["annotation"]
    painting.mode = mode
    window.drag((5, 5), (9, 9))
    window.viewer.layers.remove(painting)
    window.qtbot.wait(100)
    assert str(painting.mode) == "pan_zoom"
    assert window.session.annotation is None
