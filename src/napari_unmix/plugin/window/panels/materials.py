"""The materials of a run behind its verdict: how far each can be believed, why, and what would help."""

from __future__ import annotations

import html

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.grading import Material, materials_tally
from napari_unmix.plugin.facts.reading_checks import unbroken
from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.window.panels.step import say, text

_SWATCH = 20  # pixels of the column of colours, in which no sentence stands


class MaterialList(QWidget):
    """All materials, the worst first, and how many have which grade."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[tuple[Material, ...], Theme | None] = ((), None)
        self._tally, self._materials = text("note"), _Listing()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._tally)
        outer.addWidget(self._materials)

    def show_materials(self, materials: tuple[Material, ...], theme: Theme) -> None:
        """List these, where they are not listed already in the colours of this theme."""
        if (materials, theme) == self._listed:
            return
        self._listed = materials, theme
        self.setVisible(bool(materials))
        say(self._tally, materials_tally(materials))
        self._materials.say_all(materials, theme)


class _Listing(QLabel):
    """One text of all materials: a widget of each would lay out the whole dock anew, thirty times over."""

    def __init__(self) -> None:
        super().__init__()
        self._heights: dict[int, int] = {}  # by width
        self.setObjectName("materials")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setSizePolicy(text().sizePolicy())
        self.setAlignment(Qt.AlignmentFlag.AlignTop)  # a label may get a line more than it needs
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def say_all(self, materials: tuple[Material, ...], theme: Theme) -> None:
        """Show them; each layout of the dock around asks for the height several times, and all of the text is measured for an answer."""
        self._heights.clear()
        self.setText(listing(materials, theme))

    def heightForWidth(self, width: int) -> int:
        """Pixels of all lines at this width, as measured before."""
        if width not in self._heights:
            self._heights[width] = super().heightForWidth(width)
        return self._heights[width]

    def changeEvent(self, event: QEvent | None) -> None:
        """With another font lines are higher."""
        super().changeEvent(event)
        self._heights.clear()


def listing(materials: tuple[Material, ...], theme: Theme) -> str:
    """Rich text: of each material its colour, name and word on a line, below these why, and what would help."""
    rows = "".join(_rows(one, theme) for one in materials)
    return f'<table width="100%" cellspacing="0" cellpadding="1">{rows}</table>'


def _rows(material: Material, theme: Theme) -> str:
    name, word, why = (html.escape(said) for said in (material.name, material.word, unbroken(material.grade.sentence)))
    head = f"<td><b>{name}</b></td><td align='right' style='white-space: nowrap'>{word}</td>"
    lines = [f"<td width='{_SWATCH}'><span style='color: {material.colour}'>■</span></td>{head}"]
    lines.append(f"<td></td><td colspan='2' style='color: {theme.muted}'>{why}</td>")
    if material.remedy:
        lines.append(f"<td></td><td colspan='2'>→ {html.escape(material.remedy)}</td>")
    return "".join(f"<tr>{line}</tr>" for line in lines)


def line_of(name: str, content: str) -> QLabel:
    """A line of a list of sentences, by its style's name."""
    made = text(name, content)
    made.setAlignment(Qt.AlignmentFlag.AlignTop)  # a label may get a line more than it needs
    made.setIndent(0)
    return made
