"""The spectra below the canvas: the pixel's spectrum with its fit, the endmembers, pins, and what the pixel is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QKeyEvent, QWheelEvent
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QSizePolicy, QVBoxLayout, QWidget

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.band_ranges import excluded_ranges
from napari_unmix.plugin.facts.curves import Curve, Drawing, View, Wishes, drawing
from napari_unmix.plugin.facts.pixel_view import SIZES, PixelView
from napari_unmix.plugin.facts.session import Doing, Session, doing, shown
from napari_unmix.plugin.facts.shapes import SHAPE_TIPS, Shape, band_text, place_text
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.panel import Panel
from napari_unmix.plugin.window.panels.pins import pin_menu
from napari_unmix.plugin.window.panels.step import button, say
from napari_unmix.plugin.window.panels.taking import Taking
from napari_unmix.plugin.window.plot.bars import AbundanceBars, scrolled
from napari_unmix.plugin.window.plot.flow import FlowRow
from napari_unmix.plugin.window.plot.legend import Legend, entries
from napari_unmix.plugin.window.plot.spectrum import SpectrumPlot

VIEW_TIPS = {
    View.BOTH: "The pixel with its fit, the pins, and the endmembers.",
    View.PIXEL: "The pixel with its fit, and the pins.",
    View.ENDMEMBERS: "The endmembers alone.",
    View.PARTS: "What each endmember adds to the pixel's spectrum (brightness × share × spectrum), one on the other, up to the fit.",
    View.REGIONS: "The mean spectra of what is painted, ± one standard deviation of their pixels.",
}
BESIDE = 236  # pixels for what stands beside the plot
MOST_ACROSS, LIST_ACROSS = 140, 200  # pixels of a choice, and of its list
UNDONE = ("removing a pin", "removing all pins")

SPREADS_TIP = "Show how far spectra are uncertain or vary, as a band: of a mean, one standard deviation."


class SpectraPanel(Panel):
    """Shows the session; its only own state is what the user wants to see, and whether a drag chooses bands."""

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self.plot, self.bars, self._legend = SpectrumPlot(), AbundanceBars(), Legend()
        self._taking = Taking(session, controller, self.plot)
        self._heading, self._place, self._note = QLabel(), QLabel(), QLabel()
        self._make_controls()
        self._lay_out()
        self._tell()
        self._way: tuple[Any, ...] = ()  # in which way the cube is looked at, for which the ranges are fixed
        self.listen(self.refresh, "pixel", "hover", "cube", "survey", "pins", "picked", "averaging", "training", "run")
        self.listen(self.refresh, "pin_names", "measured")
        self.listen(self._repainted, "annotation")
        self.listen(self._show_band, "band")
        self.listen(self._show_note, "chore", "spectra_written", "undoable")
        self.listen(self._new_theme, "theme")
        self._new_theme()
        self._show_note()

    # --- made once

    def _make_controls(self) -> None:
        self._view = _choice([(view.value, VIEW_TIPS[view]) for view in View], "Which curves are drawn.")
        self._view.setMaximumWidth(MOST_ACROSS + 25)
        self._view.currentIndexChanged.connect(self.refresh)
        self._shape = _choice([(shape.value, SHAPE_TIPS[shape]) for shape in Shape], "How spectra are drawn.")
        self._shape.currentIndexChanged.connect(self.refresh)
        self._window = _choice(
            [
                (f"{size}×{size}", f"{size * size} pixels, those with data" if size > 1 else "One pixel.")
                for size in SIZES
            ],
            "Spectra of one pixel, or means of a window of pixels around it, ± one standard deviation.",
        )
        self._window.activated.connect(lambda index: self.controller.average(SIZES[index]))
        self._make_buttons()

    def _make_buttons(self) -> None:
        self._spreads = button("±", SPREADS_TIP, self.refresh)
        self._spreads.setCheckable(True)
        self._spreads.setChecked(True)
        self._spreads.setAccessibleName("Show spreads")
        self._pin = button(
            "Pin", "Keep the selected pixel, numbered on the image, with its curve.", self.controller.pin
        )
        self._clear = button(
            "Clear pins",
            "Take all pins and their curves away. One alone: click its name, then Delete.",
            self.controller.clear_pins,
        )
        self._back = button(
            "Bring pins back", "Bring back the pins that were removed last (Ctrl+Z).", self.controller.undo
        )
        self._exclude = button(
            "Exclude",
            "Drag over the plot to leave bands out; drag over such bands to take them in again.",
            lambda: None,
        )
        self._exclude.setCheckable(True)
        self._exclude.toggled.connect(self._show_excluding)
        self._take = button(
            "Save", "Copy or save exactly what the plot shows: numbers, picture, drawing.", lambda: None
        )
        menu = QMenu(self._take)
        menu.aboutToShow.connect(lambda: self._taking.fill(menu, self))
        self._take.setMenu(menu)

    def _lay_out(self) -> None:
        for label in (self._place, self._note):
            label.setObjectName("note")
        self._place.setWordWrap(True)
        self._place.setToolTip("The pixel that is read out, counted from 0 at the top left.")
        self._heading.setObjectName("checkTitle")
        right = QWidget()
        right.setFixedWidth(BESIDE)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 2, 4, 0)
        column.setSpacing(2)
        column.addWidget(self._heading)
        column.addWidget(self._place)
        column.addWidget(scrolled(self.bars), 1)
        right.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Ignored)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.plot, 1)
        top.addWidget(right)
        controls = FlowRow()
        controls.put(
            self._view, self._shape, self._window, self._spreads, self._pin, self._exclude, self._take, self._clear, self._back, self._note,
        )  # fmt: skip
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 2, 4, 4)
        outer.setSpacing(3)
        outer.addWidget(self._legend)
        outer.addLayout(top, 1)
        outer.addWidget(controls)

    def _tell(self) -> None:
        """What the user does in the plot and its legend."""
        plot = self.plot
        plot.picked_curve = self._curve_clicked
        plot.asked_menu = self._curve_menu
        plot.dragged_bands = lambda low, high, excluded: self.controller.exclude_range(low, high, excluded=excluded)
        plot.moved_band = self._band_moved
        plot.left_excluding = lambda: self._exclude.setChecked(False)
        self._legend.picked = self._pin_clicked
        self._legend.asked_menu = self._pin_menu

    # --- showing the session

    def wishes(self) -> Wishes:
        """What the user wants to see."""
        return Wishes(View(self._view.currentText()), Shape(self._shape.currentText()), self._spreads.isChecked())

    def _new_theme(self, *_: Any) -> None:
        self.plot.set_theme(self.session.theme)
        self.bars.set_theme(self.session.theme)
        self.refresh()

    def _repainted(self, *_: Any) -> None:
        if self.wishes().view is View.REGIONS:
            self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, wishes, what = self.session, self.wishes(), shown(self.session)
        drawn = drawing(session, wishes)
        self._spreads.setToolTip(f"{SPREADS_TIP}\n{drawn.band}".rstrip())
        picked = session.pins.index(session.picked) if session.picked in session.pins else None
        self._fix_ranges(drawn, wishes)
        self.plot.draw(drawn, picked)
        self.plot.include(drawn)
        self._legend.show_entries(entries(drawn, session.pins), picked)
        names = () if what is None else what.names
        colours = [] if what is None else list(what.colours)
        view = drawn.view
        self.bars.show_view(view, names, colours)
        self._heading.setText(_heading(session, view, bool(names)))
        self._place.setText(_place(session, view, what is not None))
        self._pin.setEnabled(session.pixel is not None and session.pixel not in session.pins)
        self._clear.setVisible(bool(session.pins))
        self._window.setCurrentIndex(SIZES.index(session.averaging))
        self._exclude.setEnabled(session.cube is not None)
        self._take.setEnabled(bool(drawn.curves))
        self._show_excluding()
        self._show_band()

    def _fix_ranges(self, drawn: Drawing, wishes: Wishes) -> None:
        """Fix the ranges anew where the cube is looked at in another way."""
        cube, survey = self.session.cube, self.session.survey
        if cube is None:
            return
        alone = wishes.view is View.ENDMEMBERS
        way = (id(cube.spectra), survey, wishes.shape, alone)
        if way == self._way:
            return
        self._way = way
        up = (0.0, 0.0)
        if wishes.shape in (Shape.CONTINUUM, Shape.MAXIMUM):
            up = (0.0, 1.0)
        elif wishes.shape is Shape.MEASURED and survey is not None and not alone:
            up = (survey.low, survey.high)
        self.plot.set_ranges((float(cube.axis.min()), float(cube.axis.max())), up)

    def _show_excluding(self, *_: Any) -> None:
        cube, excluding = self.session.cube, self._exclude.isChecked()
        self.plot.set_excluding(excluding, [] if cube is None else _spans(cube))
        if excluding and self.sender() is self._exclude:
            self.plot.setFocus()

    def _show_band(self, *_: Any) -> None:
        cube, band = self.session.cube, self.session.band
        if cube is None or band is None or band >= cube.shape[2] or not self.plot.drawn.curves:
            self.plot.show_band(None, "")
            return
        measured = self.plot.drawn.of("measured")
        value = float(measured[0].values[band]) if measured else np.nan
        said = f": {value:.4g}" if np.isfinite(value) else ""
        axis = cube.spectral_axis
        where = place_text(axis, float(axis.values[band])) if axis.unit else band_text(axis, band)
        self.plot.show_band(float(axis.values[band]), f"{where}{said}")

    def _show_note(self, *_: Any) -> None:
        session = self.session
        written = session.spectra_written
        said = (
            f"{session.chore} …"
            if doing(session) is Doing.CURVES
            else ""
            if written is None
            else f"saved {written.name}"
        )
        say(self._note, said)
        self._note.setToolTip("" if written is None else str(written))
        self._back.setVisible(session.undoable in UNDONE)

    # --- what the user does in the plot

    def _curve_clicked(self, curve: Curve | None) -> None:
        self.controller.pick_pin(curve.number if curve is not None and curve.kind == "pin" else None)

    def _pin_clicked(self, number: int) -> None:
        session = self.session
        again = number < len(session.pins) and session.pins[number] == session.picked
        self.controller.pick_pin(None if again else number)
        self.refresh()

    def _curve_menu(self, curve: Curve | None, place: QPoint) -> None:
        if curve is not None and curve.kind == "pin":
            self._pin_menu(curve.number, place)
        else:
            self._take.menu().popup(place)

    def _pin_menu(self, number: int, place: QPoint) -> None:
        pin_menu(self.session, self.controller, number, self).popup(place)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Delete, in the plot, the legend or a button, removes the pin that is picked."""
        session = self.session
        if event is not None and event.key() == Qt.Key.Key_Delete and session.picked in session.pins:
            self.controller.unpin(session.pins.index(session.picked))
        else:
            super().keyPressEvent(event)

    def _band_moved(self, place: float) -> None:
        cube = self.session.cube
        if cube is not None:
            self.controller.show_band(int(np.abs(cube.axis - place).argmin()))
            self._show_band()


