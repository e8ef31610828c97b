"""Files to cubes: the format is chosen by the content of a file, its suffix decides only where the content is mute.

Importing this package loads NumPy only; h5py, Zarr, tifffile and Pillow are loaded where a format needs them.
"""

from __future__ import annotations

from pathlib import Path

from napari_unmix.cube import Cube, UnmixError
from napari_unmix.io.annotation import read_annotation
from napari_unmix.io.assemble import SUFFIXES, WAVELENGTH_NAMES
from napari_unmix.io.budget import byte_budget
from napari_unmix.io.envi import find_header, read_envi
from napari_unmix.io.envi_header import is_envi_header
from napari_unmix.io.matlab import is_hdf5, is_matlab, read_matlab
from napari_unmix.io.numpy_files import npy_shape, npz_names, read_npy, read_npz
from napari_unmix.io.zarr_folder import is_zarr, read_zarr

__all__ = ["SUFFIXES", "byte_budget", "can_read", "read_annotation", "read_cube"]

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_KNOWN = "ENVI (.hdr with its data file), MATLAB (.mat), NumPy (.npy, .npz) or Zarr"


def read_cube(path: str | Path, *, key: str | None = None) -> Cube:
    """Read a hyperspectral cube: ENVI (header or data file), MATLAB 5 and 7.3, npz, npy, Zarr 2 and 3.

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
        form = _format(path)
        if form is None:
            raise UnmixError(f"{path.name or path} is no cube that can be read: give {_KNOWN}.")
        if key is not None and form in ("envi", "npy"):
            raise UnmixError(f"{path.name} holds one array, so it has no {key!r}: leave the name out.")
        if form == "envi":
            return read_envi(path)
        if form == "npy":
            return read_npy(path)
        return {"npz": read_npz, "matlab": read_matlab, "zarr": read_zarr}[form](path, key)
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
        form = _format(path)
        if form == "npy":
            return len(npy_shape(path) or ()) == 3
        if form == "npz":
            names = [name for name in npz_names(path) if name.lower() not in WAVELENGTH_NAMES]
            return "cube" in names or len(names) == 1
        if form == "envi":
            header = path if path.suffix.lower() == ".hdr" else find_header(path)
            return header is not None and is_envi_header(header)
        return is_matlab(path) or is_hdf5(path) if form == "matlab" else form is not None
    except OSError:
        return False


def _format(path: Path) -> str | None:
    """The format's name, by content; bare numbers are ENVI where a header lies beside them. Raises OSError."""
    if path.is_dir():
        return "zarr" if is_zarr(path) else None
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(_NPY):
        return "npy"
    if start.startswith(_ZIP):
        return "npz"
    if is_envi_header(path) or path.suffix.lower() == ".hdr":
        return "envi"
    if is_matlab(path) or path.suffix.lower() == ".mat":  # HDF5 of other programs has no mark of MATLAB
        return "matlab"
    return "envi" if find_header(path) is not None else None
