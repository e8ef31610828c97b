"""The two docks: five steps on the right, spectra below."""

from __future__ import annotations

from typing import Any

import napari
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QDockWidget, QFrame, QLayout, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.candidates import Naming
from napari_unmix.plugin.facts.guiding import done_with
from napari_unmix.plugin.facts.session import current_report, shown
from napari_unmix.plugin.window.guides import Guides
from napari_unmix.plugin.window.panels.cube import CubePanel
from napari_unmix.plugin.window.panels.match import MatchPanel
from napari_unmix.plugin.window.panels.method import MethodPanel
from napari_unmix.plugin.window.panels.result import ResultPanel
from napari_unmix.plugin.window.panels.side import SidePanel
from napari_unmix.plugin.window.panels.spectra import SpectraPanel
from napari_unmix.plugin.window.panels.train import TrainPanel
from napari_unmix.plugin.window.style import style_sheet
from napari_unmix.plugin.window.wheel import CalmWheel
from napari_unmix.plugin.window.workspace import workspace_of

NARROWEST, WIDEST, USUAL = 280, 360, 330
GROWING = ("annotation", "spec", "cube", "run")  # facts that bring new controls
GUIDED = ("cube", "training", "run", "state", "annotation", "spec", "suggested", "trouble")  # facts that steps fold by
SPECTRA = ("napari-unmix", "Spectra")
LATER_MS = 150


class _Dock(QWidget):
    """What both docks do: join the viewer's workspace, and leave it when they are closed, removed or destroyed."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.workspace = workspace_of(napari_viewer)
        self._docked = False
        self._left = False
        key, workspace = id(self), self.workspace
        workspace.join(key)
        # After ``destroyed`` nothing of this object may be touched, so the slot holds only what it needs.
        self._gone = lambda: workspace.leave(key, destroyed=True)
        self.destroyed.connect(self._gone)
        workspace.session.events.theme.connect(self._restyle)
        for keys, verb in (("Ctrl+Z", workspace.controller.undo), ("Ctrl+Shift+Z", workspace.controller.redo)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(verb)
        self._restyle()

    def _restyle(self, *_: Any) -> None:
        self.setStyleSheet(style_sheet(self.workspace.session.theme))

    def event(self, event: QEvent | None) -> bool:
        """Removing a dock takes the widget from its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
                QTimer.singleShot(0, self.place)
            elif self._docked:
                self.leave()
        return bool(super().event(event))

    def closeEvent(self, event: Any) -> None:
        """The dock is closed."""
        self.leave()
        super().closeEvent(event)

    def resizeEvent(self, event: Any) -> None:
        """Docks come and go in many small steps, and the canvas with them."""
        self.workspace.link.wait_on()
        super().resizeEvent(event)

    def place(self) -> None:
        """Where the dock goes when it is new."""

    def leave(self) -> None:
        """Leave the workspace; it is asked for once."""
        if not self._left:
            self._left = True
            self.workspace.session.events.theme.disconnect(self._restyle, missing_ok=True)
            self.destroyed.disconnect(self._gone)  # by then the workspace may be gone too
            self.stop_listening()
            self.workspace.leave(id(self))

    def stop_listening(self) -> None:
        """Let go of the session."""


