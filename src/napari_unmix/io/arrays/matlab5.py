"""MATLAB 5 files (MATLAB's default up to 2 GB, ``-v6`` and ``-v7``): their full arrays of numbers, logic and text, and those in structures.

Read here and not with SciPy, whose compiled reader ends the whole program on some damaged files, and unpacks compressed
data without a limit. Layout: MathWorks, "MAT-File Format", chapter 1: a header of 128 bytes, then elements of type,
length and content; a matrix holds its flags, dimensions, name and numbers as elements of its own.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.files.opened import open_regular
from napari_unmix.io.budget import check_budget, check_ratio, readable_size
from napari_unmix.sentences import UnmixError, shown

_MATRIX, _COMPRESSED = 14, 15
_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
}
_STRUCTURE, _TEXT = 2, 4
_DEEPEST = 3  # structures in structures
_LONGEST_TEXT = 1000  # letters
_CLASSES = {
    4: 2,
    6: 8,
    7: 4,
    8: 1,
    9: 1,
    10: 2,
    11: 2,
    12: 4,
    13: 4,
    14: 8,
    15: 8,
}  # double, single, int8 … uint64 -> bytes
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_MOST_ELEMENTS = 10_000
_LARGEST_STRUCTURES = 1 << 30  # bytes
_PIECE = 1 << 20
_TAG = 8  # bytes of an element's type and length
_HEADER = 4096  # bytes that hold the flags, dimensions and name (63 letters at most) of every real matrix


class Matrix(NamedTuple):
    """Where an array lies in the file, and what its own header says."""

    name: str
    shape: tuple[int, ...]
    itemsize: int
    is_complex: bool
    start: int
    length: int
    packed: bool
    numbers: int  # offset of the element of its numbers, in the unpacked content
    kind: str = "f"  # f: numbers of any type, b: logic, U: text


Listed = list[tuple[str, tuple[int, ...], int, str]]
Load = Callable[[Iterable[str]], dict[str, NDArray[Any]]]


def read_version_5(path: Path) -> tuple[Listed, Load]:
    """What ``list_version_5`` lists, and how those of some names are read, without looking through the file again. Raises UnmixError, OSError."""
    with open_regular(path) as stream:
        matrices = _matrices(stream, path)

    def load(names: Iterable[str]) -> dict[str, NDArray[Any]]:
        with open_regular(path) as stream:
            return {name: _numbers(stream, matrices[name], path) for name in dict.fromkeys(names) if name in matrices}

    listed = [
        (matrix.name, (1,) if matrix.kind == "U" else matrix.shape, matrix.itemsize, matrix.kind)
        for matrix in matrices.values()
    ]
    return listed, load


def list_version_5(path: Path) -> Listed:
    """Name (``structure/field``), shape, item size and kind of every array of numbers, logic or text. Raises UnmixError, OSError."""
    return read_version_5(path)[0]


def load_version_5(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Arrays by name, in MATLAB's axes, of the type that they are stored as. Raises UnmixError, OSError."""
    return read_version_5(path)[1](names)


def _matrices(stream: BinaryIO, path: Path) -> dict[str, Matrix]:
    """The arrays of the file and of its structures by name; cells, objects and sparse arrays are passed over.

    Raises UnmixError where two have one name: MATLAB writes none such, and who lists one and reads the other is led astray.
    """
    found: dict[str, Matrix] = {}
    for matrix in _described(stream, path):
        if matrix.name in found:
            raise _damaged(path, f"it holds two arrays called {shown(matrix.name)}")
        if len(found) == _MOST_ELEMENTS:
            raise _damaged(path, f"it holds more than {_MOST_ELEMENTS:,} arrays")
        found[matrix.name] = matrix
    return found


