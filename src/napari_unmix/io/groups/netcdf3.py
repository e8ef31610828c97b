"""NetCDF classic (version 3), by SciPy; NetCDF-4 is HDF5. Numbers are mapped, not read."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Reading
from napari_unmix.io.groups.tree import DAMAGED, LONGEST_LIST, Attributes, Axis, Tree, Variable, plain_value
from napari_unmix.io.groups.tree_cube import looks_spectral, read_tree_cube
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_MARKS = (b"CDF\x01", b"CDF\x02")


def is_netcdf3(path: Path, start: bytes) -> bool:
    """Whether a file begins as NetCDF classic does."""
    return start.startswith(_MARKS)


def netcdf3_holds_cube(path: Path) -> bool:
    """Whether one of its arrays has three axes, one of them spectral. Raises OSError."""
    try:
        with ExitStack() as stack:
            return looks_spectral(_open(path, stack))
    except (UnmixError, *DAMAGED):
        return False


def read_netcdf3(path: Path, reading: Reading) -> Stored:
    """Read the array that is named, or the cube that the file holds. Raises UnmixError."""

    def failed(error: Exception) -> UnmixError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return UnmixError(f"{path.name} is damaged or no NetCDF file ({reason[:200]}): copy the whole file again.")

    try:
        with ExitStack() as stack:
            stored = read_tree_cube(_open(path, stack), reading.key, path, failed)
            return replace(stored, close=stack.pop_all().close)
    except UnmixError:
        raise
    except DAMAGED as error:
        raise failed(error) from error


def _open(path: Path, stack: ExitStack) -> Tree:
    from scipy.io import netcdf_file

    file = netcdf_file(path, "r", mmap=True)
    stack.callback(_close, file)
    variables = {
        name: Variable(name, v.data, _attributes(v), _axes(name, v, file.variables))
        for name, v in file.variables.items()
    }
    return Tree(variables, {"": _attributes(file)})


def _close(file: Any) -> None:
    with warnings.catch_warnings():  # that the map is still referred to: it is closed with the last reference
        warnings.simplefilter("ignore", RuntimeWarning)
        file.close()


def _attributes(node: Any) -> Attributes:
    return {str(name): plain_value(value) for name, value in node._attributes.items()}


def _axes(name: str, variable: Any, variables: Any) -> tuple[Axis, ...]:
    return tuple(_axis(str(axis), name, variables) for axis in variable.dimensions)


def _axis(axis: str, name: str, variables: Any) -> Axis:
    beside = variables.get(axis)
    if (
        beside is None
        or axis == name
        or len(beside.shape) != 1
        or beside.shape[0] >= LONGEST_LIST
        or beside.data.dtype.kind not in "uif"
    ):
        return Axis(axis)
    return Axis(axis, str(plain_value(beside._attributes.get("units", ""))), np.array(beside.data))
