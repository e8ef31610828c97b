"""Which bands take part: the excluded ones as a line of ranges, as a table, by presets, and those that are mostly noise."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QLineEdit, QMenu, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.band_ranges import (
    BandRange,
    Preset,
    excluded_ranges,
    noisy_text,
    preset_text,
    presets_of,
    says,
    written_bands,
)
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import button, row, say, take_away, text

ROWS_SEEN, ROW_HEIGHT, EDGE = 4, 26, 4
IN_THE_PLOT = "Or press “Exclude” below the plot of spectra, and drag over it."


class BandsEditor(QWidget):
    """The excluded bands as one line of ranges, which Enter applies, and below as a table. It writes nothing itself: verbs do."""

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__()
        self._session, self._controller = session, controller
        self._cube: Cube | None = None
        self._written = ""
        self._line = QLineEdit()
        self._line.setClearButtonEnabled(True)
        self._line.returnPressed.connect(self._apply)
        self._say, self._found = text("note"), text("note")
        self._apply_button = button("Apply", "Leave out the bands in these ranges; Enter does the same.", self._apply)
        self._table = RangeTable(controller)
        self._presets = button("Usual ranges", "Ranges in which air lets little light through.", lambda: None)
        self._menu = QMenu(self._presets)
        self._menu.setToolTipsVisible(True)
        self._presets.setMenu(self._menu)
        self._suggest = button(
            "Suggest noisy bands", "Look for bands that are mostly noise, or hold one number.", controller.suggest_noisy
        )
        self._take = button("Exclude these", "Leave out the bands that were found as well.", controller.exclude_noisy)
        hint = text("note", IN_THE_PLOT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for item in (
            self._say,
            row(self._line, self._apply_button, stretch=0),
            self._table,
            row(self._presets, self._suggest, stretch=-2),
            self._found,
            row(self._take, stretch=-2),
            hint,
        ):
            layout.addWidget(item)
        self.show_cube(None)

    def show_cube(self, cube: Cube | None) -> None:
        """Show the excluded ranges of a cube; what the user is writing stays until the cube changes."""
        self._show_noisy(cube)
        written = self._session.bands_written
        if (cube is self._cube and written == self._written) or cube is None:
            self._cube = cube
            return
        another, self._cube, self._written = cube is not self._cube, cube, written
        unit = cube.spectral_axis.unit
        what = f"Excluded bands, in {unit}" if unit else "Excluded bands, by number from 1"
        say(self._say, what)
        self._line.setAccessibleName(what)
        self._line.setPlaceholderText("1350–1450, 1800–1950" if unit in ("nm", "cm⁻¹") else "103–113, 148–166")
        self._line.setToolTip(f"{what}: ranges with commas between them. Empty: all bands take part.")
        text = self._line.text()
        ours = bool(written) and says(written, cube)  # of the cube as it is; a moment before it is so, the line stays
        if (ours and text.strip() != written) or ((another or not written) and not says(text, cube)):
            self._line.setText(written_bands(cube, written))
            self._line.setCursorPosition(0)
        self._table.show_ranges(excluded_ranges(cube), unit)
        self._fill_presets(cube)

    def begin(self) -> None:
        """Ready to write."""
        self._line.setFocus()

    def _apply(self) -> None:
        self._controller.exclude_bands(self._line.text())

    def _fill_presets(self, cube: Cube) -> None:
        known = presets_of(cube)
        self._menu.clear()
        self._presets.setVisible(bool(known))
        for preset in known:
            self._menu.addAction(preset_text(preset), partial(self._exclude, preset))
        if len(known) > 1:
            self._menu.addSeparator()
            self._menu.addAction("All of these", partial(self._exclude, *known))

    def _exclude(self, *presets: Preset) -> None:
        self._controller.exclude_presets(presets)

    def _show_noisy(self, cube: Cube | None) -> None:
        found = self._session.noisy
        say(self._found, "" if cube is None or found is None else noisy_text(cube, found))
        self._take.setVisible(bool(found))


class RangeTable(QScrollArea):
    """The ranges, a row each with its number of bands and a button that takes it in again. A few rows are seen; the others scroll."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._shown: tuple[Any, ...] = ()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Excluded ranges")
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.setWidget(self._inside)

    def show_ranges(self, ranges: tuple[BandRange, ...], unit: str) -> None:
        """Show these; the same as before stay as they are."""
        if (ranges, unit) == self._shown:
            return
        self._shown = (ranges, unit)
        while (item := self._column.takeAt(0)) is not None:
            made = item.widget()
            take_away(made)
        for found in ranges:
            self._column.addWidget(self._row(found, unit))
        self.setFixedHeight(ROW_HEIGHT * min(len(ranges), ROWS_SEEN) + EDGE)
        self.setVisible(bool(ranges))

    def buttons(self) -> list[QToolButton]:
        """What takes each range in again."""
        return self._inside.findChildren(QToolButton)

    def _row(self, found: BandRange, unit: str) -> QWidget:
        name = f"{found.text} {unit}".rstrip() if unit else f"band{'s' * (found.bands > 1)} {found.text}"
        count = QLabel(f"{found.bands} band{'s' * (found.bands > 1)}" if unit else "")
        count.setObjectName("note")
        again = QToolButton()
        again.setText("×")
        again.setObjectName("eye")
        again.setToolTip(f"Take {name} in again.")
        again.setAccessibleName(f"Take {name} in again")
        again.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        again.clicked.connect(partial(self._controller.exclude_range, found.low, found.high, excluded=False))
        made = row(QLabel(name), count, again, stretch=0)
        made.setFixedHeight(ROW_HEIGHT)
        made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        return made
