"""NumPy files: one array (.npy) or several (.npz), never pickled objects."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Reading
from napari_unmix.io.arrays.choosing import Entry, choose
from napari_unmix.io.arrays.companions import find_companions
from napari_unmix.io.arrays.matrix import as_image
from napari_unmix.io.budget import check_array, readable_shape, readable_size
from napari_unmix.io.stored import Stored, three_axes
from napari_unmix.sentences import UnmixError

_DAMAGED = (ValueError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)

_LONGEST_REASON = 120  # letters: zipfile quotes what it found


class ArrayHeader(NamedTuple):
    """What the header of a NumPy array claims."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def data_bytes(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, reading: Reading) -> Stored:
    """Read a three-axis array, or a matrix of pixels whose image size is given. Raises UnmixError, and OSError where the file cannot be read."""
    with path.open("rb") as stream:
        array = _checked_array(stream, path.stat().st_size, path.name, matrix=reading.size is not None)
    image, said = _as_image(array, reading, path.name)
    return Stored(array=image, bands_axis=2 if array.ndim == 2 else None, repairs=said)


def read_npz(path: Path, reading: Reading) -> Stored:
    """Read the array that is named, else the one that is called or shaped as a scene, and what lies beside it. Raises UnmixError, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
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
    """Whether the array has three axes. Raises OSError."""
    try:
        with path.open("rb") as stream:
            return len(read_array_header(stream).shape) == 3
    except _DAMAGED:
        return False


def npz_holds_cube(path: Path) -> bool:
    """Whether one of its arrays is called or shaped as a scene. Raises OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            choose(_entries(archive, members), None, None, path)
    except (UnmixError, *_DAMAGED):
        return False
    return True


def read_array_header(stream: IO[bytes]) -> ArrayHeader:
    """The header of a NumPy array; the stream then stands at its data. Raises ValueError."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:  # version 3 exists for structured arrays with Unicode field names
        raise ValueError(f"format version {version[0]}.{version[1]} holds no plain array")
    try:
        shape, _, dtype = readers[version](stream)
    except tokenize.TokenError as error:  # NumPy's own last resort, for headers that Python 2 wrote
        raise ValueError(f"its header is not readable, {error.args[0]}") from error
    return ArrayHeader(shape, dtype)


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
        stream.seek(0)
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
    except UnmixError:
        raise
    except _DAMAGED as error:
        raise _explained(error, label) from error


def _counting(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without axes of length 1 beyond three."""
    return tuple(shape[axis] for axis in three_axes(shape)) if len(shape) > 3 else shape


def _explained(error: Exception, label: str) -> UnmixError:
    reason = str(error).splitlines()[0][:_LONGEST_REASON] if str(error) else "it ends early"
    return UnmixError(f"{label} is damaged ({reason}): save it again.")


def _entries(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> list[Entry]:
    """What the headers of the arrays claim; what is no array is passed over."""
    found = []
    for name, info in members.items():
        if not info.filename.endswith(".npy"):
            continue
        with archive.open(info) as stream:
            shape, dtype = read_array_header(stream)
        found.append(Entry(name, shape, max(dtype.itemsize, 1), "U" if dtype.kind in "US" else dtype.kind))
    return found


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path, matrix: bool) -> NDArray[Any]:
    with archive.open(info) as stream:
        return _checked_array(stream, info.file_size, f"{name!r} in {path.name}", matrix=matrix)


def _small_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """A list beside the scene, whose size was looked at."""
    with archive.open(info) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _as_image(array: NDArray[Any], reading: Reading, label: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Three axes as they are; a matrix as the image of its size."""
    if array.ndim != 2 or reading.size is None:
        return array, ()
    return as_image(array, reading.size, "C", label)
