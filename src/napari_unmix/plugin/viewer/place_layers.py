"""The layers that show where to paint: outlines in one quiet colour, and their numbers. Part of ``ViewerLink``."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points
from psygnal import SignalInstance

from napari_unmix.identifiability.painting import Place
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.facts.suggesting import Suggested, suggested_now
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer import quiet
from napari_unmix.plugin.viewer.asked_layers import AskedLayers

ROLE = "places"
COLOUR = "#ffd98a"  # seen on dark and on light images, and no endmember's
_NUMBERS = {"color": "black", "size": 10, "anchor": "center"}
_BADGE = 18  # pixels of the screen, whatever the zoom: a number is read on it over any map


class PlaceLayers(AskedLayers):
    """Two layers while places are shown; none else."""

    role = ROLE

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        super().__init__(viewer, session, controller)
        self._shown: Suggested | None = None
        self._layers: list[Any] = []

    def _facts(self) -> tuple[SignalInstance, ...]:
        events = self._session.events
        return events.places, events.run, events.cube, events.training

    def _forget_all(self) -> None:
        self._layers, self._shown = [], None

    def removed(self, layer: Any) -> None:
        """The user deleted one of the layers: the places are no longer asked for."""
        self._past = [known for known in self._past if known != layer]
        if layer in self._layers:
            self._past += [known for known in self._layers if known != layer]
            self._layers, self._shown = [], None
            if suggested_now(self._session) is not None:
                self._controller.toggle_places()
            self._turn.start(0)

    def _refresh(self, *_: Any) -> None:
        if suggested_now(self._session) is not self._shown or self._past:
            self._turn.start(0)

    def _next(self) -> None:
        wanted = suggested_now(self._session)
        if wanted is not self._shown:
            self._past, self._layers, self._shown = [*self._past, *self._layers], [], wanted
        self._remove_past()
        if wanted is not None and wanted.places and not self._layers:
            self._add(wanted.places)
        if self._past:
            self._turn.start(0)

    def _add(self, places: tuple[Place, ...]) -> None:
        cube = self._session.cube
        if cube is None:
            return
        options = {"metadata": {"cube": cube, kinds.ROLE: ROLE}}
        outlines = Labels(outlined(places, cube.shape[:2]), name="where to paint", opacity=1.0, **options)
        outlines.contour = 1
        outlines.colormap = kinds.label_colormap(dict.fromkeys(range(1, len(places) + 1), COLOUR))
        numbers = Points(
            np.array([place.centre for place in places], float),
            name="where to paint: numbers",
            size=1,
            face_color=COLOUR,
            border_width=0,
            canvas_size_limits=(_BADGE, _BADGE),
            text={"string": [str(k + 1) for k in range(len(places))], **_NUMBERS},
            **options,
        )
        self._layers = [outlines, numbers]
        for layer in reversed(self._layers):  # each goes below the one before
            layer.editable = False
            quiet.insert(self._viewer.layers, kinds.place_below(self._viewer.layers, cube, kinds.PAINT), layer)


def outlined(places: tuple[Place, ...], shape: tuple[int, ...]) -> Any:
    """(H, W) the number of each place from 1, 0 elsewhere."""
    plane = np.zeros(shape, np.uint8)
    for number, place in enumerate(places, 1):
        plane[place.rows, place.columns] = number
    return plane
