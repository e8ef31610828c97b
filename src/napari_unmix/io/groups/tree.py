"""A file of many named arrays (HDF5, NetCDF, Zarr): what is in it, before any of its numbers are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.boundary import told_by
from napari_unmix.io.budget import check_budget
from napari_unmix.io.stored import ArrayLike
from napari_unmix.sentences import UnmixError

LONGEST_LIST = 1_000_000  # numbers of a list of wavelengths, widths or flags

Attributes = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of an array as its file describes it: its name, and where known its places and their unit."""

    name: str = ""
    unit: str = ""
    values: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Variable:
    """A named array: ``name`` is its path, ``axes`` are described by the file (as many as the array has) or empty."""

    name: str
    array: ArrayLike
    attributes: Attributes = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(length) for length in self.array.shape)

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return self.array.dtype.kind in "uif"

    def axis_name(self, axis: int) -> str:
        """How the file calls an axis, "" where it does not."""
        return self.axes[axis].name if self.axes else ""


@dataclass(frozen=True, eq=False)
class Tree:
    """All arrays of a file by path, and the attributes of its groups by path ("" is the root)."""

    variables: Mapping[str, Variable]
    groups: Mapping[str, Attributes]

    def around(self, name: str) -> Iterator[Attributes]:
        """The attributes of the groups that an array lies in, the innermost first."""
        while True:
            name = name.rpartition("/")[0]
            if name in self.groups:
                yield self.groups[name]
            if not name:
                return

    @cached_property
    def lists(self) -> tuple[Variable, ...]:
        """Numeric arrays of one axis that may describe another's."""
        arrays = (v for v in self.variables.values() if v.is_numeric and len(v.shape) == 1)
        return tuple(v for v in arrays if 0 < v.shape[0] < LONGEST_LIST)

    def nearest(self, name: str, among: Iterable[Variable] | None = None) -> list[Variable]:
        """All other arrays, or those of ``among``, those whose path shares most with ``name`` first."""
        parts = name.split("/")

        def shared(other: Variable) -> int:
            pairs = zip(parts, other.name.split("/"), strict=False)
            return next((count for count, (one, two) in enumerate(pairs) if one != two), len(parts))

        return sorted(
            (other for other in (self.variables.values() if among is None else among) if other.name != name),
            key=shared,
            reverse=True,
        )


class Unwritten(NamedTuple):
    """Chunks of an array that were never written, of how many, and the number that is read in their place."""

    missing: int
    chunks: int
    fill: float


def unwritten(array: Any) -> tuple[Unwritten, ...]:
    """Which chunks of an array are not there; nothing for an array that has none."""
    count = getattr(array, "unwritten", None)
    return count() if count is not None else ()


class Guarded:
    """An array of an open file: damage that shows only when it is read becomes a sentence as well."""

    def __init__(self, array: Any, failed: Callable[[Exception], UnmixError]) -> None:
        self._array = array
        self._failed = failed
        self.shape = tuple(int(length) for length in array.shape)
        self.dtype = np.dtype(array.dtype)
        self.chunks: tuple[int, ...] | None = getattr(array, "chunks", None)
        self.can_stay = bool(getattr(array, "can_stay", False))
        self.size, self.ndim = math.prod(self.shape), len(self.shape)

    def __getitem__(self, index: Any) -> Any:
        with told_by(self._failed):
            return np.asarray(self._array[index])

    def unwritten(self) -> tuple[Unwritten, ...]:
        """Of each array that it is made of, which chunks are not there."""
        with told_by(self._failed):
            return unwritten(self._array)


class Joined:
    """Arrays side by side along one axis, read as one: two detectors, or a file for each band.

    ``parts`` are (array, which of its places along ``axis``, in the order wanted); their other axes are of one length.
    """

    def __init__(self, parts: list[tuple[ArrayLike, NDArray[np.intp]]], axis: int) -> None:
        self._parts, self._axis = parts, axis
        first = parts[0][0]
        lengths = [int(length) for length in first.shape]
        lengths[axis] = sum(len(places) for _, places in parts)
        self.shape = tuple(lengths)
        self.dtype = np.result_type(*(array.dtype for array, _ in parts))
        self.chunks: tuple[int, ...] | None = getattr(first, "chunks", None)

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        whole = tuple(slice(None) if place == self._axis else part for place, part in enumerate(index))
        dropped = sum(not isinstance(part, slice) for part in whole[: self._axis])
        axis = self._axis - dropped
        parts = [np.take(np.asarray(array[whole]), places, axis=axis) for array, places in self._parts]
        joined = np.concatenate(parts, axis=axis)
        return joined[(slice(None),) * axis + (index[self._axis],)]

    def unwritten(self) -> tuple[Unwritten, ...]:
        """Of each array that it is made of, which chunks are not there."""
        return tuple(one for array, _ in self._parts for one in unwritten(array))


class Plane:
    """An image (rows, columns) as one band (1, rows, columns)."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, (1, *array.shape), array.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        return np.asarray(self.array[index[1:]])[None][index[0]]

    def unwritten(self) -> tuple[Unwritten, ...]:
        """Of the image, which chunks are not there."""
        return unwritten(self.array)


def plain_name(name: str) -> str:
    """The last part of a path in lower case, its words joined by single underscores: ``Band Centers`` is ``band_centers``."""
    return re.sub(r"[\W_]+", "_", name.rpartition("/")[2].strip().lower()).strip("_")


def attribute(attributes: Attributes, *names: str) -> Any:
    """The first attribute of these (plain) names, or None."""
    by_name = {plain_name(name): value for name, value in attributes.items()}
    return next((by_name[name] for name in names if name in by_name), None)


def plain_value(value: Any) -> Any:
    """An attribute as text, number or list, whatever type its library gives it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\x00")
    if isinstance(value, np.ndarray):
        values = [plain_value(item) for item in value.ravel().tolist()]
        return values[0] if len(values) == 1 else values
    return value.item() if isinstance(value, np.generic) else value


def numbers(variable: Variable, label: str) -> NDArray[Any]:
    """The values of a short list or an image, whose size is checked first. Raises UnmixError."""
    check_budget(int(np.prod(variable.shape, dtype=object)), variable.array.dtype.itemsize, label)
    return np.asarray(variable.array[...])


def text_of(variable: Variable) -> str:
    """The text of an array that holds one, "" where it is something else."""
    return str(plain_value(np.asarray(variable.array[...]))) if int(np.prod(variable.shape, dtype=object)) == 1 else ""
