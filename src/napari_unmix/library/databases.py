"""Databases of measured spectra as SPy reads them: USGS splib07 and ECOSTRESS, a folder as it was unpacked, or SPy's SQLite file."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import FloatArray, SpectralAxis
from napari_unmix.files.database import opened_database
from napari_unmix.files.opened import first_bytes, regular
from napari_unmix.io.axis.wavelengths import read_wavelengths
from napari_unmix.io.boundary import answered, explained
from napari_unmix.io.budget import check_budget
from napari_unmix.io.spy import quiet, spectral_python
from napari_unmix.library.files import read_library
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.sentences import UnmixError, shown

_SQLITE = b"SQLite format 3\x00"
_DELETED = -1.0e30  # splib07 writes −1.23e34 where a channel was deleted
_PER_CENT = "percent"
_TEXTS = ("*spectrum.txt", "*/*.txt", "*/*/*.txt")  # that SPy may open
_MOST_TEXTS = 100_000
_BYTES_A_LETTER = 20  # of memory: a text of short numbers becomes a list of floats


@dataclass(frozen=True, eq=False)
class _Measured:
    """A spectrum on its own bands: its number in the database, its name, (B,) wavelengths in nm and (B,) values."""

    number: int
    name: str
    wavelengths: FloatArray
    values: FloatArray


def is_database(path: str | Path) -> bool:
    """Whether a path is a folder of spectra's text files, or an SQLite file. Never raises."""
    path = Path(path)

    def told() -> bool:
        place = path.expanduser()
        return _kind_of_folder(place) is not None if place.is_dir() else first_bytes(place, len(_SQLITE)) == _SQLITE

    return answered(path, told)


def read_database(path: str | Path, wavelengths: FloatArray, fwhm: FloatArray | None = None) -> SpectralLibrary:
    """The spectra of a database on the bands of a cube (nm): each was measured on bands of its own.

    Spectra without a band in the cube's range are left out, and counted in ``repairs``.
    Raises UnmixError where it is no database, or no spectrum remains.
    """
    steps = read_groups(path).resampling(wavelengths, fwhm)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            library: SpectralLibrary = end.value
            return library


@dataclass(frozen=True, eq=False)
class Database:
    """The spectra of a database as they were measured, in groups of the same bands: few spectrometers measured them all."""

    name: str
    groups: tuple[tuple[_Measured, ...], ...]

    def resampling(
        self, wavelengths: FloatArray, fwhm: FloatArray | None = None
    ) -> Generator[tuple[int, int], None, SpectralLibrary]:
        """Bring the spectra to other bands (nm); yields (spectra done, of how many).

        Spectra without a band in the range are left out, and counted in ``repairs``. Raises UnmixError where none remains.
        """
        found: list[tuple[int, str, FloatArray]] = []
        done, left_out, count = 0, 0, sum(map(len, self.groups))
        for group in self.groups:  # a resampler takes half a second to make
            yield done, count
            done += len(group)
            spectra, names = np.array([one.values for one in group]), tuple(one.name for one in group)
            try:
                library = SpectralLibrary(spectra, group[0].wavelengths, names, name=self.name)
                library = library.resampled(wavelengths, fwhm)
            except UnmixError:
                left_out += len(group)
                continue
            found += list(zip((one.number for one in group), names, library.spectra, strict=True))
        if not found:
            raise UnmixError(
                f"{self.name} has no spectrum between {np.min(wavelengths):.0f} and {np.max(wavelengths):.0f} nm"
                f" ({left_out} of other bands): check that it is unpacked whole."
            )
        found.sort(key=lambda row: row[0])
        note = (f"{left_out} spectra of {self.name} have no band in the cube's range: left out",) if left_out else ()
        names, rows = tuple(name for _, name, _ in found), np.array([spectrum for *_, spectrum in found])
        return SpectralLibrary(rows, wavelengths, names, fwhm, self.name, note)


def read_groups(path: str | Path) -> Database:
    """Read a database once, for any number of cubes. Raises UnmixError where it is none."""
    path = Path(path)
    with explained(path):
        path = path.expanduser()
        if not is_database(path):
            raise UnmixError(
                f"{path.name} is no database of spectra: give the folder of splib07 or ECOSTRESS, or SPy's file."
            )
        groups: dict[bytes, list[_Measured]] = {}
        for one in _measured(path):
            groups.setdefault(one.wavelengths.tobytes(), []).append(one)
        return Database(path.name, tuple(map(tuple, groups.values())))


def library_on(
    path: str | Path,
    wavelengths: FloatArray | None,
    bands: int,
    axis: SpectralAxis | None = None,
    fwhm: FloatArray | None = None,
) -> SpectralLibrary:
    """Any library, a file's or a database's, on the ``bands`` bands of a cube; without wavelengths (nm) only one of as many bands fits.

    ``fwhm`` (bands,) are the widths of the cube's bands in nm; without, they reach half way to their neighbours.

    Where the cube's ``axis`` is none of light (Raman shifts), a library of the same kind is interpolated to it.

    Raises UnmixError where it cannot be read, or brought to these bands.
    """
    if wavelengths is not None and is_database(path):
        return read_database(path, wavelengths, fwhm)
    return brought(read_library(path), wavelengths, bands, axis, fwhm)


