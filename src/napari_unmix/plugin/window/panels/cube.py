"""Step 1: which cube, what was read, what was repaired, how it is shown."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy

from napari_unmix.cube import Cube
from napari_unmix.output.composite import COMPOSITES, has_colours
from napari_unmix.plugin.facts.guiding import next_step
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.remedies import in_window, names_option
from napari_unmix.plugin.facts.session import Doing, Session, doing, joinable
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.bands import BandsEditor
from napari_unmix.plugin.window.panels.join import JoinEditor
from napari_unmix.plugin.window.panels.opening import OPEN_TIP, SAMPLE_TIP, choose_cube
from napari_unmix.plugin.window.panels.reading import ReadingEditor
from napari_unmix.plugin.window.panels.recent import RecentPart
from napari_unmix.plugin.window.panels.step import Step, button, row, say, set_property, text, wrapped

WELCOME = "1. Open a cube.\n2. Paint a few places whose mixtures differ (helps, but is not needed).\n3. Press Train."


class CubePanel(Step):
    """The cube."""

    name = "cube"
    title = "Cube"
    number = 1

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._welcome = text("welcome", WELCOME)
        self._open = button(
            "Open…",
            OPEN_TIP,
            lambda: choose_cube(self, controller),
        )
        self._sample = button(
            "Try the sample",
            SAMPLE_TIP,
            controller.open_sample,
        )
        self._cubes = QComboBox()
        self._cubes.setToolTip("The cube to unmix, among those that are open.")
        self._cubes.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._cubes.activated.connect(self._chosen)
        self._card = text("card")
        self._repairs = text("note")
        self._composite = QComboBox()
        self._composite.setToolTip(
            "Which bands make the composite image: red, green, blue; with near infrared; or principal components."
        )
        self._composite.activated.connect(lambda index: controller.set_composite(self._composite.itemText(index)))
        self._composite_row = row(QLabel("Composite"), self._composite, stretch=1)
        self._chore = text("note")
        self._bands = button("Bands…", "Exclude bands, such as those of water absorption.", lambda: None)
        self._bands.setCheckable(True)
        self._bands.toggled.connect(self._edit_bands)
        self._editor = BandsEditor(session, controller)
        self._reading = button(
            "Reading…", "Correct how the file is read: scale, no data, the order of the axes, references.", lambda: None
        )
        self._reading.setCheckable(True)
        self._reading.toggled.connect(self._edit_reading)
        self._reader = ReadingEditor(controller)
        self._join = button(
            "Join…", "Choose open cubes of the same bands and unmix them together, as acquisitions.", lambda: None
        )
        self._join.setCheckable(True)
        self._join.toggled.connect(self.refresh)
        self._joiner = JoinEditor(controller, lambda: self._join.setChecked(False))
        for item in (
            self._welcome,
            self._cubes,
            self._card,
            self._repairs,
            self._composite_row,
            wrapped(self._open, self._sample, self._reading, self._bands, self._join),
            RecentPart(self),
            self._reader,
            self._editor,
            self._joiner,
            self._chore,
        ):
            self.body.addWidget(item)
        self.listen(self.refresh, "cubes", "cube", "chore", "noisy", "bands_written")
        self.listen(self._refresh_composite, "cube", "composite")
        self.refresh()
        self._refresh_composite()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, cube = self.session, self.session.cube
        self._welcome.setVisible(not session.cubes)
        self._sample.setVisible(not session.cubes)
        self._cubes.setVisible(bool(session.cubes))
        self._cubes.clear()
        self._cubes.addItems([known.name for known in session.cubes])
        if cube is not None:
            # A cube that is read again stands in the list a turn before it is the current one.
            place = next((k for k, known in enumerate(session.cubes) if same_image(known, cube)), -1)
            self._cubes.setCurrentIndex(place)
        say(self._card, "" if cube is None else card(cube))
        say(self._repairs, "" if cube is None else remarks(cube))
        from_file = cube is not None and cube.source is not None
        self._reading.setVisible(from_file)
        self._reader.setVisible(from_file and self._reading.isChecked())
        self._reader.show_cube(cube)
        self._bands.setVisible(cube is not None)
        self._editor.setVisible(cube is not None and self._bands.isChecked())
        self._editor.show_cube(cube)
        candidates = joinable(session)
        self._join.setVisible(len(candidates) > 1)
        self._joiner.setVisible(len(candidates) > 1 and self._join.isChecked())
        self._joiner.show_cubes(candidates)
        reading = doing(session) in (Doing.READING, Doing.OPENING, Doing.MIXING, Doing.JOINING)
        say(self._chore, f"{session.chore} …" if reading else "")
        self._open.setEnabled(not reading)
        self._sample.setEnabled(not reading)
        set_property(self._open, "emphasised", next_step(session) == "open")
        self.set_mark("done" if cube is not None else "empty")

    def _refresh_composite(self, *_: Any) -> None:
        cube = self.session.cube
        self._composite_row.setVisible(cube is not None)
        if cube is None:
            return
        self._composite.clear()
        self._composite.addItems(
            [choice for choice in COMPOSITES if choice == COMPOSITES[0] or has_colours(cube, choice)]
        )
        if not has_colours(cube, COMPOSITES[0]):
            self._composite.setItemText(0, "three bands")
        self._composite.setCurrentIndex(max(0, self._composite.findText(self.session.composite)))

    def _edit_reading(self, unfolded: bool) -> None:
        self._reader.setVisible(unfolded)
        if unfolded:
            self._reader.begin()

    def _edit_bands(self, unfolded: bool) -> None:
        self._editor.setVisible(unfolded)
        if unfolded:
            self._editor.begin()

    def _chosen(self, index: int) -> None:
        self.controller.set_cube(self.session.cubes[index])


def remarks(cube: Cube) -> str:
    """What was repaired, left out or assumed, a line each, and where to change it."""
    lines = [in_window(f"• {repair[:1].upper()}{repair[1:]}") for repair in cube.repairs]
    where = (
        ["What stands in quotes is changed under Reading… or Bands…"] if any(map(names_option, cube.repairs)) else []
    )
    return "\n".join([*lines, *where])


def axis_text(cube: Cube) -> str:
    """Where the bands lie: 400–1000 nm, or Raman shift 200–3200 cm⁻¹."""
    axis = cube.spectral_axis
    if axis.kind == "wavelength":
        return axis.span
    return f"{axis.kind} {axis.span}" if axis.unit else "no wavelengths: bands are numbered"


def card(cube: Cube) -> str:
    """What was read, in two short lines."""
    height, width, bands = cube.shape
    size = f"{height}×{width} pixels, {bands} bands"
    parts = []
    parts.append(axis_text(cube))
    if cube.acquisitions is not None:
        parts.append(f"{int(cube.acquisitions.max())} acquisitions")
    excluded = int((~cube.good_bands).sum())
    if excluded:
        parts.append(f"{excluded} bands excluded")
    invalid = int((~cube.valid_pixels).sum())
    if invalid:
        parts.append(f"{100 * invalid / cube.valid_pixels.size:.0f} % of pixels without data")
    return f"{size}\n{' · '.join(parts)}"
