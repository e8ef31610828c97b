"""Step 4: train, cancel, pause; what happens now, the loss, the time left."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from qtpy.QtCore import QPointF, QSize
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QLabel, QProgressBar, QSizePolicy, QWidget

from napari_unmix.plugin.facts.locks import trains_on, waits_for_training, why_not_train_on
from napari_unmix.plugin.facts.session import (
    Session,
    Stage,
    Unfinished,
    being_checked,
    current_run,
    out_of_date,
    running,
    shown,
    training_here,
)
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import Step, button, row, say, set_property, text

STEPS_OF_THE_BAR = 1000
TRAIN_ON_TIP = (
    "Train from the endmembers as they are now, as many as there are: locked ones are held, the others are refined. "
    "Train alone begins anew, and holds the locked ones as well."
)
SURE_AFTER_SECONDS, SURE_AFTER_SHARE = 1.5, 0.05


class TrainPanel(Step):
    """The run."""

    name = "train"
    title = "Train"
    number = 4

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._train = button("Train", "", self._train_or_cancel)
        self._train.setMinimumHeight(30)
        self._pause = button("Pause", "", self._pause_or_resume)
        self._pause.setMinimumHeight(30)
        self._stage = text("stage")
        self._bar = QProgressBar()
        self._bar.setRange(0, STEPS_OF_THE_BAR)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._bar.setAccessibleName("Progress of the run")
        self._left = QLabel()
        self._left.setObjectName("note")
        self._left.setToolTip("Time left, in minutes and seconds.")
        self._loss = QLabel()
        self._loss.setObjectName("note")
        self._loss.setToolTip("What the run minimises, per pixel; only its fall tells something.")
        self._curve = Sparkline()
        self._curve.setToolTip("The loss of this stage so far.")
        self._numbers = row(self._loss, self._curve, self._left, stretch=1)
        self._since = 0.0
        self._loss_stage = ""
        self._take_up = button(
            "", "Go on from where it was interrupted, with its settings and painting.", controller.take_up
        )
        self._train_on = button("Train on", TRAIN_ON_TIP, controller.train_on)
        for item in (
            self._take_up,
            row(self._train, self._train_on, self._pause, stretch=0),
            self._stage,
            self._bar,
            self._numbers,
        ):
            self.body.addWidget(item)
        self.listen(self._state_changed, "state")
        self.listen(self.refresh, "cube", "progress", "run", "annotation", "spec", "theme", "unfinished")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, busy = self.session, running(self.session)
        self.wait_for("" if session.cube is not None else "Open a cube first.")
        self._train.setText("Cancel" if busy else "Train")
        self._train.setToolTip(
            "Stop the run; the last good result stays."
            if busy
            else "Unmix the cube in the background; the window stays usable."
        )
        self._pause.setText("Resume" if session.state == "paused" else "Pause")
        self._pause.setToolTip("Go on with the run." if session.state == "paused" else "Hold the run; nothing is lost.")
        self._pause.setVisible(busy)
        self._take_up.setText("" if session.unfinished is None else resume_text(session.unfinished))
        self._take_up.setVisible(session.unfinished is not None and not busy)
        self._train_on.setVisible(trains_on(session) and not busy)
        self._train_on.setEnabled(not why_not_train_on(session))
        self._train_on.setToolTip(why_not_train_on(session) or TRAIN_ON_TIP)
        run = current_run(session)
        due = session.cube is not None and not busy and (run is None or bool(out_of_date(session)))
        further = waits_for_training(session) and not busy and not due
        set_property(self._train, "emphasised", due)
        set_property(self._train_on, "emphasised", further)
        self._show_progress()
        current = run is not None and not out_of_date(session)
        self.set_mark("half" if busy else "done" if current else "empty")

    def _show_progress(self) -> None:
        session, progress = self.session, self.session.progress
        busy = running(session)
        self._bar.setVisible(busy)
        self._numbers.setVisible(busy)
        if progress is None:
            say(self._stage, "")
            return
        self._bar.setValue(round(STEPS_OF_THE_BAR * progress.fraction))
        say(self._stage, stage_text(session))
        self._left.setText(self._time_left(progress.fraction))
        if progress.loss is not None:
            if progress.stage != self._loss_stage:
                self._loss_stage = progress.stage
                self._curve.clear()
            self._loss.setText(f"loss {progress.loss:.4g}")
            self._curve.add(progress.loss, session.theme.accent)

    def _time_left(self, fraction: float) -> str:
        spent = time.monotonic() - self._since
        if self.session.state == "paused" or fraction < SURE_AFTER_SHARE or spent < SURE_AFTER_SECONDS:
            return ""
        left = round(spent * (1 - fraction) / fraction)
        return f"{left // 60}:{left % 60:02d} left"

    def _state_changed(self, state: str) -> None:
        if state == "training" and self._train.text() == "Train":
            self._since = time.monotonic()
            self._loss.setText("")
            self._curve.clear()
        self.refresh()

    def _train_or_cancel(self) -> None:
        if running(self.session):
            self.controller.cancel()
        else:
            self._train.setFocus()  # not everywhere does a click do so; whoever trains is done writing
            self.controller.start()

    def _pause_or_resume(self) -> None:
        if self.session.state == "paused":
            self.controller.resume()
        else:
            self.controller.pause()


def resume_text(unfinished: Unfinished) -> str:
    """What the button says: of when the interrupted training is, and how far it came."""
    when = datetime.fromtimestamp(unfinished.kept)
    return f"Resume the training of {when.day} {when:%b, %H:%M} ({100 * unfinished.fraction:.0f} %)"


def stage_text(session: Session) -> str:
    """What happens now, in words."""
    progress = session.progress
    if progress is None:
        return ""
    if session.state == "paused":
        return f"paused: {progress.stage}"
    run = current_run(session)
    if session.state == "checking":
        return "" if progress.stage is Stage.DONE or not being_checked(session, run) else f"{progress.stage} …"
    if session.state == "idle":
        if progress.stage is Stage.DONE and run is not None:
            return "" if out_of_date(session) else f"done in {run.unmixing.seconds:.1f} s"
        if progress.stage is Stage.CANCELLED:
            kept = "the last result stays" if run is not None else "the maps show where it stopped"
            return f"cancelled: {kept}" if shown(session) is not None else "cancelled"
        return progress.stage
    training = session.training
    whose = "" if training is None or training_here(session) else f"{training.cube.name}: "
    return f"{whose}{progress.stage}"


class Sparkline(QWidget):
    """A line of the last values, without axes: whether it still falls is all that it is to say."""

    MOST = 400

    def __init__(self) -> None:
        super().__init__()
        self._values: list[float] = []
        self._colour = "#888888"
        self.setMinimumHeight(22)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Small."""
        return QSize(80, 22)

    def clear(self) -> None:
        """Begin anew."""
        self._values = []
        self.update()

    def add(self, value: float, colour: str) -> None:
        """One more value; when there are too many, every other goes."""
        self._values.append(value)
        self._colour = colour
        if len(self._values) > self.MOST:
            self._values = self._values[::2]
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw."""
        if len(self._values) < 2:
            return
        low, high = min(self._values), max(self._values)
        span, last = max(high - low, 1e-12), len(self._values) - 1
        width, height = self.width() - 4, self.height() - 6
        points = [QPointF(2 + width * k / last, 3 + height * (high - v) / span) for k, v in enumerate(self._values)]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._colour), 1.5))
        painter.drawPolyline(QPolygonF(points))
        painter.end()
