"""Widgets side by side that go on in a new row where the room ends. Its height is fixed by what is in it: no dock grows by a layout's guess."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QRect
from qtpy.QtWidgets import QSizePolicy, QWidget


class FlowRow(QWidget):
    """The children that are not hidden, in the order in which they were put in."""

    def __init__(self, gap: int = 6) -> None:
        super().__init__()
        self._gap = gap
        self._items: list[QWidget] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def put(self, *items: QWidget) -> None:
        """Put widgets in the place of those before."""
        for gone in [item for item in self._items if item not in items]:
            gone.hide()
            gone.deleteLater()
        self._items = list(items)
        for item in items:
            if item.parent() is not self:
                item.setParent(self)
                item.show()
        self.arrange()

    def arrange(self) -> None:
        """Give every child its place."""
        across, down, row = 0, 0, 0
        for item in (item for item in self._items if not item.isHidden()):
            size = item.sizeHint().expandedTo(item.minimumSize()).boundedTo(item.maximumSize())
            if across and across + size.width() > self.width():
                across, down, row = 0, down + row + self._gap // 2, 0
            room = max(1, self.width() - across)
            item.setGeometry(QRect(across, down, min(size.width(), room), size.height()))
            across, row = across + size.width() + self._gap, max(row, size.height())
        if self.height() != down + row or self.maximumHeight() != down + row:
            self.setFixedHeight(down + row)

    def resizeEvent(self, event: Any) -> None:
        """Other room."""
        super().resizeEvent(event)
        self.arrange()

    def event(self, event: QEvent | None) -> bool:
        """A child comes, goes, or has other words."""
        answered = super().event(event)
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.arrange()
        return bool(answered)
