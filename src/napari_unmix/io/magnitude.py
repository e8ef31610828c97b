"""Cubes whose numbers are too small or too large to compute with, as currents of picoamperes are: scaled by a power of ten, and said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from napari_unmix.cube import Cube

# Between these a cube times a constant gives the same abundances (``preconditions``).
_SMALLEST, _LARGEST = 1e-6, 1e15


def in_range(cube: Cube, largest: float | None = None) -> Cube:
    """The cube with its largest number between 0.1 and 1 where it was below 1e-6 or above 1e15, unless its user set a scale.

    ``largest`` is that number where it is known, else it is looked for.
    """
    if cube.reading.scale is not None:
        return cube
    largest = _largest(cube) if largest is None else largest
    if not 0 < largest < _SMALLEST and not _LARGEST < largest < math.inf:
        return cube
    power = -math.floor(math.log10(largest)) - 1
    spectra = np.empty_like(cube.spectra)
    with np.errstate(over="ignore"):  # of pixels without data
        for row, line in enumerate(cube.spectra):
            spectra[row] = np.multiply(line, 10.0**power, dtype=np.float64)
    what = "at most" if power > 0 else "as large as"
    said = f"values are {what} {largest:.3g}: multiplied by 1e{power}, which changes no abundance (--scale 1 keeps them as they are)"
    return replace(cube, spectra=spectra, scale=cube.scale * 10.0**-power, repairs=(*cube.repairs, said))


def _largest(cube: Cube) -> float:
    """The largest absolute number of the valid pixels in the good bands; line by line, so that a big cube needs no copy of itself."""
    largest, whole = 0.0, bool(cube.good_bands.all())
    for line, valid in zip(cube.spectra, cube.valid_pixels, strict=True):
        if valid.any():
            known = line if whole and valid.all() else line[valid][:, cube.good_bands]
            largest = max(largest, float(known.max()), -float(known.min()))
    return largest
