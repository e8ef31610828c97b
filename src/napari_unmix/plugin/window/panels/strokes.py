"""Strokes of before that no run has: they came back with their cube, or are offered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unmix.plugin.facts.kept import moment_text
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text


class StrokesPart(QWidget):
    """A part of the step of side information."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session = step.session
        self._said = text("note")
        self._bring = button(
            "Bring back",
            "Put these strokes on the canvas, in place of what is painted now.",
            step.controller.bring_back,
        )
        self._discard = button("Discard", "Throw these strokes away.", step.controller.throw_away)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(row(self._said, self._bring, self._discard, stretch=0))
        step.listen(self.refresh, "cube", "known", "run")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        known = self._session.known
        strokes = None if known is None else known.strokes
        self.setVisible(strokes is not None)
        if strokes is None:
            return
        when = moment_text(strokes.painted, datetime.now())
        said = f"The painting of {when} is back." if strokes.back else f"Strokes of {when} were not trained."
        say(self._said, said)
        self._bring.setVisible(not strokes.back)
