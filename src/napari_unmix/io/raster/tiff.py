"""TIFF, BigTIFF and GeoTIFF: bands as samples, pages or channels. What tifffile cannot decode is rasterio's (the extra ``geo``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_unmix.cube import Georeference, Reading
from napari_unmix.io.boundary import reason_of, told_by
from napari_unmix.io.budget import check_array, check_budget, readable_shape
from napari_unmix.io.groups.conventions import as_scale, numbers_of
from napari_unmix.io.groups.spectral_axis import unit_of
from napari_unmix.io.groups.tree import attribute
from napari_unmix.io.place.map_position import of_geotiff
from napari_unmix.io.raster.beside_image import no_data_beside, with_header, with_product
from napari_unmix.io.raster.raster_metadata import BandFacts, facts, items_beside, items_of_tag
from napari_unmix.io.raster.tiff_file import Uncompressed, opened_tiff, unpacked_pages
from napari_unmix.io.raster.tiff_stacks import channel_facts
from napari_unmix.io.stored import ArrayLike, Stored
from napari_unmix.sentences import UnmixError

_MARKS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_LIMITED = (5, 8, 32946, 32773, 50000)  # LZW, deflate, PackBits and Zstandard of imagecodecs
_FEWEST = 4  # bands that a file needs for napari to ask us: its own reader opens pictures
_PALETTE, _COLOURS = 3, (2, 6)  # photometric interpretations; RGB and YCbCr
_MAP_TAGS = (33550, 33922, 34264, 34735)  # scale, tie point, matrix and keys of GeoTIFF


def is_tiff(path: Path, start: bytes) -> bool:
    """Whether a file begins as a TIFF or a BigTIFF does."""
    return start.startswith(_MARKS)


def tiff_holds_cube(path: Path) -> bool:
    """Whether an image has at least four bands, and a word on where they lie, or on a map. Raises OSError."""
    try:
        with _opened(path) as (tiff, series):
            axis = _bands_axis(series, tiff)
            bands = max(series.shape) if axis is None else series.shape[axis]
            if _refusal(series, path) or len(series.shape) < 3 or bands < _FEWEST:
                return False
            return bool(tiff.is_geotiff) or _facts(tiff, series, path, bands).wavelengths is not None
    except UnmixError:
        return True  # what is wrong is said when it is read


def read_tiff(path: Path, reading: Reading) -> Stored:
    """Read the biggest image of a file; uncompressed ones are mapped. Raises UnmixError, OSError."""
    with _opened(path) as (tiff, series):
        refused = _refusal(series, path)
        if refused:
            raise UnmixError(refused)
        kept = [axis for axis, length in enumerate(series.shape) if length > 1 or len(series.shape) <= 3]
        check_array([series.shape[axis] for axis in kept], series.dtype.kind, series.dtype.itemsize, path.name)
        check_budget(
            int(np.prod(series.keyframe.chunks, dtype=object)), series.dtype.itemsize, f"One tile of {path.name}"
        )
        axis = _bands_axis(series, tiff)
        bands = 0 if axis is None else series.shape[axis]
        found = _facts(tiff, series, path, bands)
        scale, gains, offsets = as_scale(found.gains, found.offsets)
        array = _array(tiff, series, path)
        if array is None:
            from napari_unmix.io.raster.raster import read_raster

            stored = read_raster(path, reading)
            if stored.wavelengths is None:  # lists beside the file, that rasterio knows nothing of
                stored = replace(stored, wavelengths=found.wavelengths, unit=found.unit, fwhm=found.fwhm)
            return stored
        return Stored(
            array=array,
            bands_axis=None if axis is None else kept.index(axis),
            wavelengths=found.wavelengths,
            unit=found.unit,
            fwhm=found.fwhm,
            scale=scale,
            gains=gains,
            offsets=offsets,
            no_data=_no_data(series, path, bands),
            good_bands=found.good_bands,
            georeference=_position(series),
            repairs=found.repairs,
        )


class OneBand(NamedTuple):
    """An image of one band: its array (rows, columns), what its numbers mean, and where it lies."""

    array: Any
    gain: float
    offset: float
    no_data: tuple[float, ...]
    georeference: Georeference | None


def has_one_band(path: Path) -> bool:
    """Whether a file holds an image of one band. Raises OSError."""
    try:
        with _opened(path) as (_, series):
            return _is_one_band(series)
    except UnmixError:
        return False


def _is_one_band(series: Any) -> bool:
    return series.ndim == 2 and int(series.keyframe.photometric) != _PALETTE and series.dtype.kind in "uif"


def one_band(path: Path) -> OneBand | None:
    """The image of a file that has one band; None where it has several, or is a picture. Raises UnmixError, OSError."""
    with _opened(path) as (tiff, series):
        page = series.keyframe
        if not _is_one_band(series):
            return None
        check_budget(int(np.prod(series.shape, dtype=object)), series.dtype.itemsize, path.name)
        text = next((str(tag.value) for tag in page.tags if tag.code == 42112), "")
        found = facts(items_of_tag(text, path.name), 1) if text else BandFacts()
        array = _array(tiff, series, path)
        if array is None:
            from napari_unmix.io.raster.raster import read_raster

            array = np.asarray(read_raster(path, Reading()).array[0, :, :])
        gain, offset = (values[0] if values else usual for values, usual in ((found.gains, 1.0), (found.offsets, 0.0)))
        return OneBand(array, gain, offset, _no_data(series, path, 0), _position(series))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The open file and its biggest image; damage becomes a sentence."""

    def failed(error: Exception) -> UnmixError:
        return UnmixError(f"{path.name} is a damaged TIFF ({reason_of(error)}): copy the whole file again.")

    with told_by(failed), opened_tiff(path) as tiff:
        series = max(tiff.series, key=lambda one: one.size, default=None)
        if series is None or not series.size:
            raise UnmixError(f"{path.name} is a TIFF without an image: copy the whole file again.")
        yield tiff, series


