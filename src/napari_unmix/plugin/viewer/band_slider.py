"""napari's slider of bands: which band of the current cube it shows, in the cube's own unit. Part of ``link``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.facts.shapes import band_text
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer.open_images import OpenImages


class BandSlider:
    """The slider follows ``session.band`` and tells it; while the bands are visible, the canvas says which it is."""

    def __init__(self, viewer: Any, session: Session, controller: Controller, images: OpenImages) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller
        self._images = images
        self._watched: Any | None = None  # the bands layer whose eye is heard
        self._said = ""  # what the canvas says of ours

    def connections(self) -> tuple[tuple[Any, Callable[..., None]], ...]:
        """What it hears."""
        events, dims = self._session.events, self._viewer.dims.events
        return (
            (dims.current_step, self.moved),
            (dims.ndim, self.moved),
            (events.cube, self.moved),
            (events.band, self._show),
        )

    def moved(self, *_: Any) -> None:
        """The slider was moved, or the cube is another one."""
        layer = self._layer()
        self._watch(layer)
        if layer is None:
            self._controller.hide_band()
        else:
            point = self._viewer.dims.point
            self._controller.show_band(round(float(layer.world_to_data(point[-layer.ndim :])[0])))
        self._say()

    def _show(self, band: int | None) -> None:
        layer = self._layer()
        if layer is not None and band is not None:
            axis = self._viewer.dims.ndim - layer.ndim
            place = layer.data_to_world((band, *np.zeros(layer.ndim - 1)))[0]
            self._viewer.dims.set_point(axis, float(place))
        self._say()

    def _say(self, *_: Any) -> None:
        """The canvas says the band while it shows one; words of others are left alone."""
        layer, session, overlay = self._watched, self._session, self._viewer.canvas.overlays.text
        cube, band = session.cube, session.band
        seen = layer is not None and layer.visible and cube is not None and band is not None and band < cube.shape[2]
        said = band_text(cube.spectral_axis, band) if seen and cube is not None and band is not None else ""
        if overlay.text not in ("", self._said):
            return
        if said != overlay.text:
            overlay.text = said
        overlay.visible = bool(said)
        self._said = said

    def _layer(self) -> Any | None:
        """The bands of the current cube, where the viewer has a slider for them."""
        cube = self._session.cube
        if cube is None or self._viewer.dims.ndim < 3:
            return None
        bands = (layer for layer in self._images.of(cube) if kinds.layer_role(layer) == "bands")
        return next((layer for layer in bands if layer in self._viewer.layers), None)

    def _watch(self, layer: Any | None) -> None:
        if layer == self._watched:
            return
        if self._watched is not None:
            self._watched.events.visible.disconnect(self._say)
        self._watched = layer
        if layer is not None:
            layer.events.visible.connect(self._say)

    def close(self) -> None:
        """Say nothing any more."""
        self._watch(None)
        self._say()
