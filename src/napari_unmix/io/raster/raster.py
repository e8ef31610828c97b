"""Rasters by rasterio (the extra ``geo``): JPEG 2000, ERDAS Imagine, NITF, the planetary formats, TIFFs that tifffile cannot decode."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Georeference, Reading
from napari_unmix.files.opened import first_bytes, regular
from napari_unmix.io.budget import check_array, check_budget
from napari_unmix.io.groups.conventions import as_scale
from napari_unmix.io.groups.tree import plain_name
from napari_unmix.io.groups.tree_cube import is_picture
from napari_unmix.io.raster.beside_image import with_header, with_product
from napari_unmix.io.raster.raster_metadata import Item, facts, items_beside
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

# First bytes and GDAL's driver, which is named, so that no other follows a description to other files.
_DRIVERS = (
    (b"\x00\x00\x00\x0cjP", "JP2OpenJPEG"),
    (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
    (b"EHFA_HEADER_TAG", "HFA"),
    (b"NITF0", "NITF"),
    (b"NSIF0", "NITF"),
    (b"LBLSIZE=", "VICAR"),
    (b"PDS_VERSION_ID", "PDS"),
    (b"Object = IsisCube", "ISIS3"),
    (b"PCIDSK", "PCIDSK"),
)
_TITLES = {"JP2OpenJPEG": "JPEG 2000", "HFA": "ERDAS Imagine", "ISIS3": "ISIS"}
_LONGEST_MARK = 32


def is_raster(path: Path, start: bytes) -> bool:
    """Whether a file begins as one of these formats does. Raises OSError."""
    return _driver(path) is not None


def raster_holds_cube(path: Path) -> bool:
    """Whether rasterio finds at least four bands in it; False where rasterio is not there to ask."""
    try:
        stored = read_raster(path, Reading())
    except UnmixError:
        return False
    if stored.close is not None:
        stored.close()
    return bool(stored.array.shape[0] > 3)


def read_raster(path: Path, reading: Reading) -> Stored:
    """All bands (bands, rows, columns) of a raster, with what it says of them. Raises UnmixError."""
    try:
        import rasterio
        import rasterio.errors
    except ImportError as error:
        raise UnmixError(
            f'{path.name} is {_kind(path)}, which needs rasterio: pip install "napari-unmix[geo]", or {_converted(path)}.'
        ) from error
    with ExitStack() as stack, _unheard():
        stack.enter_context(
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", CPL_LOG=os.devnull, GDAL_NUM_THREADS="1")
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there is no map
                source = stack.enter_context(rasterio.open(regular(path), driver=_driver(path) or "GTiff"))
            _check_files(source, path)
            array = Bands(source, path)
            check_array(array.shape, array.dtype.kind, array.dtype.itemsize, path.name)
            check_budget(int(np.prod(array.chunks, dtype=object)), array.dtype.itemsize, f"One tile of {path.name}")
            if is_picture(array.dtype, array.shape):
                raise UnmixError(
                    f"{path.name} is a colour picture of {array.shape[0]} bands in 8 bit: give the cube that it was made from."
                )
            found = with_header(
                with_product(facts([*_items(source), *items_beside(path)], source.count), path, source.count),
                path,
                source.count,
            )
            scale, gains, offsets = as_scale(found.gains, found.offsets)
            return Stored(
                array=array,
                bands_axis=0,
                wavelengths=found.wavelengths,
                unit=found.unit,
                fwhm=found.fwhm,
                scale=scale,
                gains=gains,
                offsets=offsets,
                no_data=tuple(dict.fromkeys(float(v) for v in source.nodatavals if v is not None and not np.isnan(v))),
                good_bands=found.good_bands,
                georeference=_position(source),
                repairs=found.repairs,
                close=stack.pop_all().close,
            )
        except rasterio.errors.RasterioError as error:
            raise _damaged(path, error) from error


def _driver(path: Path) -> str | None:
    start = first_bytes(path, _LONGEST_MARK)
    return next((driver for mark, driver in _DRIVERS if start.startswith(mark)), None)


def _check_files(source: Any, path: Path) -> None:
    """Raise UnmixError where a label leads to numbers in another file: any file of this machine could be named there."""
    beside = [Path(name) for name in source.files if Path(name).name != path.name]
    strange = [
        file.name
        for file in beside
        if file.parent.resolve() != path.parent.resolve() or not file.name.startswith(path.stem)
    ]
    if strange:
        raise UnmixError(
            f"{path.name} takes its numbers from {strange[0]}, which is not safe: convert it to a file of its own."
        )


class Bands:
    """The bands of an open raster as an array (bands, rows, columns) that is read by lines."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source, self._path = source, path
        self.shape: tuple[int, ...] = (source.count, source.height, source.width)
        self.dtype = np.result_type(*source.dtypes)
        self.chunks = (source.count, *(int(length) for length in source.block_shapes[0]))

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        import rasterio.errors
        from rasterio.windows import Window

        top, bottom, _ = index[1].indices(self.shape[1])
        try:
            with _unheard():
                lines = self._source.read(window=Window(0, top, self.shape[2], bottom - top))
        except rasterio.errors.RasterioError as error:
            raise _damaged(self._path, error) from error
        return np.asarray(lines)[(index[0], slice(None), index[2])]


@contextmanager
def _unheard() -> Iterator[None]:
    """GDAL's words on a damaged file are in the error that is raised; where rasterio cannot decode them, it prints that beside."""
    before = sys.unraisablehook, sys.excepthook
    sys.unraisablehook, sys.excepthook = (lambda *_: None), (lambda *_: None)
    try:
        yield
    finally:
        sys.unraisablehook, sys.excepthook = before


def _items(source: Any) -> list[Item]:
    """The image's items, those of each band, and the bands' descriptions, scales and offsets."""
    found = [
        Item(plain_name(name), None, "", str(text))
        for space in ("", "ENVI", "IMAGERY")
        for name, text in _tags(source, None, space)
    ]
    for band in range(source.count):
        found += [
            Item(plain_name(name), band, "", str(text))
            for space in ("", "ENVI", "IMAGERY")
            for name, text in _tags(source, band + 1, space)
        ]
        found.append(Item("scale", band, "scale", str(source.scales[band])))
        found.append(Item("offset", band, "offset", str(source.offsets[band])))
        if source.descriptions[band]:
            found.append(Item("description", band, "description", str(source.descriptions[band])))
    return found


def _tags(source: Any, band: int | None, space: str) -> list[tuple[str, str]]:
    return list((source.tags(ns=space) if band is None else source.tags(band, ns=space)).items())


def _position(source: Any) -> Georeference | None:
    if source.transform.is_identity and not source.crs:
        return None
    a, b, c, d, e, f = (float(value) for value in tuple(source.transform)[:6])
    return Georeference((a, b, c, d, e, f), source.crs.to_string() if source.crs else "")


def _damaged(path: Path, error: Exception) -> UnmixError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UnmixError(
        f"{path.name} is {_kind(path)} that rasterio could not read ({reason[:200]}): copy the whole file again, or {_converted(path)}."
    )


def _kind(path: Path) -> str:
    """What a file is, for a sentence. Raises OSError."""
    driver = _driver(path)
    return "a TIFF in a compression" if driver is None else f"a file of {_TITLES.get(driver, driver)}"


def _converted(path: Path) -> str:
    """The command by which GDAL makes ENVI's bare numbers of a file."""
    return f"convert it with gdal_translate -of ENVI {shlex.quote(path.name)} {shlex.quote(path.stem)}.img"
