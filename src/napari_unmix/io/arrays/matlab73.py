"""MATLAB 7.3 files, which are HDF5: only numbers stored in the file itself are read.

HDF5 lets a dataset take its bytes from any other file of the machine (external storage, virtual datasets, external
links); MATLAB never writes such a thing, so a file that has it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.files.opened import first_bytes
from napari_unmix.io.bare.lines import Turned
from napari_unmix.io.boundary import reason_of, told_by
from napari_unmix.io.budget import check_budget
from napari_unmix.io.groups.hdf5_chunks import Hdf5Array
from napari_unmix.io.groups.hdf5_door import opened_hdf5
from napari_unmix.io.groups.tree import Guarded, Unwritten
from napari_unmix.sentences import UnmixError

_LONGEST_TEXT = 1000  # letters
_DEEPEST = 3  # structures in structures
_KINDS = {b"char": "U", b"logical": "b"}


def by_matlab(path: Path) -> bool:
    """Whether MATLAB wrote the file, whose axes are then reversed: Python's own HDF5 files have neither its text nor its attributes."""
    if first_bytes(path, 10) == b"MATLAB 7.3":
        return True
    with told_by(lambda error: _explained(path, error)), opened_hdf5(path) as file:
        return any("MATLAB_class" in file[name].attrs for name in file if _is_hard(file, name))


def list_hdf5(path: Path) -> list[tuple[str, tuple[int, ...], int, str]]:
    """Name (``structure/field``), shape as its writer shows it, item size and kind of every array. Raises UnmixError."""
    turned = by_matlab(path)
    with told_by(lambda error: _explained(path, error)), opened_hdf5(path) as file:
        return [
            (name, _shape(dataset, turned), int(dataset.dtype.itemsize), _kind(dataset))
            for name, dataset in _datasets(file, path)
            if _kind(dataset)
        ]


def load_hdf5(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Arrays by name, axes as their writer shows them (MATLAB reverses them); texts as one word. Raises UnmixError."""
    turned, wanted = by_matlab(path), set(names)
    with told_by(lambda error: _explained(path, error)), opened_hdf5(path) as file:
        found = [(name, dataset) for name, dataset in _datasets(file, path) if name in wanted]
        return {name: _load(dataset, name, path, turned) for name, dataset in found}


def open_hdf5_array(path: Path, name: str) -> tuple[Turned | Guarded, Callable[[], None]]:
    """An array of three axes that stays in its file, as its writer shows its axes, and what closes the file. Raises UnmixError."""

    def failed(error: Exception) -> UnmixError:
        return _explained(path, error)

    turned = by_matlab(path)
    with told_by(failed), ExitStack() as stack:
        file = stack.enter_context(opened_hdf5(path))
        array = Guarded(Hdf5Array(dict(_datasets(file, path))[name], f"{name!r} in {path.name}"), failed)
        return (Turned(array) if turned else array), stack.pop_all().close


def unwritten_hdf5(path: Path, name: str) -> tuple[Unwritten, ...]:
    """How many chunks of an array were never written. Raises UnmixError."""
    with told_by(lambda error: _explained(path, error)), opened_hdf5(path) as file:
        return Hdf5Array(file[name], f"{name!r} in {path.name}").unwritten()


def _datasets(group: Any, path: Path, within: str = "") -> Iterator[tuple[str, Any]]:
    """The file's own arrays, and those in its structures; links in these are not followed."""
    import h5py

    for name in group:
        if not within and _is_own_dataset(group, name, path):
            yield name, group[name]
        elif name.startswith("#") or not _is_hard(group, name):
            continue
        elif group.get(name, getclass=True) is h5py.Dataset:
            if _is_own_dataset(group, name, path):
                yield within + name, group[name]
        elif within.count("/") < _DEEPEST:
            yield from _datasets(group[name], path, f"{within}{name}/")


def _is_hard(group: Any, name: str) -> bool:
    import h5py

    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _shape(dataset: Any, turned: bool) -> tuple[int, ...]:
    lengths = tuple(int(length) for length in dataset.shape)
    if _kind(dataset) == "U":
        return (1,)
    return lengths[::-1] if turned else lengths


def _load(dataset: Any, name: str, path: Path, turned: bool) -> NDArray[Any]:
    label = f"{name!r} in {path.name}"
    check_budget(math.prod(dataset.shape), dataset.dtype.itemsize, label)
    stored = np.asarray(Hdf5Array(dataset, label)[...])
    if _kind(dataset) == "U":
        return np.array([_text(stored)])
    return stored.T if turned else stored


def _text(stored: NDArray[Any]) -> str:
    """MATLAB keeps letters as their numbers, h5py as bytes."""
    if stored.dtype.kind in "ui":
        return "".join(map(chr, stored.ravel(order="F")[:_LONGEST_TEXT].tolist()))
    first = stored.ravel()[:1].tolist()
    return first[0].decode("utf-8", "replace") if first and isinstance(first[0], bytes) else str(*first)


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


def _kind(dataset: Any) -> str:
    """NumPy's letter of what it holds, "" where it is nothing to read: u, i, f, b (logic), U (text)."""
    if dataset.shape is None or "MATLAB_empty" in dataset.attrs:
        return ""
    letter = _KINDS.get(bytes(dataset.attrs.get("MATLAB_class", b"")), dataset.dtype.kind)
    if letter == "U":
        return "U" if dataset.size <= _LONGEST_TEXT and dataset.dtype.kind in "ui" else ""
    if letter in "OS":
        return "U" if dataset.size == 1 else ""
    return str(letter) if letter in "uifb" else ""


def _explained(path: Path, error: Exception) -> UnmixError:
    return UnmixError(f"{path.name} is damaged or no MATLAB 7.3 file ({reason_of(error)}): save it again with -v7.3.")
