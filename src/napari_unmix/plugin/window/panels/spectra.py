"""The spectra below the canvas: the pixel's spectrum with its fit, the endmembers, and what the pixel is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.colours import annotation_row_colours, pin_colours
from napari_unmix.plugin.facts.pixel_view import PixelView, pixel_view
from napari_unmix.plugin.facts.region_means import region_means
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import button, row
from napari_unmix.plugin.window.plots import AbundanceBars, SpectrumPlot, key, legend

BOTH, PIXEL, ENDMEMBERS, REGIONS = "Pixel and endmembers", "Pixel", "Endmembers", "Region means"
OTHER_LABEL = "#999999"


class SpectraPanel(QWidget):
    """Shows the session; its only own state is which curves the user wants."""

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__()
        self.session = session
        self.plot = SpectrumPlot()
        self.bars = AbundanceBars()
        self._legend = QLabel()
        self._legend.setObjectName("note")
        self._legend.setWordWrap(True)
        self._legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._view = QComboBox()
        self._view.addItems([BOTH, PIXEL, ENDMEMBERS, REGIONS])
        self._view.setToolTip("Which curves are drawn. Region means: the mean spectra of what is painted.")
        self._view.activated.connect(self.refresh)
        self._pin = button("Pin", "Keep the selected pixel, numbered on the image, with its curve.", controller.pin)
        self._clear = button("Clear pins", "Take the pins and their curves away.", controller.clear_pins)
        self._place = QLabel()
        self._place.setObjectName("note")
        self._place.setWordWrap(True)
        self._place.setToolTip("The selected pixel, counted from 0 at the top left.")
        self._heading = QLabel("This pixel")
        self._heading.setObjectName("checkTitle")
        right = QWidget()
        right.setFixedWidth(250)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 4, 6, 0)
        column.addWidget(self._heading)
        column.addWidget(self._place)
        column.addWidget(self.bars)
        column.addStretch(1)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.plot, 1)
        top.addWidget(right)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(4)
        outer.addLayout(top, 1)
        outer.addWidget(row(self._view, self._pin, self._clear, self._legend, stretch=3))
        self._listeners: list[tuple[Any, Callable[..., None]]] = []
        self._listen(self.refresh, "pixel", "pins", "training", "run", "cube", "annotation")
        self._listen(self._new_cube, "cube", "survey")
        self._listen(self._new_theme, "theme")
        self._new_theme()
        self._new_cube()

    def _listen(self, slot: Callable[..., None], *names: str) -> None:
        for name in names:
            signal = getattr(self.session.events, name)
            signal.connect(slot)
            self._listeners.append((signal, slot))

    def disconnect_all(self) -> None:
        """Stop listening; the dock is going."""
        for signal, slot in self._listeners:
            signal.disconnect(slot, missing_ok=True)
        self._listeners = []

    def _new_cube(self, *_: Any) -> None:
        if self.session.cube is not None:
            self.plot.set_cube(self.session.cube, self.session.survey)
        self.refresh()

    def _new_theme(self, *_: Any) -> None:
        self.plot.set_theme(self.session.theme)
        self.bars.set_theme(self.session.theme)
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, cube, what = self.session, self.session.cube, shown(self.session)
        if cube is None:
            self._show_nothing()
            return
        content = None if what is None else what.content
        view = None if session.pixel is None else pixel_view(cube, content, *session.pixel)
        self._pin.setEnabled(session.pixel is not None and session.pixel not in session.pins)
        self._clear.setVisible(bool(session.pins))
        names = () if what is None else what.names
        colours = [] if what is None else list(what.colours)
        choice = self._view.currentText()
        with_pixel, with_endmembers = choice in (BOTH, PIXEL), choice in (BOTH, ENDMEMBERS) and what is not None
        mean = None if session.survey is None else session.survey.mean
        self.plot.show_pixel(cube.axis, view if with_pixel else None, mean if with_pixel else None)
        self.plot.show_endmembers(cube.axis, self._endmembers(view) if with_endmembers else None, colours)
        pins = pin_colours(len(session.pins)) if with_pixel else []
        measured = [pixel_view(cube, None, *place).measured for place in session.pins] if with_pixel else []
        self.plot.show_pins(cube.axis, measured, pins)
        self._legend.setText(legend(session.theme, view, mean is not None, pins) if with_pixel else "")
        self._show_regions(cube, choice == REGIONS)
        self.bars.show_view(view, names, colours)
        self._heading.setText("Endmembers" if view is None and names else "This pixel")
        self._place.setText(_place(view, what is not None))

    def _show_regions(self, cube: Cube, wanted: bool) -> None:
        means = region_means(cube, self.session.annotation) if wanted else {}
        palette = annotation_row_colours(self.session)
        colours = [palette.get(label, OTHER_LABEL) for label in means]
        self.plot.show_regions(cube.axis, list(means.values()), colours)
        if wanted:
            annotation = self.session.annotation
            named = [annotation.meaning(label).name or str(label) for label in means] if annotation is not None else []
            parts = [("━", colour, name) for colour, name in zip(colours, named, strict=True)]
            self._legend.setText(key(parts) if parts else "Nothing is painted yet: paint a few places first.")

    def _endmembers(self, view: PixelView | None) -> Any:
        """The endmembers; under free illumination at the pixel's brightness, so that the mixture lies among them."""
        now = shown(self.session)
        assert now is not None
        what = now.content
        scaled = isinstance(what, Unmixing) and what.illumination is not None and view is not None
        spectra = what.endmembers * view.brightness if scaled and view is not None else what.endmembers
        assert self.session.cube is not None
        return np.where(self.session.cube.good_bands, spectra, np.nan)

    def _show_nothing(self) -> None:
        self.plot.show_pixel(np.zeros(0), None, None)
        self.plot.show_endmembers(np.zeros(0), None, [])
        self.plot.show_pins(np.zeros(0), [], [])
        self.plot.show_regions(np.zeros(0), [], [])
        self._pin.setEnabled(False)
        self._clear.setVisible(False)
        self._legend.setText("")
        self._place.setText("Open a cube, then click a pixel.")
        self.bars.show_view(None, (), [])


def _place(view: PixelView | None, fitted: bool) -> str:
    """Which pixel it is, or what to do, or why it has no abundances."""
    if view is None:
        return "Click a pixel in the image."
    brightness = "" if view.brightness == 1.0 else f" · brightness {view.brightness:.2f}"
    place = f"row {view.row}, column {view.column}{brightness}"
    if view.abundances is not None:
        return place
    if not view.valid:
        return f"{place}\nThis pixel holds no data."
    return f"{place}\n" + ("It was ignored in the fit." if fitted else "Train to see what it is made of.")
