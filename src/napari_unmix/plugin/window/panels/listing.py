"""A list of sentences as one text: a widget of each would be made, styled and laid out anew with the whole dock, dozens of times over."""

from __future__ import annotations

import html

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel

from napari_unmix.plugin.window.panels.step import text

MARK_PIXELS = 20  # the column of marks, in which no sentence stands


class Listing(QLabel):
    """Rich text that wraps, can be selected, and knows how high it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._heights: dict[int, int] = {}  # by width
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setSizePolicy(text().sizePolicy())
        self.setAlignment(Qt.AlignmentFlag.AlignTop)  # a label may get a line more than it needs
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def say_rows(self, rows: str) -> None:
        """Show the rows of a table; each layout of the dock around asks for the height several times, and all of it is measured for an answer."""
        self._heights.clear()
        self.setText(f'<table width="100%" cellspacing="0" cellpadding="1">{rows}</table>' if rows else "")
        self.setVisible(bool(rows))

    def heightForWidth(self, width: int) -> int:
        """Pixels of all lines at this width, as measured before."""
        if width not in self._heights:
            self._heights[width] = super().heightForWidth(width)
        return self._heights[width]

    def changeEvent(self, event: QEvent | None) -> None:
        """With another font lines are higher."""
        super().changeEvent(event)
        self._heights.clear()


def marked(mark: str, colour: str, cells: str) -> str:
    """A row that begins with a mark in its colour; ``cells`` are mark-up."""
    return f"<tr><td width='{MARK_PIXELS}'><span style='color: {colour}'>{mark}</span></td>{cells}</tr>"


def below(said: str, *, colour: str = "", columns: int = 1) -> str:
    """A row under the sentence before, in a colour or in the usual one; "" for nothing."""
    style = f" style='color: {colour}'" if colour else ""
    return f"<tr><td></td><td colspan='{columns}'{style}>{html.escape(said)}</td></tr>" if said else ""
