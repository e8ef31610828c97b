"""The first row of the maps: all together, the dominant endmember, and what else can be seen of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QPoint, QSize, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton

from napari_unmix.answer import Unmixing
from napari_unmix.output.map_picture import FORMATS
from napari_unmix.plugin.facts.derived import DOMINANT, TIPS, View, title_of, why_not
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.icons import many_colours_icon
from napari_unmix.plugin.window.panels.step import set_property
from napari_unmix.progress import Preview

MOST_SPREADS = 12  # in the menu itself; of more they are only under their rows' menus


class AllRow(QFrame):
    """``down`` moves the keyboard to the first endmember."""

    def __init__(self, session: Session, controller: Controller, down: Callable[[], None]) -> None:
        super().__init__()
        self._session, self._controller = session, controller
        self._colours: tuple[str, ...] = ()  # of the icon
        self.setObjectName("mapRow")
        self._every = _AllButton(down)
        self._every.clicked.connect(lambda: controller.show_maps())
        self._dominant = QToolButton()
        self._dominant.setObjectName("view")
        self._dominant.setText("Dominant")
        self._dominant.setCheckable(True)
        self._dominant.setToolTip(f"{TIPS['dominant']} Click again to take it away.")
        self._dominant.setAccessibleName("Map of the dominant endmember")
        self._dominant.clicked.connect(controller.toggle_dominant)
        self._more = QToolButton()
        self._more.setObjectName("view")
        self._more.setText("More ▾")
        self._more.setToolTip("Further maps of this run: spread, residual, illumination.")
        self._more.setAccessibleName("Further maps")
        self._more.clicked.connect(self._open_more)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 1, 2, 1)
        layout.setSpacing(4)
        layout.addWidget(self._every, 1)
        layout.addWidget(self._dominant)
        layout.addWidget(self._more)

    def show_fact(self) -> None:
        """Show the session."""
        session, what = self._session, shown(self._session)
        if what is None:
            return
        together = not what.hidden and not session.views
        set_property(self, "seen", "true" if together else "false")
        if what.colours != self._colours:
            self._colours = what.colours
            self._every.setIcon(many_colours_icon(what.colours[:4]))
        self._every.setText(f"All {len(what.names)}")
        self._dominant.setChecked(DOMINANT in session.views)
        set_property(self._more, "seen", "true" if set(session.views) - {DOMINANT} else "false")

    def take_focus(self) -> None:
        """The keyboard comes here."""
        self._every.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_more(self) -> None:
        what = shown(self._session)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        if what is not None:
            self._fill(menu, what.content, what.names)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._more.mapToGlobal(QPoint(0, self._more.height())))

    def _fill(self, menu: QMenu, content: Preview | Unmixing, names: tuple[str, ...]) -> None:
        for view in (View("spread"), View("residual"), View("illumination")):
            self._offer(menu, view, content, names)
        each = View("spread", 0)
        if not why_not(each, content) and len(names) <= MOST_SPREADS:
            menu.addSeparator()
            for index in range(len(names)):
                self._offer(menu, View("spread", index), content, names)

        menu.addSeparator()
        save = menu.addAction("Save as picture…", self._save)
        save.setToolTip("Write what is looked at, with legend and scale bar, as PNG, SVG or PDF.")

    def _save(self) -> None:
        session = self._session
        cube = session.cube
        if cube is None:
            return
        forms = ";;".join(f"{title} (*{suffix})" for suffix, title in FORMATS.items())
        path, chosen = QFileDialog.getSaveFileName(self, "Save as picture", f"{cube.name}-maps.png", forms)
        if path and not Path(path).suffix:
            path += next(suffix for suffix in FORMATS if f"*{suffix}" in chosen)
        if path:
            self._controller.save_picture(path)

    def _offer(self, menu: QMenu, view: View, content: Preview | Unmixing, names: tuple[str, ...]) -> None:
        offer_view(menu, view, self._session, self._controller, content, names)


class _AllButton(QToolButton):
    """All maps together; the arrow down goes to the first endmember."""

    def __init__(self, down: Callable[[], None]) -> None:
        super().__init__()
        self._down = down
        self.setText("All")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(14, 14))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Show the maps of all endmembers together: their colours add up. A click on a row shows one alone."
        )

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Down, and Enter as Space."""
        if event is not None and event.key() == Qt.Key.Key_Down:
            self._down()
        elif event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


def offer_view(
    menu: QMenu, view: View, session: Session, controller: Controller, content: Any, names: tuple[str, ...]
) -> None:
    """An entry that shows a view, or takes it away."""
    title, reason = title_of(view, names), why_not(view, content)
    entry = menu.addAction(f"{title[:1].upper()}{title[1:]}")
    entry.setCheckable(True)
    entry.setChecked(view in session.views)
    entry.setEnabled(not reason)
    entry.setToolTip(reason or TIPS[view.kind])
    entry.triggered.connect(lambda wanted: (controller.show_view if wanted else controller.hide_view)(view))
