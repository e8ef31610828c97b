"""The work of choosing known spectra, in a worker: reading a library on a cube's bands, and taking spectra of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unmix.cube import Cube
from napari_unmix.library.candidates import candidates
from napari_unmix.library.known import Known, OtherUnits, check_units, known_of
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.library.stock import Bands, Stock, name_of
from napari_unmix.plugin.facts.known_spectra import Candidates, HeldSpectrum, Offered, given_of
from napari_unmix.plugin.facts.naming import distinct
from napari_unmix.progress import Fit, Progress, meanwhile


def library_of(cube: Cube, path: Path | None, stock: Stock) -> Fit[SpectralLibrary]:
    """A library on the bands of a cube; None is the built-in one. Raises UnmixError where it can't be read, or brought to them."""
    yield Progress(f"reading {name_of(path)}", 0, 1, 0.0)
    return (yield from stock.library(path, Bands(cube.spectral_axis, cube.wavelengths, cube.fwhm, cube.good_bands)))


def held_spectra(
    offered: Offered, rows: Sequence[int], scale: float | None, before: tuple[HeldSpectrum, ...]
) -> Fit[tuple[HeldSpectrum, ...]]:
    """Those that are held ``before``, then these rows of a library times ``scale``, None where nobody said one.

    Raises UnmixError where they are no endmembers of the cube.
    """
    yield Progress("bringing spectra to the cube", 0, 1, 0.0)
    known = known_of(offered.library, rows, offered.cube, 1.0 if scale is None else scale)
    units = None if scale is not None else _other_units(known, offered.cube)
    made = list(before)
    for name, source, values in zip(known.given.names, known.given.sources, known.given.spectra, strict=True):
        made.append(HeldSpectrum(distinct(name, [one.name for one in made]), source, values, units, known.repairs))
    together = given_of(made)
    assert together is not None  # a row was chosen
    together.check_against(offered.cube)
    return tuple(made)


def all_entries(offered: Offered, scale: float | None) -> Fit[Candidates]:
    """All usable entries of a library, times ``scale``. Raises UnmixError where fewer than two are."""
    title = name_of(offered.path)
    known = yield from meanwhile(
        lambda: candidates(offered.library, offered.cube, 1.0 if scale is None else scale),
        Progress(f"bringing {title} to the cube", 0, 1, 0.0),
    )
    units = None if scale is not None else _other_units(known, offered.cube)
    return Candidates(offered.cube, title, known.given, known.repairs, units)


def _other_units(known: Known, cube: Cube) -> OtherUnits | None:
    try:
        check_units(known.given, cube)
    except OtherUnits as units:
        return units
    return None
