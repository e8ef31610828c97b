"""How the canvas shows two runs: one alone, their difference, both in turn, both side by side; with the controls of each."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_unmix.plugin.facts.comparison import compared, maps_obstacle, pairs_of
from napari_unmix.plugin.facts.likeness import DifferenceMap, View
from napari_unmix.plugin.viewer.compare_layers import FLICKER_KEY, LESS, MORE, NONE
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text

VIEWS: tuple[tuple[View, str, str], ...] = (
    ("one", "One run", "The maps of the run that is shown, alone."),
    ("difference", "Difference", "Maps of one material subtracted: the share here minus the share beside, in percentage points."),
    ("flicker", "Flicker", "The maps of both runs in the same place, one after the other: what changes catches the eye."),
    ("split", "Split", "The left part of the maps from one run, the right part from the other."),
)  # fmt: skip
STEPS = 1000  # of the slider


class ViewRow(QWidget):
    """The four views, and below them what belongs to the chosen one."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._group = QButtonGroup(self)
        self._choices: dict[View, QPushButton] = {}
        choices = QWidget()
        layout = QHBoxLayout(choices)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for view, title, tip in VIEWS:
            layout.addWidget(self._choice(view, title, tip), 1)
        self._difference = DifferenceKey()
        self._flicker = self._flicker_row()
        self._split = self._split_row()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        for item in (choices, self._difference, self._flicker, self._split):
            outer.addWidget(item)
        step.listen(self.refresh, "cube", "run", "beside", "comparing", "overlay", "measured", "training", "state")
        self.refresh()

    def _choice(self, view: View, title: str, tip: str) -> QPushButton:
        made = button(title, tip, partial(self._controller.view_comparison, view))
        made.setCheckable(True)
        made.setObjectName("comparisonView")
        made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._group.addButton(made)
        self._choices[view] = made
        return made

    def _flicker_row(self) -> QWidget:
        self._other = button(
            f"Other ({FLICKER_KEY})",
            f"See the other run; {FLICKER_KEY} does the same while the canvas has the keyboard.",
            self._controller.see_other,
        )
        self._paced = QCheckBox("by itself")
        self._paced.setToolTip("Change between the runs about three times in two seconds, until this is unticked.")
        self._paced.clicked.connect(self._controller.flicker)
        self._seen = QLabel()
        self._seen.setToolTip("Which of the two runs the canvas shows now.")
        self._seen.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        return row(self._other, self._paced, self._seen, stretch=2)

    def _split_row(self) -> QWidget:
        self._divider = QSlider(Qt.Orientation.Horizontal)
        self._divider.setRange(0, STEPS)
        self._divider.setPageStep(STEPS // 10)
        self._divider.setSingleStep(STEPS // 100)
        self._divider.setAccessibleName("Where the split is")
        self._divider.setToolTip(
            "Where the split is, from the left edge of the image; the line on the canvas can be dragged too."
        )
        self._divider.valueChanged.connect(self._moved)
        self._sides = text("note")
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._divider)
        column.addWidget(self._sides)
        return box

    def _moved(self, value: int) -> None:
        """By the user; the step that the slider is set to from the facts is where it is already."""
        if value != _step(self._session.comparing.divider):
            self._controller.move_divider(value / STEPS)

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, both = self._session, compared(self._session)
        comparing, obstacle = session.comparing, maps_obstacle(session)
        possible = not obstacle and bool(pairs_of(session))
        for view, choice in self._choices.items():
            choice.setChecked(view == comparing.view)
            choice.setEnabled(view == "one" or possible)
        view = comparing.view if both is not None and possible else "one"
        for of, part in (("difference", self._difference), ("flicker", self._flicker), ("split", self._split)):
            part.setVisible(view == of)
        if both is None:
            return
        run, beside = both
        overlay = session.overlay
        self._difference.show_fact(overlay if isinstance(overlay, DifferenceMap) else None, run.title, beside.title)
        self._paced.setChecked(comparing.paced)
        self._seen.setText(f"seen: {beside.title if comparing.other else run.title}")
        self._divider.setValue(_step(comparing.divider))
        say(self._sides, f"left: {run.title} · right: {beside.title}")


class DifferenceKey(QWidget):
    """What the colours of a difference mean."""

    def __init__(self) -> None:
        super().__init__()
        self._low, self._high, self._words = QLabel(), QLabel(), text("note")
        bar = QLabel()
        bar.setFixedHeight(10)
        bar.setObjectName("differenceKey")
        bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        bar.setStyleSheet(
            "border-radius: 2px; background: qlineargradient(x1:0, y1:0, x2:1, y2:0,"
            f" stop:0 {LESS}, stop:0.5 {NONE}, stop:1 {MORE});"
        )
        tip = "Share here minus share beside, in percentage points; the ends are the 99th percentile of its size."
        for label in (self._low, bar, self._high):
            label.setToolTip(tip)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        outer.addWidget(row(self._low, bar, self._high, stretch=1))
        outer.addWidget(self._words)

    def show_fact(self, difference: DifferenceMap | None, here: str, beside: str) -> None:
        """Show the limits, and who has more where."""
        if difference is None:
            self._low.setText("")
            self._high.setText("")
            say(self._words, "no difference to show")
            return
        limit = f"{difference.limit:.0f}" if difference.limit >= 10 else f"{difference.limit:.1f}"
        self._low.setText(f"−{limit}")
        self._high.setText(f"+{limit}")
        say(self._words, f"percentage points · red: more in {here}, blue: more in {beside}")


def _step(share: float) -> int:
    return round(STEPS * share)
