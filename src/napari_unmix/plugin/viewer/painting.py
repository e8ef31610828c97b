"""The painting on the canvas: the labels layer that stands for it, its brush and colours, and undo. Part of ``viewer_link``."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unmix.cube import Annotation, Cube, IntArray
from napari_unmix.plugin.facts.colours import annotation_row_colours
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer.connecting import disconnect


class Painting:
    """The painting of the current cube: ``layer`` is the one that is watched, None where there is none.

    ``stroking``: the mouse is down, so that a stroke may be under way: it is taken in when it ends.
    """

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer, self._session, self._controller = viewer, session, controller
        self._connections: list[Callable[[], None]] = []
        self._taken: IntArray | None = None  # the labels as the session has them
        self.layer: Any | None = None
        self.stroking = False

    def is_one(self, layer: Any, cube: Cube | None) -> bool:
        """Whether a layer may be the painting of a cube."""
        if cube is None or not isinstance(layer, Labels) or layer.data.shape != cube.shape[:2]:
            return False
        if kinds.of_closed_cube(layer) or kinds.layer_role(layer) in ("derived", "places"):
            return False
        other = kinds.layer_cube(layer)
        return other is None or same_image(other, cube)

    def show(self, annotation: Annotation | None) -> None:
        """Show what the session has."""
        if annotation is None:
            self.unwatch()
            return
        if self._taken is None or not np.array_equal(annotation.labels, self._taken):
            self._put(annotation)
        if self.layer is not None:
            self.layer.metadata["annotation"] = annotation
        self.colour()

    def _put(self, annotation: Annotation) -> None:
        """A painting that did not come from the layer: a fresh one gets a layer of its own."""
        cube = self._session.cube
        if cube is None:
            return
        self._taken = annotation.labels
        fresh = not annotation.labels.any()
        if self.layer is not None and not fresh:
            self.layer.data = annotation.labels.astype(np.int32)
            return
        if self.layer is not None:
            self.layer.visible = False
            self.unwatch()
            self._taken = annotation.labels
        data, options, _ = kinds.annotation_layer(annotation, cube)
        self._connect(self._viewer.add_labels(data, **options))

    def watch(self, layer: Any) -> None:
        """Take a labels layer as the painting, with the meanings that it carries."""
        carried = layer.metadata.get("annotation")
        meanings = carried.meanings if isinstance(carried, Annotation) else {}
        annotation = Annotation(np.asarray(layer.data), meanings)
        self._taken = annotation.labels
        self._connect(layer)
        self._controller.set_annotation(annotation)

    def _connect(self, layer: Any) -> None:
        self.layer = layer
        layer.brush_size = self.brush_size()
        # A stroke fires ``paint`` when it ends, a script ``labels_update`` or ``data``, undoing ``set_data`` alone.
        self._listen(layer.events.paint, self._stroke)
        for event in (layer.events.labels_update, layer.events.data, layer.events.set_data):
            self._listen(event, self._painted)
        self._connections += self.keys(layer)
        self._listen(layer.events.selected_label, self._label_selected)

    def _listen(self, signal: Any, slot: Callable[..., None]) -> None:
        signal.connect(slot)
        self._connections.append(partial(disconnect, signal, slot))

    def unwatch(self) -> None:
        """Stand for this layer no longer."""
        for take_back in self._connections:
            take_back()
        self._connections, self.layer, self._taken = [], None, None

    def brush_size(self) -> int:
        """Pixels across, by the size of the cube."""
        cube = self._session.cube
        return 5 if cube is None else max(3, round(min(cube.shape[:2]) / 20))

    def take_brush(self) -> None:
        """Paint what comes next, with the label that is chosen, whatever was selected or hidden before."""
        layer = self.layer
        if layer is not None:
            layer.visible = True  # first: what is hidden takes no brush
            self._viewer.layers.selection.active = layer
            layer.selected_label = self._session.label
            layer.mode = "paint"
            layer.contour = 0

    def leave_brush(self, state: str) -> None:
        """A run begins: the next click asks what a pixel is made of."""
        if state == "training" and self.layer is not None and self.layer.mode == "paint":
            self.layer.mode = "pan_zoom"

    def _painted(self, event: Any = None) -> None:
        """Hand the painting over, if it changed; in the middle of a stroke its end is waited for."""
        labels = None if self.stroking else self._new_labels()
        if labels is not None:
            self._controller.set_labels(labels)

    def _stroke(self, event: Any = None) -> None:
        """A stroke has ended, which the layer can undo, while it is there; its labels may be known by now."""
        if self.layer is not None:
            labels, layer = self._new_labels(), weakref.ref(self.layer)
            self._controller.stroke(labels, partial(_of_layer, layer, "undo"), partial(_of_layer, layer, "redo"))

    def _new_labels(self) -> IntArray | None:
        """What is painted by now, None where the session has it."""
        if self.layer is None:
            return None
        labels = np.asarray(self.layer.data)
        if self._taken is not None and np.array_equal(labels, self._taken):
            return None
        self._taken = labels.astype(np.int32)
        return labels

    def keys(self, target: Any) -> list[Callable[[], None]]:
        """Undo and redo on the canvas, of the viewer or a layer; what takes them away again."""
        keys = {"Control-Z": self._undo, "Control-Shift-Z": self._redo}
        for key, slot in keys.items():
            target.bind_key(key, slot, overwrite=True)
        return [partial(target.bind_key, key, None, overwrite=True) for key in keys]

    def _undo(self, *_: Any) -> None:
        """Whatever was done last; what was painted before a dock was open the layer knows alone."""
        if not self._controller.undo() and self.layer is not None:
            self.layer.undo()

    def _redo(self, *_: Any) -> None:
        if not self._controller.redo() and self.layer is not None:
            self.layer.redo()

    def _label_selected(self, event: Any = None) -> None:
        if self.layer is not None:
            self._controller.select_label(int(self.layer.selected_label))

    def show_label(self, label: int) -> None:
        """The layer paints with this label, once the brush is taken."""
        if self.layer is not None and self.layer.selected_label != label:
            self.layer.selected_label = label

    def colour(self, *_: Any) -> None:
        """Give each label its colour; a stroke of a material that of its endmember."""
        if self.layer is not None:
            wanted = annotation_row_colours(self._session)
            if self.layer.metadata.get("colours") != wanted:
                self.layer.metadata["colours"] = wanted
                self.layer.colormap = kinds.label_colormap(wanted)


def _of_layer(layer: Callable[[], Any], verb: str) -> None:
    """Undo or redo of a layer, where it still is."""
    known = layer()
    if known is not None:
        getattr(known, verb)()
