"""The one module that touches the viewer: layers, mouse, theme, notifications. All connections are in a list."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer

from napari_unmix.cube import Cube
from napari_unmix.output.composite import composite
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import Adopted, Aim, Reread, Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer.adoption import could_be_cube
from napari_unmix.plugin.viewer.applied_layers import AppliedLayers
from napari_unmix.plugin.viewer.band_slider import BandSlider
from napari_unmix.plugin.viewer.compare_layers import CompareLayers
from napari_unmix.plugin.viewer.connecting import discard, disconnect
from napari_unmix.plugin.viewer.derived_layers import DerivedLayers
from napari_unmix.plugin.viewer.drawn import Drawn
from napari_unmix.plugin.viewer.grouping import Grouping
from napari_unmix.plugin.viewer.hovering import Hovering
from napari_unmix.plugin.viewer.map_layers import MapLayers
from napari_unmix.plugin.viewer.marks import Marks
from napari_unmix.plugin.viewer.open_images import IMAGES, OpenImages
from napari_unmix.plugin.viewer.painting import Painting
from napari_unmix.plugin.viewer.place_layers import PlaceLayers
from napari_unmix.plugin.viewer.reader import OPENERS, RUN
from napari_unmix.plugin.viewer.themes import theme_of
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
        self._adopting: list[tuple[Any, Any]] = []  # layers of others that are being copied, with their data then
        self._shown_cube: Cube | None = None
        self.images = OpenImages(viewer, session, controller)
        self.painting = Painting(viewer, session, controller)
        self.maps = MapLayers(viewer, session, controller)
        self.compare = CompareLayers(viewer, session, controller)
        self.marks = Marks(viewer, session, controller, self.painting.brush_size)
        self.derived = DerivedLayers(viewer, session, controller)
        self.applied = AppliedLayers(viewer, session)
        self.places = PlaceLayers(viewer, session, controller)
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
            (events.annotation, self.painting.show),
            (events.label, self.painting.show_label),
            (events.run, self.painting.colour),
            (events.training, self.painting.colour),
            (events.pixel, self.marks.pixel_changed),
            (events.pins, self.marks.pins_changed),
            (events.picked, self.marks.picked_changed),
            (events.aim, self._go_to),
            (events.trouble, self._notify),
            (events.exported, self._notify_written),
            (events.state, self.painting.leave_brush),
        ):
            self._listen(signal, slot)
        for signal, slot in (*self.band_slider.connections(), *self.applied.connections()):
            self._listen(signal, slot)
        self._connections += self.painting.keys(viewer)
        viewer.mouse_drag_callbacks.append(self._pressed)
        self._connections.append(lambda: discard(viewer.mouse_drag_callbacks, self._pressed))
        OPENERS[hash(viewer)] = self._controller.open_run
        self._connections.append(lambda: OPENERS.pop(hash(viewer), None) and None)
        viewer.mouse_move_callbacks.append(self.hovering.moved)
        self._connections.append(lambda: discard(viewer.mouse_move_callbacks, self.hovering.moved))
        self.marks.open()
        self.maps.open()
        self.derived.open()
        self.places.open()
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
        self.places.close()
        self.drawn.close()
        self.grouping.close()
        self.compare.close()
        self.painting.unwatch()
        for take_back in self._connections:
            take_back()
        self._connections = []
        self._shown_cube, self._adopting = None, []

    def _listen(self, signal: Any, slot: Callable[..., None]) -> None:
        signal.connect(slot)
        self._connections.append(partial(disconnect, signal, slot))

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
        elif self.painting.layer is None and self.painting.is_one(layer, self._session.cube):
            self.painting.watch(layer)

    def _adopted(self, adopted: Adopted | None) -> None:
        """The layer of somebody else stays as it is, and stands for the bands."""
        if adopted is None:
            return
        layer = next(layer for layer, data in self._adopting if data is adopted.data)
        self._adopting = [known for known in self._adopting if known[0] != layer]
        layer.metadata.update({"cube": adopted.cube, kinds.ROLE: "bands", kinds.ADOPTED: True})

    def _removing(self, event: Any) -> None:
        """A brush whose layer goes is put down first: napari draws its circle once more, in software OpenGL out of freed memory."""
        layer = self._viewer.layers[event.index]
        ours = layer == self.painting.layer or kinds.layer_role(layer) == "annotation"
        if ours and layer.mode != "pan_zoom":
            layer.mode = "pan_zoom"

    def _removed(self, event: Any) -> None:
        layer = event.value
        self.maps.removed(layer)
        self.compare.removed(layer)
        self.derived.removed(layer)
        self.places.removed(layer)
        self.marks.removed(layer)
        for known, data in self._adopting:
            if known == layer:
                self._controller.abandon(data)
        self._adopting = [known for known in self._adopting if known[0] != layer]
        if layer == self.painting.layer:
            self.painting.unwatch()
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
                for name, value in kinds.placement(cube, len(layer.scale)).items():
                    if cube.overview_step != reread.before.overview_step:
                        setattr(layer, name, value)
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
        self.painting.unwatch()
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
            if self.painting.is_one(layer, cube):
                layer.visible = True  # it was hidden with another cube
                self.painting.watch(layer)
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

    # --- pixels

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """A left click without a drag asks for that pixel, also where it paints. The layer hears of the release after this."""
        asks = event.button == 1 and not event.modifiers and self._viewer.dims.ndisplay == 2
        start = np.asarray(event.pos, dtype=float)
        self.painting.stroking = True
        yield
        while event.type == "mouse_move":
            yield
        self.painting.stroking = False
        if asks and np.abs(np.asarray(event.pos, dtype=float) - start).max() <= CLICK_PIXELS:
            self._pick(event.position)

    def _pick(self, position: Any) -> None:
        pixel = self._pixel_at(position)
        if pixel is not None:
            self._controller.ask(*pixel, reach=self.painting.brush_size() / 2)

    def _go_to(self, aim: Aim | None) -> None:
        """Take the brush, and bring a pixel to the middle of the canvas where one is asked for."""
        if aim is None:
            return
        if aim.pixel is not None:
            self._look_at(aim.pixel)
        self.painting.take_brush()

    def _look_at(self, pixel: tuple[int, int]) -> None:
        cube = self._session.cube
        images = [] if cube is None else self.images.of(cube)
        if cube is None or not images:
            return
        image = images[0]
        place = image.data_to_world((*[0] * (image.ndim - 2), *kinds.from_pixel(cube, pixel)))[-2:]
        camera = self._viewer.scene.camera
        camera.center = (*tuple(camera.center)[:-2], *place)

    def _pixel_at(self, position: Any) -> tuple[int, int] | None:
        """The pixel (row, column) at a place of the canvas, perhaps outside the cube; None without a cube."""
        cube = self._session.cube
        if cube is None:
            return None
        images = sorted(self.images.of(cube), key=lambda layer: kinds.layer_role(layer) == "composite")
        place = np.asarray(images[-1].world_to_data(position) if images else position)[-2:]
        place = kinds.to_pixel(cube, place) if images else place
        row, column = (int(np.floor(value + 0.5)) for value in place)
        return row, column

    # --- theme and notifications

    def _theme_changed(self, event: Any = None) -> None:
        self._controller.set_theme(theme_of(self._viewer))

    def _notify(self, trouble: Any) -> None:
        if trouble is not None:
            tell(trouble)

    def _notify_written(self, folder: Path | None) -> None:
        if folder is not None:
            show_info("The result was written: see step 5.")
