"""What an empty canvas invites to. It lies over the canvas while nothing at all is open in the viewer, and never over anybody's layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QLabel, QMainWindow, QSplitter, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.opening import OPEN_TIP, SAMPLE_TIP, choose_cube
from napari_unmix.plugin.window.panels.step import button, row
from napari_unmix.plugin.window.style import style_sheet

DROP = "Drop a hyperspectral file here: ENVI, TIFF, HDF5, NetCDF, MATLAB, Zarr …"
TOUR_TIP = "Five short notes on what the five steps are for; Esc ends them."


class Welcome(QWidget):
    """Open, drop, sample, tour. What is dropped on it goes to the viewer, as on the canvas below it."""

    def __init__(self, canvas: QWidget, session: Session, controller: Controller, tour: Callable[[], None]) -> None:
        super().__init__(canvas)
        self._session, self._canvas = session, canvas
        self.setObjectName("welcome")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        title = QLabel("Unmix a hyperspectral image")
        title.setObjectName("welcomeTitle")
        drop = QLabel(DROP)
        drop.setObjectName("note")
        drop.setWordWrap(True)
        self._buttons = (
            button("Open a file…", OPEN_TIP, lambda: choose_cube(self, controller)),
            button("Open the sample", SAMPLE_TIP, controller.open_sample),
            button("Take the tour", TOUR_TIP, tour),
        )
        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.addStretch(1)
        for item in (title, drop, row(*self._buttons)):
            if isinstance(item, QLabel):
                item.setAlignment(Qt.AlignmentFlag.AlignCenter)
                layout.addWidget(item)
            else:
                layout.addWidget(item, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(1)
        canvas.installEventFilter(self)
        session.events.theme.connect(self._restyle)
        session.events.chore.connect(self._busy)
        self._restyle()
        self._fill()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Be as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self._fill()
        return False

    def leave(self) -> None:
        """Go, with the dock."""
        self._session.events.theme.disconnect(self._restyle, missing_ok=True)
        self._session.events.chore.disconnect(self._busy, missing_ok=True)
        self._canvas.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def _fill(self) -> None:
        self.setGeometry(self._canvas.rect())

    def _restyle(self, *_: Any) -> None:
        self.setStyleSheet(style_sheet(self._session.theme))

    def _busy(self, *_: Any) -> None:
        """While a file is read it is not asked for another."""
        for one in self._buttons[:2]:
            one.setEnabled(self._session.chore is None)


class Welcoming:
    """Shows the welcome while the viewer is empty, for as long as the dock is open."""

    def __init__(self, session: Session, controller: Controller, tour: Callable[[], None]) -> None:
        self._session, self._controller, self._tour = session, controller, tour
        self._layers: Any = ()
        self._welcome: Welcome | None = None

    @property
    def visible(self) -> bool:
        """Whether the invitation is on the canvas."""
        return self._welcome is not None and self._welcome.isVisible()

    def place(self, window: QWidget, layers: Any) -> None:
        """The dock stands in this window: from now on the viewer's layers are listened to. Once."""
        canvas = canvas_of(window)
        if self._welcome is not None or canvas is None:
            return
        self._welcome = Welcome(canvas, self._session, self._controller, self._tour)
        self._layers = layers
        events = layers.events
        events.inserted.connect(self.refresh)
        events.removed.connect(self.refresh)
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Over an empty canvas only."""
        if self._welcome is not None:
            empty = not self._layers
            self._welcome.setVisible(empty)
            if empty:
                self._welcome.raise_()

    def leave(self) -> None:
        """The dock goes."""
        if self._welcome is None:
            return
        events = self._layers.events
        events.inserted.disconnect(self.refresh)
        events.removed.disconnect(self.refresh)
        self._welcome.leave()
        self._welcome = None


def canvas_of(window: QWidget) -> QWidget | None:
    """The pane of a viewer's window that holds the canvas and its sliders; None where there is none."""
    centre = window.centralWidget() if isinstance(window, QMainWindow) else None
    panes = None if centre is None else centre.findChild(QSplitter)
    return None if panes is None else panes.widget(0)
