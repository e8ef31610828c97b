"""MATLAB 5 files (MATLAB's default up to 2 GB, ``-v6`` and ``-v7``): their full arrays of numbers, logic and text, and those in structures.

Read here and not with SciPy, whose compiled reader ends the whole program on some damaged files, and unpacks compressed
data without a limit. Layout: MathWorks, "MAT-File Format", chapter 1: a header of 128 bytes, then elements of type,
length and content; a matrix holds its flags, dimensions, name and numbers as elements of its own.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.budget import check_budget
from napari_unmix.sentences import UnmixError

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


def list_version_5(path: Path) -> list[tuple[str, tuple[int, ...], int, str]]:
    """Name (``structure/field``), shape, item size and kind of every array of numbers, logic or text. Raises UnmixError, OSError."""
    with path.open("rb") as stream:
        return [
            (matrix.name, (1,) if matrix.kind == "U" else matrix.shape, matrix.itemsize, matrix.kind)
            for matrix in _matrices(stream, path)
        ]


def load_version_5(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Arrays by name, in MATLAB's axes, of the type that they are stored as. Raises UnmixError, OSError."""
    wanted = set(names)
    with path.open("rb") as stream:
        found = {matrix.name: matrix for matrix in _matrices(stream, path) if matrix.name in wanted}
        return {name: _numbers(stream, matrix, path) for name, matrix in found.items()}


def _matrices(stream: IO[bytes], path: Path) -> Iterator[Matrix]:
    """The arrays of the file and of its structures; cells, objects and sparse arrays are passed over."""
    order = _order(stream, path)
    size = path.stat().st_size
    start = 128
    while start + 8 <= size:
        stream.seek(start)
        kind, length = struct.unpack(order + "II", stream.read(8))
        if start + 8 + length > size:
            raise _damaged(path, f"an array of {length} bytes ends after the end of the file")
        if kind in (_MATRIX, _COMPRESSED):
            yield from _describe(stream, order, start + 8, length, kind == _COMPRESSED, path)
        start += 8 + length


def _order(stream: IO[bytes], path: Path) -> str:
    mark = stream.read(128)[126:]
    if mark not in (b"IM", b"MI"):
        raise _damaged(path, "it lacks the mark of MATLAB 5")
    return "<" if mark == b"IM" else ">"


def _describe(stream: IO[bytes], order: str, start: int, length: int, packed: bool, path: Path) -> Iterator[Matrix]:
    content = _content(stream, start, length, packed, _HEADER, path)
    offset = 8 if packed else 0  # a compressed element holds the tag of the matrix as well
    if packed and content[:4] != struct.pack(order + "I", _MATRIX):
        return
    place = _Place(order, start, length, packed)
    try:
        head = _head(content, offset, order)
        if head.flags & 0xFF == _STRUCTURE and math.prod(head.shape) == 1:
            whole = struct.unpack_from(order + "I", content, 4)[0] + 8 if packed else length
            check_budget(whole // 8, 4, f"the structure {head.name!r} in {path.name}")  # most of it doubles, twice
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


def _head(content: bytes, offset: int, order: str) -> _Head:
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


def _fields(content: bytes, head: _Head, name: str, place: _Place, depth: int) -> Iterator[Matrix]:
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


def _element(content: bytes, offset: int, order: str) -> tuple[int, int, int, int]:
    """Type, first byte and length of an element, and the offset of the next; up to four bytes lie within its tag."""
    first, length = struct.unpack_from(order + "II", content, offset)
    if first >> 16:
        return first & 0xFFFF, offset + 4, first >> 16, offset + 8
    return first, offset + 8, length, offset + 8 + length + -length % 8


def _content(stream: IO[bytes], start: int, length: int, packed: bool, limit: int, path: Path) -> bytes:
    """At most ``limit`` bytes of an element, unpacked."""
    stream.seek(start)
    if not packed:
        return stream.read(min(length, limit))
    try:
        enough = limit + limit // 8 + 1024  # zlib makes nothing longer than this, so the rest need not be read
        return zlib.decompressobj().decompress(stream.read(min(length, enough)), limit)
    except zlib.error as error:
        raise _damaged(path, str(error)) from error


def _numbers(stream: IO[bytes], matrix: Matrix, path: Path) -> NDArray[Any]:
    if matrix.is_complex:
        raise UnmixError(f"{matrix.name!r} in {path.name} holds complex numbers: save their magnitude.")
    stream.seek(0)
    order = _order(stream, path)
    # MATLAB keeps whole numbers in the smallest type that holds them, never in more bytes than their class has.
    count = math.prod(matrix.shape)
    limit = matrix.numbers + 16 + count * matrix.itemsize
    content = _content(stream, matrix.start, matrix.length, matrix.packed, limit, path)
    try:
        kind, at, length, _ = _element(content, matrix.numbers, order)
    except struct.error as error:
        raise _damaged(path, f"{matrix.name!r} ends early") from error
    if kind not in _STORED:
        raise _damaged(path, f"{matrix.name!r} has numbers of unknown type {kind}")
    dtype = np.dtype(order + _STORED[kind])
    if length != count * dtype.itemsize or at + length > len(content):
        raise _damaged(path, f"{matrix.name!r} holds {length} bytes for {count} numbers of {dtype.itemsize}")
    found = np.frombuffer(content, dtype, count, at)
    if matrix.kind == "U":
        return np.array(["".join(map(chr, found.tolist()))])
    return found.reshape(matrix.shape, order="F")


def _damaged(path: Path, reason: str) -> UnmixError:
    return UnmixError(f"{path.name} is damaged or no MATLAB 5 or 7.3 file ({reason}): save it again from MATLAB.")
