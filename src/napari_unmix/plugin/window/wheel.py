"""The mouse wheel scrolls the dock: it changes a control only where the user is at work in that control."""

from __future__ import annotations

from qtpy.QtCore import QChildEvent, QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QScrollArea, QSlider, QWidget

CHANGED_BY_WHEEL = (QComboBox, QAbstractSpinBox, QSlider)


class CalmWheel(QObject):
    """Watches what a scroll area holds, and all that is ever put into it."""

    def __init__(self, area: QScrollArea) -> None:
        super().__init__(area)
        self._bar = area.verticalScrollBar()
        content = area.widget()
        assert content is not None
        self._watch(content)

    def _watch(self, widget: QWidget) -> None:
        widget.installEventFilter(self)
        if isinstance(widget, CHANGED_BY_WHEEL):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel itself gives no focus
        for child in widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            self._watch(child)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hand a wheel over a control without the focus to the scroll bar."""
        if isinstance(event, QChildEvent) and event.type() == QEvent.Type.ChildPolished:
            child = event.child()
            if isinstance(child, QWidget):
                self._watch(child)
        if event is None or event.type() != QEvent.Type.Wheel or not isinstance(watched, CHANGED_BY_WHEEL):
            return False
        if watched.hasFocus():
            return False
        QApplication.sendEvent(self._bar, event)
        return True
