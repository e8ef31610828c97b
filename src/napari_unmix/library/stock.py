"""Libraries on the bands of cubes, kept for the next question: reading and resampling a thousand spectra takes seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from napari_unmix.cube import BoolArray, FloatArray, SpectralAxis
from napari_unmix.files.paths import given_path
from napari_unmix.library.databases import Database, brought, is_database, read_groups
from napari_unmix.library.files import read_library
from napari_unmix.library.prepared import Reference, prepared
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import measured_spectra

BUILT_IN = "USGS selection"
_FILES, _ON_BANDS = 8, 12  # kept: of each the latest
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Bands:
    """The bands of a cube, as libraries are brought to them: ``wavelengths`` (B,) nm or None, ``fwhm`` (B,) nm or None, ``good`` (B,)."""

    axis: SpectralAxis
    wavelengths: FloatArray | None
    fwhm: FloatArray | None
    good: BoolArray

    @property
    def key(self) -> tuple[object, ...]:
        """The same for the same bands, whichever of them are good."""
        parts = (self.axis.values, self.wavelengths, self.fwhm)
        return (self.axis.kind, *(None if part is None else part.tobytes() for part in parts))


@dataclass(frozen=True, eq=False)
class OnBands:
    """A library on a cube's bands, and made ready to be compared with."""

    library: SpectralLibrary
    reference: Reference


@dataclass
class Stock:
    """What was read and resampled so far. ``None`` in place of a path is the built-in selection of USGS splib07."""

    _read: OrderedDict[Any, SpectralLibrary | Database] = field(default_factory=OrderedDict)
    _resampled: OrderedDict[Any, SpectralLibrary] = field(default_factory=OrderedDict)
    _ready: OrderedDict[Any, OnBands] = field(default_factory=OrderedDict)

    def on_bands(self, path: Path | None, bands: Bands) -> Fit[OnBands]:
        """A library on a cube's bands. Raises UnmixError where it cannot be read, or brought to these bands."""
        stamp = _stamp(path)
        where = (stamp, bands.key, bands.good.tobytes())
        ready = _known(self._ready, where)
        if ready is None:
            library = yield from self._on(path, stamp, bands)
            steps = prepared(library, bands.good)
            reference = yield from _told(f"comparing with {library.name}", steps)
            ready = _keep(self._ready, where, OnBands(library, reference), _ON_BANDS)
        return ready

    def library(self, path: Path | None, bands: Bands) -> Fit[SpectralLibrary]:
        """A library on a cube's bands, with nothing made ready to be compared with. Raises as ``on_bands``."""
        return (yield from self._on(path, _stamp(path), bands))

    def _on(self, path: Path | None, stamp: object, bands: Bands) -> Fit[SpectralLibrary]:
        library = _known(self._resampled, (stamp, bands.key))
        if library is None:
            read = _known(self._read, stamp)
            if read is None:
                yield Progress(f"reading {name_of(path)}", 0, 1, 0.0)
                read = _keep(self._read, stamp, _opened(path, bands), _FILES)
            yield Progress(f"bringing {read.name} to the cube's bands", 0, 1, 0.0)
            if isinstance(read, Database):
                assert bands.wavelengths is not None
                steps = read.resampling(bands.wavelengths, bands.fwhm)
                library = yield from _told(f"bringing {read.name} to the cube's bands", steps)
            else:
                library = brought(read, bands.wavelengths, bands.good.size, bands.axis, bands.fwhm)
            library = _keep(self._resampled, (stamp, bands.key), library, _ON_BANDS)
        return library


def name_of(path: Path | None) -> str:
    """What a library is called."""
    return BUILT_IN if path is None else path.name


def built_in() -> SpectralLibrary:
    """The 23 measured spectra that come with the package."""
    wavelengths, spectra, names = measured_spectra()
    return SpectralLibrary(spectra, wavelengths, names, name=BUILT_IN)


def _opened(path: Path | None, bands: Bands) -> SpectralLibrary | Database:
    if path is None:
        return built_in()
    if not is_database(path):
        return read_library(path)
    if bands.wavelengths is None:
        raise UnmixError(f"{path.name} lies by wavelength, but the cube's bands have none: give its wavelengths first.")
    return read_groups(path)


def _stamp(path: Path | None) -> object:
    """Another one where a file changed."""
    if path is None:
        return BUILT_IN
    try:
        found = given_path(path).stat()
    except OSError:
        return (str(path), None)
    return (str(path), found.st_mtime_ns, found.st_size)


def _told(stage: str, steps: Generator[tuple[int, int], None, T]) -> Fit[T]:
    """Steps of counted spectra as progress."""
    while True:
        try:
            done, count = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        yield Progress(f"{stage}: {done} of {count} spectra", done, count, done / max(count, 1))


def _known(kept: OrderedDict[Any, T], key: object) -> T | None:
    if key in kept:
        kept.move_to_end(key)
    return kept.get(key)


def _keep(kept: OrderedDict[Any, T], key: object, value: T, most: int) -> T:
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
    return value
