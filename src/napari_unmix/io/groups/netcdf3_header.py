"""The header of NetCDF classic: its dimensions, attributes, and where the numbers of each variable lie.

https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

import math
import os
import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from napari_unmix.io.budget import readable_shape
from napari_unmix.sentences import UnmixError, shown

_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_TYPES = {1: ">i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"}
_TEXT = 2
_STREAMED = 0xFFFFFFFF  # the number of records of a file that was still being written
_MOST_AXES = 32
_MOST = 20_000  # dimensions, attributes or variables
_LONGEST = 1 << 24  # bytes of one name or attribute


class Numbers(NamedTuple):
    """A variable: its axes by name, and where its numbers lie; ``stride`` are the bytes from one place on its first axis to the next."""

    name: str
    axes: tuple[str, ...]
    attributes: dict[str, Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    stride: int


class Header(NamedTuple):
    """What a file holds."""

    attributes: dict[str, Any]
    variables: tuple[Numbers, ...]


class _Raw(NamedTuple):
    name: str
    axes: tuple[int, ...]
    attributes: dict[str, Any]
    dtype: np.dtype[Any]
    offset: int


def read_header(stream: BinaryIO, name: str) -> Header:
    """The header of an open file. Raises UnmixError where it is damaged, or the file ends before its numbers do."""
    reader = _Reader(stream, name)
    reader.wide = reader.taken(4)[3:] == b"\x02"
    records = reader.count()
    dimensions = [(reader.name(), reader.count()) for _ in range(reader.listed(_DIMENSIONS))]
    attributes = reader.attributes()
    raw = [reader.variable(len(dimensions)) for _ in range(reader.listed(_VARIABLES))]
    return Header(attributes, tuple(_placed(raw, dimensions, records, reader)))


def _placed(raw: list[_Raw], dimensions: list[tuple[str, int]], records: int, reader: _Reader) -> list[Numbers]:
    """Variables along the unlimited dimension, of length 0, lie in records one after the other; each of a record begins at a word."""

    def inner(one: _Raw) -> tuple[int, ...]:
        return tuple(dimensions[axis][1] for axis in one.axes[1:])

    recorded = [one for one in raw if one.axes and dimensions[one.axes[0]][1] == 0]
    sizes = [math.prod(inner(one)) * one.dtype.itemsize for one in recorded]
    record = sizes[0] if len(sizes) == 1 else sum(-(-size // 4) * 4 for size in sizes)
    if records == _STREAMED:
        start = min((one.offset for one in recorded), default=reader.length)
        records = max(reader.length - start, 0) // max(record, 1)
    found = []
    for one in raw:
        lengths = tuple(dimensions[axis][1] for axis in one.axes)
        own = math.prod(inner(one)) * one.dtype.itemsize
        stride = own
        if lengths and lengths[0] == 0:
            lengths, stride = (records, *lengths[1:]), record
        if math.prod(lengths) and one.offset + (lengths[0] - 1 if lengths else 0) * stride + own > reader.length:
            raise reader.damaged(f"{shown(one.name)} of {readable_shape(lengths)} reaches beyond its end")
        names = tuple(dimensions[axis][0] for axis in one.axes)
        found.append(Numbers(one.name, names, one.attributes, one.dtype, lengths, one.offset, stride))
    return found


class _Reader:
    """Takes what a header has, in its order, and no more than the file holds."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self.length = os.fstat(stream.fileno()).st_size
        self.wide = False  # places of 64 bits

    def damaged(self, reason: str) -> UnmixError:
        return UnmixError(f"{shown(self._name)} is damaged or no NetCDF file ({reason}): copy the whole file again.")

    def taken(self, size: int) -> bytes:
        """So many bytes, and those that fill the last word."""
        if size > _LONGEST:
            raise self.damaged(f"its header has a name or attribute of {size:,} bytes")
        whole = -(-size // 4) * 4
        content = self._stream.read(whole)
        if len(content) < whole:
            raise self.damaged("its header ends early")
        return content[:size]

    def count(self) -> int:
        return int.from_bytes(self.taken(4), "big")

    def listed(self, kind: int) -> int:
        """How many of a kind follow."""
        found, count = self.count(), self.count()
        if found not in (kind, 0) or (not found and count) or count > _MOST:
            raise self.damaged(f"a list of its header begins with {found} and {count:,}")
        return count

    def name(self) -> str:
        return self.taken(self.count()).decode("utf-8", "replace")

    def attributes(self) -> dict[str, Any]:
        found = {}
        for _ in range(self.listed(_ATTRIBUTES)):
            name, dtype = self.name(), self._type()
            content = self.taken(self.count() * dtype.itemsize)
            found[name] = content if dtype.kind == "S" else np.frombuffer(content, dtype)
        return found

    def variable(self, dimensions: int) -> _Raw:
        name, rank = self.name(), self.count()
        if rank > _MOST_AXES:
            raise self.damaged(f"{shown(name)} has {rank:,} axes")
        axes = tuple(self.count() for _ in range(rank))
        if any(axis >= dimensions for axis in axes):
            raise self.damaged(f"{shown(name)} has a dimension that is not there")
        attributes, dtype = self.attributes(), self._type()
        self.taken(4)  # its size, which the shape says, too
        return _Raw(name, axes, attributes, dtype, struct.unpack(">q", self.taken(8))[0] if self.wide else self.count())

    def _type(self) -> np.dtype[Any]:
        kind = self.count()
        if kind not in _TYPES:
            raise self.damaged(f"it has numbers of a type {kind}")
        return np.dtype(_TYPES[kind])
