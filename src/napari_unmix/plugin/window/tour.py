"""A short tour: a note beside each of the five steps in turn. It blocks nothing; ``Esc`` ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QObject, QPoint, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout

from napari_unmix.plugin.window.panels.step import Step, button, row

WIDTH, GAP = 270, 12


@dataclass(frozen=True)
class Stop:
    """What is said at one step."""

    title: str
    text: str


STOPS = (
    Stop(
        "1  Open a cube",
        "A file, or the sample. What was read, repaired or left out is told here; Reading… and Bands… change it.",
    ),
    Stop(
        "2  Paint, if you like",
        "Brush a few places where the mixture differs, or where one material is nearly pure. It names materials and makes the answer surer; "
        "without it neighbouring pixels that look alike are used.",
    ),
    Stop(
        "3  Choose how",
        "iVAE and the counted number of materials are set. More settings are under Advanced; none is needed to begin.",
    ),
    Stop(
        "4  Train",
        "Maps appear on the image while it trains. Cancel and Pause answer at once, and you may go on painting and clicking.",
    ),
    Stop(
        "5  Read the result",
        "Double-click a name to change it. Click the image: the bars tell what that pixel is made of, with its ±. "
        "Why? tells what may be claimed; Export… takes it along.",
    ),
)


class Tour(QFrame):
    """A note at the left of a step, over the window; a step is unfolded and scrolled to when its turn comes."""

    def __init__(self, steps: Sequence[Step], area: QScrollArea, style: str) -> None:
        super().__init__(area.window())
        self._steps, self._area, self._place = tuple(steps), area, 0
        self.setObjectName("tour")
        self.setStyleSheet(style)
        self.setFixedWidth(WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._title, self._text, self._count = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("checkTitle")
        self._count.setObjectName("note")
        self._text.setWordWrap(True)
        self._back = button("Back", "The note before.", lambda: self.show_stop(self._place - 1))
        self._on = button("Next", "The next note; the right arrow key does the same.", self._next)
        end = button("End", "End the tour; Esc does the same.", self.end)
        layout = QVBoxLayout(self)
        for item in (self._title, self._text, row(self._count, end, self._back, self._on, stretch=0)):
            layout.addWidget(item)
        area.window().installEventFilter(self)
        area.verticalScrollBar().valueChanged.connect(self._follow)

    @property
    def place(self) -> int:
        """Which stop it is, from 0."""
        return self._place

    def show_stop(self, place: int) -> None:
        """Show one stop."""
        self._place = min(max(place, 0), len(STOPS) - 1)
        step, stop = self._steps[self._place], STOPS[self._place]
        self._title.setText(stop.title)
        self._text.setText(stop.text)
        self._count.setText(f"{self._place + 1} of {len(STOPS)}")
        self._back.setEnabled(self._place > 0)
        self._on.setText("Done" if self._place == len(STOPS) - 1 else "Next")
        step.unfold()
        self._area.ensureWidgetVisible(step.title_bar, 0, 60)
        self._text.setMinimumHeight(self._text.heightForWidth(WIDTH - 24))
        self.adjustSize()
        self._follow()
        self.show()
        self.raise_()
        self.setFocus()

    def end(self) -> None:
        """Go."""
        self.window().removeEventFilter(self)
        self._area.verticalScrollBar().valueChanged.disconnect(self._follow)
        self.hide()
        self.deleteLater()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Esc ends, the arrows go on and back."""
        key = None if event is None else event.key()
        if key == Qt.Key.Key_Escape:
            self.end()
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Return):
            self._next()
        elif key == Qt.Key.Key_Left:
            self.show_stop(self._place - 1)
        elif event is not None:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The window's size changed: the step is elsewhere."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self._follow()
        return False

    def _next(self) -> None:
        if self._place == len(STOPS) - 1:
            self.end()
        else:
            self.show_stop(self._place + 1)

    def _follow(self, *_: object) -> None:
        """Beside the step's title, inside the window."""
        window, bar = self.window(), self._steps[self._place].title_bar
        at = bar.mapTo(window, QPoint(0, 0))
        left = at.x() - self.width() - GAP
        if left < 0:  # the dock is at the left of the window
            left = at.x() + bar.width() + GAP
        self.move(left, min(max(at.y(), 0), window.height() - self.height()))
