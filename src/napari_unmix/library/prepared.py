"""A library on a cube's good bands with all that comparing needs of it, made once and used for every endmember."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.library.slopes import derivative, reach_of
from napari_unmix.library.spectra import SpectralLibrary

_COMMON = 0.5  # share of the endmembers' bands that a library spectrum must have
_AT_ONCE = 50  # spectra between two steps


@dataclass(frozen=True, eq=False)
class Group:
    """The spectra of a library that have the same bands.

    Attributes
    ----------
    rows : (Q,) which of the library's spectra
    bands : (B',) which of the cube's bands they share with it
    order : (B',) these bands by ascending wavelength
    spectra, continua, slopes : (Q, B')
    operator : (B', B') takes spectra to their slopes
    """

    rows: IntArray
    bands: IntArray
    order: IntArray
    spectra: FloatArray
    continua: FloatArray
    slopes: FloatArray
    operator: FloatArray


@dataclass(frozen=True, eq=False)
class Reference:
    """A library ready to be compared with: its spectra in groups; those of too few bands are in none."""

    name: str
    names: tuple[str, ...]
    groups: tuple[Group, ...]


def prepared(library: SpectralLibrary, good: BoolArray) -> Generator[tuple[int, int], None, Reference]:
    """Make a library that is on a cube's bands ready, for the cube's ``good`` (B,) bands; yields (spectra done, of how many)."""
    groups: list[Group] = []
    done, count = 0, len(library.names)
    for theirs, rows in _by_bands(library):
        bands = np.flatnonzero(good & theirs)
        if bands.size < max(3, _COMMON * good.sum()):
            done += rows.size
            continue
        own = rows_on(library.chosen(rows), bands)
        axis = np.arange(bands.size, dtype=float) if own.wavelengths is None else own.wavelengths
        operator = derivative(axis, reach_of(own.wavelengths))
        continua = []
        for start in range(0, rows.size, _AT_ONCE):
            yield done, count
            continua.append(own.chosen(np.arange(start, min(start + _AT_ONCE, rows.size))).continua())
            done += continua[-1].shape[0]
        order = np.argsort(axis, kind="stable")
        slopes = own.spectra @ operator.T
        groups.append(Group(rows, bands, order, own.spectra, np.concatenate(continua), slopes, operator))
    return Reference(library.name, library.names, tuple(groups))


def rows_on(library: SpectralLibrary, bands: IntArray) -> SpectralLibrary:
    """The library on some of its bands."""
    axis = None if library.wavelengths is None else library.wavelengths[bands]
    return SpectralLibrary(library.spectra[:, bands], axis, library.names, None, library.name)


def _by_bands(library: SpectralLibrary) -> list[tuple[BoolArray, IntArray]]:
    """(B,) bands and (Q,) rows of the spectra that have just these bands."""
    kinds, kind = np.unique(np.isfinite(library.spectra), axis=0, return_inverse=True)
    return [(bands, np.flatnonzero(kind.ravel() == number)) for number, bands in enumerate(kinds)]
