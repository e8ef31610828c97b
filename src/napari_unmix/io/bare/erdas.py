"""ERDAS 7.x images (.lan, .gis): a header of 128 bytes, then lines of bands. The first image that many of this field open is one.

Layout: ERDAS Field Guide, "ERDAS Ver. 7.X .LAN and .GIS files": the mark HEAD74 or HEADER, the type of numbers (0: 8 bit, 1: 4 bit, 2: 16
bit), the number of bands, columns and rows (integers, or floats before version 7.4), the map of the upper left pixel.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Georeference, Reading
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.axis.lists import numbers
from napari_unmix.io.bare.envi import beside, checked
from napari_unmix.io.bare.layout import Layout
from napari_unmix.io.bare.lines import Lines
from napari_unmix.io.budget import check_budget
from napari_unmix.io.stored import ArrayLike, Stored
from napari_unmix.sentences import UnmixError

_HEADER = 128
_TYPES = {0: "u1", 2: "i2"}  # 4-bit numbers are unpacked
_FOUR_BITS = 1
_STARTS = {bytes(pair) for packing in (0, 1, 2) for pair in ((packing, 0), (0, packing))}
_LONGEST_LIST = 1_000_000  # bytes
_LISTS = (".spc", ".wvl", ".txt")


def is_lan(path: Path, start: bytes) -> bool:
    """Whether a file begins as an ERDAS 7.x image does."""
    return start.startswith((b"HEAD74", b"HEADER")) and start[6:8] in _STARTS


def lan_holds_cube(path: Path) -> bool:
    """Whether there are several bands. Raises OSError."""
    try:
        return _head(path)[1] > 1
    except UnmixError:
        return False


def read_lan(path: Path, reading: Reading) -> Stored:
    """Read an image, and the wavelengths of a list beside it (.spc). Raises UnmixError, OSError."""
    packing, bands, columns, rows, order, georeference = _head(path)
    places, unit, source = _wavelengths(path, bands)
    said: tuple[str, ...] = ()
    close: Callable[[], object] | None = None
    array: ArrayLike
    if packing == _FOUR_BITS:
        array = _unpacked(path, bands, columns, rows)
    else:
        layout = Layout((rows, columns, bands), np.dtype(order + _TYPES[packing]), "bil", _HEADER)
        layout, said = checked(path, layout)
        array = lines = Lines(path, layout)
        close = lines.close
    return Stored(
        array=array,
        bands_axis=2,
        wavelengths=places,
        unit=unit,
        georeference=georeference,
        repairs=(*said, *source),
        close=close,
    )


def _head(path: Path) -> tuple[int, int, int, int, str, Georeference | None]:
    """Type of numbers, bands, columns, rows, byte order, and the map. Raises UnmixError."""
    head = first_bytes(path, _HEADER)
    if len(head) < _HEADER:
        raise UnmixError(f"{path.name} ends within its header of {_HEADER} bytes: copy the whole file again.")
    whole = head.startswith(b"HEAD74")
    for order in "<>":
        packing, bands = struct.unpack_from(order + "hh", head, 6)
        columns, rows = struct.unpack_from(order + ("ii" if whole else "ff"), head, 16)
        sensible = float(columns).is_integer() and float(rows).is_integer() and columns >= 1 and rows >= 1
        if packing in (0, 1, 2) and 1 <= bands < 10_000 and sensible and columns < 1e7 and rows < 1e8:
            return packing, bands, int(columns), int(rows), order, _map(head, order)
    raise UnmixError(
        f"{path.name} has a damaged ERDAS header (its type, bands, columns and rows make no image): copy it again."
    )


def _map(head: bytes, order: str) -> Georeference | None:
    """The middle of the upper left pixel, and the size of pixels; None where the header leaves them empty."""
    x, y, width, height = struct.unpack_from(order + "ffff", head, 112)
    if not (width > 0 and height > 0 and np.isfinite([x, y, width, height]).all()):
        return None
    return Georeference((width, 0.0, x - width / 2, 0.0, -height, y + height / 2))


def _unpacked(path: Path, bands: int, columns: int, rows: int) -> NDArray[np.uint8]:
    """(H, W, B) of two numbers a byte, the lower one first; every band of a line begins at a byte."""
    row = -(-columns // 2)
    check_budget(rows * bands * columns, 1, path.name)
    needed, held = rows * bands * row, path.stat().st_size - _HEADER
    if held < needed:
        raise UnmixError(f"{path.name} holds {held} bytes of {needed}: copy the whole file again.")
    content = np.frombuffer(first_bytes(path, _HEADER + needed), np.uint8, offset=_HEADER)
    pairs = np.stack([content & 15, content >> 4], axis=1).reshape(rows, bands, 2 * row)
    return np.ascontiguousarray(pairs[:, :, :columns].transpose(0, 2, 1))


def _wavelengths(path: Path, bands: int) -> tuple[tuple[float, ...] | None, str, tuple[str, ...]]:
    """The first column of a list beside the image, of as many rows as there are bands, its unit and a sentence."""
    for file in beside(path, [path.stem + suffix for suffix in _LISTS]):
        lines = first_bytes(file, _LONGEST_LIST).decode("latin-1").splitlines()
        rows = [found.values[0] for found in map(numbers, lines) if found is not None]
        if len(rows) == bands:
            return tuple(rows), "", (f"wavelengths are those of {file.name} beside the image",)
    return None, "nm", ()
