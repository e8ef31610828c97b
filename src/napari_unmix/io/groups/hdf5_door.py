"""The one way to open HDF5: a regular file, whose header libhdf5 has walked in a process apart without looping or crashing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_unmix.files.opened import regular
from napari_unmix.io.apart import asked


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """The open file (h5py's). Raises UnmixError where libhdf5 does not come to an end with its header, OSError where it is no HDF5."""
    import h5py

    asked("hdf5", regular(path))
    with h5py.File(path, "r") as file:
        yield file
