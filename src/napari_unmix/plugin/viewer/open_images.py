"""Which layers are the image of a cube, and which hold it: a cube is open while one of its images is, and freed when the last one goes."""

from __future__ import annotations

from typing import Any

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds

IMAGES = ("composite", "bands")


class OpenImages:
    """The layers of the open cubes. Part of ``ViewerLink``."""

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller

    def of(self, cube: Cube, *roles: str) -> list[Any]:
        """The layers of a cube in these roles; without any, those that are its image."""
        return [
            layer
            for layer in self._viewer.layers
            if same_image(kinds.layer_cube(layer), cube) and kinds.layer_role(layer) in (roles or IMAGES)
        ]

    def fit(self) -> None:
        """Show the whole of the current cube; napari by itself fits all that is open, hidden or not."""
        cube = self._session.cube
        mine = [] if cube is None else self.of(cube)
        deep = max((layer.ndim for layer in mine), default=0)
        if deep == self._viewer.dims.ndim:
            self._viewer.reset_view(layers=mine)
        else:
            self._viewer.reset_view()

    def hold(self, *, strongly: bool) -> None:
        """While a dock is open, paintings and maps hold their cube; without one they only know it while its image is open."""
        for layer in self._others():
            kinds.hold(layer, strongly=strongly)

    def removed(self, layer: Any) -> None:
        """A layer went; with the last image of a cube goes the cube."""
        cube = kinds.layer_cube(layer)
        if cube is not None and kinds.layer_role(layer) in IMAGES and not self.of(cube):
            if any(same_image(cube, known) for known in self._session.cubes):
                self._controller.remove_cube(cube)
            self.let_go()
        selection = self._viewer.layers.selection
        if selection._current is not None and selection._current not in self._viewer.layers:
            selection._current = None  # napari would hold the layer until another is current

    def let_go(self) -> None:
        """What stays of closed cubes, paintings and maps, does not hold them."""
        for layer in self._others():
            cube = kinds.layer_cube(layer)
            if cube is not None and not self.of(cube):
                kinds.let_go(layer)

    def leave(self) -> None:
        """The docks close: the images keep what there is of their cubes, for the next dock."""
        for cube in self._session.cubes:
            for layer in self.of(cube)[:1]:
                layer.metadata[kinds.LEFT] = self._controller.left_of(cube)

    def _others(self) -> list[Any]:
        """The layers of cubes that are not their images."""
        return [
            layer for layer in self._viewer.layers if "cube" in layer.metadata and kinds.layer_role(layer) not in IMAGES
        ]
