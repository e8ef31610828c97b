"""The abundance layers: made once, updated in place, one layer a turn of the event loop. Part of ``viewer_link``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image
from qtpy.QtCore import QTimer

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.naming import without_number
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer import quiet
from napari_unmix.plugin.viewer.farewell import DRAWN_MS, take_away


class MapLayers:
    """One 2-D layer per endmember of what is shown. References are held: the user may rename and reorder layers."""

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer = viewer
        self._session = session
        self._controller = controller
        self._layers: dict[int, Any] = {}
        self._deleted: set[int] = set()
        self._waiting: dict[int, FloatArray] = {}
        self._filled: FloatArray | None = None  # the abundances that the layers show, or will when none is waiting
        self._sources: WeakKeyDictionary[Any, ref[FloatArray]] = (
            WeakKeyDictionary()
        )  # what each layer's map was taken of
        self._past: list[Any] = []  # maps of more endmembers than there are now, to be taken away
        self._veiled: list[int] = []  # made, and shown in a turn of their own
        self._front: Cube | None = None  # whose maps were brought to the front
        self._connections: list[Callable[[], None]] = []
        self._turn = QTimer()
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._next)

    def open(self) -> None:
        """Listen to the facts."""
        events = self._session.events
        for signal, slot in (
            (events.cube, self._changed_cube),
            (events.training, self._refill),
            (events.run, self._refill),
            (events.state, self._state_changed),
        ):
            signal.connect(slot)
            self._connections.append(partial(signal.disconnect, slot, missing_ok=True))
        self._changed_cube()

    def close(self) -> None:
        """Stop listening; the layers stay with the user, as the run that is shown says."""
        self._turn.stop()
        while self._waiting or self._past or self._veiled:
            self._next()
        self._turn.stop()
        for disconnect in self._connections:
            disconnect()
        self._connections = []
        for layer in self._layers.values():
            layer.events.name.disconnect(self._layer_renamed)
            layer.events.visible.disconnect(self._layer_shown)
        self._layers, self._filled, self._front = {}, None, None

    def removed(self, layer: Any) -> None:
        """The user deleted a layer: it comes back with the next run, not with the next preview."""
        self._past = [known for known in self._past if known != layer]
        for index, known in list(self._layers.items()):
            if known == layer:
                del self._layers[index]
                self._deleted.add(index)

    def _state_changed(self, state: str) -> None:
        if state == "training":
            self._deleted.clear()

    @property
    def _in_front(self) -> bool:
        """Whether the maps are the current cube's and on view: only then is an eye that opens or closes the user's wish."""
        return self._front is not None and same_image(self._front, self._session.cube)

    def _changed_cube(self, *_: Any) -> None:
        """Take up the maps that this cube already has; those of the last good result come to the front again."""
        self._waiting, self._filled = {}, None
        for layer in self._layers.values():
            layer.events.name.disconnect(self._layer_renamed)
            layer.events.visible.disconnect(self._layer_shown)
        self._layers, self._veiled = {}, []
        self._deleted.clear()
        cube = self._session.cube
        for layer in self._viewer.layers if cube is not None else ():
            if kinds.layer_role(layer) == "abundance" and same_image(kinds.layer_cube(layer), cube):
                self._keep(int(layer.metadata["endmember"]), layer)
        if not self._in_front:
            self._front = None
        if shown(self._session) is not None:  # else its run may come in a moment
            self._refill()

    def _refill(self, *_: Any) -> None:
        what = shown(self._session)
        maps = None if what is None else what.content.abundances
        count = 0 if maps is None else maps.shape[2]
        self._past += [self._layers.pop(index) for index in sorted(self._layers) if index >= count]
        if maps is None or maps is not self._filled:
            unfilled = [k for k in range(count) if k not in self._deleted and not self._shows(k, maps)]
            self._waiting = {} if maps is None else dict.fromkeys(unfilled, maps)
        self._filled = maps
        if maps is not None and self._layers and not self._waiting and not self._in_front:
            self._come_forward()
        self._dress()
        if self._past and not any(layer.visible for layer in self._layers.values()):
            self._uncover()
            self._turn.start(DRAWN_MS)
        elif self._waiting or self._past:
            self._turn.start(0)

    def _uncover(self) -> None:
        """The maps go, and the image is seen again, in the picture before they do: where the lowest of what is seen goes, and something above
        it stays, software OpenGL (Mesa's llvmpipe, napari 0.9.2) draws out of freed memory, and the program ends.
        """
        self._front = None
        for layer in self._viewer.layers:
            if same_image(kinds.layer_cube(layer), self._session.cube) and kinds.layer_role(layer) == "composite":
                layer.visible = True

    def _shows(self, index: int, maps: FloatArray | None) -> bool:
        """Whether the layer of this endmember shows these maps already, as it does when its cube was left and is worked on again."""
        layer = self._layers.get(index)
        source = None if layer is None else self._sources.get(layer)
        return source is not None and source() is maps

    def _next(self) -> None:
        """One layer a turn: six at once would hold the window for some 70 ms, and one that is made takes as long until it is shown."""
        seen = [layer for layer in self._past if layer.visible]
        if seen:
            hidden = [layer for layer in self._past if not layer.visible]
            self._past = [*quiet.remove(self._viewer.layers, seen), *hidden]
        elif self._past:
            take_away(self._viewer, self._past.pop(0))
        elif self._veiled:
            self._veiled = []
            self._dress()
        elif self._waiting:
            self._fill(min(self._waiting))
        if self._waiting or self._past or self._veiled:
            self._turn.start(0)

    def _fill(self, index: int) -> None:
        """The map of one endmember, in its layer or in a new one."""
        maps = self._waiting.pop(index)
        plane = kinds.abundance_plane(maps, index)
        if not self._in_front or not self._layers:
            self._come_forward()
        layer = self._layers.get(index)
        if layer is not None and layer.data.shape == plane.shape:
            layer.data = plane
            self._sources[layer] = ref(maps)
            self._dress()
        else:
            self._add(index, plane, maps)

    def _add(self, index: int, plane: FloatArray, maps: FloatArray) -> None:
        what = shown(self._session)
        if what is None or index >= len(what.names):
            return
        options = kinds.abundance_options(what.cube, index, what.names[index], what.colours[index])
        layer = Image(plane, visible=False, **options)
        self._sources[layer] = ref(maps)
        layers = self._viewer.layers
        quiet.insert(layers, kinds.place_below(layers, what.cube, (*kinds.PAINT, "derived")), layer)
        self._keep(index, layer)
        self._veiled.append(index)

    def _keep(self, index: int, layer: Any) -> None:
        self._layers[index] = layer
        layer.events.name.connect(self._layer_renamed)
        layer.events.visible.connect(self._layer_shown)

    def _come_forward(self) -> None:
        """The first map of this cube: what was hidden with another cube is shown, unless the user hid it."""
        self._front = self._session.cube
        self._dress()
        what = shown(self._session)
        if what is not None and set(range(len(what.names))) - what.hidden:
            self._make_room()

    def _make_room(self) -> None:
        """Maps are additive: their colours can be read over black, not over a bright composite or filled paint."""
        for layer in self._viewer.layers:
            if same_image(kinds.layer_cube(layer), self._session.cube):
                if kinds.layer_role(layer) == "composite":
                    layer.visible = False
                elif kinds.layer_role(layer) == "annotation":
                    layer.contour = 1

    def _dress(self) -> None:
        """Names, colours and eyes as the user wants them, of the layers that show what is shown now; the others wait for their maps."""
        what = shown(self._session)
        if what is None or what.content.abundances is not self._filled:
            return
        unready = {*self._waiting, *self._veiled}
        dressed = [(k, layer) for k, layer in self._layers.items() if k not in unready and k < len(what.names)]
        for _round in range(2):  # a name that another map gives up in the first round is free in the second
            for index, layer in dressed:
                prefix = layer.metadata.get(kinds.PREFIX, "")
                if self._name_of(layer) != what.names[index] or not str(layer.name).startswith(prefix):
                    layer.name = prefix + what.names[index]
        grades = what.grades
        for index, layer in dressed:
            kinds.put_grade(layer, grades[index])
            if layer.metadata.get("colour") != what.colours[index]:
                layer.metadata["colour"] = what.colours[index]
                layer.colormap = kinds.black_to(what.colours[index])
            if self._in_front and layer.visible == (index in what.hidden):
                layer.visible = index not in what.hidden

    def _name_of(self, layer: Any) -> str:
        """A layer's name as it was given: napari numbers one that another layer has, and the cube's stands before it."""
        name, plain = str(layer.name), without_number(layer.name)
        taken = any(other.name == plain for other in self._viewer.layers if other != layer)
        return (plain if taken else name).removeprefix(layer.metadata.get(kinds.PREFIX, ""))

    def _layer_renamed(self, event: Any) -> None:
        for index, layer in list(self._layers.items()):
            if layer == event.source:
                self._controller.rename_endmember(index, self._name_of(layer))
                self._dress()  # the cube's name, which the user left out

    def _layer_shown(self, event: Any) -> None:
        if not self._in_front:
            return
        for index, layer in list(self._layers.items()):
            if layer == event.source:
                self._controller.set_visible(index, bool(layer.visible))
