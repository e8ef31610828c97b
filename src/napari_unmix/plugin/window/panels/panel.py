"""A widget that shows the session, and hears of its facts until the dock goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller


class Panel(QWidget):
    """Base of the steps, the spectra and the naming."""

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__()
        self.session, self.controller = session, controller
        self._listeners: list[tuple[Any, Callable[..., None]]] = []

    def listen(self, slot: Callable[..., None], *names: str) -> None:
        """Call a method whenever one of these facts changes."""
        for name in names:
            signal = getattr(self.session.events, name)
            signal.connect(slot)
            self._listeners.append((signal, slot))

    @property
    def listens(self) -> bool:
        """Whether it hears of facts: not before it is made, and not when the dock is going."""
        return bool(self._listeners)

    def disconnect_all(self) -> None:
        """Stop listening; the dock is going."""
        for signal, slot in self._listeners:
            signal.disconnect(slot, missing_ok=True)
        self._listeners = []
