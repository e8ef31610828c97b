"""What the canvas shows of two runs: the difference of two maps, both in turn, both side by side. Part of ``viewer_link``.

Two layers at most, above the maps and below paint and marks; they go when the comparison ends. Their names, which the canvas shows, say which
run is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.comparison import overlay_title
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.likeness import DifferenceMap, Pictures, split
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer.connecting import connected
from napari_unmix.plugin.viewer.farewell import take_away

FLICKER_KEY = "W"
FLICKER_MS = 700  # below 2 Hz: slower than anything that harms
GRIP_PIXELS = 8  # of the screen: so near to the line, a press takes it
ROLE = "comparison"
LESS, NONE, MORE = "#2166ac", "#f4f4f4", "#b2182b"  # blue and red are told apart by colour-blind eyes too


class CompareLayers:
    """Follows ``session.overlay`` and ``session.comparing``, a turn of the event loop later."""

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller
        self._layers: dict[type, Any] = {}  # by what they show: DifferenceMap, Pictures
        self._seen: tuple[Any, ...] = ()  # what the layer of pictures shows
        self._connections: list[Callable[[], None]] = []
        self._turn, self._pace = QTimer(), QTimer()
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._next)
        self._pace.setInterval(FLICKER_MS)
        self._pace.timeout.connect(self._other)

    def open(self) -> None:
        """Listen to the facts, the key and the mouse."""
        events = self._session.events
        facts = (events.overlay, events.comparing, events.run, events.beside)
        self._connections += connected(self._changed, *facts)
        self._viewer.bind_key(FLICKER_KEY, self._other, overwrite=True)
        self._connections.append(partial(self._viewer.bind_key, FLICKER_KEY, None, overwrite=True))
        self._viewer.mouse_drag_callbacks.append(self._pressed)
        self._connections.append(self._release)
        self._changed()

    def _release(self) -> None:
        if self._pressed in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pressed)

    def close(self) -> None:
        """Stop listening, and take the layers away: what they compare is not kept."""
        self._turn.stop()
        self._pace.stop()
        for disconnect in self._connections:
            disconnect()
        self._connections = []
        while self._layers:
            self._take_away(next(iter(self._layers)))

    def removed(self, layer: Any) -> None:
        """The user deleted a layer: the maps are wanted alone."""
        for kind, known in list(self._layers.items()):
            if known == layer:
                del self._layers[kind]
                self._seen = () if kind is Pictures else self._seen
                self._controller.view_comparison("one")

    # --- from the facts to the canvas

    def _changed(self, *_: Any) -> None:
        self._turn.start(0)
        comparing = self._session.comparing
        paced = comparing.paced and comparing.view == "flicker" and isinstance(self._session.overlay, Pictures)
        if paced != self._pace.isActive():
            self._pace.start() if paced else self._pace.stop()

    def _next(self) -> None:
        """Show what is to be shown; of the layers that are no longer needed, one a turn goes."""
        overlay, cube = self._session.overlay, self._session.cube
        if overlay is None or cube is None:
            self._end()
            return
        for kind, layer in self._layers.items():
            if layer.visible and kind is not type(overlay):
                layer.visible = False
        if isinstance(overlay, DifferenceMap):
            self._show_difference(overlay, cube)
        else:
            self._show_pictures(overlay, cube)

    def _end(self) -> None:
        """No comparison, or none yet: a picture of two other runs is not left standing."""
        for kind, layer in list(self._layers.items()):
            if self._session.beside is None or self._session.comparing.view == "one" or not self._is_here(layer):
                self._take_away(kind)
                self._turn.start(0)
                return
            layer.visible = False

    def _is_here(self, layer: Any) -> bool:
        return same_image(kinds.layer_cube(layer), self._session.cube)

    def _take_away(self, kind: type) -> None:
        layer = self._layers.pop(kind)
        self._seen = () if kind is Pictures else self._seen
        take_away(self._viewer, layer)

    def _show_difference(self, overlay: DifferenceMap, cube: Cube) -> None:
        layer = self._layers.get(DifferenceMap)
        if layer is None or not self._is_here(layer):
            layer = self._add(
                DifferenceMap,
                overlay.plane,
                cube,
                colormap=_diverging(),
                contrast_limits=(-overlay.limit, overlay.limit),
            )
            layer.colorbar.position = "bottom_left"  # its name is above
            layer.colorbar.visible = True
        elif layer.data is not overlay.plane:
            layer.data = overlay.plane
            layer.contrast_limits_range = layer.contrast_limits = (-overlay.limit, overlay.limit)
        self._dress(layer)

    def _show_pictures(self, overlay: Pictures, cube: Cube) -> None:
        comparing = self._session.comparing
        halved = comparing.view == "split"
        seen = (overlay, comparing.divider if halved else comparing.other)
        layer = self._layers.get(Pictures)
        if layer is None or not self._is_here(layer) or seen != self._seen:
            picture = overlay.beside if comparing.other else overlay.shown
            picture = split(overlay, comparing.divider) if halved else picture
            if layer is None or not self._is_here(layer):
                layer = self._add(Pictures, picture, cube, rgb=True)
            else:
                layer.data = picture
            self._seen = seen
        self._dress(layer)

    def _add(self, kind: type, data: Any, cube: Cube, **options: Any) -> Any:
        if kind in self._layers:
            self._take_away(kind)
        title = overlay_title(self._session)
        metadata = {"cube": cube, kinds.ROLE: ROLE}
        layer = Image(data, name=title, blending="translucent_no_depth", metadata=metadata, **options)
        layer.name_overlay.visible = True
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._place(), layer)
        if active is not None:
            self._viewer.layers.selection.active = active  # the user may be painting
        self._layers[kind] = layer
        return layer

    def _dress(self, layer: Any) -> None:
        """On view, over all maps, by a name that says what it is."""
        title = overlay_title(self._session)
        if layer.name != title:
            layer.name = title
        if not layer.visible:
            layer.visible = True
        place, layers = self._place(), self._viewer.layers
        if layers.index(layer) < place - 1:
            layers.move(layers.index(layer), place)

    def _place(self) -> int:
        """Above this cube's maps and image; its paint, the pins and the pixel's mark stay on top."""
        layers = list(self._viewer.layers)
        under = [k for k, layer in enumerate(layers) if self._is_here(layer) and self._lies_under(layer)]
        return max(under, default=len(layers) - 1) + 1

    @staticmethod
    def _lies_under(layer: Any) -> bool:
        return kinds.layer_role(layer) not in ("annotation", "mark", ROLE, "")

    # --- from the user to the facts

    def _other(self, *_: Any) -> None:
        """The key, or the time: the other run."""
        self._controller.see_other()

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """A press on the line drags it; the image stays where it is."""
        layer = self._layers.get(Pictures)
        if event.button != 1 or event.modifiers or layer is None or not self._grips(layer, event):
            return
        viewer.scene.camera.mouse_pan = False
        yield
        while event.type == "mouse_move":
            column = layer.world_to_data(event.position)[-1]
            self._controller.move_divider((column + 0.5) / layer.data.shape[1])
            yield
        viewer.scene.camera.mouse_pan = True

    def _grips(self, layer: Any, event: Any) -> bool:
        """Whether a press is on the line, and the mouse is not at other work, such as painting."""
        comparing, camera = self._session.comparing, self._viewer.scene.camera
        if comparing.view != "split" or not layer.visible or not camera.mouse_pan or self._viewer.dims.ndisplay != 2:
            return False
        line = np.array(event.position, dtype=float)
        at = np.array(layer.world_to_data(event.position), dtype=float)
        at[-1] = comparing.divider * layer.data.shape[1] - 0.5
        line[-2:] = np.asarray(layer.data_to_world(at))[-2:]
        return bool(np.abs(line - np.asarray(event.position))[-1] * camera.zoom <= GRIP_PIXELS)


def _diverging() -> Any:
    """Less in blue, more in red, no difference almost white; where there is no data, nothing."""
    from napari.utils import Colormap

    from napari_unmix.output.palette import rgb

    return Colormap([[*rgb(colour), 1.0] for colour in (LESS, NONE, MORE)], name="difference")
