"""The endmembers of what is shown, a row each: colour, name, mean share, eye."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from napari_unmix.cube import FloatArray
from napari_unmix.plugin.facts.session import shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.icons import eye_icon
from napari_unmix.plugin.window.panels.step import Step, paint_swatch, swatch

MEAN_PIXELS = 40_000


class EndmemberRows(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._rows: list[EndmemberRow] = []
        self._maps: FloatArray | None = None  # whose mean shares are known
        self._shares: FloatArray = np.zeros(0)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        step.listen(self.refresh, "cube", "training", "run", "theme")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        what, theme = shown(self._session), self._session.theme
        self.setVisible(what is not None)
        self._make(0 if what is None else len(what.names))
        if what is None:
            self._maps = None
            return
        if what.content.abundances is not self._maps:
            self._maps = what.content.abundances
            self._shares = mean_shares(self._maps)
        for k, made in enumerate(self._rows):
            share, visible = float(self._shares[k]), k not in what.hidden
            made.show_fact(what.names[k], what.colours[k], share, visible, theme.text)

    def _make(self, count: int) -> None:
        while len(self._rows) > count:
            gone = self._rows.pop()
            self._column.removeWidget(gone)
            gone.deleteLater()
        while len(self._rows) < count:
            made = EndmemberRow(len(self._rows), self._controller)
            self._rows.append(made)
            self._column.addWidget(made)


class EndmemberRow(QWidget):
    """One endmember: colour, name (double-click renames), mean share, eye."""

    def __init__(self, index: int, controller: Controller) -> None:
        super().__init__()
        self._swatch = swatch("#888888")
        self._name = NameEdit()
        self._name.renamed.append(lambda name: controller.rename_endmember(index, name))
        self._share = QLabel()
        self._share.setToolTip("Mean share of this endmember over all pixels.")
        self._eye = QToolButton()
        self._eye.setCheckable(True)
        self._eye.setObjectName("eye")
        self._eye.clicked.connect(lambda visible: controller.set_visible(index, visible))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._swatch)
        layout.addWidget(self._name, 1)
        layout.addWidget(self._share)
        layout.addWidget(self._eye)

    def show_fact(self, name: str, colour: str, share: float, visible: bool, text_colour: str) -> None:
        """Show what the session says of this endmember."""
        paint_swatch(self._swatch, colour)
        self._name.show_name(name)
        self._share.setText("" if np.isnan(share) else f"{100 * share:.0f} %")
        self._eye.setChecked(visible)
        self._eye.setIcon(eye_icon(visible, text_colour))
        self._eye.setToolTip("Hide this map." if visible else "Show this map.")
        self._eye.setAccessibleName(f"Map of {name}")


class NameEdit(QLineEdit):
    """A name that a double click, Enter or F2 makes editable."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: list[Any] = []
        self._shown = ""
        self.setObjectName("nameEdit")
        self.setReadOnly(True)
        self.setFrame(False)
        self.setToolTip("Double-click to rename; the name changes in layers, curves and bars.")
        self.editingFinished.connect(self._finish)

    def show_name(self, name: str) -> None:
        """Show a name, unless the user is just writing one."""
        self._shown = name
        if self.isReadOnly():
            self.setText(name)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Begin to rename."""
        self._begin()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter or F2 begins, Escape gives up."""
        if event is None:
            return
        if self.isReadOnly() and event.key() in (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._begin()
        elif not self.isReadOnly() and event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
            self.setReadOnly(True)
        else:
            super().keyPressEvent(event)

    def _begin(self) -> None:
        self.setReadOnly(False)
        self.selectAll()
        self.setFocus()

    def _finish(self) -> None:
        if self.isReadOnly():
            return
        self.setReadOnly(True)
        for renamed in self.renamed:
            renamed(self.text())
        self.setText(self._shown)
        self.deselect()


def mean_shares(abundances: FloatArray) -> FloatArray:
    """(P,) mean share over evenly spread pixels; NaN where there is none."""
    height, width, count = abundances.shape
    step = max(1, int(np.ceil(np.sqrt(height * width / MEAN_PIXELS))))
    values = abundances[::step, ::step].reshape(-1, count)
    values = values[np.isfinite(values).all(axis=1)]
    return values.mean(axis=0) if len(values) else np.full(count, np.nan)
