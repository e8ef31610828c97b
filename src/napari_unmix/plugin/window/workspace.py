"""What the docks of one viewer share: its session, controller and link. Closed when the last dock goes."""

from __future__ import annotations

import atexit
from typing import Any

from qtpy.QtCore import QThreadPool, QTimer

from napari_unmix.plugin.facts.candidates import Naming
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.runners import run_in_thread
from napari_unmix.plugin.viewer.link import ViewerLink

EXIT_MS = 10_000
MATCH = ("napari-unmix", "Match")


class Workspace:
    """The two halves of one viewer, joined. Nothing of the viewer is touched before the first dock joins.

    ``spectra_stood`` says whether the spectra were docked: offered once, whoever closes them has decided.
    """

    def __init__(self, viewer: Any, engine: Engine | None = None) -> None:
        self.session = Session()
        self.controller = Controller(self.session, run_in_thread, engine)
        self.link = ViewerLink(viewer, self.session, self.controller)
        self.spectra_stood = False
        self._viewer = viewer
        self._asked = 0  # how often naming was
        self._docks: set[int] = set()
        self._closed = False

    def join(self, dock: int) -> None:
        """A dock comes; with the first one the viewer is listened to, and what is open in it is taken."""
        self._docks.add(dock)
        if len(self._docks) == 1:
            self.session.events.naming.connect(self._offer_match)
            self.link.open()

    def _offer_match(self, naming: Naming) -> None:
        """Naming by a library was asked for: its dock is brought, in a turn of its own."""
        if naming.asked != self._asked:
            self._asked = naming.asked
            QTimer.singleShot(0, self._bring_match)

    def _bring_match(self) -> None:
        window = getattr(self._viewer, "window", None)  # a viewer model has none
        if not self._closed and window is not None:
            window.add_plugin_dock_widget(*MATCH)

    def leave(self, dock: int, *, destroyed: bool = False) -> None:
        """A dock goes, or is destroyed already with all that it showed; with the last one everything stops."""
        self._docks.discard(dock)
        if not self._docks:
            if destroyed and not self._closed:
                self._hush()
            self.close()

    def close(self) -> None:
        """Stop the threads and let go of the viewer; once."""
        if self._closed:
            return
        self._closed = True
        for key, known in list(_open.items()):
            if known is self:
                del _open[key]
        self.controller.stop()  # so that layers show the last run, and no preview; its thread is waited for
        self._hush()
        self.link.close()
        self.controller.close()

    def _hush(self) -> None:
        """Nobody hears of the session any more: the panels are gone, or going."""
        for name in self.session.events:
            self.session.events[name].disconnect()


_open: dict[int, Workspace] = {}


def workspace_of(viewer: Any, engine: Engine | None = None) -> Workspace:
    """The workspace of a viewer; a new one drives ``engine``.

    Each dock gets another proxy of the viewer; a viewer hashes by identity, and so do these.
    """
    key = hash(viewer)
    if key not in _open:
        _open[key] = Workspace(viewer, engine)
    return _open[key]


@atexit.register
def close_all() -> None:
    """The program ends: stop the threads while Qt is still there."""
    for workspace in list(_open.values()):
        workspace.close()
    QThreadPool.globalInstance().waitForDone(EXIT_MS)
