"""All that helps a person along beside the steps: the invitation, the tour, the keys, the Help menu, the preferences. One for each dock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from napari.settings import get_settings
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QScrollArea

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.keys import Keys
from napari_unmix.plugin.window.panels.step import Step
from napari_unmix.plugin.window.preferences import SAID, Preferences, prefer_our_reader
from napari_unmix.plugin.window.steady import steady
from napari_unmix.plugin.window.style import style_sheet
from napari_unmix.plugin.window.tour import Tour
from napari_unmix.plugin.window.welcome import Welcoming, canvas_of

TOUR, KEYS = "Unmixing: a short tour", "Unmixing: keys"


class Guides:
    """Comes when the dock stands in its window, and goes with it. Qt holds what it calls here, so nothing here holds the viewer."""

    def __init__(self, session: Session, controller: Controller, steps: Sequence[Step], area: QScrollArea) -> None:
        self._session, self._steps, self._area = session, steps, area
        self.welcoming = Welcoming(session, controller, self.start_tour)
        self.keys = Keys(session, controller)
        self._preferences: Preferences | None = None
        self._actions: list[QAction] = []
        self.tour: Tour | None = None

    def place(self, viewer: Any) -> None:
        """The dock stands in this viewer's window. A viewer without one has nothing to be guided in."""
        viewer_window = getattr(viewer, "window", None)
        if viewer_window is None or self._preferences is not None:
            return
        self._preferences = Preferences()
        if self._preferences.opens_headers and prefer_our_reader():
            viewer.status = SAID
        pane = canvas_of(self._area.window())
        if pane is not None:
            steady(pane)
        self.welcoming.place(self._area.window(), viewer.layers)
        self.keys.place(self._area.window(), _napari_keys())
        for title, tip, act in (
            (TOUR, "Five notes on what the five steps are for.", self.start_tour),
            (KEYS, "The keyboard shortcuts of the Unmix docks.", self.show_keys),
        ):
            made = viewer_window.help_menu.addAction(title)
            made.setToolTip(tip)
            made.triggered.connect(act)
            self._actions.append(made)

    def show_keys(self, *_: Any) -> None:
        """A list of the shortcuts."""
        self.keys.show_list(self._area.window(), self._style())

    def start_tour(self, *_: Any) -> None:
        """Begin the tour, or begin it again."""
        self._end_tour()
        self.tour = Tour(self._steps, self._area, self._style())
        self.tour.destroyed.connect(self._toured)
        self.tour.show_stop(0)

    def leave(self) -> None:
        """The dock goes, and with it all of this."""
        self._end_tour()
        self.welcoming.leave()
        self.keys.leave()
        for action in self._actions:
            action.deleteLater()
        self._actions = []
        if self._preferences is not None:
            self._preferences.leave()

    def _end_tour(self) -> None:
        tour, self.tour = self.tour, None
        if tour is not None:
            tour.destroyed.disconnect(self._toured)
            tour.end()

    def _toured(self) -> None:
        self.tour = None

    def _style(self) -> str:
        return style_sheet(self._session.theme)


def _napari_keys() -> Iterator[str]:
    """The keys of napari's own actions, as the user has them."""
    for bindings in get_settings().shortcuts.shortcuts.values():
        for binding in bindings:
            yield str(binding)