def brought(
    library: SpectralLibrary,
    wavelengths: FloatArray | None,
    bands: int,
    axis: SpectralAxis | None = None,
    fwhm: FloatArray | None = None,
) -> SpectralLibrary:
    """A library on the bands of a cube: as of ``library_on``."""
    if wavelengths is not None and library.wavelengths is not None:
        return library.resampled(wavelengths, fwhm)
    if axis is not None and axis.unit and library.spectral_axis.unit:
        return library.interpolated(axis)
    if library.spectra.shape[1] != bands:
        numbered = "The cube" if wavelengths is None else f"The library {library.name}"
        raise UnmixError(
            f"{numbered} numbers its bands only, and the cube has {bands}, the library {library.spectra.shape[1]}:"
            " give both wavelengths in nm."
        )
    return library


def _kind_of_folder(folder: Path) -> str | None:
    if next(folder.glob("*spectrum.txt"), None) is not None:
        return "ecostress"
    return "usgs" if next(folder.glob("*/*/*.txt"), None) is not None else None


def _measured(path: Path) -> Iterator[_Measured]:
    try:
        with _opened(path) as (database, kind):
            yield from _usgs(database) if kind == "usgs" else _ecostress(database)
    except sqlite3.Error as error:
        raise UnmixError(
            f"{path.name} is no database that SPy made ({shown(error)}): make it anew from the folder."
        ) from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, str]]:
    """SPy's database and its kind; a folder is read into memory. SPy logs and prints what it does: unheard here."""
    spy = spectral_python()
    kinds = {"usgs": spy.database.USGSDatabase, "ecostress": spy.database.EcostressDatabase}
    if path.is_dir():
        kind = _kind_of_folder(path)
        assert kind is not None
        _check_files(path)
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # SPy leaves the files open
            try:
                database = kinds[kind].create(":memory:", str(path))
            except Exception as error:  # whatever SPy raises over a text that is none of its spectra
                raise UnmixError(
                    f"A spectrum of {path.name} could not be read ({shown(error)}): unpack the {kind} database again."
                ) from error
        with contextlib.closing(database.db):
            yield database, kind
        return
    check_budget(regular(path).stat().st_size, 8, path.name)
    with opened_database(path) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        kind = "usgs" if "SpectrometerData" in tables else "ecostress"
        missing = {"Samples", "SpectrometerData" if kind == "usgs" else "Spectra"} - tables
        if missing:  # a view of that name would be a query of the file's own
            raise UnmixError(f"{path.name} lacks the table {min(missing)}: make the database anew from the folder.")
        database = kinds[kind]()  # which opens nothing
        database.db, database.cursor = connection, connection.cursor()
        yield database, kind


def _check_files(folder: Path) -> None:
    """Raise UnmixError unless the texts of a folder, which SPy opens by their names, are regular files that memory can hold."""
    size = count = 0
    for text in itertools.chain(*(folder.glob(pattern) for pattern in _TEXTS)):
        count, size = count + 1, size + regular(text).stat().st_size
        if count > _MOST_TEXTS:
            raise UnmixError(f"{folder.name} holds more than {_MOST_TEXTS:,} texts: give a folder of spectra.")
        check_budget(size, _BYTES_A_LETTER, folder.name)


def _usgs(database: Any) -> Iterator[_Measured]:
    query = (
        "SELECT a.SampleID, a.Description, b.Unit FROM Samples AS a INNER JOIN SpectrometerData AS b"
        " ON a.AssumedWLSpmeterDataID = b.SpectrometerDataID ORDER BY a.SampleID"
    )
    for sample, name, unit in database.query(query).fetchall():
        bands, values = (np.array(numbers) for numbers in database.get_spectrum(sample))
        found = _clean(bands, np.where(values < _DELETED, np.nan, values), unit)
        if found is not None:
            yield _Measured(sample, " ".join(name.split()), *found)


def _ecostress(database: Any) -> Iterator[_Measured]:
    query = (
        "SELECT b.SpectrumID, a.Name, b.XUnit, b.YUnit FROM Samples AS a INNER JOIN Spectra AS b"
        " ON a.SampleID = b.SampleID ORDER BY b.SpectrumID"
    )
    for spectrum, name, unit, scale in database.query(query).fetchall():
        signature = database.get_signature(spectrum)
        per_cent = 100.0 if _PER_CENT in scale.lower() else 1.0
        found = _clean(np.array(signature.x), np.array(signature.y) / per_cent, unit)
        if found is not None:
            yield _Measured(spectrum, " ".join(name.split()), *found)


def _clean(bands: FloatArray, values: FloatArray, unit: str) -> tuple[FloatArray, FloatArray] | None:
    """Wavelengths in nm and values, without bands that have no wavelength; None where nothing usable remains."""
    if bands.shape != values.shape:
        return None
    good = np.isfinite(bands) & (bands > 0)
    inside = unit[unit.find("(") + 1 :].rstrip(")") if "(" in unit else unit
    nanometres, _ = read_wavelengths(bands[good], int(good.sum()), inside)
    if nanometres is None or not np.isfinite(values[good]).any():
        return None
    return nanometres, values[good]
