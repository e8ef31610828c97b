"""Libraries in files: ENVI spectral libraries (.sli with its .hdr), and tables of comma-separated values.

ENVI headers are read and repaired by ``io.envi_header``, arrays are mapped by SPy, and SPy writes the header.
"""

from __future__ import annotations

import csv
import locale
import re
from pathlib import Path
from typing import TextIO

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.files.opened import open_text, regular
from napari_unmix.files.paths import given_path
from napari_unmix.files.whole import placed_whole
from napari_unmix.io.axis.units import understood
from napari_unmix.io.axis.wavelengths import read_axis
from napari_unmix.io.bare.envi import LIBRARY_SUFFIXES, checked, find_data, find_header
from napari_unmix.io.bare.envi_fields import is_envi_header
from napari_unmix.io.bare.envi_header import EnviHeader, read_header
from napari_unmix.io.bare.lines import all_lines
from napari_unmix.io.boundary import existing, explained
from napari_unmix.io.budget import check_budget
from napari_unmix.io.spy import envi_data_types, spectral_python
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.sentences import UnmixError, shown

KNOWN = "ENVI (.sli with its .hdr), a table (.csv) with a column of wavelengths and one column a spectrum, or a run's folder"
_SHORTEST_CELL = 2  # bytes: a digit and a comma
_MOST_ROWS = 100_000
_LONGEST_ROW = 1_000_000  # letters that are looked at
_TABLES = (".csv", ".txt", ".tsv")
_HEADERS = (".hdr", *LIBRARY_SUFFIXES)
# How ENVI spells the units of a library's axis; it knows neither shifts nor energies.
_SPELLED = {
    "wavelength": "Nanometers",
    "wavenumber": "Wavenumber",
    "Raman shift": "Raman shift (cm-1)",
    "energy": "eV",
    "frequency": "THz",
}
_NUMBERED = ("band", "bands", "band number", "index")


def read_library(path: str | Path) -> SpectralLibrary:
    """Read a spectral library: an ENVI ``.sli`` or its header, a table of the spectra, or a run's folder (its endmembers).

    Raises UnmixError: no such file, unknown or damaged content, or more than this machine's memory.
    """
    path = Path(path)
    with explained(path):
        path = existing(path, "library")
        table = path / "endmembers.csv" if path.is_dir() else path
        if table.suffix.lower() in _TABLES and table.exists():
            return _read_table(table, path.name)
        if path.is_dir() or not (is_envi_header(path) or find_header(path) is not None):
            raise UnmixError(f"{path.name} is no spectral library that can be read: give {KNOWN}.")
        return _read_envi(path)


def write_library(library: SpectralLibrary, path: str | Path) -> tuple[Path, Path]:
    """Write a library as ENVI reads it, in double precision: the ``.sli`` of ``path`` and the ``.hdr`` beside it. Returns both.

    Both appear at once, and replace what was there. Names lose what an ENVI header cannot hold in them (commas, semicolons, braces, line ends).
    Raises OSError.
    """
    data = given_path(path).with_suffix(".sli")
    with placed_whole(data.parent) as room:
        fill_library(library, room / data.name)
    return data, data.with_suffix(".hdr")


def fill_library(library: SpectralLibrary, data: Path) -> None:
    """Write the ``.sli`` and the ``.hdr`` beside it into a folder that appears when all is there. Raises OSError."""
    header = data.with_suffix(".hdr")
    count, bands = library.spectra.shape
    codes = {np.dtype(kind): code for code, kind in envi_data_types().items()}
    fields: dict[str, object] = {
        "description": f"Spectral library {plain_name(library.name)}",
        "samples": bands,
        "lines": count,
        "bands": 1,
        "header offset": 0,
        "data type": codes[np.dtype(np.float64)],
        "interleave": "bsq",
        "byte order": 0,
        "spectra names": [plain_name(name) for name in library.names],
    }
    axis = library.spectral_axis
    if axis.unit:
        fields |= {"wavelength units": _SPELLED[axis.kind], "wavelength": axis.values.tolist()}
    if library.fwhm is not None and axis.kind == "wavelength":  # widths are in nm
        fields["fwhm"] = library.fwhm.tolist()
    empty = ~np.isfinite(library.spectra).any(axis=0)
    if empty.any():
        fields |= {"data ignore value": "NaN", "bbl": (~empty).astype(int).tolist()}
    spectral_python().io.envi.write_envi_header(str(header), fields, is_library=True)
    data.write_bytes(np.ascontiguousarray(library.spectra, dtype="<f8").tobytes())


