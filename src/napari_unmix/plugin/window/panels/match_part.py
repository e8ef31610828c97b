"""The way to naming by libraries, below the endmembers of the result."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unmix.plugin.facts.candidates import EVERY
from napari_unmix.plugin.facts.session import shown
from napari_unmix.plugin.window.panels.step import Step, button


class MatchPart(QWidget):
    """A part of the result step: the way to naming."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session = step.session
        controller = step.controller
        self._name = button(
            "Name from library…",
            "See which spectrum of a library each endmember is like, and take its name.",
            lambda: controller.name_from_library(EVERY),
        )
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._name)
        step.listen(self.refresh, "cube", "run", "training")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        self.setVisible(shown(self._session) is not None)
