"""Files to cubes: the format is chosen by the content of a file, its suffix decides only where the content is mute (``formats``).

Importing this package loads NumPy only; h5py, Zarr, tifffile and Pillow are loaded where a format needs them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Cube, Reading
from napari_unmix.io.annotation import read_annotation
from napari_unmix.io.apart import in_haste
from napari_unmix.io.assemble import Taken, finished, take
from napari_unmix.io.boundary import answered, existing, explained
from napari_unmix.io.budget import byte_budget, lazily
from napari_unmix.io.capture import holds_cube, refusal, remarks, within
from napari_unmix.io.formats import FORMATS, SUFFIXES, format_of
from napari_unmix.io.on_disk import cube_on_disk, stays
from napari_unmix.io.stored import Stored
from napari_unmix.reading import parse_bands, parse_repair
from napari_unmix.sentences import UnmixError

__all__ = ["FORMATS", "SUFFIXES", "byte_budget", "can_read", "read_annotation", "read_as", "read_cube"]


def read_cube(
    path: str | Path,
    *,
    key: str | None = None,
    size: tuple[int, int] | None = None,
    bands_axis: Literal["first", "middle", "last"] | None = None,
    no_data: float | Literal["none"] | None = None,
    scale: float | None = None,
    bands: str | None = None,
    dark: str | Path | None = None,
    white: str | Path | None = None,
    repair: str = "all",
    keep_on_disk: bool | None = None,
) -> Cube:
    """Read a hyperspectral cube of any of the formats in ``FORMATS``; what is not given is found out, and said in ``Cube.repairs``.

    Parameters
    ----------
    path : a file, or the folder of a Zarr array or group, or of a recording
    key : the name of the array, for formats that hold several; ``structure/field`` and ``group/array`` lead inside
    size : (rows, columns) of a matrix of pixels × bands
    bands_axis : which axis of an array holds the bands
    no_data : the stored number that means no data, in place of the file's own; "none": all are data
    scale : what stored numbers are divided by, in place of the file's own scale, gains and offsets
    bands : the bands that take part, such as ``5-80,95-160`` (numbers from 1) or ``400-900nm``; with "all" among them, also such as look bad
    dark, white : references of a recording of raw counts, calibrated to (raw − dark) / (white − dark)
    repair : "all", "none", or some of ``reading.REPAIRS``, with commas: what may be repaired or left out beside what the file declares
    keep_on_disk : True leaves the numbers of ENVI, NumPy, Zarr, HDF5 and MATLAB 7.3 files where they are and reads them when they are
        sliced, False holds them in memory; None does what the memory allows: it holds what it could unmix

    Returns
    -------
    Cube (H, W, B), with a sentence in ``repairs`` for everything that was repaired, left out or assumed

    Raises
    ------
    UnmixError : no such file, unknown or damaged content, more than this machine's memory, or an unsafe file
    """
    dark, white = (None if file is None else Path(file) for file in (dark, white))
    reading = Reading(
        key,
        size,
        bands_axis,
        no_data,
        scale,
        None if bands is None else parse_bands(bands),
        dark,
        white,
        parse_repair(repair),
    )
    with lazily(keep_on_disk):
        return read_as(path, reading)


def read_as(path: str | Path, reading: Reading) -> Cube:
    """``read_cube`` with all its options in one value. Raises UnmixError."""
    path = Path(path)
    with explained(path):
        path = existing(path, "file")
        path = path if path.name else path.resolve()  # "." has no name to call the cube by
        path, found = within(path)
        taken = _taken(path, reading)
        cube = taken if isinstance(taken, Cube) else finished(taken, path, reading, _reference)
    return replace(cube, repairs=(*found, *cube.repairs)) if found else cube


def _opened(path: Path, reading: Reading) -> Stored:
    """What the file holds, by the format that its content shows; whoever asks closes it. Raises UnmixError, OSError, MemoryError."""
    form = format_of(path)
    if form is None:
        raise refusal(path)
    if reading.key is not None and not form.holds_several:
        raise UnmixError(f"{path.name} holds one array, so it has no {reading.key!r}: leave the name out.")
    return form.stored(path, reading)


def _taken(path: Path, reading: Reading, scale: float | None = None) -> Taken | Cube:
    """The numbers of a file, which is closed and whose own array is let go: beside the spectra there is room for no other.

    The cube itself where these are too many for memory, and can stay in their file: that is open as long as the cube is.
    """
    stored = _opened(path, reading)
    with ExitStack() as stack:
        if stored.close is not None:
            stack.callback(stored.close)
        stored = replace(stored, repairs=(*stored.repairs, *remarks(stored, path, reading)))
        if scale is not None:
            stored = replace(stored, scale=scale)
        if not stays(stored):
            return take(stored, path, reading)
        cube = cube_on_disk(stored, path, reading, _reference)
        finalize(cube.spectra, stack.pop_all().close)
    return cube


def _reference(path: Path) -> tuple[NDArray[np.float32], BoolArray]:
    """The numbers (H, W, B) of a dark or white reference, and which of its pixels (H, W) hold data. Raises UnmixError."""
    plain = Reading(repair="none")
    with explained(path), lazily(False):
        path = existing(path, "reference")
        taken = _taken(path, plain, scale=1.0)
        assert isinstance(taken, Taken)
        cube = finished(taken, path, plain)
    return cube.spectra, cube.valid_pixels


def can_read(path: str | Path) -> bool:
    """Whether ``read_cube`` is for this path: suffix and first bytes, and what of its header is known within a second. Never raises."""
    path = Path(path)
    with in_haste():
        return path.suffix.lower() in (*SUFFIXES, "") and answered(path, lambda: _holds_cube(path.expanduser()))


def _holds_cube(path: Path) -> bool:
    form = format_of(path)
    return holds_cube(path) if form is None else form.has_cube(path)
