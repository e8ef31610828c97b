"""Scrolling the dock to what is new, unless the user is busy elsewhere in it."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QScrollArea, QWidget

LAYOUT_MS = 50  # new sentences are wrapped and laid out first
MARGIN = 6


class Reveal(QTimer):
    """Brings a part of the dock into view, moving no further than is needed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setInterval(LAYOUT_MS)
        self.timeout.connect(self._scroll)
        self._first = self._last = parent

    def bring(self, first: QWidget, last: QWidget | None = None) -> None:
        """Show what lies between two widgets; where there is no room for all of it, its top."""
        self._first, self._last = first, last or first
        self.start()

    def _scroll(self) -> None:
        scroll = dock_of(self._first)
        content = None if scroll is None else scroll.widget()
        if scroll is None or content is None or not self._first.isVisible():
            return
        bar, viewport = scroll.verticalScrollBar(), scroll.viewport()
        assert bar is not None
        assert viewport is not None
        top = self._first.mapTo(content, QPoint(0, 0)).y() - MARGIN
        bottom = self._last.mapTo(content, QPoint(0, self._last.height())).y() + MARGIN
        bar.setValue(min(max(bar.value(), bottom - viewport.height()), top))


def dock_of(widget: QWidget) -> QScrollArea | None:
    """The area that scrolls a widget."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QScrollArea):
        parent = parent.parentWidget()
    return parent


def edited(widget: QWidget) -> QWidget | None:
    """The control of the same dock that the user is writing in or choosing from, None where there is none."""
    scroll, focus = dock_of(widget), widget.window().focusWidget()  # also while another program has the keyboard
    if scroll is None or focus is None or not scroll.isAncestorOf(focus):
        return None
    if isinstance(focus, QLineEdit) and focus.isReadOnly():
        return None
    busy = isinstance(focus, QLineEdit | QAbstractSpinBox | QComboBox) or QApplication.activePopupWidget() is not None
    return focus if busy else None
