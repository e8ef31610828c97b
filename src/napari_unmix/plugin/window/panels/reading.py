"""How the file is read, where that was found out wrongly: a line for each option, applied together, undone together."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from napari_unmix.cube import Cube
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import button, row, text
from napari_unmix.reading import OPTIONS, Option, written_as

_FILES = ("dark", "white")
_ELSEWHERE = ("bands",)  # Bands… has a line of its own
_EMPTY = {"repair": "all", "dark": "none", "white": "none"}  # what an empty line means, where that is not finding out


class ReadingEditor(QWidget):
    """One line for each option of reading; an empty one is found out."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._cube: Cube | None = None
        self._lines: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for option in OPTIONS:
            if option.field not in _ELSEWHERE:
                form.addRow(self._label(option), self._line(option))
        self._apply_button = button("Read again", "Read the file like this; Enter does the same.", self._apply)
        self._undo = button("Undo", "Read the file as it was read before.", controller.undo_reading)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(text("note", "An empty line is found out from the file."))
        layout.addLayout(form)
        layout.addWidget(row(self._apply_button, self._undo, stretch=-2))

    def show_cube(self, cube: Cube | None) -> None:
        """Show how a cube was read; what the user is writing stays until the cube changes."""
        self._undo.setEnabled(self._controller.can_undo_reading())
        if cube is self._cube:
            return
        self._cube = cube
        if cube is None:
            return
        written = written_as(cube.reading)
        for field, line in self._lines.items():
            line.setText(written.get(field, ""))
            line.setCursorPosition(0)

    def begin(self) -> None:
        """Ready to write."""
        next(iter(self._lines.values())).setFocus()

    def _label(self, option: Option) -> QLabel:
        label = QLabel(option.title)
        label.setToolTip(_tooltip(option))
        return label

    def _line(self, option: Option) -> QWidget:
        line = QLineEdit()
        line.setPlaceholderText(_EMPTY.get(option.field, "auto"))
        line.setToolTip(_tooltip(option))
        line.setAccessibleName(option.title)
        line.setClearButtonEnabled(True)
        line.returnPressed.connect(self._apply)
        self._lines[option.field] = line
        if option.field not in _FILES:
            return line
        return row(line, _chooser(option, line), stretch=0)

    def _apply(self) -> None:
        self._controller.read_again({field: line.text().strip() for field, line in self._lines.items()})


def _tooltip(option: Option) -> str:
    text = f"{option.text[:1].upper()}{option.text[1:]}."
    return f"{text} On the command line: {option.name} {option.metavar}."


def _chooser(option: Option, line: QLineEdit) -> QToolButton:
    """Choose a file by the mouse."""
    chooser = QToolButton()
    chooser.setText("…")
    chooser.setToolTip(f"Choose the {option.title.lower()}.")
    chooser.setAccessibleName(f"Choose the {option.title.lower()}")
    chooser.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def choose() -> None:
        path, _ = QFileDialog.getOpenFileName(line, f"Choose the {option.title.lower()}")
        if path:
            line.setText(path)

    chooser.clicked.connect(choose)
    return chooser
