"""Layers of several cubes in one list: the cube's name before each, those of the other cubes at the bottom, the band slider of the current one.

napari 0.9 has no groups of layers. Part of ``ViewerLink``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.layer_names import prefix_of
from napari_unmix.plugin.facts.naming import without_number
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.viewer import layers as kinds

NAMED_BY_CUBE = ("composite", "bands")  # whose names begin with the cube's anyway


class Grouping:
    """Follows the cubes that are open, and the current one."""

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self._connections: list[Callable[[], None]] = []

    def open(self) -> None:
        """Listen; after those who show and hide the layers of a cube."""
        events, layers = self._session.events, self._viewer.layers
        for fact, slot in ((events.cubes, self._name_all), (events.cube, self._changed_cube)):
            fact.connect(slot)
            self._connections.append(partial(fact.disconnect, slot, missing_ok=True))
        for change, heard in (
            (layers.events.inserted, self._inserted),
            (self._viewer.dims.events.range, self._keep_bands),
        ):
            change.connect(heard)
            self._connections.append(partial(change.disconnect, heard))
        self._name_all()
        self._changed_cube()

    def close(self) -> None:
        """Stop listening; names and order stay."""
        for disconnect in self._connections:
            disconnect()
        self._connections = []

    def _changed_cube(self, *_: Any) -> None:
        self._sink_others(self._session.cube)
        self._keep_bands()

    def _inserted(self, event: Any) -> None:
        self._name(event.value)

    # --- names

    def _name_all(self, *_: Any) -> None:
        for layer in self._viewer.layers:
            self._name(layer)

    def _name(self, layer: Any) -> None:
        """Put the cube's name before a layer's, or take it away where the cube is alone."""
        cube, role = kinds.layer_cube(layer), kinds.layer_role(layer)
        if cube is None or not role or role in NAMED_BY_CUBE:
            return
        before, wanted = layer.metadata.get(kinds.PREFIX, ""), prefix_of(cube, self._session.cubes)
        if before != wanted:
            plain = plain_name(layer)
            layer.metadata[kinds.PREFIX] = wanted
            layer.name = wanted + plain

    # --- order

    def _sink_others(self, cube: Cube | None) -> None:
        """The layers of other cubes go below all else, cube by cube, in the order that they had."""
        if cube is None:
            return
        layers, cubes = self._viewer.layers, self._session.cubes
        others = [
            layer
            for known in cubes
            if not same_image(known, cube)
            for layer in list(layers)
            if same_image(kinds.layer_cube(layer), known)
        ]
        # One by one, each where it is by then: what hears of a move may take layers away.
        for place, layer in enumerate(others):
            if layer in layers and layers.index(layer) != place:
                layers.move(layers.index(layer), place)

    # --- bands

    def _keep_bands(self, *_: Any) -> None:
        """The band slider has the current cube's bands: napari spans those of all that are open."""
        layers, cube = self._viewer.layers, self._session.cube
        deep = [layer for layer in layers if layer.ndim > 2]
        mine = [layer for layer in deep if same_image(kinds.layer_cube(layer), cube)]
        if cube is None or not mine or any(kinds.layer_role(layer) != "bands" for layer in deep):
            return  # somebody else's volume has slices of its own
        extent, dims = mine[0].extent, self._viewer.dims
        wanted = (float(extent.world[0][0]), float(extent.world[1][0]), float(extent.step[0]))
        if tuple(dims.range[0]) != wanted:
            dims.set_range(0, wanted)


def plain_name(layer: Any) -> str:
    """A layer's name without its cube's, and without the number that napari gave it."""
    return without_number(str(layer.name)).removeprefix(layer.metadata.get(kinds.PREFIX, ""))
