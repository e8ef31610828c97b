"""Known spectra: of a library, on a cube's bands and in its units, as the endmembers that a fit holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.given import Given
from napari_unmix.library.databases import library_on
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.rows.simplex import non_negative
from napari_unmix.sentences import UnmixError, shown

# How a source begins that is a library's: the other sources are pins, painted places and earlier answers.
FROM = "from "
# As many endmembers as a spec takes.
MOST_KNOWN = 30
# Units differ by 100 (per cent), 10,000 (scaled integers) or more, light and shade within a scene by less than 10. Eight real scenes beside their own
# references (Samson, Jasper Ridge, Urban 4 and 6, HySU by image and by field spectra, MUUFL, APEX, DC Mall): 0.43 to 1.02 times as bright.
_OTHER_UNITS = 10.0
# The brightness of pixels beside known spectra is measured on about this many.
_MEASURED_BY = 2_000
_LISTED = 8  # names, in a sentence


class OtherUnits(UnmixError):
    """Known spectra are in other units than the cube.

    Attributes
    ----------
    known, pixels : median values of the spectra and of the cube's pixels
    scale : the power of ten that would bring the spectra to the cube's units
    """

    def __init__(self, known: float, pixels: float, scale: float) -> None:
        self.known, self.pixels, self.scale = known, pixels, scale
        super().__init__(self.said("give the scale", "free the illumination"))

    def said(self, scaling: str, freeing: str) -> str:
        """The sentence, with what whoever drives this calls the two remedies."""
        return (
            f"The known spectra have a median of {self.known:.3g}, the cube's pixels {self.pixels:.3g}, so they are in other units: "
            f"{scaling} {self.scale:g} (1 takes them as they are), or {freeing}, so that only shapes count."
        )


@dataclass(frozen=True, eq=False)
class Known:
    """Spectra that a fit is to hold, and sentences on what was assumed or is missing."""

    given: Given
    repairs: tuple[str, ...] = ()


def known_spectra(
    path: str | Path, cube: Cube, names: Sequence[str] = (), scale: float = 1.0, *, where: str = "name those wanted"
) -> Known:
    """The spectra of a library (a file, a run's folder, a database) on the bands of a cube, by the widths of its bands, times ``scale``.

    ``names`` are those wanted, in their order, all without; ``where`` is what to do where there are too many.
    Raises UnmixError: as of ``library_on``; a name that is not there, or twice; more than ``MOST_KNOWN``; no endmembers of this cube.
    """
    library = library_on(path, cube.wavelengths, cube.shape[2], cube.spectral_axis, cube.fwhm)
    rows = [row_of(library, name) for name in names] or range(len(library.names))
    return known_of(library, rows, cube, scale, where=where)


def known_of(
    library: SpectralLibrary, rows: Sequence[int], cube: Cube, scale: float = 1.0, *, where: str = "choose fewer"
) -> Known:
    """These rows of a library that is on the cube's bands already; as of ``known_spectra``."""
    if len(rows) > MOST_KNOWN:
        raise UnmixError(f"{library.name} has {len(rows):,} spectra, at most {MOST_KNOWN} can be endmembers: {where}.")
    chosen = library.chosen(list(rows))
    given = Given.known(chosen.spectra * scale, chosen.names, f"{FROM}{library.name}")
    given.check_against(cube)
    numbered = library.wavelengths is None and library.measured_axis is None and bool(cube.spectral_axis.unit)
    bare = (f"{library.name} numbers its bands only: taken band by band",) if numbered else ()
    return Known(given, (*library.repairs, *bare))


def row_of(library: SpectralLibrary, name: str) -> int:
    """The row of the one spectrum of this name. Raises UnmixError where there is none, or several."""
    rows = [row for row, its in enumerate(library.names) if its == name]
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise UnmixError(
            f"{len(rows)} spectra of {library.name} are called {shown(name)}: give each a name of its own."
        )
    close = get_close_matches(name, library.names, n=1)
    known = ", ".join(library.names[:_LISTED]) + (" …" if len(library.names) > _LISTED else "")
    hint = f"did you mean {close[0]}?" if close else f"it has {known}."
    raise UnmixError(f"{library.name} has no spectrum {shown(name)}: {hint}")


def check_units(given: Given, cube: Cube) -> None:
    """Raise OtherUnits where it takes ten times the light, or a tenth, to explain the cube's pixels by these spectra (Q, B)."""
    good = given.spectra[:, cube.good_bands]
    rows, columns = np.nonzero(cube.valid_pixels)
    step = max(1, len(rows) // _MEASURED_BY)
    sample = cube.spectra[rows[::step], columns[::step]][:, cube.good_bands].astype(np.float64)
    times = brightness_beside(sample, np.maximum(good, 0.0))
    if not 1 / _OTHER_UNITS <= times <= _OTHER_UNITS:
        scale = 10.0 ** round(float(np.log10(times))) if times > 0 else 1.0
        raise OtherUnits(float(np.median(good)), float(np.median(sample)), scale)


def brightness_beside(pixels: FloatArray, spectra: FloatArray) -> float:
    """How many times as bright as (Q, B) spectra are (N, B) pixels: the median sum of non-negative amounts."""
    return float(np.median(non_negative(pixels, spectra).sum(axis=1)))
