"""``endmembers.csv`` and ``pins.csv``: a row for every band, first its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray, SpectralAxis, axis_of
from napari_unmix.files.opened import read_regular

_LONGEST_NUMBER = 32  # letters of a float64
_LARGEST = 3.5e38  # of float32, which spectra are
_FURTHEST = 1e12  # place on an axis, in any unit
Place = tuple[int, int]
_POSITIVE = ("wavelength", "wavenumber", "energy", "frequency")


def write_table(path: Path, cube: Cube, result: Unmixing) -> None:
    """The endmembers, NaN in excluded bands, each number as the shortest text that reads back as it was."""
    _write_columns(path, cube, list(result.names), result.endmembers)


def write_pins(path: Path, cube: Cube, pins: Mapping[Place, str]) -> None:
    """``pins.csv``: the measured spectra of pins, (row, column) from 0 -> name, as ``write_table``; a pin without a name has its number."""
    names = [
        f"{name or f'pin {number}'} (row {row}, column {column})"
        for number, ((row, column), name) in enumerate(pins.items(), start=1)
    ]
    spectra = np.array([cube.spectra[place] for place in pins])
    _write_columns(path, cube, names, np.where(cube.good_bands, spectra, np.nan))


def _write_columns(path: Path, cube: Cube, names: list[str], spectra: FloatArray) -> None:
    """A row for each band of spectra (P, B), first its place."""
    bare_return = any("\r" in name for name in names)  # which Python's writer leaves bare, and its reader refuses
    with path.open("x", newline="", encoding="utf-8", errors="replace") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        (quoted if bare_return else writer).writerow([cube.spectral_axis.column, *names])
        for place, values in zip(cube.axis, spectra.T, strict=True):
            writer.writerow([repr(float(value)).removesuffix(".0") for value in (place, *values)])


def read_table(path: Path, bands: int, count: int) -> tuple[SpectralAxis, FloatArray]:
    """Spectral axis and (P, B) endmembers of ``count`` columns and ``bands`` rows. Raises ValueError with the numbers, UnmixError, OSError."""
    most = (bands + 1) * (count + 1) * _LONGEST_NUMBER + (1 << 24)  # the names may be long
    text = read_regular(path, most, follow=False).decode("utf-8")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    if len(rows) != bands or len(header) != count + 1:
        raise ValueError(
            f"{path.name} has {len(header) - 1} endmembers of {len(rows)} bands and not {count} of {bands}, as run.json says"
        )
    table = np.array([[float(cell) for cell in row] for row in rows])  # (B, 1 + P)
    axis, endmembers = axis_of(header[0], table[:, 0]), table[:, 1:].T
    places = axis.values
    if not (np.isfinite(places).all() and np.abs(places).max() <= _FURTHEST):
        raise ValueError(f"{path.name} has places of bands that are no numbers of an axis")
    if axis.kind in _POSITIVE and places.min() <= 0:
        raise ValueError(f"{path.name} has a {axis.kind} of {places.min():g} {axis.unit}")
    excluded = np.isnan(endmembers)
    if (excluded.any(axis=0) & ~excluded.all(axis=0)).any():
        raise ValueError(f"{path.name} has bands that only some of the endmembers leave out")
    if (np.abs(endmembers[~excluded]) > _LARGEST).any():
        raise ValueError(f"{path.name} has numbers beyond {_LARGEST:g}")
    return axis, endmembers
