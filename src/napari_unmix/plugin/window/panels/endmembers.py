"""What can be looked at: all maps together, each alone, the dominant endmember; a row each with colour, name, mean share, eye and menu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_unmix.cube import FloatArray
from napari_unmix.plugin.facts.session import Theme, seen_alone, shown
from napari_unmix.plugin.window.panels.actions import ENDMEMBER_SIGNS
from napari_unmix.plugin.window.panels.all_row import AllRow
from napari_unmix.plugin.window.panels.endmember_row import EndmemberRow, RowFacts
from napari_unmix.plugin.window.panels.step import Step, take_away

MEAN_PIXELS = 40_000
MOST_ROWS = 10  # that stand at once: of more the list scrolls, so that the verdict stays near


class EndmemberRows(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._rows: list[EndmemberRow] = []
        self._maps: FloatArray | None = None  # whose mean shares are known
        self._shares: FloatArray = np.zeros(0)
        self._theme: Theme | None = None  # of the style sheet
        self._all = AllRow(self._session, self._controller, lambda: self._focus(0))
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._scroll = _Rows(content, self._fit_grades)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(1)
        outer.addWidget(self._all)
        outer.addWidget(self._scroll)
        step.listen(self.refresh, "cube", "training", "run", "views", "theme")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        what, theme = shown(self._session), self._session.theme
        self.setVisible(what is not None)
        self._make(0 if what is None else len(what.names))
        if what is None:
            self._maps = None
            return
        if theme != self._theme:  # a style sheet costs the window some milliseconds for every row
            self._theme = theme
            self.setStyleSheet(_style(theme))
        if what.content.abundances is not self._maps:
            self._maps = what.content.abundances
            self._shares = mean_shares(self._maps)
        alone, grades = seen_alone(self._session), what.grades
        self._all.show_fact()
        for k, made in enumerate(self._rows):
            signs = tuple(sign for signed in ENDMEMBER_SIGNS if (sign := signed(self._session, k))[0])
            visible = k not in what.hidden
            made.show_fact(
                RowFacts(what.names[k], what.colours[k], float(self._shares[k]), visible, alone == k, signs, grades[k]),
                theme.text,
            )
        self._fit_grades()

    def _fit_grades(self) -> None:
        """One column for all, so that signs stand below each other: as wide as the names leave it."""
        graded = [made for made in self._rows if made.grade is not None]
        share = self.fontMetrics().horizontalAdvance("100 %")
        for made in self._rows:
            made.set_share_width(share if graded else 0)
            made.show_grade_column(bool(graded))
        if not graded:
            return
        across = self._scroll.viewport().width()
        room = min(made.room_for_grade(across) for made in self._rows)
        width = max(made.width_for_grade(room) for made in graded)
        for made in self._rows:
            made.set_grade_width(width)

    def _make(self, count: int) -> None:
        if len(self._rows) == count:
            return
        while len(self._rows) > count:
            gone = self._rows.pop()
            self._column.removeWidget(gone)
            take_away(gone)
        while len(self._rows) < count:
            made = EndmemberRow(len(self._rows), self._session, self._controller, self._focus)
            self._rows.append(made)
            self._column.addWidget(made)

    def _focus(self, index: int) -> None:
        """The keyboard goes to a row; above the first is that of all."""
        if index < 0:
            self._all.take_focus()
        elif index < len(self._rows):
            self._rows[index].take_focus()
            self._scroll.ensureWidgetVisible(self._rows[index])


class _Rows(QScrollArea):
    """As high as its rows; of many it shows the first, and half a row to say that there are more. ``fit`` fits what they say to their width."""

    def __init__(self, content: QWidget, fit: Callable[[], None]) -> None:
        super().__init__()
        self._fit = fit
        self.setObjectName("mapRows")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setWidget(content)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The rows have changed."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            content = self.widget()
            layout = None if content is None else content.layout()
            few = layout is None or layout.count() <= MOST_ROWS  # they stand whole: a bar would only hide their eyes
            policy = Qt.ScrollBarPolicy
            self.setVerticalScrollBarPolicy(policy.ScrollBarAlwaysOff if few else policy.ScrollBarAsNeeded)
            self.updateGeometry()
            self._fit()
        return bool(super().eventFilter(watched, event))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """What rows say has more room, or less."""
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        """The height of the rows."""
        content = self.widget()
        layout = None if content is None else content.layout()
        if content is None or layout is None:
            return QSize(0, 0)
        height, count = content.sizeHint().height(), layout.count()
        shown_rows = count if count <= MOST_ROWS else MOST_ROWS + 0.5
        return QSize(content.sizeHint().width(), round(height * shown_rows / max(1, count)))

    def minimumSizeHint(self) -> QSize:
        """As narrow as the dock."""
        return QSize(0, self.sizeHint().height())


def _style(theme: Theme) -> str:
    """What is looked at is marked, and where the keyboard is."""
    return f"""
QScrollArea#mapRows {{ border: none; padding: 0; margin: 0; }}
QFrame#mapRow {{ border: 1px solid transparent; border-radius: 3px; }}
QFrame#mapRow:hover {{ background: {theme.foreground}; }}
QFrame#mapRow[seen="true"] {{ background: {theme.primary}; }}
QFrame#mapRow[keyboard="true"] {{ border-color: {theme.accent}; }}
QFrame#mapRow QToolButton {{ border: none; background: transparent; color: {theme.text}; padding: 1px; }}
QFrame#mapRow QToolButton:hover {{ background: {theme.primary}; border-radius: 3px; }}
QFrame#mapRow QToolButton:focus {{ border: 1px solid {theme.accent}; border-radius: 3px; }}
QFrame#mapRow QToolButton:disabled {{ color: {theme.muted}; }}
QFrame#mapRow QToolButton#view {{ border: 1px solid {theme.muted}; border-radius: 3px; padding: 1px 5px; }}
QFrame#mapRow QToolButton#view:checked {{ background: {theme.primary}; border-color: {theme.accent}; }}
QFrame#mapRow QToolButton::menu-indicator {{ image: none; }}
QFrame#mapRow QLineEdit[readOnly="true"] {{ background: transparent; border: none; padding: 0; }}
QFrame#mapRow QLabel {{ background: transparent; }}
"""


def mean_shares(abundances: FloatArray) -> FloatArray:
    """(P,) mean share over evenly spread pixels; NaN where there is none."""
    height, width, count = abundances.shape
    step = max(1, int(np.ceil(np.sqrt(height * width / MEAN_PIXELS))))
    values = abundances[::step, ::step].reshape(-1, count)
    values = values[np.isfinite(values).all(axis=1)]
    return values.mean(axis=0) if len(values) else np.full(count, np.nan)
