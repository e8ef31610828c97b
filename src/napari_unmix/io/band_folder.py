"""A folder with one TIFF for each band, as HYPXIM, ASTER and Landsat are delivered: bands in the order of their numbers or wavelengths."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_unmix.cube import Reading, UnmixError
from napari_unmix.io.band_names import wavelengths_of_names
from napari_unmix.io.budget import check_array
from napari_unmix.io.conventions import as_scale
from napari_unmix.io.stored import Stored
from napari_unmix.io.tiff import one_band
from napari_unmix.io.tree import Joined

_SUFFIXES = (".tif", ".tiff")
_FEWEST = 3
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Names(NamedTuple):
    """The files of a series by the one number in which their names differ, ascending."""

    files: tuple[Path, ...]
    numbers: tuple[float, ...]
    left: tuple[Path, ...]


def is_band_folder(path: Path, start: bytes = b"") -> bool:
    """Whether at least three TIFFs of one band lie in a folder, their names differing by a number. Raises OSError."""
    names = series_of(_tiffs(path))
    return len(names.files) >= _FEWEST and one_band(names.files[0]) is not None


def read_band_folder(path: Path, reading: Reading) -> Stored:
    """Read the files of one series, those of the most frequent size. Raises UnmixError, OSError."""
    names = series_of(_tiffs(path))
    found = {file: stored for file in names.files if (stored := one_band(file)) is not None}
    sizes = Counter(stored.array.shape for stored in found.values())
    size = sizes.most_common(1)[0][0] if sizes else ()
    used = [
        (file, place)
        for file, place in zip(names.files, names.numbers, strict=True)
        if file in found and found[file].array.shape == size
    ]
    if len(used) < _FEWEST:
        raise UnmixError(
            f"{path.name} holds {len(used)} TIFFs of one band and size: put at least {_FEWEST} there, one for each band."
        )
    bands = [found[file] for file, _ in used]
    joined = Joined([(Plane(band.array), np.zeros(1, np.intp)) for band in bands], axis=0)
    check_array(joined.shape, joined.dtype.kind, joined.dtype.itemsize, path.name)
    named = wavelengths_of_names([file.stem for file, _ in used])
    scale, gains, offsets = as_scale([band.gain for band in bands], [band.offset for band in bands])
    left = sorted({*names.left, *(set(names.files) - {file for file, _ in used})})
    return Stored(
        array=joined,
        bands_axis=0,
        wavelengths=named[0] if named else None,
        unit=named[1] if named else "",
        scale=scale,
        gains=gains,
        offsets=offsets,
        no_data=tuple(dict.fromkeys(value for band in bands for value in band.no_data)),
        georeference=bands[0].georeference,
        repairs=(_said([file.name for file, _ in used], left),),
    )


def series_of(files: list[Path]) -> Names:
    """The biggest set of files whose names are the same but for one number."""
    groups: dict[tuple[str, str], dict[float, Path]] = {}
    for file in files:
        for match in _NUMBER.finditer(file.stem):
            key = (file.stem[: match.start()], file.stem[match.end() :])
            groups.setdefault(key, {})[float(match[0])] = file
    if not groups:
        return Names((), (), tuple(files))
    best = max(groups.values(), key=len)
    order = sorted(best)
    chosen = tuple(best[place] for place in order)
    return Names(chosen, tuple(order), tuple(file for file in files if file not in chosen))


class Plane:
    """An image (rows, columns) as one band (1, rows, columns)."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, (1, *array.shape), array.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        return np.asarray(self.array[index[1:]])[None][index[0]]


def _tiffs(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.suffix.lower() in _SUFFIXES and entry.is_file())


def _said(used: list[str], left: list[Path]) -> str:
    said = f"{len(used)} files were read as bands, from {used[0]} to {used[-1]}"
    more = "" if len(left) <= 3 else f" and {len(left) - 3} more"
    return said + (f"; left out: {', '.join(file.name for file in left[:3])}{more}" if left else "")
