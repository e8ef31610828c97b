"""The last step of every reader: what a file stores to a checked ``Cube``. The rules are here, once for all formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Cube, IntArray, Reading
from napari_unmix.io.axis.wavelengths import read_axis
from napari_unmix.io.budget import readable_shape
from napari_unmix.io.formats import SUFFIXES
from napari_unmix.io.magnitude import in_range
from napari_unmix.io.stored import Stored, three_axes, to_spectra
from napari_unmix.reading import chosen_bands, repairs_wanted, takes_all
from napari_unmix.screening.axes import LAST, PLACES, axis_of_bands
from napari_unmix.screening.screen import Screened, screen
from napari_unmix.sentences import UnmixError

Spectra = NDArray[np.float32]
Reference = Callable[[Path], tuple[Spectra, BoolArray]]


@dataclass(frozen=True, eq=False)
class Taken:
    """The numbers of a file as spectra (H, W, B), and where they are no data; ``stored`` is what else it holds, its array let go.

    Of a thinned copy ``columns`` are those of the image that it holds, and ``width`` is how many that has.
    """

    spectra: Spectra
    missing: BoolArray | None
    turned: tuple[str, ...]
    stored: Stored
    columns: IntArray | None = None
    width: int = 0


def take(stored: Stored, path: Path, reading: Reading) -> Taken:
    """Read the numbers, with the user's scale and no data in place of the file's, and find the axis of the bands. Raises UnmixError."""
    stored = as_wanted(stored, reading)
    axis, turned = bands_axis(stored, reading, path)
    spectra, missing = to_spectra(stored, axis)
    return Taken(spectra, missing, turned, replace(stored, array=np.empty(0)))


def build_cube(stored: Stored, path: Path, reading: Reading | None = None, reference: Reference | None = None) -> Cube:
    """``take`` and ``finished`` in one, for arrays that stay in memory anyway. Raises UnmixError."""
    reading = reading or Reading()
    return finished(take(stored, path, reading), path, reading, reference)


def finished(taken: Taken, path: Path, reading: Reading, reference: Reference | None = None) -> Cube:
    """The cube of what a file stores, read as its user wants.

    In this order: pixels and bands without data, calibration by references, the spectral axis, the user's bands, and the screening of what
    is left. ``reference`` reads the file of a dark or white reference. Raises UnmixError where nothing usable remains.
    """
    return screened(taken, path, reading, calibration_of(taken, reading, reference, path))[0]


def screened(
    taken: Taken, path: Path, reading: Reading, calibration: Calibration | None, sparing: frozenset[str] = frozenset()
) -> tuple[Cube, Screened]:
    """``finished`` with its references read, and what the screening found; ``sparing`` are repairs that are left undone. Raises UnmixError."""
    spectra, missing, turned, stored = taken.spectra, taken.missing, taken.turned, taken.stored
    good, valid, lost = _without_missing(spectra, missing, stored, path)
    if calibration is not None:
        spectra = calibration.applied(spectra, slice(None) if taken.columns is None else taken.columns)
    places = read_axis(stored.wavelengths, spectra.shape[2], stored.unit)
    of_bands = Cube(
        spectra=spectra[:1, :1],  # what follows on the bands needs no look at all of them
        wavelengths=places.wavelengths,
        measured_axis=places.measured,
        fwhm=places.widths(stored.fwhm),
        good_bands=good & places.known,
        scale=float(stored.scale),
        name=short_name(path),
        source=path,
        repairs=(
            *stored.repairs,
            *turned,
            *lost,
            *(() if calibration is None else (calibration.said,)),
            *places.repairs,
        ),
        georeference=stored.georeference,
        reading=reading,
    )
    cube, found = _screened(spectra, of_bands, stored, valid, sparing)
    if not cube.valid_pixels.any():
        raise UnmixError(
            f"{path.name} has no pixel with data in all of its good bands: check its no-data value, or give --no-data none."
        )
    return in_range(cube, found.largest if np.array_equal(cube.valid_pixels, found.valid_pixels) else None), found


def _screened(
    spectra: Spectra, of_bands: Cube, stored: Stored, declared: BoolArray | None, sparing: frozenset[str]
) -> tuple[Cube, Screened]:
    """The cube of (H, W, B) spectra, of whose bands a cube of one pixel tells, in the bands that its user chose, without what is no data or
    broken among the pixels that the file ``declared`` valid (H, W).
    """
    found = screen(
        spectra,
        chosen_bands(of_bands, of_bands.reading.bands),
        np.ones(spectra.shape[:2], bool) if declared is None else declared,
        repair=repairs_wanted(of_bands.reading) - sparing,
        scale=of_bands.scale,
        ceiling=stored.ceiling,
    )
    cube = replace(
        of_bands,
        spectra=found.spectra,
        good_bands=found.good_bands,
        valid_pixels=found.valid_pixels,
        repairs=(*of_bands.repairs, *found.remarks),
    )
    return cube, found


def short_name(path: Path) -> str:
    """A file's name without the suffixes of cube files: scene.img.hdr is scene."""
    name = path.name
    while Path(name).suffix.lower() in SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name or "cube"


