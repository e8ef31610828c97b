"""All entries of a library as the spectra that a method chooses from: on a cube's bands, each once, those that cannot be used left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unmix.cube import BoolArray, Cube, FloatArray
from napari_unmix.given import SAME_DEGREES, Given
from napari_unmix.library.databases import brought, is_database, read_database
from napari_unmix.library.files import read_library
from napari_unmix.library.known import FROM, Known
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.sentences import UnmixError

# More take minutes, and the nearest of so many are alike.
MOST_CANDIDATES = 3000


def candidates(library: SpectralLibrary, cube: Cube, scale: float = 1.0) -> Known:
    """The entries of a library that is on the cube's bands, times ``scale``; what is left out, and why, is among the repairs.

    An entry is left out where it lacks a good band, is nowhere above zero, or has another one's shape. Raises UnmixError where fewer than two
    remain, or more than ``MOST_CANDIDATES``.
    """
    spectra = library.spectra * scale
    good = spectra[:, cube.good_bands]
    whole = np.isfinite(good).all(axis=1)
    bright = whole & (np.where(np.isfinite(good), good, 0.0) > 0).any(axis=1)
    once = bright.copy()
    if bright.sum() <= MOST_CANDIDATES:
        once[bright] = _once(np.maximum(good[bright], 0.0))
    total, kept = len(library.names), int(once.sum())
    if kept < 2:
        raise UnmixError(
            f"{kept} of the {total} entries of {library.name} have all of the cube's {int(cube.good_bands.sum())} good bands, "
            "and two are needed: exclude the bands that it lacks (--bands), or give another library."
        )
    if kept > MOST_CANDIDATES:
        raise UnmixError(
            f"{library.name} has {kept:,} entries, at most {MOST_CANDIDATES:,} can be tried: give a part of it."
        )
    rows = np.flatnonzero(once)
    names = _distinct([library.names[row] for row in rows])
    left = {
        "lack a good band of the cube": total - int(whole.sum()),
        "are nowhere above zero": int((whole & ~bright).sum()),
        "are another entry but for brightness": int((bright & ~once).sum()),
    }
    said = tuple(
        f"{count} of {total} entries of {library.name} {why}: left out" for why, count in left.items() if count
    )
    return Known(Given.known(spectra[rows], names, f"{FROM}{library.name}"), (*library.repairs, *said))


def candidates_in(path: str | Path, cube: Cube, scale: float = 1.0) -> Known:
    """The entries of a library's file, a run's folder or a database, brought to the cube's bands. Raises UnmixError as ``library_on``."""
    if cube.wavelengths is not None and is_database(path):
        return candidates(read_database(path, cube.wavelengths, cube.fwhm), cube, scale)
    read = read_library(path)
    return on_bands(read, cube, scale)


def on_bands(read: SpectralLibrary, cube: Cube, scale: float = 1.0) -> Known:
    """The entries of a library as it was read, brought to the cube's bands, which is said."""
    library = brought(read, cube.wavelengths, cube.shape[2], cube.spectral_axis, cube.fwhm)
    found = candidates(library, cube, scale)
    if library is read:
        return found
    said = f"{read.name} was brought from its {read.spectra.shape[1]} bands ({read.spectral_axis.span}) to the cube's {cube.shape[2]}"
    return Known(found.given, (said, *found.repairs))


def _once(spectra: FloatArray) -> BoolArray:
    """(Q,) the first of those that have one shape."""
    unit = spectra / np.linalg.norm(spectra, axis=1, keepdims=True)
    closest = 2 - 2 * np.cos(np.radians(SAME_DEGREES))
    first = np.ones(len(unit), bool)
    for row in range(1, len(unit)):
        # The chord, not the cosine: that of angles so small is rounding.
        near = np.flatnonzero(unit[:row] @ unit[row] > 1 - 1e-6)
        first[row] = not near.size or ((unit[near] - unit[row]) ** 2).sum(axis=1).min() > closest
    return first


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Names of their own: "quartz", "quartz 2"."""
    found: dict[str, None] = {}
    for name in names:
        number, own = 1, name
        while own in found:
            number += 1
            own = f"{name} {number}"
        found[own] = None
    return tuple(found)
