"""Verbs on reading spectra out: under the pointer, of a window of pixels, at pins, at a band; on excluding bands in the plot; on keeping it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from napari_unmix.plugin.facts.band_ranges import Preset, ranges_of, with_presets, with_range, written_bands
from napari_unmix.plugin.facts.pixel_view import SIZES
from napari_unmix.plugin.facts.session import Chore, Doing
from napari_unmix.plugin.verbs.cubes import CubeVerbs

Place = tuple[int, int]


class ReadOutVerbs(CubeVerbs):
    """Verbs on reading spectra out."""

    # --- pixels

    def ask(self, row: int, column: int, reach: float) -> None:
        """A click: show this pixel; a pin within ``reach`` pixels of it is picked, and its own pixel shown. Outside the cube it is nothing."""
        if not self._inside(row, column):
            return
        pins = np.asarray(self.session.pins, float).reshape(-1, 2)
        distances = np.hypot(*(pins - (row, column)).T)
        near = int(distances.argmin()) if distances.size else -1
        if near >= 0 and distances[near] <= reach:
            self.pick_pin(near)
        else:
            self.session.picked = None
            self.session.pixel = (row, column)

    def hover(self, row: int, column: int) -> None:
        """Read out this pixel while it is under the pointer; outside the cube there is nothing to read."""
        self.session.hover = (row, column) if self._inside(row, column) else None

    def leave_hover(self) -> None:
        """Show the selected pixel again."""
        self.session.hover = None

    def average(self, size: int) -> None:
        """Take spectra as means of a window of so many pixels across (one of ``SIZES``)."""
        if size in SIZES:
            self.session.averaging = size

    def _inside(self, row: int, column: int) -> bool:
        cube = self.session.cube
        return cube is not None and 0 <= row < cube.shape[0] and 0 <= column < cube.shape[1]

    # --- pins

    def pin(self) -> None:
        """Keep the selected pixel and its curve; one that is kept already stays as it is."""
        session = self.session
        if session.pixel is not None and session.pixel not in session.pins:
            self._repin((*session.pins, session.pixel), "pin")

    def unpin(self, number: int) -> None:
        """Keep this pin (from 0) no longer; those after it move up by one."""
        pins = self.session.pins
        if 0 <= number < len(pins):
            self._repin((*pins[:number], *pins[number + 1 :]), "removing a pin")

    def clear_pins(self) -> None:
        """Keep no pixel."""
        if self.session.pins:
            self._repin((), "removing all pins")

    def pick_pin(self, number: int | None) -> None:
        """Tell this pin (from 0) from the others, on the image and in the plot, and show its pixel; None: none."""
        session = self.session
        if number is None:
            session.picked = None
        elif 0 <= number < len(session.pins):
            session.picked = session.pins[number]
            session.pixel = session.pins[number]

    def _repin(self, pins: tuple[Place, ...], what: str) -> None:
        before = self.session.pins
        self._put_pins(pins)
        self._remember(what, lambda: self._put_pins(before), lambda: self._put_pins(pins))

    def _put_pins(self, pins: tuple[Place, ...]) -> None:
        session = self.session
        session.pins = pins
        if session.picked not in pins:
            session.picked = None

    # --- bands

    def show_band(self, band: int) -> None:
        """Show this band (from 0) of the cube; one that it has not is the nearest that it has."""
        cube = self.session.cube
        self.session.band = None if cube is None else min(max(band, 0), cube.shape[2] - 1)

    def hide_band(self) -> None:
        """No band is shown: there is no slider of bands."""
        self.session.band = None

    def exclude_range(self, low: float, high: float, *, excluded: bool = True) -> None:
        """Leave out the bands from ``low`` to ``high`` on the axis as well, or (``excluded`` False) take them in again."""
        cube = self.session.cube
        if cube is not None:
            self.exclude_bands(with_range(cube, low, high, excluded=excluded, written=self.session.bands_written))

    def exclude_presets(self, presets: Iterable[Preset]) -> None:
        """Leave out the bands of these presets as well."""
        cube = self.session.cube
        if cube is not None:
            self.exclude_bands(with_presets(cube, presets, self.session.bands_written))

    def suggest_noisy(self) -> None:
        """Look in the background for bands that are mostly noise; ``session.noisy`` says which."""
        cube = self.session.cube
        if cube is None:
            return

        def found(bands: tuple[int, ...]) -> None:
            if self.session.cube is cube:
                self.session.noisy = bands

        self._chore(lambda: self._engine.noisy(cube), found, "cube")

    def exclude_noisy(self) -> None:
        """Leave out the bands that were found to be mostly noise as well."""
        session, cube = self.session, self.session.cube
        if cube is None or not session.noisy:
            return
        bands = np.zeros(cube.shape[2], bool)
        bands[list(session.noisy)] = True
        own = ", ".join(found.text for found in ranges_of(cube, bands & cube.good_bands))
        now = written_bands(cube, session.bands_written)
        session.noisy = None
        self.exclude_bands(", ".join(part for part in (now, own) if part))

    # --- keeping

    def write_spectra(self, path: str | Path, content: bytes) -> None:
        """Write what the plot shows to a file, in the background."""

        def written(file: Path) -> None:
            self._settle("result")
            self.session.spectra_written = file

        self.session.spectra_written = None
        self._chore(
            lambda: self._engine.keep(Path(path), content), written, "result", Chore(Doing.CURVES, Path(path).name)
        )