def _position(series: Any) -> Georeference | None:
    return of_geotiff({tag.name: tag.value for tag in series.keyframe.tags if tag.code in _MAP_TAGS})


def _refusal(series: Any, path: Path) -> str:
    """Why an image is none of bands: a picture, or a map of labels; "" where it may be one."""
    page = series.keyframe
    photometric, samples = int(page.photometric), int(page.samplesperpixel)
    shape = readable_shape(series.shape)
    extra = tuple(int(kind) for kind in page.extrasamples or ())
    if (
        photometric in _COLOURS
        and page.dtype.itemsize == 1
        and (samples == 3 or (samples == 4 and extra and extra[0] in (1, 2)))
    ):
        return f"{path.name} is a colour picture of {samples} bands in 8 bit ({shape}): give the cube that it was made from."
    if photometric == _PALETTE or (series.ndim == 2 and page.dtype.kind in "uib"):
        return f"{path.name} is an image of one band ({shape}), such as a map of labels: give it as --annotation, and a cube of bands here."
    if series.ndim == 2:
        return f"{path.name} is an image of one band ({shape}): give a file of all bands, or the folder that holds one file for each band."
    return ""


def _bands_axis(series: Any, tiff: Any) -> int | None:
    """The axis beside those of the image; None where several could be, or where tifffile itself wrote an array of any order."""
    others = [at for at, name in enumerate(series.axes) if name not in "YX" and series.shape[at] > 1]
    if len(others) != 1:
        return None
    any_order = tiff.is_shaped and series.axes[others[0]] in "QI"
    return None if any_order else others[0]


def _facts(tiff: Any, series: Any, path: Path, bands: int) -> BandFacts:
    """What the file, and the files beside it, say of its bands."""
    text = next((str(tag.value) for tag in series.keyframe.tags if tag.code == 42112), "")
    items = (items_of_tag(text, path.name) if text else []) + items_beside(path)
    found = facts(items, bands) if items and bands else BandFacts()
    if found.wavelengths is None:
        found = _shaped(tiff, found)
    if found.wavelengths is None:
        found = channel_facts(tiff, bands, found)
    return with_header(with_product(found, path, bands), path, bands)


def _shaped(tiff: Any, found: BandFacts) -> BandFacts:
    """What somebody gave tifffile as metadata of an array."""
    described: dict[str, Any] = (tiff.shaped_metadata or ({},))[0] if tiff.is_shaped else {}
    listed = attribute(
        described, "wavelength", "wavelengths", "wavelengths_nm", "wavelength_nm", "wavenumber", "wavenumbers"
    )
    return found if listed is None else replace(found, wavelengths=listed, unit=unit_of(described, "wavelength"))


def _no_data(series: Any, path: Path, bands: int) -> tuple[float, ...]:
    """GDAL's tag, else what the files beside say."""
    text = next((str(tag.value) for tag in series.keyframe.tags if tag.code == 42113), "")
    listed = [value for value in numbers_of(text.replace("\x00", "")) if not np.isnan(value)]
    return tuple(listed) or no_data_beside(path, bands)


def _array(tiff: Any, series: Any, path: Path) -> ArrayLike | None:
    """The image: read where its numbers lie in the file as they are, else unpacked; None where that is rasterio's to do."""
    if series.dataoffset is not None and series.keyframe.is_final and series.keyframe.compression == 1:
        dtype = series.dtype.newbyteorder(tiff.byteorder)
        return Uncompressed(path, dtype, int(series.dataoffset), tuple(series.shape))
    pages = list(series.pages)
    if None in pages or not pages:
        raise UnmixError(
            f"{path.name} lacks {pages.count(None)} of the {len(pages)} pages that it describes: copy it whole."
        )
    parts = sum(int(np.prod(page.keyframe.chunked, dtype=object)) for page in pages)
    listed = sum(len(page.dataoffsets) for page in pages)
    if listed < parts:  # tifffile would make the missing ones up, one by one
        raise UnmixError(
            f"{path.name} is a damaged TIFF (it lists {listed} of {parts} strips or tiles): copy the whole file again."
        )
    try:
        array = unpacked_pages(pages, tuple(series.shape), path)
        return np.asarray(series.asarray()) if array is None and _is_limited(series) else array
    except (ValueError, ImportError, KeyError) as error:
        if isinstance(error, UnmixError):
            raise
        if "imagecodecs" in str(error) or "not supported" in str(error):
            return None
        raise


def _is_limited(series: Any) -> bool:
    """Whether imagecodecs, where it is there, unpacks this to the size that it is told."""
    return int(series.keyframe.compression) in _LIMITED and find_spec("imagecodecs") is not None
