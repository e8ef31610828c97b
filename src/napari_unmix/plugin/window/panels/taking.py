"""Taking along what the plot of spectra shows: copied, or written to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QWidget

from napari_unmix.plugin.facts.session import Session, Theme
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.plot.legend import Entry, entries
from napari_unmix.plugin.window.plot.picture import numbers, picture, png, svg
from napari_unmix.plugin.window.plot.spectrum import SpectrumPlot


class Taking:
    """The entries of a menu; what they take is exactly what is seen. With the endmembers' names, which stand beside the plot."""

    def __init__(self, session: Session, controller: Controller, plot: SpectrumPlot) -> None:
        self._session, self._controller = session, controller
        self._plot = plot

    def fill(self, menu: QMenu, parent: QWidget) -> None:
        """Put the entries into a menu, in place of what was in it."""
        menu.clear()
        menu.setToolTipsVisible(True)
        for title, tip, verb in (
            ("Copy picture", "The plot with its legend, to be pasted into a text or slides.", self.copy_picture),
            (
                "Copy numbers",
                "A column for each curve that is seen, to be pasted into a spreadsheet.",
                self.copy_numbers,
            ),
        ):
            menu.addAction(title, verb).setToolTip(tip)
        menu.addSeparator()
        files: tuple[tuple[str, str, str, Callable[[], bytes]], ...] = (
            (
                "Save numbers (CSV)…",
                "csv",
                "A column for each curve that is seen, with its unit, and for its ±.",
                self._csv,
            ),
            ("Save picture (PNG)…", "png", "The plot with its legend, three times as sharp as the screen.", self._png),
            ("Save drawing (SVG)…", "svg", "Lines and words that stay sharp at any size.", self._svg),
        )
        for title, suffix, tip, make in files:
            entry = menu.addAction(title, lambda suffix=suffix, make=make: self._save(parent, suffix, make))
            entry.setToolTip(tip)

    def copy_picture(self) -> None:
        """To the clipboard, as pixels."""
        QApplication.clipboard().setImage(picture(*self._seen()))

    def copy_numbers(self) -> None:
        """To the clipboard, as a spreadsheet takes them."""
        QApplication.clipboard().setText(numbers(self._plot.drawn, "\t"))

    def _seen(self) -> tuple[SpectrumPlot, tuple[Entry, ...], Theme]:
        """The plot, its legend, to which the names beside the plot belong, and its colours."""
        return self._plot, entries(self._plot.drawn, self._session.pins, whole=True), self._session.theme

    def _save(self, parent: QWidget, suffix: str, make: Callable[[], bytes]) -> None:
        cube = self._session.cube
        name = f"{'spectra' if cube is None else cube.name}-spectra.{suffix}"
        path, _ = QFileDialog.getSaveFileName(
            parent, "Save what the plot shows", name, f"{suffix.upper()} (*.{suffix})"
        )
        if path:
            self._controller.write_spectra(Path(path), make())

    def _csv(self) -> bytes:
        return numbers(self._plot.drawn).encode()

    def _png(self) -> bytes:
        return png(*self._seen())

    def _svg(self) -> bytes:
        return svg(*self._seen())
