"""MATLAB files of this field, of version 5 and 7.3: which array is the scene, and how it lies.

The literature stores a scene as a matrix of bands × pixels with the pixels in MATLAB's column-major order (down
the first column of the image, then the second), and the image's size beside it (``nRow``, ``nCol``).
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Reading
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.arrays.choosing import Entry, choose
from napari_unmix.io.arrays.companions import find_companions
from napari_unmix.io.arrays.matlab5 import Load, read_version_5
from napari_unmix.io.arrays.matlab73 import by_matlab, list_hdf5, load_hdf5, open_hdf5_array, unwritten_hdf5
from napari_unmix.io.arrays.matrix import as_image
from napari_unmix.io.budget import check_array, check_budget, readable_shape, stays_on_disk
from napari_unmix.io.groups.tree_cube import with_unwritten
from napari_unmix.io.stored import Stored, three_axes
from napari_unmix.sentences import UnmixError

_ROWS = ("nrow", "nrows", "rows", "row", "h", "height", "lines", "nlines", "num_rows")
_COLUMNS = ("ncol", "ncols", "cols", "col", "columns", "w", "width", "samples", "nsamples", "num_cols")


def read_matlab(path: Path, reading: Reading) -> Stored:
    """Read the scene, or the array that is named. Raises UnmixError that lists what the file holds, OSError."""
    hdf5 = is_hdf5(path)
    listed, load = (list_hdf5(path), partial(load_hdf5, path)) if hdf5 else read_version_5(path)
    entries = [Entry(*entry) for entry in listed]
    size = reading.size or _image_size(entries, load)
    chosen, among = choose(entries, size, reading.key, path)
    if (
        hdf5
        and len(chosen.shape) == 3
        and min(chosen.shape) > 0
        and chosen.kind in "uif"
        and stays_on_disk(chosen.size)
    ):
        return _in_file(path, reading, entries, chosen, among, load)
    check_budget(chosen.size, chosen.itemsize, f"{chosen.name!r} in {path.name} ({readable_shape(chosen.shape)})")
    stored = load([chosen.name])[chosen.name]
    array, turned = _as_image(stored, size, by_matlab(path) if hdf5 else True, f"{chosen.name!r} in {path.name}")
    known = 2 if array.ndim != stored.ndim else None
    found = find_companions(entries, chosen, array, known, load)
    scale, scaled = (found.scale, ()) if _is_scale(found.scale) else _largest(array)
    read = Stored(
        array=array,
        bands_axis=known if known is not None else found.axis,
        wavelengths=found.wavelengths,
        unit=found.unit,
        fwhm=found.fwhm,
        scale=scale or 1.0,
        no_data=found.no_data,
        good_bands=found.good_bands,
        valid_pixels=found.valid_pixels,
        georeference=found.georeference,
        repairs=(*among, *turned, *scaled, *found.repairs),
    )
    return with_unwritten(read, path, reading, unwritten_hdf5(path, chosen.name)) if hdf5 else read


def _in_file(
    path: Path, reading: Reading, entries: list[Entry], chosen: Entry, among: tuple[str, ...], load: Load
) -> Stored:
    """A scene of version 7.3 that is too large for memory, in its file. Its largest number is not looked for, so whole numbers stay as they are."""
    label = f"{chosen.name!r} in {path.name} ({readable_shape(chosen.shape)})"
    check_array(chosen.shape, chosen.kind, chosen.itemsize, label, can_stay=True)
    array, close = open_hdf5_array(path, chosen.name)
    found = find_companions(entries, chosen, cast(NDArray[Any], array), None, load)
    given = found.scale if found.scale is not None and _is_scale(found.scale) else 1.0
    unscaled = "whole numbers without a scale are read as they are: --scale NUMBER divides them"
    read = Stored(
        array=array,
        bands_axis=found.axis,
        wavelengths=found.wavelengths,
        unit=found.unit,
        fwhm=found.fwhm,
        scale=given,
        no_data=found.no_data,
        good_bands=found.good_bands,
        valid_pixels=found.valid_pixels,
        georeference=found.georeference,
        repairs=(*among, *((unscaled,) if given == 1 and chosen.kind in "ui" else ()), *found.repairs),
        close=close,
    )
    return with_unwritten(read, path, reading, unwritten_hdf5(path, chosen.name))


def is_mat_file(path: Path, start: bytes) -> bool:
    """Whether a file is MATLAB's, or is called so: HDF5 of other programs has no mark of MATLAB. Raises OSError."""
    return is_matlab(path) or path.suffix.lower() == ".mat"


def mat_holds_cube(path: Path) -> bool:
    """Whether a file that may be called MATLAB's is one. Raises OSError."""
    return is_matlab(path) or is_hdf5(path)


def is_matlab(path: Path) -> bool:
    """Whether the file begins as a MATLAB file of version 5 or 7.3 does. Raises OSError."""
    start = first_bytes(path, 128)
    return start.startswith(b"MATLAB ") or start[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def is_hdf5(path: Path) -> bool:
    """Whether the file is HDF5, with or without MATLAB's 512 bytes of text before. Raises OSError."""
    start = first_bytes(path, 520)
    return b"\x89HDF\r\n\x1a\n" in (start[:8], start[512:])


def _image_size(entries: list[Entry], load: Load) -> tuple[int, int] | None:
    """(rows, columns) from the file's own numbers, or None where they are not there."""
    sides = []
    for names in (_ROWS, _COLUMNS):
        scalars = [entry.name for entry in entries if entry.leaf in names and entry.size == 1 and entry.kind in "uif"]
        values = {float(value.item()) for value in load(scalars).values()} if scalars else set()
        if len(values) != 1:
            return None
        side = values.pop()
        if not (side >= 1 and side.is_integer()):
            return None
        sides.append(int(side))
    return sides[0], sides[1]


def _as_image(
    array: NDArray[Any], size: tuple[int, int] | None, by_columns: bool, label: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Three axes as they are, without further ones of length 1; a matrix as the image of its size."""
    if array.ndim != 2:
        kept = three_axes(array.shape)
        return array.reshape([array.shape[axis] for axis in kept]) if array.ndim > 3 else array, ()
    if size is None:
        raise UnmixError(f"{label} is a matrix: give the image's rows and columns with --size ROWSxCOLUMNS.")
    return as_image(array, size, "F" if by_columns else "C", label)


def _is_scale(scale: float | None) -> bool:
    return scale is not None and math.isfinite(scale) and scale > 1


def _largest(array: NDArray[Any]) -> tuple[float, tuple[str, ...]]:
    """What whole numbers without a scale are divided by: their maximum, as papers do with these scenes."""
    if not _whole(array):
        return 1.0, ()
    highest = float(array.max())
    if highest <= 1:
        return 1.0, ()
    return highest, (f"whole numbers without a scale: divided by their maximum {highest:g} (--scale 1 keeps them)",)


def _whole(array: NDArray[Any]) -> bool:
    """MATLAB keeps whole numbers as double, so the type alone does not tell."""
    if array.dtype.kind in "ui":
        return True
    return all(bool(np.array_equal(part, np.rint(part))) for part in array)