class _CalmCombo(QComboBox):
    """The wheel changes it only where the user is at work in it."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Not in passing."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


def _choice(entries_with_tips: list[tuple[str, str]], tip: str) -> QComboBox:
    made = _CalmCombo()
    made.setMaximumWidth(MOST_ACROSS)  # all controls in one row at 1280 pixels; the list itself is as wide as its words
    made.view().setMinimumWidth(LIST_ACROSS if len(entries_with_tips[0][0]) > 4 else 0)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    for index, (entry, its_tip) in enumerate(entries_with_tips):
        made.addItem(entry)
        made.setItemData(index, its_tip, Qt.ItemDataRole.ToolTipRole)
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    return made


def _spans(cube: Cube) -> list[tuple[float, float]]:
    """What is shaded for the excluded bands: half a band more than from the first to the last."""
    steps = np.abs(np.diff(cube.axis))
    half = float(np.median(steps)) / 2 if steps.size else 0.5
    return [(found.low - half, found.high + half) for found in excluded_ranges(cube)]


def _heading(session: Session, view: PixelView | None, names: bool) -> str:
    if view is None:
        return "Endmembers" if names else "This pixel"
    return "Under the pointer" if session.hover is not None else "This pixel"


def _place(session: Session, view: PixelView | None, fitted: bool) -> str:
    """Which pixel it is, or what to do, or why it has no abundances."""
    if session.cube is None:
        return "Open a cube, then click a pixel."
    if view is None:
        return "Click a pixel in the image, or hold Shift and move over it."
    place = f"row {view.row}, column {view.column}"
    if session.averaging > 1:
        place += f" · mean of {view.pixels} of {session.averaging**2} pixels"
    place += "" if view.brightness == 1.0 else f" · brightness {view.brightness:.2f}"
    if view.abundances is not None:
        return place
    if not view.valid:
        return f"{place}\nThis pixel holds no data."
    return f"{place}\n" + ("It was ignored in the fit." if fitted else "Train to see what it is made of.")
