"""A folder with one TIFF for each band, as HYPXIM, ASTER and Landsat are delivered: bands in the order of their numbers or wavelengths."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from napari_unmix.cube import Reading
from napari_unmix.io.budget import check_array
from napari_unmix.io.groups.conventions import as_scale
from napari_unmix.io.groups.tree import Joined, Plane
from napari_unmix.io.raster.band_names import series_of, wavelengths_of_names
from napari_unmix.io.raster.tiff import OneBand, has_one_band, one_band
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_SUFFIXES = (".tif", ".tiff")
_FEWEST = 3


def is_band_folder(path: Path, start: bytes = b"") -> bool:
    """Whether at least three TIFFs of one band lie in a folder, their names differing by a number. Raises OSError."""
    files = _tiffs(path)
    series = series_of([file.stem for file in files])
    return len(series) >= _FEWEST and has_one_band(files[series[0]])


def read_band_folder(path: Path, reading: Reading) -> Stored:
    """Read the files of one series, those of the most frequent size. Raises UnmixError, OSError."""
    files = _tiffs(path)
    series = [files[at] for at in series_of([file.stem for file in files])]
    found: dict[Path, OneBand] = {}
    for file in series:
        band = one_band(file)
        if band is not None:
            found[file] = band
            check_array((len(found), *band.array.shape), band.array.dtype.kind, band.array.dtype.itemsize, path.name)
    sizes = Counter(band.array.shape for band in found.values())
    size = sizes.most_common(1)[0][0] if sizes else ()
    used = [file for file in series if file in found and found[file].array.shape == size]
    if len(used) < _FEWEST:
        raise UnmixError(
            f"{path.name} holds {len(used)} TIFFs of one band and size: put at least {_FEWEST} there, one for each band."
        )
    bands = [found[file] for file in used]
    joined = Joined([(Plane(band.array), np.zeros(1, np.intp)) for band in bands], axis=0)
    named = wavelengths_of_names([file.stem for file in used])
    scale, gains, offsets = as_scale([band.gain for band in bands], [band.offset for band in bands])
    left = [file for file in files if file not in used]
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
        repairs=(_said([file.name for file in used], left),),
    )


def _tiffs(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.suffix.lower() in _SUFFIXES and entry.is_file())


def _said(used: list[str], left: list[Path]) -> str:
    said = f"{len(used)} files were read as bands, from {used[0]} to {used[-1]}"
    more = "" if len(left) <= 3 else f" and {len(left) - 3} more"
    return said + (f"; left out: {', '.join(file.name for file in left[:3])}{more}" if left else "")
