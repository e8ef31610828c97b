"""The one module that touches the viewer: layers, mouse, theme, notifications. All connections are in a list."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_info
from napari.utils.theme import get_theme
from psygnal import SignalInstance
from qtpy.QtCore import QTimer

from napari_unmix.cube import Annotation, Cube, IntArray
from napari_unmix.output.composite import composite
from napari_unmix.plugin.facts.colours import annotation_row_colours
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import Adopted, Reread, Session, Theme
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer.adoption import could_be_cube
from napari_unmix.plugin.viewer.band_slider import BandSlider
from napari_unmix.plugin.viewer.compare_layers import CompareLayers
from napari_unmix.plugin.viewer.derived_layers import DerivedLayers
from napari_unmix.plugin.viewer.drawn import Drawn
from napari_unmix.plugin.viewer.grouping import Grouping
from napari_unmix.plugin.viewer.hovering import Hovering
from napari_unmix.plugin.viewer.map_layers import MapLayers
from napari_unmix.plugin.viewer.marks import Marks
from napari_unmix.plugin.viewer.open_images import IMAGES, OpenImages
from napari_unmix.plugin.viewer.reader import OPENERS, RUN
from napari_unmix.plugin.viewer.told import tell

FIT_MS = 100  # without a change of the canvas: docks that open with the cube take from it first
CLICK_PIXELS = 4  # a press that moves further is a drag


class ViewerLink:
    """Viewer events become verbs; facts become layers."""

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller
        self._connections: list[Callable[[], None]] = []
        self._layer_connections: list[Callable[[], None]] = []
        self._annotation: Any | None = None
        self._taken: IntArray | None = None  # the labels as the session has them
        self._pressed_down = False  # a stroke may be under way: it is taken in when it ends
        self._adopting: list[tuple[Any, Any]] = []  # layers of others that are being copied, with their data then
        self._shown_cube: Cube | None = None
        self.images = OpenImages(viewer, session, controller)
        self.maps = MapLayers(viewer, session, controller)
        self.compare = CompareLayers(viewer, session, controller)
        self.marks = Marks(viewer, session, controller, self._brush_size)
        self.derived = DerivedLayers(viewer, session, controller)
        self.drawn = Drawn(viewer, session, controller)
        self.grouping = Grouping(viewer, session)
        self.band_slider = BandSlider(viewer, session, controller, self.images)
        self.hovering = Hovering(session, controller, self._pixel_at)
        self._fitting = QTimer()
        self._fitting.setSingleShot(True)
        self._fitting.setInterval(FIT_MS)
        self._fitting.timeout.connect(self.images.fit)

    # --- connections

    def open(self) -> None:
        """Connect, and adopt what is already open."""
        viewer, events = self._viewer, self._session.events
        self._listen(viewer.layers.events.inserted, self._inserted)
        self._listen(viewer.layers.events.removing, self._removing)
        self._listen(viewer.layers.events.removed, self._removed)
        self._listen(viewer.events.theme, self._theme_changed)
        for signal, slot in (
            (events.adopted, self._adopted),
            (events.reread, self._reread),
            (events.cubes, self._show_cubes),
            (events.cube, self._show_cube),
            (events.composite, self._show_composite),
            (events.annotation, self._show_annotation),
            (events.label, self._show_label),
            (events.run, self._colour_annotation),
            (events.training, self._colour_annotation),
            (events.pixel, self.marks.pixel_changed),
            (events.pins, self.marks.pins_changed),
            (events.picked, self.marks.picked_changed),
            (events.trouble, self._notify),
            (events.exported, self._notify_written),
            (events.state, self._leave_brush),
        ):
            self._listen(signal, slot)
        for signal, slot in self.band_slider.connections():
            self._listen(signal, slot)
        self._connections += self._keys(viewer)
        viewer.mouse_drag_callbacks.append(self._pressed)
        self._connections.append(lambda: _discard(viewer.mouse_drag_callbacks, self._pressed))
        OPENERS[hash(viewer)] = self._controller.open_run
        self._connections.append(lambda: OPENERS.pop(hash(viewer), None) and None)
        viewer.mouse_move_callbacks.append(self.hovering.moved)
        self._connections.append(lambda: _discard(viewer.mouse_move_callbacks, self.hovering.moved))
        self.marks.open()
        self.maps.open()
        self.derived.open()
        self.drawn.open()
        self.grouping.open()
        self.compare.open()
        self._theme_changed()
        self.images.hold(strongly=True)
        self.images.let_go()
        for layer in list(viewer.layers):
            self._adopt(layer)

    def close(self) -> None:
        """Walk the same list back. Layers that stay know their cube, for the next dock, and hold it only where they are its image."""
        self.images.leave()
        self.images.hold(strongly=False)
        self.marks.close()
        self.band_slider.close()
        self.hovering.close()
        self._fitting.stop()
        self.maps.close()
        self.derived.close()
        self.drawn.close()
        self.grouping.close()
        self.compare.close()
        for disconnect in [*self._layer_connections, *self._connections]:
            disconnect()
        self._layer_connections, self._connections = [], []
        self._annotation, self._shown_cube, self._adopting = None, None, []

    def _listen(self, signal: Any, slot: Callable[..., None]) -> None:
        signal.connect(slot)
        self._connections.append(partial(_disconnect, signal, slot))

    # --- layers that come and go

    def _inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _adopt(self, layer: Any) -> None:
        cube, role = kinds.layer_cube(layer), kinds.layer_role(layer)
        if cube is not None and role in IMAGES:
            left = layer.metadata.pop(kinds.LEFT, None)
            self._controller.add_cube(cube, layer.metadata.get(kinds.ADVICE), left=left)
            if RUN in layer.metadata:
                self._controller.open_run(layer.metadata.pop(RUN), cube)
        elif cube is None and not role and could_be_cube(layer):
            self._adopting.append((layer, layer.data))
            self._controller.adopt(layer.data, layer.name)
        elif self._annotation is None and self._is_annotation(layer, self._session.cube):
            self._watch(layer)

    def _adopted(self, adopted: Adopted | None) -> None:
        """The layer of somebody else stays as it is, and stands for the bands."""
        if adopted is None:
            return
        layer = next(layer for layer, data in self._adopting if data is adopted.data)
        self._adopting = [known for known in self._adopting if known[0] != layer]
        layer.metadata.update({"cube": adopted.cube, kinds.ROLE: "bands", kinds.ADOPTED: True})

    def _is_annotation(self, layer: Any, cube: Cube | None) -> bool:
        if cube is None or not isinstance(layer, Labels) or layer.data.shape != cube.shape[:2]:
            return False
        if kinds.of_closed_cube(layer) or kinds.layer_role(layer) == "derived":
            return False
        other = kinds.layer_cube(layer)
        return other is None or same_image(other, cube)

    def _removing(self, event: Any) -> None:
        """A brush whose layer goes is put down first: napari draws its circle once more, in software OpenGL out of freed memory."""
        layer = self._viewer.layers[event.index]
        ours = layer == self._annotation or kinds.layer_role(layer) == "annotation"
        if ours and layer.mode != "pan_zoom":
            layer.mode = "pan_zoom"

    def _removed(self, event: Any) -> None:
        layer = event.value
        self.maps.removed(layer)
        self.compare.removed(layer)
        self.derived.removed(layer)
        self.marks.removed(layer)
        for known, data in self._adopting:
            if known == layer:
                self._controller.abandon(data)
        self._adopting = [known for known in self._adopting if known[0] != layer]
        if layer == self._annotation:
            self._unwatch()
            self._controller.set_annotation(None)
        self.images.removed(layer)
        self.band_slider.moved()

    # --- cubes

    def _reread(self, reread: Reread | None) -> None:
        """A file was read in another way: its layers show the new cube, a painting of its size goes with them."""
        if reread is None:
            return
        cube = reread.after
        for layer in self._viewer.layers:
            role = kinds.layer_role(layer)
            if not same_image(kinds.layer_cube(layer), reread.before):
                continue
            if role in IMAGES:
                layer.metadata["cube"] = cube
                layer.data = composite(cube, self._session.composite) if role == "composite" else kinds.planes(cube)
            if role == "bands":
                layer.contrast_limits_range = layer.contrast_limits = kinds.band_limits(cube)
            if isinstance(layer, Labels) and layer.data.shape == cube.shape[:2]:
                layer.metadata["cube"] = cube
        self.images.let_go()

    def _show_cubes(self, cubes: tuple[Cube, ...]) -> None:
        for cube in cubes:
            if not self.images.of(cube):
                for data, options, _ in kinds.cube_layers(cube):
                    self._viewer.add_image(data, **options)

    def _show_cube(self, cube: Cube | None) -> None:
        before, self._shown_cube = self._shown_cube, cube
        if cube is not None and same_image(cube, before):
            self._show_bands(cube)
            return
        self._unwatch()
        self.marks.drop()
        if cube is None:
            return
        self._show_cubes((cube,))
        self._complete(cube)
        for layer in list(self._viewer.layers):
            other = kinds.layer_cube(layer)
            if other is not None and not same_image(other, cube):
                layer.visible = False
            elif other is not None and kinds.layer_role(layer) == "composite":
                layer.visible = True
        for layer in reversed(list(self._viewer.layers)):
            if self._is_annotation(layer, cube):
                layer.visible = True  # it was hidden with another cube
                self._watch(layer)
                break
        self.fit()

    def fit(self) -> None:
        """Show the whole image, once the canvas has its size."""
        self._fitting.start()

    def wait_on(self) -> None:
        """The canvas still changes its size: an image that waits to be fitted waits on."""
        if self._fitting.isActive():
            self._fitting.start()

    def _show_bands(self, cube: Cube) -> None:
        """Other bands are excluded: the layers carry the cube as it is now, the composite avoids them."""
        for layer in self._viewer.layers:
            if same_image(kinds.layer_cube(layer), cube):
                layer.metadata["cube"] = cube
                if kinds.layer_role(layer) == "composite":
                    layer.data = composite(cube, self._session.composite)

    def _complete(self, cube: Cube) -> None:
        """An adopted layer gets the composite above it when its cube is chosen."""
        images = self.images.of(cube)
        if len(images) == 1 and images[0].metadata.get(kinds.ADOPTED):
            bands = images[0]
            _, (data, options, _) = kinds.cube_layers(cube)
            place = self._viewer.layers.index(bands) + 1
            self._viewer.layers.insert(place, Image(data, **options))
            bands.visible = False

    def _show_composite(self, choice: str) -> None:
        cube = self._session.cube
        if cube is None:
            return
        for layer in self.images.of(cube):
            if kinds.layer_role(layer) == "composite":
                layer.data = composite(cube, choice)
                layer.visible = True

    # --- paint

    def _show_annotation(self, annotation: Annotation | None) -> None:
        if annotation is None:
            self._unwatch()
            return
        if self._taken is None or not np.array_equal(annotation.labels, self._taken):
            self._put_annotation(annotation)
        if self._annotation is not None:
            self._annotation.metadata["annotation"] = annotation
        self._colour_annotation()

    def _put_annotation(self, annotation: Annotation) -> None:
        """A painting that did not come from the layer: a fresh one gets a layer of its own."""
        cube = self._session.cube
        if cube is None:
            return
        self._taken = annotation.labels
        fresh = not annotation.labels.any()
        if self._annotation is not None and not fresh:
            self._annotation.data = annotation.labels.astype(np.int32)
            return
        if self._annotation is not None:
            self._annotation.visible = False
            self._unwatch()
            self._taken = annotation.labels
        data, options, _ = kinds.annotation_layer(annotation, cube)
        self._connect_annotation(self._viewer.add_labels(data, **options))
        if fresh:
            self._take_brush()

    def _watch(self, layer: Any) -> None:
        """Take a labels layer as the painting, with the meanings that it carries."""
        carried = layer.metadata.get("annotation")
        meanings = carried.meanings if isinstance(carried, Annotation) else {}
        annotation = Annotation(np.asarray(layer.data), meanings)
        self._taken = annotation.labels
        self._connect_annotation(layer)
        self._controller.set_annotation(annotation)

    def _connect_annotation(self, layer: Any) -> None:
        self._annotation = layer
        layer.brush_size = self._brush_size()
        # A stroke fires ``paint`` when it ends, a script ``labels_update`` or ``data``, undoing ``set_data`` alone.
        self._listen_layer(layer.events.paint, self._stroke)
        for event in (layer.events.labels_update, layer.events.data, layer.events.set_data):
            self._listen_layer(event, self._painted)
        self._layer_connections += self._keys(layer)
        self._listen_layer(layer.events.selected_label, self._label_selected)

    def _listen_layer(self, signal: Any, slot: Callable[..., None]) -> None:
        signal.connect(slot)
        self._layer_connections.append(partial(_disconnect, signal, slot))

    def _unwatch(self) -> None:
        for disconnect in self._layer_connections:
            disconnect()
        self._layer_connections, self._annotation, self._taken = [], None, None

    def _brush_size(self) -> int:
        cube = self._session.cube
        return 5 if cube is None else max(3, round(min(cube.shape[:2]) / 20))

    def _take_brush(self) -> None:
        layer = self._annotation
        if layer is not None:
            self._viewer.layers.selection.active = layer
            layer.selected_label = self._session.label
            layer.mode = "paint"
            layer.contour = 0

    def _leave_brush(self, state: str) -> None:
        """A run begins: the next click asks what a pixel is made of."""
        if state == "training" and self._annotation is not None and self._annotation.mode == "paint":
            self._annotation.mode = "pan_zoom"

    def _painted(self, event: Any = None) -> None:
        """Hand the painting over, if it changed; in the middle of a stroke its end is waited for."""
        labels = None if self._pressed_down else self._new_labels()
        if labels is not None:
            self._controller.set_labels(labels)

    def _stroke(self, event: Any = None) -> None:
        """A stroke has ended, which the layer can undo, while it is there; its labels may be known by now."""
        if self._annotation is not None:
            labels, layer = self._new_labels(), weakref.ref(self._annotation)
            self._controller.stroke(labels, partial(_of_layer, layer, "undo"), partial(_of_layer, layer, "redo"))

    def _new_labels(self) -> IntArray | None:
        """What is painted by now, None where the session has it."""
        if self._annotation is None:
            return None
        labels = np.asarray(self._annotation.data)
        if self._taken is not None and np.array_equal(labels, self._taken):
            return None
        self._taken = labels.astype(np.int32)
        return labels

    def _keys(self, target: Any) -> list[Callable[[], None]]:
        """Undo and redo on the canvas, of the viewer or a layer; what takes them away again."""
        keys = {"Control-Z": self._undo, "Control-Shift-Z": self._redo}
        for key, slot in keys.items():
            target.bind_key(key, slot, overwrite=True)
        return [partial(target.bind_key, key, None, overwrite=True) for key in keys]

    def _undo(self, *_: Any) -> None:
        """Whatever was done last; what was painted before a dock was open the layer knows alone."""
        if not self._controller.undo() and self._annotation is not None:
            self._annotation.undo()

    def _redo(self, *_: Any) -> None:
        if not self._controller.redo() and self._annotation is not None:
            self._annotation.redo()

    def _label_selected(self, event: Any = None) -> None:
        if self._annotation is not None:
            self._controller.select_label(int(self._annotation.selected_label))

    def _show_label(self, label: int) -> None:
        layer = self._annotation
        if layer is not None and layer.selected_label != label:
            layer.selected_label = label
            self._take_brush()

    def _colour_annotation(self, *_: Any) -> None:
        if self._annotation is not None:
            wanted = annotation_row_colours(self._session)
            if self._annotation.metadata.get("colours") != wanted:
                self._annotation.metadata["colours"] = wanted
                self._annotation.colormap = kinds.label_colormap(wanted)

    # --- pixels

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """A left click without a drag asks for that pixel, also where it paints. The layer hears of the release after this."""
        asks = event.button == 1 and not event.modifiers and self._viewer.dims.ndisplay == 2
        start = np.asarray(event.pos, dtype=float)
        self._pressed_down = True
        yield
        while event.type == "mouse_move":
            yield
        self._pressed_down = False
        if asks and np.abs(np.asarray(event.pos, dtype=float) - start).max() <= CLICK_PIXELS:
            self._pick(event.position)

    def _pick(self, position: Any) -> None:
        pixel = self._pixel_at(position)
        if pixel is not None:
            self._controller.ask(*pixel, reach=self._brush_size() / 2)

    def _pixel_at(self, position: Any) -> tuple[int, int] | None:
        """The pixel (row, column) at a place of the canvas, perhaps outside the cube; None without a cube."""
        cube = self._session.cube
        if cube is None:
            return None
        images = sorted(self.images.of(cube), key=lambda layer: kinds.layer_role(layer) == "composite")
        place = np.asarray(images[-1].world_to_data(position) if images else position)[-2:]
        row, column = (int(np.floor(value + 0.5)) for value in place)
        return row, column

    # --- theme and notifications

    def _theme_changed(self, event: Any = None) -> None:
        theme = get_theme(self._viewer.theme)
        self._controller.set_theme(
            Theme(
                dark=theme.type != "light",
                background=theme.background.as_hex(format="long"),
                foreground=theme.foreground.as_hex(format="long"),
                primary=theme.primary.as_hex(format="long"),
                text=theme.text.as_hex(format="long"),
                muted=_mixed(theme.text, theme.background),
                accent=theme.current.as_hex(format="long"),
            )
        )

    def _notify(self, trouble: Any) -> None:
        if trouble is not None:
            tell(trouble)

    def _notify_written(self, folder: Path | None) -> None:
        if folder is not None:
            show_info("The result was written: see step 5.")


def _mixed(one: Any, other: Any) -> str:
    a, b = one.as_rgb_tuple(alpha=False), other.as_rgb_tuple(alpha=False)
    return "#" + "".join(f"{round(0.62 * x + 0.38 * y):02x}" for x, y in zip(a, b, strict=True))


def _disconnect(signal: Any, slot: Callable[..., None]) -> None:
    """Disconnect, if it is connected: psygnal and napari differ in what they say when it is not."""
    if isinstance(signal, SignalInstance):
        signal.disconnect(slot, missing_ok=True)
    else:
        signal.disconnect(slot)


def _of_layer(layer: Callable[[], Any], verb: str) -> None:
    """Undo or redo of a layer, where it still is."""
    known = layer()
    if known is not None:
        getattr(known, verb)()


def _discard(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)