class UnmixDock(_Dock):
    """The five steps. With a cube it brings the spectra, once it stands itself: a dock in the making opens no other."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self._viewer = napari_viewer
        self._window = getattr(napari_viewer, "window", None)  # a viewer model has none
        self._stands = False
        session, controller = self.workspace.session, self.workspace.controller
        self.panels = [
            panel(session, controller) for panel in (CubePanel, SidePanel, MethodPanel, TrainPanel, ResultPanel)
        ]
        self._steps = steps = QWidget()
        self._told: tuple[object, ...] = ()  # by which the steps' heights change
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(0)
        self._settling.timeout.connect(self._settle)
        self._later = QTimer(self)  # once more, where a scroll bar came and took from the width
        self._later.setSingleShot(True)
        self._later.setInterval(LATER_MS)
        self._later.timeout.connect(self._measure)
        layout = QVBoxLayout(steps)
        layout.setContentsMargins(4, 4, 6, 4)
        layout.setSpacing(4)
        for panel in self.panels:
            layout.addWidget(panel)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(steps)
        self._calm_wheel = CalmWheel(scroll)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.guides = Guides(session, controller, self.panels, scroll)
        self.setMinimumWidth(NARROWEST)
        self.setMaximumWidth(WIDEST)
        session.events.cube.connect(self._offer_spectra)
        for name in GROWING:  # by now the panels have their new controls
            session.events[name].connect(self._calm_wheel.watch)
        for name in GUIDED:
            session.events[name].connect(self._guide)

    def place(self) -> None:
        """It stands: what it brings may come."""
        self._stands = not self._left
        self._offer_spectra()
        if self._stands:
            self.guides.place(self._viewer)

    def _offer_spectra(self, *_: Any) -> None:
        """Dock the spectra when there is a cube, unless they stood before: a user who closed them has decided."""
        workspace = self.workspace
        if self._stands and workspace.session.cube is not None and not workspace.spectra_stood and self._window:
            self._window.add_plugin_dock_widget(*SPECTRA)
            QTimer.singleShot(0, workspace.link.fit)  # they take from the canvas, once they are in their place

    def _guide(self, *_: Any) -> None:
        """Steps that have done their part fold, so that the result is seen first."""
        session = self.workspace.session
        done = done_with(session)
        for panel in self.panels:
            panel.guide(panel.name in done)
        told = done, current_report(session), session.state, shown(session) is not None
        if told != self._told:
            self._told = told
            self._settling.start()

    def _settle(self) -> None:
        self._measure()
        self._later.start()

    def _measure(self) -> None:
        """Qt keeps, of a sentence that wraps, the height that it needed before: once all are written, all are measured again."""
        for layout in self._steps.findChildren(QLayout):
            layout.invalidate()
        self._steps.updateGeometry()

    def sizeHint(self) -> QSize:
        """The usual width, and as much height as there is."""
        return QSize(USUAL, 700)

    def leave(self) -> None:
        """Closing this dock stops the training thread itself, also where the spectra stay open."""
        if not self._left:
            self.workspace.controller.stop()
            self.workspace.controller.leave_nothing()
        super().leave()

    def stop_listening(self) -> None:
        """Let go of the session."""
        self._stands = False
        self._settling.stop()
        self._later.stop()
        self.guides.leave()
        events = self.workspace.session.events
        events.cube.disconnect(self._offer_spectra, missing_ok=True)
        for name in GROWING:
            events[name].disconnect(self._calm_wheel.watch, missing_ok=True)
        for name in GUIDED:
            events[name].disconnect(self._guide, missing_ok=True)
        for panel in self.panels:
            panel.disconnect_all()


class SpectraDock(_Dock):
    """The spectra; new, it goes below the canvas."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.workspace.spectra_stood = True
        self.panel = SpectraPanel(self.workspace.session, self.workspace.controller)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.panel)

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(760, 230)

    def place(self) -> None:
        """napari docks it at the right; the steps there, and the layers at the left, keep the whole height."""
        dock, window = self.parent(), self.window()
        if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow):
            window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
            window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
            if window.dockWidgetArea(dock) == Qt.DockWidgetArea.RightDockWidgetArea:
                window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
                window.resizeDocks([dock], [280], Qt.Orientation.Vertical)

    def stop_listening(self) -> None:
        """Let go of the session."""
        self.panel.disconnect_all()


class MatchDock(_Dock):
    """Naming by spectral libraries; new, it shares the place of the spectra."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.panel = MatchPanel(self.workspace.session, self.workspace.controller)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.panel)
        self._asked = self.workspace.session.naming.asked
        self.workspace.session.events.naming.connect(self._come_forward)

    def sizeHint(self) -> QSize:
        """As the spectra."""
        return QSize(760, 230)

    def place(self) -> None:
        """In a tab with the spectra where they stand below the canvas, else there alone."""
        dock, window = self.parent(), self.window()
        if not isinstance(dock, QDockWidget) or not isinstance(window, QMainWindow):
            return
        dock.visibilityChanged.connect(self.panel.seen)
        below, right = Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        if window.dockWidgetArea(dock) == right:
            window.setCorner(Qt.Corner.BottomRightCorner, right)
            window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
            window.addDockWidget(below, dock)
        spectra = [other for other in window.findChildren(QDockWidget) if other.findChild(SpectraDock) is not None]
        if spectra and window.dockWidgetArea(spectra[0]) == below and not spectra[0].isFloating():
            window.tabifyDockWidget(spectra[0], dock)
        else:
            window.resizeDocks([dock], [280], Qt.Orientation.Vertical)
        QTimer.singleShot(0, dock.raise_)  # once it has its tab

    def _come_forward(self, naming: Naming) -> None:
        dock = self.parent()
        if naming.asked != self._asked and isinstance(dock, QDockWidget):
            dock.show()
            dock.raise_()
        self._asked = naming.asked

    def leave(self) -> None:
        """Nobody sees any more what libraries say."""
        if not self._left:
            self.workspace.controller.stop_matching()
        super().leave()

    def stop_listening(self) -> None:
        """Let go of the session."""
        self.workspace.session.events.naming.disconnect(self._come_forward, missing_ok=True)
        self.panel.disconnect_all()
