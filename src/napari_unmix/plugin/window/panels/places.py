"""Where to paint next: a button, and the places with their reasons; a click on one goes there with the brush ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_unmix.identifiability.painting import Place
from napari_unmix.plugin.facts.reading_checks import unbroken
from napari_unmix.plugin.facts.session import current_run
from napari_unmix.plugin.facts.suggesting import Suggested, suggested_now, why_no_places
from napari_unmix.plugin.window.panels.step import Step, button, row, say, take_away, text

TIP = "Show on the image the few places where a stroke, or a region, tells most about what is not settled here. Press again to hide them."


class PlacesPart(QWidget):
    """A part of the steps of side information and of the result; the list is where the button was pressed.

    With the result the button ``ask`` stands beside *Why?*, where it takes no line of its own, and the list between these and the checks.
    """

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step, self._session, self._controller = step, step.session, step.controller
        # Here, and not in the other step; a dock that comes back while places are shown lists them with the result.
        self._pressed = step.name == "result" and suggested_now(step.session) is not None
        self._listed: Suggested | None = None
        self._rows: list[QWidget] = []
        self.ask = button("Where to paint", TIP, self._press)
        self.ask.setCheckable(True)
        self._said = text("note")
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        if step.name != "result":
            outer.addWidget(row(self.ask, stretch=-2))
        outer.addWidget(self._said)
        outer.addLayout(self._column)
        step.listen(self.refresh, "cube", "run", "training", "places")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        suggested, why_not = suggested_now(self._session), why_no_places(self._session)
        self.ask.setEnabled(not why_not)
        self.ask.setToolTip(why_not or TIP)
        self.ask.setChecked(suggested is not None)
        listed = suggested if self._pressed else None
        # An empty part would still take the space between two.
        self.setVisible(current_run(self._session) is not None and (listed is not None or self._step.name != "result"))
        say(self._said, "" if listed is None else listed.said)
        if listed is not self._listed:
            self._listed = listed
            self._fill(() if listed is None else listed.places)
            if listed is not None:
                self._step.reveal.bring(self)
        if suggested is None:
            self._pressed = self._pressed and self._session.places is None and not why_not

    def _press(self) -> None:
        self._pressed = suggested_now(self._session) is None
        self.ask.setChecked(not self._pressed)  # it turns when the places are there
        self._controller.toggle_places()

    def _fill(self, places: tuple[Place, ...]) -> None:
        for gone in self._rows:
            self._column.removeWidget(gone)
            take_away(gone)
        self._rows = [PlaceRow(number, place, self._controller.paint_at) for number, place in enumerate(places)]
        for made in self._rows:
            self._column.addWidget(made)


class PlaceRow(QWidget):
    """One place: its number, which takes the focus, and why; a click on either goes there."""

    def __init__(self, number: int, place: Place, go: Callable[[int], None]) -> None:
        super().__init__()
        self._go = lambda: go(number)
        self._number = QToolButton()
        self._number.setObjectName("pin")
        self._number.setText(str(number + 1))
        self._number.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._number.setAccessibleName(f"Place {number + 1}: {place.reason}")
        self._number.setToolTip(f"Go there, with the brush ready for a {place.kind}.")
        self._number.clicked.connect(self._go)
        self._reason = text("note", unbroken(f"{place.reason} Paint it as a {place.kind}."))
        self._reason.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)  # a click goes there
        self._reason.setCursor(Qt.CursorShape.PointingHandCursor)
        self._reason.setAlignment(Qt.AlignmentFlag.AlignTop)  # a label may get a line more than it needs
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._number, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._reason, 1)

    @property
    def reason(self) -> QLabel:
        """What it says."""
        return self._reason

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """On the reason, which does not hear it itself."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._go()