def bands_axis(stored: Stored, reading: Reading, path: Path) -> tuple[int, tuple[str, ...]]:
    """Which of three axes (0, 1, 2) holds the bands, and a sentence where that was found out. Raises UnmixError unless there are three."""
    shape = stored.array.shape
    kept = three_axes(shape)
    if len(kept) != 3 or len(shape) < 3:
        raise UnmixError(
            f"{path.name} has {len(shape)} axes ({readable_shape(shape)}), a cube has three: save it as (rows, columns, bands)."
        )
    if reading.bands_axis is not None:
        return PLACES.index(reading.bands_axis), ()
    if stored.bands_axis is not None:
        return stored.bands_axis, ()
    return _by_wavelengths([shape[axis] for axis in kept], stored)


def _by_wavelengths(lengths: list[int], stored: Stored) -> tuple[int, tuple[str, ...]]:
    """The axis that alone is as long as the list of wavelengths; where several or none are, what the numbers look like."""
    wavelengths = stored.wavelengths
    count = len(wavelengths) if isinstance(wavelengths, list) else int(getattr(wavelengths, "size", 0))
    fitting = [axis for axis, length in enumerate(lengths) if length == count]
    if len(fitting) != 1:
        decision = axis_of_bands(stored.array)
        if not fitting or decision.axis in fitting:
            return decision.axis, (decision.sentence,) if decision.sentence else ()
    axis = LAST if LAST in fitting else fitting[0]
    said = f"the {PLACES[axis]} axis has as many entries as there are wavelengths: read as bands (--bands-axis last reads the last)"
    return axis, () if axis == LAST else (said,)


def as_wanted(stored: Stored, reading: Reading) -> Stored:
    """The user's scale and no data in place of the file's."""
    if (
        reading.scale is not None or reading.dark is not None or reading.white is not None
    ):  # references are in raw counts
        stored = replace(stored, scale=reading.scale or 1.0, gains=None, offsets=None)
    if takes_all(reading.bands):
        stored = replace(stored, good_bands=None)
    if reading.no_data is None:
        return stored
    values = () if reading.no_data == "none" else (reading.no_data,)
    return replace(stored, no_data=values, valid_range=None, valid_pixels=None if not values else stored.valid_pixels)


