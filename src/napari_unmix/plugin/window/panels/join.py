"""Choosing open cubes to be joined as acquisitions."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import button, row, say, take_away, text


class JoinEditor(QWidget):
    """A box to tick for every cube that could be joined; ``done`` is called when the joining begins."""

    def __init__(self, controller: Controller, done: Callable[[], None]) -> None:
        super().__init__()
        self._controller = controller
        self._done = done
        self._cubes: tuple[Cube, ...] = ()
        self._boxes: list[QCheckBox] = []
        self._say = text("note")
        self._join = button("Join", "Make one cube of the ticked ones; each stays open by itself.", self._apply)
        self._list = QVBoxLayout()
        self._list.setSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._say)
        layout.addLayout(self._list)
        layout.addWidget(row(self._join, stretch=-2))

    def show_cubes(self, cubes: tuple[Cube, ...]) -> None:
        """Offer these; what is ticked stays while they are the same images."""
        same = len(cubes) == len(self._cubes) and all(map(same_image, cubes, self._cubes))
        self._cubes = cubes
        if same:
            return
        for box in self._boxes:
            self._list.removeWidget(box)
            take_away(box)
        self._boxes = [self._box(cube) for cube in cubes]
        for box in self._boxes:
            self._list.addWidget(box)
        say(
            self._say,
            f"Acquisitions of one scene, or of scenes of the same materials ({cubes[0].shape[2]} bands):"
            if cubes
            else "",
        )
        self._enable()

    def _box(self, cube: Cube) -> QCheckBox:
        height, width, _ = cube.shape
        box = QCheckBox(f"{cube.name.replace('&', '&&')}   {height}×{width}")
        box.setToolTip(f"Join {cube.name} with the other ticked cubes.")
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.setChecked(True)
        box.toggled.connect(self._enable)
        return box

    def _enable(self, *_: object) -> None:
        self._join.setEnabled(sum(box.isChecked() for box in self._boxes) > 1)

    def _apply(self) -> None:
        chosen = [cube for cube, box in zip(self._cubes, self._boxes, strict=True) if box.isChecked()]
        self._done()
        self._controller.join(chosen)