def _described(stream: BinaryIO, path: Path) -> Iterator[Matrix]:
    order = _order(stream, path)
    size = os.fstat(stream.fileno()).st_size
    start, structures = 128, _Structures(path)
    for _ in range(_MOST_ELEMENTS):
        if start + 8 > size:
            return
        stream.seek(start)
        kind, length = struct.unpack(order + "II", stream.read(8))
        if not kind or not length:
            raise _damaged(path, f"what stands at byte {start:,} has no type or no length")
        if start + 8 + length > size:
            raise _damaged(path, f"an array of {length} bytes ends after the end of the file")
        if kind in (_MATRIX, _COMPRESSED):
            yield from _describe(stream, order, start + 8, length, kind == _COMPRESSED, structures)
        start += 8 + length
    raise _damaged(path, f"it has more than {_MOST_ELEMENTS:,} elements")


class _Structures:
    """What the structures of a file may take in memory and time, all of them together, as each is unpacked whole to be looked at."""

    def __init__(self, path: Path) -> None:
        self.path, self._bytes = path, 0

    def take(self, count: int, name: str) -> None:
        """Raise UnmixError where ``count`` bytes more are too many."""
        self._bytes += count
        check_budget(count // 8, 8, f"the structure {shown(name)!r} in {self.path.name}")  # most of it doubles
        if self._bytes > _LARGEST_STRUCTURES:
            raise UnmixError(
                f"The structures of {self.path.name} have {readable_size(self._bytes)}, more than {readable_size(_LARGEST_STRUCTURES)}:"
                " save the cube as an array of its own."
            )


def _order(stream: BinaryIO, path: Path) -> str:
    mark = stream.read(128)[126:]
    if mark not in (b"IM", b"MI"):
        raise _damaged(path, "it lacks the mark of MATLAB 5")
    return "<" if mark == b"IM" else ">"


def _describe(
    stream: BinaryIO, order: str, start: int, length: int, packed: bool, structures: _Structures
) -> Iterator[Matrix]:
    path = structures.path
    content = _content(stream, start, length, packed, _HEADER, path)
    offset = 8 if packed else 0  # a compressed element holds the tag of the matrix as well
    if packed and content[:4] != struct.pack(order + "I", _MATRIX):
        return
    place = _Place(order, start, length, packed)
    try:
        head = _head(content, offset, order)
        if head.flags & 0xFF == _STRUCTURE and math.prod(head.shape) == 1:
            whole = struct.unpack_from(order + "I", content, 4)[0] + 8 if packed else length
            structures.take(whole, head.name)
            if packed:
                check_ratio(length, whole, f"the structure {shown(head.name)!r} in {path.name}")
            content = _content(stream, start, length, packed, whole, path)
            yield from _fields(content, head, head.name, place, 1)
        else:
            yield from _matrix(head, head.name, place)
    except struct.error as error:
        raise _damaged(path, "the header of an array ends early") from error


class _Head(NamedTuple):
    """The first elements of a matrix, and the offset of the next."""

    flags: int
    shape: tuple[int, ...]
    name: str
    following: int


class _Place(NamedTuple):
    """The byte order of the file, and where an element of it lies."""

    order: str
    start: int
    length: int
    packed: bool


def _head(content: bytes | bytearray, offset: int, order: str) -> _Head:
    """Raises struct.error where the content ends early."""
    _, at, count, offset = _element(content, offset, order)
    flags = struct.unpack_from(order + "I", content, at)[0] if count else 0
    _, at, count, offset = _element(content, offset, order)
    shape = struct.unpack_from(f"{order}{count // 4}i", content, at)
    _, at, count, offset = _element(content, offset, order)
    return _Head(flags, shape, content[at : at + count].decode("latin-1"), offset)


def _matrix(head: _Head, name: str, place: _Place) -> Iterator[Matrix]:
    number = head.flags & 0xFF
    itemsize = _CLASSES.get(number)
    if itemsize is None or not head.shape or min(head.shape) < 1:
        return
    kind = "U" if number == _TEXT else "b" if head.flags & _LOGICAL else "f"
    if kind != "U" or math.prod(head.shape) <= _LONGEST_TEXT:
        is_complex = bool(head.flags & _COMPLEX)
        yield Matrix(name, head.shape, itemsize, is_complex, *place[1:], head.following, kind)


def _fields(content: bytes | bytearray, head: _Head, name: str, place: _Place, depth: int) -> Iterator[Matrix]:
    """The arrays of a structure of one element: after its head come the length of a name, all names, and one matrix for each."""
    order = place.order
    _, at, _, offset = _element(content, head.following, order)
    longest = struct.unpack_from(order + "i", content, at)[0]
    _, at, count, offset = _element(content, offset, order)
    if not 0 < longest <= count or at + count > len(content):
        return
    names = [content[at + k : at + k + longest].split(b"\0")[0] for k in range(0, count - longest + 1, longest)]
    for field in names:
        kind, at, count, offset = _element(content, offset, order)
        if kind != _MATRIX or not count:
            continue
        inner, path = _head(content, at, order), f"{name}/{field.decode('latin-1')}"
        if inner.flags & 0xFF == _STRUCTURE and math.prod(inner.shape) == 1 and depth < _DEEPEST:
            yield from _fields(content, inner, path, place, depth + 1)
        else:
            yield from _matrix(inner, path, place)


def _element(content: bytes | bytearray, offset: int, order: str) -> tuple[int, int, int, int]:
    """Type, first byte and length of an element, and the offset of the next; up to four bytes lie within its tag."""
    first, length = struct.unpack_from(order + "II", content, offset)
    if first >> 16:
        return first & 0xFFFF, offset + 4, first >> 16, offset + 8
    return first, offset + 8, length, offset + 8 + length + -length % 8


def _content(stream: BinaryIO, start: int, length: int, packed: bool, limit: int, path: Path) -> bytes | bytearray:
    """At most ``limit`` bytes of an element, unpacked."""
    stream.seek(start)
    if not packed:
        return stream.read(min(length, limit))
    unpacker, found, left = zlib.decompressobj(), bytearray(), length
    try:  # piece by piece, for what zlib hands out at once it holds twice
        while len(found) < limit and not unpacker.eof:
            packed_piece = unpacker.unconsumed_tail or stream.read(min(_PIECE, left))
            left -= 0 if unpacker.unconsumed_tail else len(packed_piece)
            if not packed_piece:
                break
            found += unpacker.decompress(packed_piece, min(_PIECE, limit - len(found)))
    except zlib.error as error:
        raise _damaged(path, str(error)) from error
    return found


def _numbers(stream: BinaryIO, matrix: Matrix, path: Path) -> NDArray[Any]:
    if matrix.is_complex:
        raise UnmixError(f"{shown(matrix.name)!r} in {path.name} holds complex numbers: save their magnitude.")
    stream.seek(0)
    order = _order(stream, path)
    # MATLAB keeps whole numbers in the smallest type that holds them, never in more bytes than their class has.
    count = math.prod(matrix.shape)
    head = _content(stream, matrix.start, matrix.length, matrix.packed, matrix.numbers + _TAG, path)
    try:
        kind, at, length, _ = _element(head, matrix.numbers, order)
    except struct.error as error:
        raise _damaged(path, f"{shown(matrix.name)!r} ends early") from error
    if kind not in _STORED:
        raise _damaged(path, f"{shown(matrix.name)!r} has numbers of unknown type {kind}")
    dtype = np.dtype(order + _STORED[kind])
    content: bytes | bytearray = b""
    if length == count * dtype.itemsize <= count * matrix.itemsize:
        if matrix.packed:
            check_ratio(matrix.length, length, f"{shown(matrix.name)!r} in {path.name}")
        content = _content(stream, matrix.start, matrix.length, matrix.packed, at + length, path)
    if length != count * dtype.itemsize or at + length > len(content):
        raise _damaged(path, f"{shown(matrix.name)!r} holds {length} bytes for {count} numbers of {dtype.itemsize}")
    found = np.frombuffer(content, dtype, count, at)
    if matrix.kind == "U":
        return np.array(["".join(map(chr, found.tolist()))])
    return found.reshape(matrix.shape, order="F")


def _damaged(path: Path, reason: str) -> UnmixError:
    return UnmixError(f"{path.name} is damaged or no MATLAB 5 or 7.3 file ({reason}): save it again from MATLAB.")
