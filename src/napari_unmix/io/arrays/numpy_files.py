"""NumPy files: one array (.npy) or several (.npz), never pickled objects."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from napari_unmix.cube import Reading
from napari_unmix.files.archive import opened_archive
from napari_unmix.files.opened import open_regular
from napari_unmix.io.arrays.choosing import Entry, choose
from napari_unmix.io.arrays.companions import find_companions
from napari_unmix.io.arrays.matrix import as_image
from napari_unmix.io.arrays.npy import read_array, read_array_header, read_numbers
from napari_unmix.io.bare.layout import Layout
from napari_unmix.io.bare.lines import Lines, Turned
from napari_unmix.io.budget import check_array, check_ratio, readable_shape, readable_size, stays_on_disk
from napari_unmix.io.stored import Stored, three_axes
from napari_unmix.sentences import UnmixError, shown

_DAMAGED = (ValueError, EOFError, zlib.error, zipfile.BadZipFile)


def read_npy(path: Path, reading: Reading) -> Stored:
    """Read a three-axis array, or a matrix of pixels whose image size is given. Raises UnmixError, and OSError where the file cannot be read."""
    with open_regular(path) as stream:
        held = os.fstat(stream.fileno()).st_size
        in_file = None if reading.size is not None else _in_file(stream, held, path)
        if in_file is not None:
            return Stored(array=in_file, close=in_file.close)
        stream.seek(0)
        array = _checked_array(stream, held, path.name, matrix=reading.size is not None)
    image, said = _as_image(array, reading, path.name)
    return Stored(array=image, bands_axis=2 if array.ndim == 2 else None, repairs=said)


def read_npz(path: Path, reading: Reading) -> Stored:
    """Read the array that is named, else the one that is called or shaped as a scene, and what lies beside it. Raises UnmixError, OSError."""
    try:
        with opened_archive(path) as archive:
            members = members_of(archive)
            entries = _entries(archive, members)
            chosen, among = choose(entries, reading.size, reading.key, path)
            array = _array(archive, members[chosen.name], chosen.name, path, matrix=reading.size is not None)
            image, said = _as_image(array, reading, f"{chosen.name!r} in {path.name}")
            known = 2 if array.ndim == 2 else None
            found = find_companions(
                entries,
                chosen,
                image,
                known,
                lambda names: {name: _small_array(archive, members[name]) for name in names},
            )
    except UnmixError:
        raise
    except _DAMAGED as error:
        raise _explained(error, path.name) from error
    scale = found.scale if found.scale is not None and math.isfinite(found.scale) and found.scale > 0 else 1.0
    return Stored(
        array=image,
        bands_axis=known if known is not None else found.axis,
        wavelengths=found.wavelengths,
        unit=found.unit,
        fwhm=found.fwhm,
        scale=scale,
        no_data=found.no_data,
        good_bands=found.good_bands,
        valid_pixels=found.valid_pixels,
        georeference=found.georeference,
        repairs=(*among, *said, *found.repairs),
    )


def is_npy(path: Path, start: bytes) -> bool:
    """Whether a file begins as a NumPy array does."""
    return start.startswith(b"\x93NUMPY")


def is_npz(path: Path, start: bytes) -> bool:
    """Whether a file begins as an archive does."""
    return start.startswith(b"PK\x03\x04")


def npy_holds_cube(path: Path) -> bool:
    """Whether the array has three axes. Raises UnmixError, ValueError, OSError."""
    with open_regular(path) as stream:
        return len(read_array_header(stream).shape) == 3


def npz_holds_cube(path: Path) -> bool:
    """Whether one of its arrays is called or shaped as a scene. Raises UnmixError where none is, ValueError, OSError."""
    with opened_archive(path) as archive:
        choose(_entries(archive, members_of(archive)), None, None, path)
    return True


def members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an archive by their names; what is no array is passed over."""
    return {info.filename.removesuffix(".npy"): info for info in archive.infolist() if info.filename.endswith(".npy")}


def _checked_array(stream: IO[bytes], size: int, label: str, *, matrix: bool = False) -> NDArray[Any]:
    """Read an array once its header is a cube's, or a matrix's, fits into memory, and agrees with the ``size`` bytes there."""
    try:
        header = read_array_header(stream)
        if header.dtype.hasobject:
            raise UnmixError(
                f"{label} holds pickled Python objects, which can run code: save the cube as plain numbers."
            )
        shape = (1, *header.shape) if matrix and len(header.shape) == 2 else header.shape
        check_array(_counting(shape), header.dtype.kind, header.dtype.itemsize, label)
        if header.data_bytes > size:
            raise UnmixError(
                f"{label} holds {readable_size(size)} but its header's {readable_shape(header.shape)}"
                f" {header.dtype.name} need {readable_size(header.data_bytes)}: copy or save it again."
            )
        return read_numbers(stream, header)
    except UnmixError:
        raise
    except _DAMAGED as error:
        raise _explained(error, label) from error


def _in_file(stream: IO[bytes], held: int, path: Path) -> Lines | Turned | None:
    """The array of a plain file that is too large for memory, in its file; None of any other, which ``_checked_array`` judges."""
    try:
        header = read_array_header(stream)
    except _DAMAGED:
        return None
    if len(header.shape) != 3 or header.dtype.kind not in "uif" or min(header.shape) < 1:
        return None
    if header.data_bytes > held - stream.tell() or not stays_on_disk(header.size):
        return None
    check_array(header.shape, header.dtype.kind, header.dtype.itemsize, path.name, can_stay=True)
    first, middle, last = header.shape[::-1] if header.by_columns else header.shape
    lines = Lines(path, Layout((first, middle, last), header.dtype, "bip", stream.tell()))
    return Turned(lines) if header.by_columns else lines


def _counting(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without axes of length 1 beyond three."""
    return tuple(shape[axis] for axis in three_axes(shape)) if len(shape) > 3 else shape


def _explained(error: Exception, label: str) -> UnmixError:
    return UnmixError(f"{label} is damaged ({shown(error, 120) or 'it ends early'}): save it again.")


def _entries(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> list[Entry]:
    """What the headers of the arrays claim."""
    found = []
    for name, info in members.items():
        with archive.open(info) as stream:
            shape, dtype, _ = read_array_header(stream)
        found.append(Entry(name, shape, max(dtype.itemsize, 1), "U" if dtype.kind in "US" else dtype.kind))
    return found


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path, matrix: bool) -> NDArray[Any]:
    check_ratio(info.compress_size, info.file_size, f"{name!r} in {path.name}")
    with archive.open(info) as stream:
        return _checked_array(stream, info.file_size, f"{name!r} in {path.name}", matrix=matrix)


def _small_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """A list beside the scene, whose size was looked at."""
    with archive.open(info) as stream:
        return read_array(stream)


def _as_image(array: NDArray[Any], reading: Reading, label: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Three axes as they are; a matrix as the image of its size."""
    if array.ndim != 2 or reading.size is None:
        return array, ()
    return as_image(array, reading.size, "C", label)
