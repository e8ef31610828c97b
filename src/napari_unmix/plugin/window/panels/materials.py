"""The materials of a run behind its verdict: how far each can be believed, why, and what would help."""

from __future__ import annotations

import html

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unmix.plugin.facts.grading import Material, materials_tally
from napari_unmix.plugin.facts.reading_checks import unbroken
from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.window.panels.listing import Listing, below, marked
from napari_unmix.plugin.window.panels.step import say, text

ONE_LINE = 16  # letters of a name that has room beside the longest word in the narrowest dock


class MaterialList(QWidget):
    """All materials, the worst first, and how many have which grade."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[tuple[Material, ...], Theme | None] = ((), None)
        self._tally, self._materials = text("note"), Listing("materials")
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
        self._materials.say_rows("".join(_rows(one, theme) for one in materials))


def _rows(material: Material, theme: Theme) -> str:
    """Its colour, name and word on a line, below these why, and what would help."""
    name = material.name.replace(" ", "\u00a0") if len(material.name) <= ONE_LINE else material.name
    name, word = html.escape(name), html.escape(material.word)
    head = f"<td><b>{name}</b></td><td align='right' style='white-space: nowrap'>{word}</td>"
    why = below(unbroken(material.grade.sentence), colour=theme.muted, columns=2)
    helps = below(f"→ {material.remedy}" if material.remedy else "", columns=2)
    return marked("■", material.colour, head) + why + helps
