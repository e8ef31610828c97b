"""The title of a run, which can be written anew where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QLineEdit


class TitleEdit(QLineEdit):
    """A double click, Enter or F2 begins to write, Enter or leaving it ends, Escape gives up."""

    def __init__(self, retitle: Callable[[str], Any]) -> None:
        super().__init__()
        self._retitle, self._shown = retitle, ""
        self.setObjectName("nameEdit")
        self.setAccessibleName("Name of the run")
        self.setReadOnly(True)
        self.setFrame(False)

    def show_title(self, title: str) -> None:
        """Show a title, unless the user is just writing one."""
        self._shown = title
        if self.isReadOnly() and self.text() != title:
            self.setText(title)
            self.setCursorPosition(0)  # of a long one its beginning

    def begin(self) -> None:
        """Ready to write."""
        self.setReadOnly(False)
        self.style().polish(self)  # the style sheet tells the two apart
        self.selectAll()
        self.setFocus()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Begin to write; a word of what is being written is selected as usual."""
        if self.isReadOnly():
            self.begin()
        else:
            super().mouseDoubleClickEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter or F2 begins, Enter ends, Escape gives up."""
        if event is None:
            return
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self.isReadOnly() and (enter or event.key() == Qt.Key.Key_F2):
            self.begin()
        elif not self.isReadOnly() and (enter or event.key() == Qt.Key.Key_Escape):
            self._end(self.text() if enter else self._shown)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Leaving it ends."""
        super().focusOutEvent(event)
        if not self.isReadOnly() and (event is None or event.reason() != Qt.FocusReason.PopupFocusReason):
            self._end(self.text())

    def _end(self, title: str) -> None:
        self.setReadOnly(True)
        self.style().polish(self)
        if title.strip() and title.strip() != self._shown:
            self._retitle(title)
        self.setText(self._shown)
        self.deselect()
        self.setCursorPosition(0)
