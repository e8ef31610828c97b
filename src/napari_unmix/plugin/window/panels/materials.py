"""The materials of a run behind its verdict: how far each can be believed, why, and what would help."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.grading import Material, materials_tally
from napari_unmix.plugin.facts.reading_checks import unbroken
from napari_unmix.plugin.window.panels.step import say, swatch, text

MOST_A_TURN = 6  # materials that are laid out in one turn of the event loop


class MaterialList(QWidget):
    """A row of each material, the worst first, and how many have which grade."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[Material, ...] = ()
        self._rows: list[QWidget] = []
        self._tally = text("note")
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._more)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._tally)
        outer.addLayout(self._column)

    def show_materials(self, materials: tuple[Material, ...]) -> None:
        """List these, where they are not listed already."""
        if materials == self._listed:
            return
        self._listed = materials
        for gone in self._rows:
            self._column.removeWidget(gone)
            gone.deleteLater()
        self._rows = []
        self.setVisible(bool(materials))
        say(self._tally, materials_tally(materials))
        self._more()

    def _more(self) -> None:
        """Some materials a turn: each lays the dock out anew, so that thirty at once would hold the window."""
        first = len(self._rows)
        for material in self._listed[first : first + MOST_A_TURN]:
            self._rows.append(MaterialRow(material))
            self._column.addWidget(self._rows[-1])
        if len(self._rows) < len(self._listed):
            self._turn.start()


class MaterialRow(QWidget):
    """One material: its colour and name, how far it can be believed, why, and what would help."""

    def __init__(self, material: Material) -> None:
        super().__init__()
        name = line_of("checkTitle", material.name)
        word = QLabel(material.word)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(name, 1)
        head.addWidget(word, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addLayout(head)
        words.addWidget(line_of("note", unbroken(material.grade.sentence)))
        if material.remedy:
            words.addWidget(line_of("remedy", f"→ {material.remedy}"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 2, 0, 2)
        layout.setSpacing(6)
        layout.addWidget(swatch(material.colour), 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)


def line_of(name: str, content: str) -> QLabel:
    """A line of a list of sentences, by its style's name."""
    made = text(name, content)
    made.setAlignment(Qt.AlignmentFlag.AlignTop)  # a label may get a line more than it needs
    made.setIndent(0)
    return made
