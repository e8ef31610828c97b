"""Layers that the session asks for beside the maps: they come and go in turns of the event loop of their own. Base of parts of ``ViewerLink``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from psygnal import SignalInstance
from qtpy.QtCore import QTimer

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.viewer import layers as kinds
from napari_unmix.plugin.viewer import quiet
from napari_unmix.plugin.viewer.connecting import connected


class AskedLayers:
    """Hears of the facts that say what is asked for. Nothing is made or taken away in the same turn: napari may be going through its list."""

    role: ClassVar[str]

    def __init__(self, viewer: Any, session: Session, controller: Controller) -> None:
        self._viewer, self._session, self._controller = viewer, session, controller
        self._past: list[Any] = []  # layers that are to go
        self._connections: list[Callable[[], None]] = []
        self._turn = QTimer()
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._next)

    def open(self) -> None:
        """Listen. What a closed dock left was asked of that one: it goes, and is made anew where it is asked for still."""
        self._past += [layer for layer in self._viewer.layers if kinds.layer_role(layer) == self.role]
        self._connections += connected(self._refresh, *self._facts())
        self._refresh()

    def close(self) -> None:
        """Stop listening; what was made stays with the user."""
        self._turn.stop()
        for disconnect in self._connections:
            disconnect()
        self._connections = []
        self._forget_all()

    def _remove_past(self) -> None:
        """As many of the layers that are to go as one turn has time for."""
        self._past = quiet.remove(self._viewer.layers, self._past) if self._past else []

    def _facts(self) -> tuple[SignalInstance, ...]:
        """The session's facts that say what is asked for."""
        raise NotImplementedError

    def _refresh(self, *_: Any) -> None:
        """One of them changed: start the turn where something is to come or go."""
        raise NotImplementedError

    def _next(self) -> None:
        """A turn."""
        raise NotImplementedError

    def _forget_all(self) -> None:
        """The layers are the user's from now on."""
        raise NotImplementedError