def _without_missing(
    spectra: Spectra, missing: BoolArray | None, stored: Stored, path: Path
) -> tuple[BoolArray, BoolArray | None, tuple[str, ...]]:
    """Good bands (B,) and valid pixels (H, W) under the file's own lists and its declared no data, and what is said of it.

    A pixel without data in one good band cannot be fitted: the number becomes NaN, and the screening leaves out the band or the pixel.
    Bands that hold no data everywhere (filled water bands) are left out here, and zero, which dark bands really reach, must fill all good
    bands.
    """
    good = np.ones(spectra.shape[2], bool) if stored.good_bands is None else stored.good_bands
    valid, said = stored.valid_pixels, []
    only_whole = stored.no_data == (0.0,) and stored.valid_range is None
    if missing is not None:
        outside = np.stack([(line | ~good).all(axis=1) for line in missing])
        empty = good.copy() if not outside.all() else np.zeros(good.size, bool)
        for line, lost in zip(missing, outside, strict=True):  # line by line, for a copy of a big cube leaves no room
            empty &= line[~lost].all(axis=0)
        good = good & ~empty
        valid = ~outside if valid is None else valid & ~outside
        if empty.any():
            values = ", ".join(f"{value:g}" for value in stored.no_data) or "values out of range"
            said.append(f"{int(empty.sum())} bands hold only the ignore value {values}: left out as bad bands")
    good, dropped = _drop_empty_bands(spectra, good, path)
    if missing is not None and not only_whole:
        spectra[missing] = np.nan
    return good, valid, (*said, *dropped)


def _drop_empty_bands(spectra: Spectra, good: BoolArray, path: Path) -> tuple[BoolArray, tuple[str, ...]]:
    empty = np.ones(spectra.shape[2], bool)
    for line in spectra:
        empty &= ~np.isfinite(line).any(axis=0)
        if not empty.any():  # most cubes: all is told by their first line
            break
    if not (good & ~empty).any():
        raise UnmixError(f"{path.name} has no finite number in its {good.sum()} good bands: check how it was written.")
    newly = int(np.count_nonzero(empty & good))
    note = (f"{newly} bands hold no finite number: left out as bad bands",) if newly else ()
    return good & ~empty, note


@dataclass(frozen=True, eq=False)
class Calibration:
    """(raw − dark) / (white − dark), each column by its own references, which are averaged over their lines: ``low`` and ``span`` (W, B)."""

    low: Spectra
    span: Spectra | None
    said: str

    def applied(self, spectra: Spectra, columns: slice | IntArray, bands: slice | IntArray = slice(None)) -> Spectra:
        """(h, w, b) calibrated counts of some columns and bands; NaN where the references say nothing."""
        low = self.low[columns][:, bands]
        span = None if self.span is None else self.span[columns][:, bands]
        out = np.empty_like(spectra)
        for row, line in enumerate(spectra):
            out[row] = line - low
            if span is not None:
                np.divide(out[row], span, out=out[row], where=span > 0)
                out[row][span <= 0] = np.nan
        return out


def calibration_of(taken: Taken, reading: Reading, reference: Reference | None, path: Path) -> Calibration | None:
    """The references of a cube; None where none is given. Raises UnmixError where they are of another size."""
    if reading.dark is None and reading.white is None:
        return None
    if reference is None:
        raise UnmixError(f"{path.name} is a reference itself: it is not calibrated.")
    size = (taken.width or taken.spectra.shape[1], taken.spectra.shape[2])
    dark, white = (
        None if file is None else _column_means(reference, file, size, path) for file in (reading.dark, reading.white)
    )
    low = np.zeros(size, np.float32) if dark is None else dark
    return Calibration(low, None if white is None else white - low, _calibration_sentence(reading))


def _column_means(reference: Reference, file: Path, size: tuple[int, int], path: Path) -> Spectra:
    """(W, B) mean over the lines of a reference of the cube's width, or of one column; ``size`` is (W, B)."""
    values, valid = reference(file)
    height, width, bands = values.shape
    if bands != size[1] or width not in (1, size[0]):
        raise UnmixError(
            f"The reference {file.name} is {height}×{width} pixels of {bands} bands, {path.name} has {size[0]} columns of "
            f"{size[1]} bands: give a reference of the same camera setting."
        )
    weights = valid[:, :, None]
    mean = np.where(weights, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(weights.sum(axis=0), 1)
    return np.broadcast_to(mean.astype(np.float32), size)


def _calibration_sentence(reading: Reading) -> str:
    names = {"dark": reading.dark, "white": reading.white}
    used = " and ".join(f"{what} reference {file.name}" for what, file in names.items() if file is not None)
    return f"calibrated by the {used}, each column by the mean of its lines (without --dark and --white: raw counts)"
