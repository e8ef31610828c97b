"""The layers of the maps that were asked for beside the abundances, made in short turns of the event loop. Part of ``ViewerLink``."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

from napari.layers import Image, Labels
from psygnal import SignalInstance

from napari_unmix.cube import FloatArray
from napari_unmix.output.grades import word_of
from napari_unmix.plugin.facts.derived import Plane, View, limits_of, made, source_of, title_of
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer import quiet
from napari_unmix.plugin.viewer.asked_layers import AskedLayers

TURN_SECONDS = 0.01
TITLE, TABLE = (
    "napari_unmix_title",
    "napari_unmix_table",
)  # metadata keys: what the layer was called, what its labels mean


class DerivedLayers(AskedLayers):
    """One layer per view that the session asks for, of the run that is shown; one that this run can't have is taken away until it can."""

    role = "derived"

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        super().__init__(viewer, session, controller)
        self._layers: dict[View, Any] = {}
        self._made_of: dict[View, FloatArray] = {}
        self._work: tuple[View, FloatArray, Generator[None, None, Plane]] | None = None

    def _facts(self) -> tuple[SignalInstance, ...]:
        events = self._session.events
        return events.views, events.run, events.training, events.cube

    def _forget_all(self) -> None:
        self._layers, self._made_of, self._work = {}, {}, None

    def removed(self, layer: Any) -> None:
        """The user deleted a layer: it is no longer asked for."""
        self._past = [known for known in self._past if known != layer]
        for view, known in list(self._layers.items()):
            if known == layer:
                self._forget(view)
                self._controller.hide_view(view)

    def _forget(self, view: View) -> None:
        del self._layers[view]
        self._made_of.pop(view, None)

    def _wanted(self) -> dict[View, FloatArray]:
        """The views that are asked for and can be had, with what they are made of."""
        what = shown(self._session)
        found = {} if what is None else {view: source_of(view, what.content) for view in self._session.views}
        return {view: source for view, source in found.items() if source is not None}

    def _refresh(self, *_: Any) -> None:
        wanted = self._wanted()
        for view, layer in list(self._layers.items()):
            source = wanted.get(view)
            if source is None or source.shape[:2] != layer.data.shape:
                self._past.append(layer)
                self._forget(view)
        self._dress()
        if self._past or self._unmade(wanted) is not None:
            self._turn.start(0)

    def _unmade(self, wanted: dict[View, FloatArray]) -> View | None:
        """The next view whose layer does not show what it is to be made of."""
        return next((view for view, source in wanted.items() if self._made_of.get(view) is not source), None)

    def _next(self) -> None:
        self._remove_past()
        wanted = self._wanted()
        view = self._unmade(wanted)
        if view is None:
            self._work = None
        else:
            self._go_on(view, wanted[view])
        if self._past or self._unmade(wanted) is not None:
            self._turn.start(0)

    def _go_on(self, view: View, source: FloatArray) -> None:
        """Some milliseconds of work at one map."""
        if self._work is None or self._work[:1] != (view,) or self._work[1] is not source:
            self._work = (view, source, made(view, source))
        steps, end = self._work[2], time.perf_counter() + TURN_SECONDS
        try:
            while time.perf_counter() < end:
                next(steps)
        except StopIteration as finished:
            self._work = None
            self._made_of[view] = source
            self._put(view, finished.value)

    # --- layers

    def _put(self, view: View, plane: Plane) -> None:
        layer = self._layers.get(view)
        if layer is None:
            self._add(view, plane)
            return
        layer.data = plane
        if view.kind != "dominant":
            layer.contrast_limits_range = layer.contrast_limits = limits_of(plane)
        self._dress()

    def _add(self, view: View, plane: Plane) -> None:
        what = shown(self._session)
        if what is None:
            return
        options = kinds.derived_options(what.cube, view, title_of(view, what.names))
        layer = Labels(plane, **options) if view.kind == "dominant" else _image(plane, options)
        layer.editable = False
        self._layers[view] = layer
        self._dress()
        quiet.insert(self._viewer.layers, kinds.place_below(self._viewer.layers, what.cube, kinds.PAINT), layer)
        self._dress()  # by now the cube's name may stand before it

    def _dress(self) -> None:
        """Names and colours of the endmembers as they are now; a layer that the user called otherwise keeps that."""
        what = shown(self._session)
        if what is None:
            return
        for view, layer in self._layers.items():
            title, before = title_of(view, what.names), layer.metadata[TITLE]
            if before != title:
                layer.metadata[TITLE] = title
                layer.name = str(layer.name).replace(before, title)
            words = [word_of(grade) for grade in what.grades]
            table = (what.names, what.colours, words)
            if view.kind == "dominant" and layer.metadata.get(TABLE) != table:
                layer.metadata[TABLE] = table
                layer.colormap = kinds.label_colormap(dict(enumerate(what.colours, 1)))
                layer.features = _features(what.names, words)


def _features(names: Sequence[str], words: Sequence[str]) -> dict[str, list[Any]]:
    """What napari says of a label under the pointer: its endmember, and how far that can be believed where somebody knows."""
    said: dict[str, list[Any]] = {"index": list(range(len(names) + 1)), "endmember": ["no data", *names]}
    return said | ({"grade": ["", *words]} if any(words) else {})


def _image(plane: Plane, options: dict[str, Any]) -> Any:
    """An image with a bar that says which colour is how much."""
    layer = Image(plane, contrast_limits=limits_of(plane), **options)
    layer.colorbar.visible = True
    return layer
