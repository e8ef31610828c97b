"""HDF5 and NetCDF-4: missions (EMIT, AVIRIS-3, Tanager, PRISMA, NEON), HyperSpy's files, and any other file with a cube in it.

HDF5 lets an array take its numbers from any other file of the machine (external storage, virtual arrays, links). No mission delivers such
a thing, so links are not followed and such arrays are refused.
"""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Reading
from napari_unmix.files.opened import first_bytes, regular
from napari_unmix.io.apart import NotYet, asked
from napari_unmix.io.boundary import explained, reason_of, told_by
from napari_unmix.io.groups.conventions import is_usual_fill
from napari_unmix.io.groups.hdf5_chunks import Hdf5Array
from napari_unmix.io.groups.hdf5_door import opened_hdf5
from napari_unmix.io.groups.hyperspy_axes import with_hyperspy_axes
from napari_unmix.io.groups.prisma import is_prisma, read_prisma
from napari_unmix.io.groups.tree import LONGEST_LIST, Attributes, Axis, Tree, Variable, plain_value
from napari_unmix.io.groups.tree_cube import looks_spectral, read_tree_cube, with_unwritten
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_MARK = b"\x89HDF\r\n\x1a\n"
_MARK_PLACES = (0, 512, 1024, 2048)  # a program's own block may stand before
_MOST = 20_000  # arrays and groups
_EACH = 0.004  # seconds that an array or group adds to the limit
_NO_VALUES = "This is a netCDF dimension but not a netCDF variable"


def is_hdf5_file(path: Path, start: bytes) -> bool:
    """Whether a file has HDF5's mark. Raises OSError."""
    if start.startswith(_MARK):
        return True
    head = first_bytes(path, _MARK_PLACES[-1] + len(_MARK))
    return any(head[place : place + len(_MARK)] == _MARK for place in _MARK_PLACES)


def hdf5_holds_cube(path: Path) -> bool:
    """Whether one of its arrays has three axes, one of them spectral; in haste its mark is enough. Raises OSError."""
    try:
        count = asked("hdf5", regular(path))
        return bool(asked("napari_unmix.io.groups.hdf5_file:holds_cube", path, more=count * _EACH))
    except NotYet:
        return True
    except UnmixError:
        return False


def holds_cube(path: str) -> bool:
    """The same in the process apart, which opens the file without asking another."""
    import h5py

    try:
        with explained(Path(path)), h5py.File(path, "r") as file:
            tree = read_tree(file, Path(path))
            return is_prisma(tree) or looks_spectral(tree)
    except UnmixError:
        return False


def read_hdf5(path: Path, reading: Reading) -> Stored:
    """Read the array that is named, or the cube that the file holds; the file stays open until its numbers are read. Raises UnmixError."""

    def failed(error: Exception) -> UnmixError:
        reason = reason_of(error)
        if "required filter" in reason or "plugin" in reason:
            return UnmixError(
                f"{path.name} is compressed in a way that this h5py cannot unpack ({reason}): save it with gzip."
            )
        return UnmixError(f"{path.name} is damaged or no HDF5 file ({reason}): copy the whole file again.")

    with told_by(failed), ExitStack() as stack:
        tree = read_tree(stack.enter_context(opened_hdf5(path)), path)
        if reading.key is None and is_prisma(tree):
            stored = read_prisma(tree, path, failed)
        else:
            stored = read_tree_cube(tree, reading.key, path, failed, fill=_own_fill)
        return replace(with_unwritten(stored, path, reading), close=stack.pop_all().close)


def read_tree(file: Any, path: Path) -> Tree:
    """The arrays and groups of an open HDF5 file. Raises UnmixError, and what HDF5 raises on damage."""
    import h5py

    variables: dict[str, Variable] = {}
    groups: dict[str, Attributes] = {"": _attributes(file)}
    places: dict[Any, Axis] = {}

    def visit(name: str, node: Any) -> None:
        if len(variables) + len(groups) > _MOST:
            raise UnmixError(f"{path.name} holds more than {_MOST} arrays and groups: save the cube alone.")
        if isinstance(node, h5py.Group):
            groups[name] = _attributes(node)
        elif isinstance(node, h5py.Dataset) and node.shape is not None:
            if node.external or node.is_virtual:
                raise UnmixError(
                    f"{name!r} in {path.name} takes its numbers from other files, which is not safe: save them in one file."
                )
            attributes = _attributes(node)
            if not str(attributes.get("NAME", "")).startswith(_NO_VALUES):
                try:
                    variables[name] = Variable(
                        name, Hdf5Array(node, f"{path.name}/{name}"), attributes, _axes(node, places)
                    )
                except TypeError:  # of a type that NumPy does not have
                    return

    file.visititems(visit)  # each object once, hard links only: no link is followed, and no circle
    return with_hyperspy_axes(Tree(variables, groups))


def _attributes(node: Any) -> Attributes:
    found = {}
    for name in node.attrs:
        value = None
        with contextlib.suppress(Exception):  # of a type that h5py cannot read: nothing that a cube needs
            value = node.attrs[name]
        if value is None:
            continue
        if np.size(value) <= LONGEST_LIST and getattr(value, "dtype", np.dtype(object)).kind != "V":
            found[str(name)] = plain_value(value)
    return found


def _axes(dataset: Any, places: dict[Any, Axis]) -> tuple[Axis, ...]:
    """The axes by HDF5's dimension scales, or by their labels."""
    axes = []
    for dimension in dataset.dims:
        axis = Axis()
        with contextlib.suppress(Exception):  # a scale that is gone
            scale = dimension[0] if len(dimension) else None
            described = Axis() if scale is None else _described(scale, places)
            axis = replace(described, name=str(dimension.label)) if dimension.label else described
        axes.append(axis)
    return tuple(axes)


def _described(scale: Any, places: dict[Any, Axis]) -> Axis:
    known: Axis | None = places.get(scale.id)
    if known is None:
        attributes = _attributes(scale)
        name = str(scale.name).rpartition("/")[2]
        missing = str(attributes.get("NAME", "")).startswith(_NO_VALUES)
        short = scale.dtype.kind in "uif" and len(scale.shape) == 1 and scale.shape[0] < LONGEST_LIST
        unit = next((str(attributes[key]) for key in ("units", "unit", "UNIT", "Units") if key in attributes), "")
        values = np.asarray(Hdf5Array(scale, f"The axis {name}")[()]) if short and not missing else None
        known = Axis(name, unit, values)
        places[scale.id] = known
    return known


def _own_fill(dataset: Any) -> float | None:
    """HDF5's own fill value, which is 0 unless somebody chose another."""
    value = plain_value(np.asarray(getattr(dataset, "fillvalue", 0)))  # bands that were joined have none
    return float(value) if isinstance(value, int | float) and is_usual_fill(float(value)) else None
