"""Which spectrum of a library an endmember is, by its whole shape and by its absorptions; "none of them" is an answer.

Two angles are taken, both blind to brightness. The spectral angle compares whole spectra. The angle of absorptions takes the continuum
of the endmember away, puts the library's in its place, and compares again: slopes no longer count, and dark bands count little, where
noise over a small continuum would look like an absorption. A spectrum is named only where both are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.library.spectra import SpectralLibrary, lifted
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.sentences import UnmixError

# Degrees. Each of the 23 measured spectra that come with the package, on five other sets of bands with 30 dB of noise (20 draws), is
# within 2.7° of itself by both angles. That leaves 3° for an endmember's own error, and up to 4° no more spectra whose own entry is
# missing are called by a relative's name than up to 3°, where the bands reach the short-wave infrared. See decision 0010.
WITHIN = 4.0
_FLAT = 3.0  # degrees from a constant; the flattest of the 23 is 3.4° from one where its bands reach the short-wave infrared
_ALIKE = 1.5  # times the score of the spectrum named: what fits up to there is told beside it
_COMMON = 0.5  # share of the endmembers' bands that a library spectrum must have

Reason = Literal["", "far", "flat", "no common bands"]


@dataclass(frozen=True)
class Candidate:
    """A library's spectrum beside an endmember: angles in degrees, and their root mean square, by which candidates are ranked."""

    name: str
    spectral_angle: float
    absorption_angle: float

    @property
    def score(self) -> float:
        """Degrees; 0 is the same shape."""
        return float(np.hypot(self.spectral_angle, self.absorption_angle) / np.sqrt(2))

    def fits(self, within: float) -> bool:
        """Whether both angles are small."""
        return max(self.spectral_angle, self.absorption_angle) <= within


@dataclass(frozen=True)
class Match:
    """What a library says of one endmember.

    ``name`` is the spectrum that it is, or None, then ``reason`` is why: the nearest is too far, the endmember is too flat to tell, or
    no spectrum has its bands. ``best`` and ``runner_up`` are the two nearest; ``also`` the further names that fit about as well.
    """

    endmember: str
    name: str | None
    reason: Reason
    best: Candidate | None = None
    runner_up: Candidate | None = None
    also: tuple[str, ...] = ()


def match(endmembers: SpectralLibrary, library: SpectralLibrary, within: float = WITHIN) -> tuple[Match, ...]:
    """The library's spectrum of each endmember, both on the same bands (``library.resampled(endmembers.wavelengths)``).

    An endmember within 3° of a constant has no shape to know it by, and is not named.
    Raises UnmixError where the bands differ or ``within`` is no angle.
    """
    if endmembers.spectra.shape[1] != library.spectra.shape[1]:
        raise UnmixError(
            f"The endmembers have {endmembers.spectra.shape[1]} bands but {library.name} has {library.spectra.shape[1]}:"
            " resample it with library.resampled(wavelengths)."
        )
    if not 0 < within < 90:
        raise UnmixError(f"Matching within {within:g}° is no angle to match by: give degrees between 0 and 90.")
    whole, absorptions = _angles(endmembers, library)
    flat = np.degrees(spectral_angle(np.nan_to_num(endmembers.spectra), np.isfinite(endmembers.spectra).astype(float)))
    return tuple(
        _match_of(name, whole[row], absorptions[row], library.names, float(flat[row]), within)
        for row, name in enumerate(endmembers.names)
    )


def _match_of(
    endmember: str, whole: FloatArray, absorptions: FloatArray, names: tuple[str, ...], flat: float, within: float
) -> Match:
    known = np.flatnonzero(np.isfinite(whole))
    candidates = [Candidate(names[row], float(whole[row]), float(absorptions[row])) for row in known]
    if not candidates:
        return Match(endmember, None, "no common bands")
    candidates.sort(key=lambda candidate: candidate.score)
    best, runner_up = candidates[0], candidates[1] if len(candidates) > 1 else None
    if flat <= _FLAT:
        return Match(endmember, None, "flat", best, runner_up)
    fitting = [candidate for candidate in candidates if candidate.fits(within)]
    if not fitting:
        return Match(endmember, None, "far", best, runner_up)
    others = [candidate for candidate in candidates if candidate is not fitting[0]]
    also = tuple(candidate.name for candidate in fitting[1:] if candidate.score <= _ALIKE * fitting[0].score)
    return Match(endmember, fitting[0].name, "", fitting[0], others[0] if others else None, also)


def _angles(endmembers: SpectralLibrary, library: SpectralLibrary) -> tuple[FloatArray, FloatArray]:
    """(P, Q) spectral angles and angles of absorptions in degrees, NaN where two spectra have too few bands in common."""
    whole = np.full((len(endmembers.names), len(library.names)), np.nan)
    absorptions = whole.copy()
    mine = np.isfinite(endmembers.spectra).all(axis=0)  # the cube's good bands
    for theirs, rows in _by_bands(library):
        bands = np.flatnonzero(mine & theirs)
        if bands.size < max(3, _COMMON * mine.sum()):
            continue
        first, second = _on(endmembers, bands), _on(library.chosen(rows), bands)
        removed, continua = first.continuum_removed().spectra, second.continua()
        whole[:, rows] = np.degrees(spectral_angle(first.spectra[:, None], second.spectra[None]))
        dressed = (
            continua[None] * removed[:, None]
        )  # (P, rows, bands) the endmembers' absorptions under the library's continua
        absorptions[:, rows] = np.degrees(spectral_angle(dressed, lifted(second.spectra)[None]))
    return whole, absorptions


def _by_bands(library: SpectralLibrary) -> list[tuple[BoolArray, BoolArray]]:
    """(B,) bands and (Q,) rows of the spectra that have just these bands."""
    kinds, kind = np.unique(np.isfinite(library.spectra), axis=0, return_inverse=True)
    return [(bands, kind.ravel() == number) for number, bands in enumerate(kinds)]


def _on(library: SpectralLibrary, bands: IntArray) -> SpectralLibrary:
    axis = None if library.wavelengths is None else library.wavelengths[bands]
    return SpectralLibrary(library.spectra[:, bands], axis, library.names, None, library.name)
