"""The mouse wheel scrolls the dock: it changes a control only where the user is at work in that control."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QScrollArea, QSlider, QWidget

CHANGED_BY_WHEEL = (QComboBox, QAbstractSpinBox, QSlider)


class CalmWheel(QObject):
    """Hears the wheel over the controls in a scroll area. Only theirs: a filter costs the training thread's lock at every event."""

    def __init__(self, area: QScrollArea) -> None:
        super().__init__(area)
        self._area = area
        self.watch()

    def watch(self, *_: Any) -> None:
        """Take in the controls that were made since; those that are known stay as they are."""
        for kind in CHANGED_BY_WHEEL:
            for control in self._area.findChildren(kind):
                control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel itself gives no focus
                control.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hand a wheel over a control without the focus to the scroll bar."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        QApplication.sendEvent(self._area.verticalScrollBar(), event)
        return True
