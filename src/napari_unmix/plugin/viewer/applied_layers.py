"""The layers of maps that a run gave other cubes: the user's from then on. Part of ``ViewerLink``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Image

from napari_unmix.plugin.facts.applying import AppliedMaps
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer import quiet


class AppliedLayers:
    """One layer for each endmember, whenever maps are asked for; nothing here keeps or changes them afterwards."""

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer = viewer
        self._session = session

    def connections(self) -> list[tuple[Any, Callable[..., None]]]:
        """What to listen to."""
        return [(self._session.events.applied_maps, partial(_add, self._viewer))]


def _add(viewer: Any, maps: AppliedMaps | None) -> None:
    if maps is None:
        return
    for index, (name, colour) in enumerate(zip(maps.names, maps.colours, strict=True)):
        layer = Image(
            maps.plane(index),
            name=f"{maps.cube}: {name}",
            rgb=False,
            colormap=kinds.black_to(colour),
            blending="additive",
            contrast_limits=(0.0, 1.0),
            metadata={kinds.ROLE: "applied"},
        )
        quiet.insert(viewer.layers, len(viewer.layers), layer)
