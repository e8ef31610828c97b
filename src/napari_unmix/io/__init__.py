"""Files to cubes: the format is chosen by the content of a file, its suffix decides only where the content is mute (``formats``).

Importing this package loads NumPy only; h5py, Zarr, tifffile and Pillow are loaded where a format needs them.
"""

from __future__ import annotations

from pathlib import Path

from napari_unmix.cube import Cube, UnmixError
from napari_unmix.io.annotation import read_annotation
from napari_unmix.io.budget import byte_budget
from napari_unmix.io.formats import FORMATS, SUFFIXES, format_of, titles

__all__ = ["FORMATS", "SUFFIXES", "byte_budget", "can_read", "read_annotation", "read_cube"]


def read_cube(path: str | Path, *, key: str | None = None) -> Cube:
    """Read a hyperspectral cube: ENVI (header or data file), MATLAB 5 and 7.3, npz, npy, Zarr 2 and 3 (``FORMATS``).

    Parameters
    ----------
    path : a file, or the folder of a Zarr array or group
    key : the name of the array, for formats that hold several (MATLAB, npz, Zarr)

    Returns
    -------
    Cube (H, W, B), wavelengths in nm, with a sentence in ``repairs`` for everything that was assumed

    Raises
    ------
    UnmixError : no such file, unknown or damaged content, more than this machine's memory, or an unsafe file
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise UnmixError(f"There is no file {path}: check the path.")
    path = path if path.name else path.resolve()  # "." has no name to call the cube by
    try:
        form = format_of(path)
        if form is None:
            raise UnmixError(f"{path.name or path} is no cube that can be read: give {titles()}.")
        if key is not None and not form.holds_several:
            raise UnmixError(f"{path.name} holds one array, so it has no {key!r}: leave the name out.")
        return form.cube(path, key)
    except MemoryError as error:
        raise UnmixError(
            f"{path.name} does not fit into this machine's memory: crop it or close other programs."
        ) from error
    except OSError as error:
        raise UnmixError(f"{path.name} could not be read ({error.strerror or error}): check the file.") from error


def can_read(path: str | Path) -> bool:
    """Whether ``read_cube`` is for this path: suffix and first bytes, the array itself is not read. Never raises."""
    path = Path(path).expanduser()
    try:
        if path.suffix.lower() not in (*SUFFIXES, "") or not path.exists():
            return False
        form = format_of(path)
        return form is not None and form.has_cube(path)
    except OSError:
        return False
