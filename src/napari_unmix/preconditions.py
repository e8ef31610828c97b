"""What a cube has to bring to be unmixed at all, checked before any work: each refusal says what would help."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.subspace import directions
from napari_unmix.sentences import UnmixError

FEWEST_ENDMEMBERS = 2
# Between these, a cube times a constant gave the same abundances with vca-fcls, sisal and ivae; a thousand times further out it did not.
SMALLEST, LARGEST = 1e-6, 1e15
# Noise and over-correction make some values negative, but no more than half of even a dead band's; centred data have about half.
MOST_NEGATIVE = 0.4
# Brightness is measured against the median pixel's: where half of the pixels have no spectrum, there is none to measure against.
MOST_EMPTY = 0.5
_PART = 2_048  # pixels


def check_values(spectra: FloatArray) -> None:
    """Raise UnmixError where (N, B) spectra are negative in good part, zero in most pixels, or too large or small for single precision."""
    if not spectra.size:
        return
    low, high, below = _range(spectra)
    largest = max(high, -low)
    if largest > LARGEST:
        raise UnmixError(
            f"Values are as large as {largest:.3g}, more than {LARGEST:g} can't be computed with: "
            "mark them as no data if they mean that (--no-data VALUE), or divide the cube (--scale)."
        )
    if 0 < largest < SMALLEST:
        raise UnmixError(
            f"No value is larger than {largest:.3g}, less than {SMALLEST:g} can't be told from rounding: give a smaller --scale."
        )
    empty = _without_spectrum(spectra) if low <= 0 <= high else 0
    if empty >= MOST_EMPTY * len(spectra):
        raise UnmixError(
            f"{empty} of {len(spectra)} valid pixels are zero in all good bands, so they have no spectrum: "
            "leave them out as no data (--no-data 0, or the cube's valid_pixels)."
        )
    negative = below / spectra.size
    if negative > MOST_NEGATIVE:
        raise UnmixError(
            f"{100 * negative:.0f} % of the values are negative, up to {100 * MOST_NEGATIVE:.0f} % may be: "
            "give reflectance or radiance, neither centred nor logarithms, or exclude the negative bands (--bands)."
        )


def _without_spectrum(spectra: FloatArray) -> int:
    """How many of (N, B) spectra are zero in all bands: looked for where the first band is."""
    return int((~spectra[spectra[:, 0] == 0].any(axis=1)).sum())


def _range(spectra: FloatArray) -> tuple[float, float, int]:
    """The lowest and the highest of all values, and how many are negative; a large scene is looked at once, in parts that stay in the cache."""
    parts = [spectra[first : first + _PART] for first in range(0, len(spectra), _PART)]
    found = [(part.min(), part.max(), np.count_nonzero(part < 0)) for part in parts]
    low, high, below = zip(*found, strict=True)
    return float(np.min(low)), float(np.max(high)), sum(below)


def check_size(spectra: FloatArray, count: int, illumination: bool, *, automatic: bool = False) -> int:
    """Raise UnmixError where (N, B) spectra can't be unmixed into ``count`` endmembers; returns the most that they can tell apart.

    ``automatic``: nobody asked for a number, so one material whose brightness varies is an answer: 1.
    """
    pixels, bands = spectra.shape
    asked = f"{count} endmembers{', the fewest,' if count == FEWEST_ENDMEMBERS else ''}"
    if bands <= count:
        raise UnmixError(
            f"{asked} need more than {count} bands, the cube has {bands} good one{'' if bands == 1 else 's'}: "
            + _instead(count, bands - 1, FEWEST_ENDMEMBERS + 1, "exclude fewer bands (--bands), or take a cube of more")
        )
    if pixels < 3 * count:
        raise UnmixError(
            f"{asked} need at least {3 * count} valid pixels, the cube has {pixels}: "
            + _instead(
                count,
                pixels // 3,
                3 * FEWEST_ENDMEMBERS,
                "check its mask and what is ignored (--no-data none), or take a larger cube",
            )
        )
    affine, linear = directions(spectra)
    most = linear if illumination else min(affine + 1, linear + 1)
    if most < FEWEST_ENDMEMBERS and automatic and affine > 0:
        return 1
    if most < FEWEST_ENDMEMBERS:
        raise UnmixError(
            "All pixels hold the same spectrum (but for brightness): there is nothing to unmix in this cube."
        )
    if most < count:
        raise UnmixError(
            f"The spectra vary in {most - 1} direction{'' if most == 2 else 's'} only, so {count} endmembers can't be told apart: "
            f"ask for at most {most}."
        )
    return most


def _instead(count: int, most: int, needed: int, remedy: str) -> str:
    """Fewer endmembers help only where two are possible."""
    if most >= FEWEST_ENDMEMBERS:
        return f"ask for at most {most}."
    return f"{remedy}." if count == FEWEST_ENDMEMBERS else f"even {FEWEST_ENDMEMBERS} need {needed}, so {remedy}."