def plain_name(name: str) -> str:
    """A name as a header's list holds it, in the encoding that SPy writes it in."""
    words = " ".join(re.sub(r"[,;{}]", " ", name).split()) or "unnamed"
    encoding = locale.getpreferredencoding(False)
    return words.encode(encoding, "replace").decode(encoding)


def _read_envi(path: Path) -> SpectralLibrary:
    header_path = path if is_envi_header(path) else find_header(path)
    assert header_path is not None
    header = read_header(header_path, library=True)
    data_path, found = find_data(header_path, header.layout, LIBRARY_SUFFIXES) if path == header_path else (path, ())
    layout, cut = checked(data_path, header.layout)
    count, bands, _ = layout.shape
    axis = read_axis(header.wavelengths, bands, header.unit)
    return SpectralLibrary(
        spectra=_scaled(all_lines(data_path, layout)[:, :, 0], header),
        wavelengths=axis.wavelengths,
        names=(header.names or tuple(f"spectrum {row + 1}" for row in range(count)))[:count],
        fwhm=axis.widths(header.fwhm),
        name=path.stem,
        repairs=(*header.repairs, *found, *cut, *axis.repairs),
        measured_axis=axis.measured,
    )


def _scaled(stored: FloatArray, header: EnviHeader) -> FloatArray:
    """(P, B) the spectra as their header says: gain and offset, no data, bad bands, scale."""
    spectra = stored.astype(np.float64) * np.asarray(header.gains or 1.0) + np.asarray(header.offsets or 0.0)
    if header.ignore is not None:
        spectra[stored == header.ignore] = np.nan
    if header.bad_bands is not None and any(header.bad_bands):
        spectra[:, np.asarray(header.bad_bands) == 0] = np.nan
    spectra[~np.isfinite(spectra)] = np.nan
    return np.asarray(spectra / header.scale)


def _read_table(path: Path, name: str) -> SpectralLibrary:
    """A first row of names, a first column of wavelengths or band numbers, one column a spectrum; an empty cell has no value."""
    check_budget(regular(path).stat().st_size // _SHORTEST_CELL, 2 * np.dtype(np.float64).itemsize, path.name)
    with open_text(path) as stream:
        titles, table = _cells(stream, path)
    title = titles[0].strip().lower()
    axis = read_axis(None if title in _NUMBERED else table[:, 0], len(table), _unit(title))
    return SpectralLibrary(
        spectra=table[:, 1:].T,
        wavelengths=axis.wavelengths,
        names=tuple(title.strip() or f"spectrum {column + 1}" for column, title in enumerate(titles[1:])),
        name=Path(name).stem,
        repairs=axis.repairs,
        measured_axis=axis.measured,
    )


def _cells(stream: TextIO, path: Path) -> tuple[list[str], FloatArray]:
    """The first row, and the numbers below it (rows, columns); row by row, as words take ten times as much memory as numbers."""
    delimiter = _delimiter(stream.readline(_LONGEST_ROW))
    stream.seek(0)
    titles: list[str] = []
    found: list[FloatArray] = []
    try:
        for row in csv.reader(stream, delimiter=delimiter):
            if not any(cell.strip() for cell in row):
                continue
            if len(found) == _MOST_ROWS:
                raise UnmixError(f"{path.name} has more than {_MOST_ROWS:,} rows, one a band: give a table of spectra.")
            if titles:
                found.append(np.array(_numbers(row, len(found) + 2, len(titles), path)))
            titles = titles or row
    except csv.Error as error:
        raise UnmixError(f"{path.name} is no table ({error}): save the spectra as comma-separated values.") from error
    if not found or len(titles) < 2:
        raise UnmixError(
            f"{path.name} is no table of spectra: give a row of names, a column of wavelengths and one column a spectrum."
        )
    return titles, np.array(found)


def _unit(title: str) -> str:
    """What the head of the first column says of its unit."""
    unit = understood(title)
    return title if unit.kind else re.sub(r"^wavelengths?|[_()\[\]\s]", "", title)


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _numbers(row: list[str], number: int, columns: int, path: Path) -> list[float]:
    if len(row) != columns:
        raise UnmixError(
            f"Row {number} of {path.name} has {len(row)} cells, its first row {columns}: give as many in each."
        )
    try:
        return [float(cell) if cell.strip() else float("nan") for cell in row]
    except ValueError as error:
        raise UnmixError(
            f"Row {number} of {path.name} holds a word ({shown(error)}): give numbers below the names."
        ) from error
