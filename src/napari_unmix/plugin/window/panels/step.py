"""A step of the dock: a collapsible group with a title, a state mark, what it waits for, and its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from qtpy.QtCore import Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_unmix.plugin.facts.guiding import folded_text
from napari_unmix.plugin.facts.notices import COPY_REPORT
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.facts.session import Step as StepName
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.flow import FlowLayout
from napari_unmix.plugin.window.panels.panel import Panel
from napari_unmix.plugin.window.panels.reveal import Reveal, edited

Mark = Literal["empty", "half", "done", "trouble"]
MARKS: dict[Mark, tuple[str, str]] = {
    "empty": ("○", "nothing here yet"),
    "half": ("◐", "under way"),
    "done": ("✓", "done"),
    "trouble": ("!", "needs your attention"),
}
COPIES = "Copy what happened, to be sent: versions, settings, sizes and calls; no data and no names of files."


class Step(Panel):
    """Base of the panels. ``body`` takes the content; a subclass implements ``refresh``."""

    name: StepName
    title: str
    number: int

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._header = QToolButton()
        self._header.setText(f"{self.number}  {self.title}")
        self._header.setObjectName("stepHeader")
        self._header.setCheckable(True)
        self._header.setChecked(True)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setArrowType(Qt.ArrowType.DownArrow)
        self._header.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._header.setAccessibleName(f"Step {self.number}, {self.title}")
        self._header.setToolTip("Fold or unfold this step.")
        self._header.toggled.connect(self._fold)
        self._mark = QLabel()
        self._mark.setObjectName("stepMark")
        self._content = QWidget()
        self._content.setObjectName("stepContent")
        self.body = QVBoxLayout(self._content)
        self.body.setContentsMargins(8, 2, 4, 6)
        self.body.setSpacing(6)
        self._waits = text("stepWaits")
        self._trouble = text("stepTrouble")
        self._report = button(COPY_REPORT, COPIES, self._copy_report)
        self._report.setVisible(False)
        self._summary = QElidingLabel()
        self._summary.setObjectName("note")
        self._summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._done_with = False
        self.title_bar = _Bar(self._header, self._summary, self._mark)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        report = row(self._report, stretch=-2)
        report.layout().setContentsMargins(8, 0, 0, 2)  # below the sentence, which begins so far to the right
        for item in (self.title_bar, self._waits, self._trouble, report, self._content):
            outer.addWidget(item)
        self.reveal = Reveal(self)
        self.listen(self._show_trouble, "trouble")

    def set_mark(self, mark: Mark) -> None:
        """Empty circle, half, or tick; an error of this step wins."""
        if self._trouble.text():
            mark = "trouble"
        sign, meaning = MARKS[mark]
        self._mark.setText(sign)
        self._mark.setToolTip(f"{self.title}: {meaning}")
        self._mark.setAccessibleName(f"{self.title}: {meaning}")
        set_property(self._mark, "mark", mark)

    def wait_for(self, reason: str) -> None:
        """Grey the content and say what it waits for, "" for nothing."""
        self._waits.setText(reason)
        self._waits.setVisible(bool(reason) and self._header.isChecked())
        self._content.setEnabled(not reason)

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        raise NotImplementedError

    def _fold(self, unfolded: bool) -> None:
        self._content.setVisible(unfolded)
        self._waits.setVisible(unfolded and bool(self._waits.text()))
        self._summarise()
        self._header.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)

    def unfold(self) -> None:
        """Open the step, for the user to see or do something in it."""
        self._header.setChecked(True)

    def guide(self, done: bool) -> None:
        """Fold when the step has done its part, unfold when it is asked for again; in between the user's own folding stays.

        Nothing folds under the hands of a user who is writing in the dock: what they look at would move away.
        """
        if done != self._done_with and not (done and edited(self) is not None):
            self._done_with = done
            self._header.setChecked(not done)
        self._summarise()

    def _summarise(self) -> None:
        self._summary.setText("" if self._header.isChecked() else folded_text(self.session, self.name))

    def _show_trouble(self, *_: Any) -> None:
        trouble = self.session.trouble
        mine = trouble is not None and trouble.step == self.name
        if mine:
            self.unfold()
        self._trouble.setText(trouble.sentence if trouble is not None and mine else "")
        self._trouble.setVisible(mine)
        self._report.setVisible(trouble is not None and mine and bool(trouble.report))
        self.refresh()
        focus = edited(self)
        if mine and (focus is None or self.isAncestorOf(focus)):
            self.reveal.bring(self, self._report if self._report.isVisible() else self._trouble)

    def _copy_report(self) -> None:
        trouble = self.session.trouble
        if trouble is not None:
            QApplication.clipboard().setText(trouble.report)


class _Bar(QFrame):
    """The title of a step over its whole width; a click anywhere on it folds and unfolds."""

    def __init__(self, header: QToolButton, summary: QWidget, mark: QWidget) -> None:
        super().__init__()
        self.setObjectName("stepBar")
        self._header = header
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 2, 0)
        layout.setSpacing(4)
        layout.addWidget(header)
        layout.addWidget(summary, 1)
        layout.addWidget(mark)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Beside the title; on it the title itself hears the click."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._header.toggle()


def wrapped(*widgets: QWidget) -> QWidget:
    """Widgets side by side, in as many lines as they need."""
    box = QWidget()
    layout = FlowLayout(box)
    for widget in widgets:
        layout.addWidget(widget)
    return box


def row(*widgets: QWidget, stretch: int = -1) -> QWidget:
    """Widgets side by side; ``stretch`` is the one that takes the room."""
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == stretch else 0)
    if stretch == -2:
        layout.addStretch(1)
    return box


def text(name: str = "", content: str = "") -> QLabel:
    """A label that wraps, so that no sentence widens the dock."""
    label = QLabel(content)
    label.setWordWrap(True)
    label.setObjectName(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setVisible(bool(content))
    return label


def say(label: QLabel, content: str) -> None:
    """Set a label's text; an empty one takes no room."""
    label.setText(content)
    label.setVisible(bool(content))


def take_away(widget: QWidget) -> None:
    """Be done with a widget, hidden at once: Qt deletes it when its loop comes round, and until then it would be drawn over what takes its place."""
    widget.hide()
    widget.deleteLater()


def button(label: str, tooltip: str, verb: Callable[[], Any]) -> QPushButton:
    """A button that calls a verb."""
    made = QPushButton(label)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: verb())
    return made


def more_button(tooltip: str, unfold: Callable[[], Any]) -> QToolButton:
    """A word that unfolds what fewer people need."""
    made = QToolButton()
    made.setText("more")
    made.setObjectName("more")
    made.setCheckable(True)
    made.setToolTip(tooltip)
    made.setAccessibleName(f"More: {tooltip}")
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def turn(unfolded: bool) -> None:
        made.setText("less" if unfolded else "more")
        unfold()

    made.toggled.connect(turn)
    return made


def set_property(widget: QWidget, name: str, value: Any) -> None:
    """Set a property that the style sheet asks for, and let the style see it."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def swatch(colour: str) -> QLabel:
    """A small square of a colour."""
    made = QLabel()
    made.setFixedSize(14, 14)
    made.setObjectName("swatch")
    paint_swatch(made, colour)
    return made


def paint_swatch(label: QLabel, colour: str) -> None:
    """Give a swatch its colour."""
    label.setStyleSheet(f"background: {colour}; border-radius: 3px;")
