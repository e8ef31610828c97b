"""Shapes that the user draws on a cube, as outlines whose areas are measured. Part of ``ViewerLink``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QTimer

from napari_unmix.cube import FloatArray
from napari_unmix.plugin.facts.areas import Outline
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer.grouping import plain_name

SETTLED_MS = 150  # without a change: a corner that is dragged moves many times
ROUND = 64  # corners of an ellipse
ENCLOSED = ("polygon", "rectangle", "ellipse")  # lines and paths enclose nothing
NAMES = ("name", "label", "title")  # columns of a layer's features that name a shape


class Drawn:
    """Every layer of shapes belongs to the cube that it was made on."""

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller
        self._connections: list[Callable[[], None]] = []
        self._heard: list[Any] = []
        self._settle = QTimer()
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLED_MS)
        self._settle.timeout.connect(self._take)

    def open(self) -> None:
        """Listen, and take the shapes that are there."""
        layers, cube = self._viewer.layers, self._session.events.cube
        for signal, slot in ((layers.events.inserted, self._inserted), (layers.events.removed, self._changed)):
            signal.connect(slot)
            self._connections.append(partial(signal.disconnect, slot))
        cube.connect(self._changed_cube)
        self._connections.append(partial(cube.disconnect, self._changed_cube, missing_ok=True))
        self._changed_cube()

    def close(self) -> None:
        """Stop listening; the shapes stay."""
        self._settle.stop()
        for disconnect in self._connections:
            disconnect()
        for layer in self._heard:
            for change in _changes(layer):
                change.disconnect(self._changed)
        self._connections, self._heard = [], []

    def _inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _changed_cube(self, *_: Any) -> None:
        for layer in self._viewer.layers:
            self._adopt(layer)
        self._take()

    def _changed(self, *_: Any) -> None:
        self._settle.start()

    def _adopt(self, layer: Any) -> None:
        """Shapes that belong to no cube belong to the current one."""
        cube = self._session.cube
        if not isinstance(layer, Shapes) or cube is None or "cube" in layer.metadata:
            self._hear(layer)
            return
        layer.metadata.update({"cube": cube, kinds.ROLE: "shapes"})
        self._hear(layer)
        self._changed()

    def _hear(self, layer: Any) -> None:
        if kinds.layer_role(layer) == "shapes" and all(layer is not known for known in self._heard):
            for change in _changes(layer):
                change.connect(self._changed)
            self._heard.append(layer)

    def _take(self) -> None:
        """Hand over the outlines on the current cube."""
        self._heard = [layer for layer in self._heard if layer in self._viewer.layers]
        cube = self._session.cube
        mine = [layer for layer in self._heard if cube is not None and same_image(kinds.layer_cube(layer), cube)]
        image = next(
            (
                layer
                for layer in self._viewer.layers
                if kinds.layer_role(layer) in ("composite", "bands") and same_image(kinds.layer_cube(layer), cube)
            ),
            None,
        )
        outlines = [outline for layer in mine for outline in outlines_of(layer, image, alone=len(mine) == 1)]
        self._controller.set_outlines(tuple(outlines))


def _changes(layer: Any) -> list[Any]:
    """Where a layer of shapes says that an outline, or its place, is another."""
    events = layer.events
    return [events.data, events.features, events.scale, events.translate, events.rotate]


def outlines_of(layer: Any, image: Any, *, alone: bool) -> list[Outline]:
    """The shapes of a layer that enclose something, in pixels of an image layer; without names of their own they are numbered."""
    named = next((layer.features[column] for column in NAMES if column in layer.features), None)
    said = "shape" if alone else plain_name(layer)
    found = []
    for k, (corners, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
        if kind in ENCLOSED:
            name = "" if named is None else str(named.iloc[k]).strip()
            name = "" if name in ("nan", "None", "<NA>") else name
            found.append(Outline(name or f"{said} {k + 1}", _placed(_rounded(corners, kind), layer, image)))
    return found


def _rounded(corners: FloatArray, kind: str) -> FloatArray:
    """(N, D) the outline: napari gives of an ellipse the four corners around it."""
    corners = np.asarray(corners, float)
    if kind != "ellipse":
        return corners
    along, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
    return np.asarray(corners.mean(axis=0) + np.cos(turn) * along + np.sin(turn) * down)


def _placed(corners: FloatArray, layer: Any, image: Any) -> FloatArray:
    """(N, 2) row and column in the image: both layers may be scaled, moved or turned by their user."""
    moved = [np.asarray(layer.data_to_world(corner))[-2:] for corner in corners]
    if image is None:
        return np.asarray(moved)
    before = [0.0] * (image.ndim - 2)
    return np.asarray([np.asarray(image.world_to_data([*before, *place]))[-2:] for place in moved])
