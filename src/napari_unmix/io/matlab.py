"""MATLAB files of this field, of version 5 and 7.3: which array is the scene, and how it lies.

The literature stores a scene as a matrix of bands × pixels with the pixels in MATLAB's column-major order (down
the first column of the image, then the second), and the image's size beside it (``nRow``, ``nCol``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Reading, UnmixError
from napari_unmix.io.budget import check_budget, readable_shape
from napari_unmix.io.matlab5 import list_version_5, load_version_5
from napari_unmix.io.matlab73 import list_hdf5, load_hdf5
from napari_unmix.io.stored import Stored
from napari_unmix.io.wavelengths import WAVELENGTH_NAMES

_ROWS = ("nrow", "nrows", "rows", "row", "h", "height", "lines", "nlines", "num_rows")
_COLUMNS = ("ncol", "ncols", "cols", "col", "columns", "w", "width", "samples", "nsamples", "num_cols")
_SCALES = ("scale", "scalefactor", "scale_factor", "reflectance_scale_factor")
# The usual names of a scene, and those of the reference often stored beside it, whose matrices may be bigger.
_SCENES = {"y", "v", "cube", "data", "hsi", "image", "img", "hypercube", "hyperspectral", "reflectance", "radiance"}
_REFERENCES = {
    "a",
    "m",
    "e",
    "s",
    "x",
    "w",
    "h",
    "abundance",
    "abundances",
    "endmembers",
    "library",
    "gt",
    "groundtruth",
}
_LONGEST_LIST = 1_000_000


class Entry(NamedTuple):
    """A numeric array of the file, as its header describes it."""

    name: str
    shape: tuple[int, ...]
    itemsize: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


Loader = Callable[[Path, Iterable[str]], dict[str, NDArray[Any]]]


def read_matlab(path: Path, reading: Reading) -> Stored:
    """Read the scene, or the array that is named. Raises UnmixError that lists what the file holds, OSError."""
    hdf5 = is_hdf5(path)
    entries = [Entry(*entry) for entry in (list_hdf5(path) if hdf5 else list_version_5(path))]
    load: Loader = load_hdf5 if hdf5 else load_version_5
    size = reading.size or _image_size(path, entries, load)
    chosen, among = _choose(entries, size, reading.key, path)
    listed = [entry for entry in entries if entry.name.lower() in WAVELENGTH_NAMES and entry.size < _LONGEST_LIST]
    check_budget(chosen.size, chosen.itemsize, f"{chosen.name!r} in {path.name} ({readable_shape(chosen.shape)})")
    loaded = load(path, [chosen.name, *(entry.name for entry in listed)])
    array, turned = _as_image(loaded[chosen.name], size)
    scale, scaled = _scale(array, path, entries, load)
    wavelengths = next((loaded[e.name] for e in listed if e.size == array.shape[2]), None)
    return Stored(array=array, bands_axis=2, wavelengths=wavelengths, scale=scale, repairs=(*among, *turned, *scaled))


def is_mat_file(path: Path, start: bytes) -> bool:
    """Whether a file is MATLAB's, or is called so: HDF5 of other programs has no mark of MATLAB. Raises OSError."""
    return is_matlab(path) or path.suffix.lower() == ".mat"


def mat_holds_cube(path: Path) -> bool:
    """Whether a file that may be called MATLAB's is one. Raises OSError."""
    return is_matlab(path) or is_hdf5(path)


def is_matlab(path: Path) -> bool:
    """Whether the file begins as a MATLAB file of version 5 or 7.3 does. Raises OSError."""
    with path.open("rb") as stream:
        start = stream.read(128)
    return start.startswith(b"MATLAB ") or start[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def is_hdf5(path: Path) -> bool:
    """Whether the file is HDF5, with or without MATLAB's 512 bytes of text before. Raises OSError."""
    with path.open("rb") as stream:
        start = stream.read(520)
    return b"\x89HDF\r\n\x1a\n" in (start[:8], start[512:])


def _image_size(path: Path, entries: list[Entry], load: Loader) -> tuple[int, int] | None:
    """(rows, columns) from the file's own numbers, or None where they are not there."""
    sides = []
    for names in (_ROWS, _COLUMNS):
        scalars = [entry.name for entry in entries if entry.name.lower() in names and entry.size == 1]
        values = {float(value.item()) for value in load(path, scalars).values()} if scalars else set()
        if len(values) != 1:
            return None
        side = values.pop()
        if not (side >= 1 and side.is_integer()):
            return None
        sides.append(int(side))
    return sides[0], sides[1]


def _choose(
    entries: list[Entry], size: tuple[int, int] | None, key: str | None, path: Path
) -> tuple[Entry, tuple[str, ...]]:
    """The scene among the arrays: usual names first, then the biggest; with a sentence where there was a choice."""
    named = [entry for entry in entries if key in (None, entry.name)]
    if key is not None and not named:
        raise UnmixError(f"{path.name} has no array {key!r}, it holds {_listing(entries)}: name one of these.")
    pixels = math.prod(size) if size else 0
    candidates = [e for e in named if e.size > 1 and (len(e.shape) == 3 or (len(e.shape) == 2 and pixels in e.shape))]
    if not candidates:
        remedy = "store the scene with three axes, or as bands × pixels with scalars nRow and nCol"
        said = f" and an image size of {readable_shape(size)}" if size else ""
        raise UnmixError(f"{path.name} has no cube, it holds {_listing(named)}{said}: {remedy}.")
    ranked = sorted(candidates, key=lambda entry: (_rank(entry.name), -entry.size))
    several = f"{len(ranked)} arrays could be the cube ({_listing(ranked)}): {ranked[0].name} was taken"
    return ranked[0], (several,) * (len(ranked) > 1)


def _rank(name: str) -> int:
    return 0 if name.lower() in _SCENES else 2 if name.lower() in _REFERENCES else 1


def _listing(entries: list[Entry]) -> str:
    return ", ".join(f"{entry.name} {readable_shape(entry.shape)}" for entry in entries[:12]) or "no numeric array"


def _as_image(array: NDArray[Any], size: tuple[int, int] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(H, W, B) of an array as stored; pixels of a matrix run down the columns of the image."""
    if array.ndim == 3 or size is None:
        return array, ()
    rows, columns = size
    bands_first = array.shape[1] == rows * columns
    spectra = array.T if bands_first else array  # (N, B)
    note = () if bands_first else ("the matrix was read as pixels × bands",)
    return spectra.reshape(columns, rows, -1).transpose(1, 0, 2), note


def _scale(array: NDArray[Any], path: Path, entries: list[Entry], load: Loader) -> tuple[float, tuple[str, ...]]:
    """What whole numbers are divided by: the file's scale, else their maximum, as papers do with these scenes."""
    if not _whole(array):
        return 1.0, ()
    stored = [entry.name for entry in entries if entry.name.lower() in _SCALES and entry.size == 1]
    if stored:
        scale = float(load(path, stored[:1])[stored[0]].item())
        if math.isfinite(scale) and scale > 1:
            return scale, ()
    highest = float(array.max())
    if highest <= 1:
        return 1.0, ()
    return highest, (f"whole numbers without a scale: divided by their maximum {highest:g}",)


def _whole(array: NDArray[Any]) -> bool:
    """MATLAB keeps whole numbers as double, so the type alone does not tell."""
    if array.dtype.kind in "ui":
        return True
    return all(bool(np.array_equal(part, np.rint(part))) for part in array)
