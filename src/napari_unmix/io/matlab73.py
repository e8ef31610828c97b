"""MATLAB 7.3 files, which are HDF5: only numbers stored in the file itself are read.

HDF5 lets a dataset take its bytes from any other file of the machine (external storage, virtual datasets, external
links); MATLAB never writes such a thing, so a file that has it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import UnmixError
from napari_unmix.io.budget import check_budget

_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError)
_TEXT_AND_LOGIC = (b"char", b"logical")


def list_hdf5(path: Path) -> list[tuple[str, tuple[int, ...], int]]:
    """Name, shape as MATLAB shows it, and item size of every numeric array. Raises UnmixError."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            datasets = [(name, file[name]) for name in file if _is_own_dataset(file, name, path)]
            return [
                (name, tuple(int(n) for n in dataset.shape[::-1]), int(dataset.dtype.itemsize))
                for name, dataset in datasets
                if _is_numeric(dataset)
            ]
    except UnmixError:
        raise
    except _DAMAGED as error:
        raise _explained(path, error) from error


def load_hdf5(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Arrays by name, axes in MATLAB's order (HDF5 has them reversed). Raises UnmixError."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return {name: _load(file[name], name, path) for name in names if _is_own_dataset(file, name, path)}
    except UnmixError:
        raise
    except _DAMAGED as error:
        raise _explained(path, error) from error


def _load(dataset: Any, name: str, path: Path) -> NDArray[Any]:
    """A chunk is unpacked whole, and may claim more than the array."""
    elements = max(math.prod(dataset.shape), math.prod(dataset.chunks or ()))
    check_budget(elements, dataset.dtype.itemsize, f"{name!r} in {path.name}")
    return np.asarray(dataset[()]).T


def _is_own_dataset(file: Any, name: str, path: Path) -> bool:
    """False for groups (structures, cells); raises UnmixError where the entry leads out of the file."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise UnmixError(f"{name!r} in {path.name} is a link, which is not safe to follow: save the array itself.")
    if file.get(name, getclass=True) is not h5py.Dataset:
        return False
    dataset = file[name]
    if dataset.external or dataset.is_virtual:
        raise UnmixError(
            f"{name!r} in {path.name} takes its numbers from other files, which is not safe: save them in one file."
        )
    return True


def _is_numeric(dataset: Any) -> bool:
    kind = dataset.attrs.get("MATLAB_class", b"")
    if "MATLAB_empty" in dataset.attrs or kind in _TEXT_AND_LOGIC:
        return False
    return dataset.shape is not None and dataset.dtype.kind in "uif"


def _explained(path: Path, error: Exception) -> UnmixError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UnmixError(f"{path.name} is damaged or no MATLAB 7.3 file ({reason}): save it again with -v7.3.")
