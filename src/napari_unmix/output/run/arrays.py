"""The arrays of a run: what a header claims is held against what run.json says, and against the file, before a number is read."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.files.opened import open_regular
from napari_unmix.io.budget import check_budget, readable_shape
from napari_unmix.sentences import shown
from napari_unmix.spec import Maps

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # bytes, as NumPy has it
_ROUNDING = 1e-3  # of abundances in float32


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as ``numpy.save`` does; a full disk is an OSError with its number."""
    with path.open("xb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        flat = (array.T if fortran else np.ascontiguousarray(array)).reshape(-1)
        stream.write(flat.view(np.uint8).data)


def read_array(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    """An array of a run that has to have this shape and this kind of numbers. Raises ValueError with the numbers, UnmixError, OSError."""
    with open_regular(path, follow=False) as stream:
        dtype, found, fortran = _header(stream)
        if found != shape:
            raise ValueError(f"{path.name} has the shape {readable_shape(found[:8])} and not {readable_shape(shape)}")
        if dtype.newbyteorder("=") != np.dtype(kind):
            raise ValueError(f"{path.name} holds {shown(dtype.name)} and not {np.dtype(kind).name}")
        size = math.prod(shape) * dtype.itemsize
        rest = path.stat().st_size - stream.tell()
        if rest != size:
            raise ValueError(f"{path.name} has {rest:,} bytes of numbers and not {size:,}")
        check_budget(math.prod(shape), dtype.itemsize, path.name)
        array = np.empty(shape, dtype, order="F" if fortran else "C")
        into = (array.T if fortran else array).reshape(-1).view(np.uint8).data if size else bytearray()
        if stream.readinto(into) != size:  # type: ignore[attr-defined]
            raise ValueError(f"{path.name} became shorter while it was read")
    return array


def _header(stream: BinaryIO) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Dtype, shape, and whether columns come first, of what ``numpy.save`` writes; not by NumPy's own reader, which takes more."""
    start = stream.read(8)
    if start[:6] != _MAGIC or start[6:] not in (b"\x01\x00", b"\x02\x00"):
        raise ValueError("it is no NumPy array of format 1 or 2")
    size = int.from_bytes(stream.read(2 if start[6] == 1 else 4), "little")
    if size > _LONGEST_HEADER:
        raise ValueError(f"its header has {size:,} bytes")
    said = ast.literal_eval(stream.read(size).decode("latin-1").strip())
    if not isinstance(said, dict) or set(said) != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is none of an array")
    kind, shape = said["descr"], said["shape"]
    if not isinstance(kind, str) or not isinstance(said["fortran_order"], bool) or not isinstance(shape, tuple):
        raise ValueError("its header is none of an array of numbers")
    if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
        raise ValueError("its header claims a shape that no array has")
    return np.dtype(kind), shape, said["fortran_order"]


_BOUNDS: dict[Maps, str] = {"fractions": "0 to 1", "signed fractions": "all bounds", "amounts": "zero"}


def check_abundances(abundances: FloatArray, maps: Maps = "fractions") -> None:
    """(H, W, P): each pixel has an answer, not negative and of sum one as far as ``maps`` are, or none. Raises ValueError."""
    for row, line in enumerate(abundances):  # a line at a time: a big run leaves no room for another
        answered = np.isfinite(line).all(axis=1)
        _all(np.isnan(line[~answered]).all(), f"row {row + 1} has pixels with a part of an answer")
        found = line[answered].astype(np.float64)
        if found.size:
            low = -math.inf if maps == "signed fractions" else -_ROUNDING
            high = 1 + _ROUNDING if maps == "fractions" else math.inf
            _all(found.min() >= low and found.max() <= high, f"row {row + 1} has shares beyond {_BOUNDS[maps]}")
            off = 0.0 if maps == "amounts" else float(np.abs(found.sum(axis=1) - 1).max())
            _all(off <= _ROUNDING * found.shape[1], f"row {row + 1} has shares whose sum is off by {off:.2g}")


def check_image(image: FloatArray, answered: NDArray[np.bool_], what: str, lowest: float = -math.inf) -> None:
    """(H, W, …): finite and not below ``lowest`` where there is an answer. Raises ValueError."""
    for row, line in enumerate(image):
        found = line[answered[row]]
        _all((np.isfinite(found) & (found >= lowest)).all(), f"{what} has numbers in row {row + 1} that it can't have")
        _all(not np.isinf(line).any(), f"{what} has infinite numbers in row {row + 1}")


def check_regions(regions: IntArray) -> None:
    """(H, W) the auxiliary variable. Raises ValueError."""
    _all(not regions.size or (regions.min() >= 0 and regions.max() < 2**31), "side_information.npy has negative labels")


def check_flags(flags: BoolArray) -> None:
    """(H, W) the pixels that took part. Raises ValueError where a byte is neither of the two that there are."""
    _all(not flags.size or flags.view(np.uint8).max() <= 1, "valid_pixels.npy has bytes that are neither yes nor no")


def _all(holds: object, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
