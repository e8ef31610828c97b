"""NetCDF classic (version 3); NetCDF-4 is HDF5. Numbers are read when they are sliced: nothing is mapped, so a file may shrink meanwhile."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Reading
from napari_unmix.files.opened import open_regular
from napari_unmix.io.boundary import reason_of
from napari_unmix.io.groups.blocks import slices
from napari_unmix.io.groups.netcdf3_header import Numbers, read_header
from napari_unmix.io.groups.tree import LONGEST_LIST, Attributes, Axis, Tree, Variable, plain_value
from napari_unmix.io.groups.tree_cube import looks_spectral, read_tree_cube
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError, shown

_MARKS = (b"CDF\x01", b"CDF\x02")
_PIECE = 1 << 20  # bytes read at a time


def is_netcdf3(path: Path, start: bytes) -> bool:
    """Whether a file begins as NetCDF classic does."""
    return start.startswith(_MARKS)


def netcdf3_holds_cube(path: Path) -> bool:
    """Whether one of its arrays has three axes, one of them spectral. Raises UnmixError, OSError."""
    with ExitStack() as stack:
        return looks_spectral(_open(path, stack))


def read_netcdf3(path: Path, reading: Reading) -> Stored:
    """Read the array that is named, or the cube that the file holds; it stays open until its numbers are read. Raises UnmixError, OSError."""

    def failed(error: Exception) -> UnmixError:
        return UnmixError(f"{shown(path.name)} is damaged ({reason_of(error)}): copy the whole file again.")

    with ExitStack() as stack:
        stored = read_tree_cube(_open(path, stack), reading.key, path, failed)
        return replace(stored, close=stack.pop_all().close)


class Classic:
    """The numbers of a variable, as an array that is read when it is sliced. Raises UnmixError where the file became shorter."""

    def __init__(self, stream: BinaryIO, numbers: Numbers, label: str) -> None:
        self._stream, self._numbers, self._label = stream, numbers, shown(label)
        self.shape, self.dtype = numbers.shape, numbers.dtype

    def __getitem__(self, index: Any) -> NDArray[Any]:
        wanted, dropped = slices(index, self.shape)
        out = np.empty([len(one) for one in wanted], self.dtype)
        if out.size and not wanted:
            out[...] = self._read(self._numbers.offset, 1)[0]
        elif out.size:
            self._fill(out, wanted)
        return out.reshape([length for axis, length in enumerate(out.shape) if axis not in dropped])

    def _fill(self, out: NDArray[Any], wanted: list[range]) -> None:
        """Piece by piece: what lies within one place of the axes before ``cut`` lies together."""
        cut = next((axis for axis in range(len(wanted)) if self._inner(axis) <= _PIECE), len(wanted))
        cut = max(cut, 1)
        inside = (slice(one.start, one.stop if one.stop >= 0 else None, one.step) for one in wanted[cut:])
        within: tuple[Any, ...] = (slice(None), *inside)
        most = 1 if cut == 1 and self._numbers.stride != self._inner(1) else max(_PIECE // self._inner(cut), 1)
        for outer in itertools.product(*(range(len(one)) for one in wanted[: cut - 1])):
            start = self._start([one[at] for one, at in zip(wanted, outer, strict=False)])
            step = self._step(cut - 1)
            for target, first, count in _runs(wanted[cut - 1], most):
                piece = self._read(start + first * step, count * (self._inner(cut) // self.dtype.itemsize))
                rows = slice(target, target + count)
                place: tuple[Any, ...] = (*outer, rows)
                out[place] = piece.reshape(count, *self.shape[cut:])[within]

    def _inner(self, axis: int) -> int:
        """Bytes of all that lies within one place of the axes before."""
        return math.prod(self.shape[axis:]) * self.dtype.itemsize

    def _step(self, axis: int) -> int:
        return self._numbers.stride if axis == 0 else self._inner(axis + 1)

    def _start(self, places: list[int]) -> int:
        return self._numbers.offset + sum(place * self._step(axis) for axis, place in enumerate(places))

    def _read(self, start: int, count: int) -> NDArray[Any]:
        content = np.empty(count, self.dtype)
        view, held = content.view(np.uint8).data, 0
        raw: io.RawIOBase = self._stream.raw  # type: ignore[attr-defined] # (Python's own buffer would give what the file no longer holds)
        raw.seek(start)
        while held < len(view) and (read := raw.readinto(view[held:])):
            held += read
        if held < len(view):
            raise UnmixError(
                f"{self._label} became shorter while it was read (it ends {len(view) - held:,} bytes early):"
                " wait until nothing writes it, and read it again."
            )
        return content


def _runs(wanted: range, most: int) -> Iterator[tuple[int, int, int]]:
    """Where in the result, from which place, and how many places that lie side by side."""
    most = most if wanted.step == 1 else 1
    for target in range(0, len(wanted), most):
        yield target, wanted[target], min(most, len(wanted) - target)


def _open(path: Path, stack: ExitStack) -> Tree:
    stream = stack.enter_context(open_regular(path))
    header = read_header(stream, path.name)
    arrays = {one.name: Classic(stream, one, path.name) for one in header.variables}
    found = {one.name: one for one in header.variables}
    variables = {
        name: Variable(
            name, arrays[name], _plain(one.attributes), tuple(_axis(axis, name, found, arrays) for axis in one.axes)
        )
        for name, one in found.items()
    }
    return Tree(variables, {"": _plain(header.attributes)})


def _plain(attributes: Attributes) -> Attributes:
    return {name: plain_value(value) for name, value in attributes.items()}


def _axis(axis: str, name: str, variables: dict[str, Numbers], arrays: dict[str, Classic]) -> Axis:
    beside = variables.get(axis)
    if (
        beside is None
        or axis == name
        or len(beside.shape) != 1
        or beside.shape[0] >= LONGEST_LIST
        or beside.dtype.kind not in "uif"
    ):
        return Axis(axis)
    return Axis(axis, str(plain_value(beside.attributes.get("units", b""))), arrays[axis][:])
