"""The ring at the selected pixel, and the pins. Part of ``viewer_link``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QTimer

from napari_unmix.plugin.facts.colours import pin_colours
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds

RIM, PICKED_RIM, PICKED_SIZE = 0.05, 0.14, 1.35  # of a pin's size; times it


class Marks:
    """Layers that say where: they follow the facts, and are made when they are first needed."""

    def __init__(self, viewer: Any, session: Session, controller: Controller, size: Callable[[], int]) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller
        self._size = size
        self._ring: Any | None = None
        self._pins: Any | None = None
        self._past: list[Any] = []  # marks of what is no longer, to be taken away
        self._turn = QTimer()
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._next)

    def open(self) -> None:
        """Take away what was marked for a dock that is closed: nobody knows any more what for."""
        for layer in [layer for layer in self._viewer.layers if kinds.layer_role(layer) == "mark"]:
            self._viewer.layers.remove(layer)

    def pixel_changed(self, pixel: tuple[int, int] | None) -> None:
        """Not in the same turn: the plot answers first."""
        self._turn.start(0)

    def _next(self) -> None:
        self._take_away()
        self._show_pixel()

    def _take_away(self) -> None:
        """Never while napari takes away layers itself: it goes through a list of them, which holds the marks too."""
        past, self._past = self._past, []
        for layer in past:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _show_pixel(self) -> None:
        pixel = self._session.pixel
        if pixel is None:
            return
        if self._ring is not None:
            self._ring.translate = kinds.mark_place(pixel, self._size())
            return
        data, options, _ = kinds.mark_layer(pixel, self._size(), self._session.cube)
        active = self._viewer.layers.selection.active
        self._ring = self._viewer.add_image(data, **options)
        self._viewer.layers.selection.active = active

    def pins_changed(self, pins: tuple[tuple[int, int], ...]) -> None:
        """Show the pins: one numbered point each, in the colour of its curve."""
        if not pins:
            self._drop_pins()
            return
        if self._pins is None:
            self._take_back()
        if self._pins is None:
            self._add_pins(pins)
        else:
            self._pins.data = np.asarray(pins, float)
            self._pins.face_color = pin_colours(len(pins))
            self._pins.text = _numbers(len(pins))
            self._pins.selected_data = set()
        self.picked_changed()

    def picked_changed(self, *_: Any) -> None:
        """The pin that is picked has a white rim, and is larger."""
        pins, picked = self._session.pins, self._session.picked
        if self._pins is None or len(self._pins.data) != len(pins):
            return
        strong = np.array([place == picked for place in pins])
        self._pins.border_color = np.where(strong[:, None], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0])
        self._pins.border_width = np.where(strong, PICKED_RIM, RIM)
        self._pins.size = float(self._size()) * np.where(strong, PICKED_SIZE, 1.0)

    def _take_back(self) -> None:
        """The pins of the cube before, which are about to go, become those of this one: napari would call a second layer “pins [1]”."""
        left = [layer for layer in self._past if isinstance(layer, Points) and layer in self._viewer.layers]
        if left:
            self._pins = left[-1]
            self._past = [layer for layer in self._past if layer != self._pins]
            self._pins.metadata["cube"] = self._session.cube
            self._pins.visible = True

    def _add_pins(self, pins: tuple[tuple[int, int], ...]) -> None:
        """napari takes some 0.4 s for the first points; further pins are quick."""
        active = self._viewer.layers.selection.active
        self._pins = Points(
            np.asarray(pins, float),
            name="pins",
            size=float(self._size()),
            face_color=pin_colours(len(pins)),
            border_color="black",
            text=_numbers(len(pins)),
            metadata={"cube": self._session.cube, kinds.ROLE: "mark"},
        )
        self._pins.editable = False
        self._viewer.layers.append(self._pins)
        self._viewer.layers.selection.active = active

    def removed(self, layer: Any) -> None:
        """The user deleted a layer: its marks are gone."""
        if layer == self._ring:
            self._ring = None
        elif layer == self._pins:
            self._pins = None
            self._controller.clear_pins()

    def drop(self) -> None:
        """Another cube: what was marked is not on it."""
        self._drop_pins()
        if self._ring is not None:
            self._past.append(self._ring)
            self._ring = None
            self._turn.start(0)

    def _drop_pins(self) -> None:
        if self._pins is not None:
            self._past.append(self._pins)
            self._pins = None
            self._turn.start(0)

    def close(self) -> None:
        """Mark nothing any more; the marks of the last cube stay with the user."""
        self._turn.stop()
        self._take_away()


def _numbers(count: int) -> dict[str, Any]:
    """The pins' numbers, in black on their colours."""
    return {"string": [str(number + 1) for number in range(count)], "color": "black", "size": 10, "anchor": "center"}
