"""Step 4: train, cancel, pause; what happens now, the loss, the time left."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from qtpy.QtCore import QPointF, QSize
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QCheckBox, QLabel, QSizePolicy, QWidget

from napari_unmix.plugin.facts.following import LIVE_TIP, live_text, why_not_live
from napari_unmix.plugin.facts.guiding import next_step
from napari_unmix.plugin.facts.locks import trains_on, why_not_train_on
from napari_unmix.plugin.facts.progress import TimeLeft, misfit_words, nothing_known, told
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
from napari_unmix.plugin.window.panels.bar import ShareBar
from napari_unmix.plugin.window.panels.step import Step, button, row, say, set_property, text
from napari_unmix.progress import Preview, Progress

TRAIN_ON_TIP = (
    "Train from the endmembers as they are now, as many as there are: locked ones and the known spectra of step 3 are held, the others are refined. "
    "Train alone begins anew, and holds both as well."
)


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
        self._live = QCheckBox("Live")
        self._live.clicked.connect(controller.set_live)
        self._followed = text("note")
        self._stage = text("stage")
        self._bar = ShareBar("Progress of the run")
        self._left = QLabel()
        self._left.setObjectName("note")
        self._left.setToolTip("The time that is left, once the run goes on evenly; it is not said before.")
        self._misfit = QLabel()
        self._misfit.setObjectName("note")
        self._curve = Sparkline()
        self._curve.setAccessibleName("Misfit so far")
        self._curve.setToolTip("How many times the noise the maps so far left of the spectra: it falls towards 1.")
        self._numbers = row(self._misfit, self._curve, self._left, stretch=1)
        self._clock = Clock()
        self._time_left = TimeLeft()
        self._measured: Preview | None = None  # the preview whose misfit is drawn last
        self._take_up = button(
            "", "Go on from where it was interrupted, with its settings and painting.", controller.take_up
        )
        self._train_on = button("Train on", TRAIN_ON_TIP, controller.train_on)
        for item in (
            self._take_up,
            row(self._train, self._train_on, self._pause, self._live, stretch=0),
            self._followed,
            self._stage,
            self._bar,
            self._numbers,
        ):
            self.body.addWidget(item)
        self.listen(self._state_changed, "state")
        self.listen(self.refresh, "cube", "run", "annotation", "spec", "theme", "unfinished")
        self.listen(self._show_progress, "progress", "training")
        self.listen(self._show_live, "live", "following", "training", "held", "suggested")
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
        set_property(self._train, "emphasised", next_step(session) == "train")
        set_property(self._train_on, "emphasised", next_step(session) == "train on")
        set_property(self._take_up, "emphasised", next_step(session) == "take up")
        self._show_progress()
        self._show_live()
        current = run is not None and not out_of_date(session)
        self.set_mark("half" if busy else "done" if current else "empty")

    def _show_progress(self, *_: Any) -> None:
        session, progress = self.session, self.session.progress
        busy = running(session)
        self._bar.setVisible(busy)
        self._numbers.setVisible(busy)
        if progress is None:
            self._bar.rest()
            say(self._stage, "")
            return
        say(self._stage, stage_text(session))
        self._show_share(progress)
        if not busy:
            return
        seconds = self._clock.seconds(running=session.state == "training")
        if session.state == "training":
            self._left.setText(self._time_left.at(seconds, progress.fraction))
        self._show_misfit(progress)

    def _show_live(self, *_: Any) -> None:
        """The switch, and what is said of maps that follow the painting."""
        session, why_not = self.session, why_not_live(self.session)
        self._live.setChecked(session.live)
        self._live.setEnabled(session.live or not why_not)
        self._live.setToolTip(why_not or LIVE_TIP)
        if (said := live_text(session)) != self._followed.text():
            say(self._followed, said)

    def _show_share(self, progress: Progress) -> None:
        """The share that is done; while nobody knows it the bar is busy, and in a pause it stands still."""
        unknown = nothing_known(progress) and self.session.state == "training"
        self._bar.show_share(None if unknown else progress.fraction, self.session.theme.accent)

    def _show_misfit(self, progress: Progress) -> None:
        training = self.session.training
        preview = None if training is None else training.preview
        loss = "" if progress.loss is None else f" What is minimised now is {progress.loss:.4g} a pixel."
        self._misfit.setToolTip(
            f"What the maps so far leave of the spectra, root mean square over the noise: 1 is as good as it gets.{loss}"
        )
        if preview is self._measured:
            return
        self._measured = preview
        misfit = None if preview is None else preview.misfit
        self._misfit.setText(misfit_words(misfit))
        if misfit is not None and misfit_words(misfit):
            self._curve.add(misfit, self.session.theme.accent)

    def _state_changed(self, state: str) -> None:
        if state == "training" and self._train.text() == "Train":
            training = self.session.training
            self._clock, self._time_left = Clock(), TimeLeft()
            self._measured = None if training is None else training.preview  # of the training before, which was stopped
            self._misfit.setText("")
            self._left.setText("")
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
    training = session.training
    words = told(progress, None if training is None else training.spec)
    if session.state == "paused":
        return f"paused: {words}"
    run = current_run(session)
    if session.state == "checking":
        return "" if progress.stage is Stage.DONE or not being_checked(session, run) else f"{progress.stage} …"
    if session.state == "idle":
        if progress.stage is Stage.DONE and run is not None:
            return "" if out_of_date(session) else f"done in {run.unmixing.seconds:.1f} s"
        if progress.stage is Stage.CANCELLED:
            kept = "the last result stays" if run is not None else "the maps show where it stopped"
            return f"cancelled: {kept}" if shown(session) is not None else "cancelled"
        return words
    whose = "" if training is None or training_here(session) else f"{training.cube.name}: "
    return f"{whose}{words}"


class Clock:
    """Seconds since it was made, pauses taken off."""

    def __init__(self) -> None:
        self._seconds, self._looked = 0.0, time.monotonic()

    def seconds(self, *, running: bool) -> float:
        """So far; the time since the last look counts where the run is not paused."""
        now = time.monotonic()
        self._seconds += now - self._looked if running else 0.0
        self._looked = now
        return self._seconds


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
