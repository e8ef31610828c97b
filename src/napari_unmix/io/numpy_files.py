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

from napari_unmix.cube import Reading, UnmixError
from napari_unmix.io.budget import check_array, readable_shape, readable_size
from napari_unmix.io.stored import Stored
from napari_unmix.io.wavelengths import WAVELENGTH_NAMES

_DAMAGED = (ValueError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
_LONGEST_LIST = 1_000_000  # wavelengths; beyond it the entry is no list of wavelengths


class ArrayHeader(NamedTuple):
    """What the header of a NumPy array claims."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def data_bytes(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, reading: Reading) -> Stored:
    """Read a three-axis array (H, W, B). Raises UnmixError, and OSError where the file cannot be read."""
    with path.open("rb") as stream:
        array = _checked_array(stream, path.stat().st_size, path.name)
    return Stored(array=array)


def read_npz(path: Path, reading: Reading) -> Stored:
    """Read the array that is named, else ``cube``, else the only array beside the wavelengths. Raises UnmixError, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            name = _choose(list(members), reading.key, path)
            with archive.open(members[name]) as stream:
                array = _checked_array(stream, members[name].file_size, f"{name!r} in {path.name}")
            wavelengths = _wavelengths(archive, members)
    except UnmixError:
        raise
    except _DAMAGED as error:
        raise _explained(error, path.name) from error
    return Stored(array=array, wavelengths=wavelengths)


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
    """Whether there is an array ``cube``, or one only beside the wavelengths. Raises OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except _DAMAGED:
        return False
    names = [name for name in names if name.lower() not in WAVELENGTH_NAMES]
    return "cube" in names or len(names) == 1


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


def _checked_array(stream: IO[bytes], size: int, label: str) -> NDArray[Any]:
    """Read an array once its header is a cube's, fits into memory, and agrees with the ``size`` bytes there."""
    try:
        header = read_array_header(stream)
        if header.dtype.hasobject:
            raise UnmixError(
                f"{label} holds pickled Python objects, which can run code: save the cube as plain numbers."
            )
        check_array(header.shape, header.dtype.kind, header.dtype.itemsize, label)
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


def _explained(error: Exception, label: str) -> UnmixError:
    return UnmixError(
        f"{label} is damaged ({str(error).splitlines()[0] if str(error) else 'it ends early'}): save it again."
    )


def _choose(names: list[str], key: str | None, path: Path) -> str:
    if key is not None and key not in names:
        raise UnmixError(
            f"{path.name} has no array {key!r}, it holds {', '.join(names) or 'nothing'}: name one of these."
        )
    others = [name for name in names if name.lower() not in WAVELENGTH_NAMES]
    preferred = key or ("cube" if "cube" in names else others[0] if len(others) == 1 else None)
    if preferred is None:
        raise UnmixError(f"{path.name} holds {', '.join(names) or 'no array'}: call the hyperspectral array 'cube'.")
    return preferred


def _wavelengths(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> NDArray[Any] | None:
    """The list of wavelengths beside the cube; an entry that is no list of numbers counts as none."""
    for name, info in members.items():
        if name.lower() not in WAVELENGTH_NAMES:
            continue
        with archive.open(info) as stream:
            header = read_array_header(stream)
            if header.dtype.kind not in "uif" or math.prod(header.shape) > _LONGEST_LIST:
                return None
            stream.seek(0)
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
    return None
