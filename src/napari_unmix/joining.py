"""Several acquisitions of the same bands as one cube: a mosaic with a gap between its parts, which remembers whose each pixel is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unmix.cube import Cube, IntArray, Part
from napari_unmix.sentences import UnmixError

Place = tuple[slice, slice]

GAP = 1  # pixels without data between two parts, so that nothing that looks at neighbours crosses over
BAND_SHARE = 0.25  # of the band spacing: bands whose wavelengths differ by less are the same
LEAST_TOLERANCE_NM = 0.1
UNLIKE_BRIGHTNESS = 3.0
_SAMPLED = 20_000
_LONGEST_NAME = 60


def join_cubes(cubes: Sequence[Cube]) -> Cube:
    """Join two or more cubes of the same bands into one, whose ``acquisitions`` number them from 1.

    Bands that any of them excludes are excluded. Spectra are taken as they are: where the cubes' brightness is unlike, or their bands or
    scales differ, ``repairs`` says so. Raises UnmixError where the number of bands or their wavelengths (within a quarter of the
    spacing) differ.
    """
    if len(cubes) < 2:
        raise UnmixError(f"Joining needs at least two cubes, {len(cubes)} is given: add another of the same bands.")
    first = cubes[0]
    for other in cubes[1:]:
        _check_bands(first, other)
    for cube in cubes:
        if cube.lazy is not None:
            raise cube.lazy.too_large(f"Joining {cube.name} with others", sum(each.spectra.nbytes for each in cubes))
    good = np.logical_and.reduce([cube.good_bands for cube in cubes])
    if not good.any():
        raise UnmixError(
            f"No band is good in all {len(cubes)} cubes: exclude fewer bands (--bands all), or join others."
        )
    (height, width), places = mosaic([cube.shape[:2] for cube in cubes])
    spectra = np.zeros((height, width, first.shape[2]), np.float32)
    valid = np.zeros((height, width), bool)
    acquisitions = np.zeros((height, width), np.int32)
    count = 0
    for cube, place in zip(cubes, places, strict=True):
        spectra[place], valid[place] = cube.spectra, cube.valid_pixels
        own = np.ones(cube.shape[:2], np.int32) if cube.acquisitions is None else cube.acquisitions
        acquisitions[place] = np.where(own > 0, own + count, 0)
        count = int(acquisitions.max())
    known = next((cube for cube in cubes if cube.spectral_axis.unit), first)
    scales = {cube.scale for cube in cubes}
    return Cube(
        spectra,
        known.wavelengths,
        good,
        valid,
        scale=scales.pop() if len(scales) == 1 else 1.0,
        name=_name(cubes),
        repairs=tuple(_remarks(cubes, good)),
        acquisitions=acquisitions,
        measured_axis=known.measured_axis,
        fwhm=known.fwhm,
        parts=_parts(cubes),
    )


def _parts(cubes: Sequence[Cube]) -> tuple[Part, ...]:
    """Where the joined cubes came from; nothing where one of them came from no file, or is joined itself."""
    return (
        tuple(Part(cube.source, cube.reading) for cube in cubes if cube.source) if all(c.source for c in cubes) else ()
    )


def join_labels(labels: Sequence[IntArray]) -> IntArray:
    """Join (H, W) paintings, one per cube, as ``join_cubes`` joins the cubes: the same label is the same region in all of them."""
    size, places = mosaic([part.shape for part in labels])
    joined = np.zeros(size, np.int32)
    for part, place in zip(labels, places, strict=True):
        joined[place] = part
    return joined


def mosaic(sizes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, int], list[Place]]:
    """The (H, W) of a mosaic of images side by side, or one below the other where that is smaller, and where each of them lies."""
    heights, widths = zip(*sizes, strict=True)
    gaps = GAP * (len(sizes) - 1)
    beside, below = (max(heights), sum(widths) + gaps), (sum(heights) + gaps, max(widths))
    right = beside[0] * beside[1] <= below[0] * below[1]
    places, start = [], 0
    for height, width in sizes:
        rows, columns = slice(0, height), slice(0, width)
        if right:
            columns = slice(start, start + width)
        else:
            rows = slice(start, start + height)
        places.append((rows, columns))
        start += (width if right else height) + GAP
    return (beside if right else below), places


def _check_bands(first: Cube, other: Cube) -> None:
    if other.shape[2] != first.shape[2]:
        raise UnmixError(
            f"{first.name} has {first.shape[2]} bands but {other.name} has {other.shape[2]}: resample one to the other's bands."
        )
    mine, its = first.spectral_axis, other.spectral_axis
    if not (mine.unit and its.unit):
        return
    if mine.kind != its.kind:
        raise UnmixError(
            f"{first.name} lies by {mine.title} but {other.name} by {its.title}: bring one to the other's axis, and its bands."
        )
    spacing = float(np.median(np.abs(np.diff(mine.values)))) if first.shape[2] > 1 else 0.0
    least = LEAST_TOLERANCE_NM if mine.kind == "wavelength" else 0.0
    tolerance = max(BAND_SHARE * spacing, least)
    apart = np.abs(mine.values - its.values)
    worst = int(apart.round(3).argmax())
    if apart[worst] > tolerance:
        raise UnmixError(
            f"Band {worst + 1} lies at {mine.values[worst]:.1f} {mine.unit} in {first.name} but at {its.values[worst]:.1f} {its.unit} in "
            f"{other.name} (up to {tolerance:.1f} {mine.unit} is the same band): resample one to the other's bands."
        )


def _name(cubes: Sequence[Cube]) -> str:
    whole = " + ".join(cube.name for cube in cubes)
    return whole if len(whole) <= _LONGEST_NAME else f"{cubes[0].name} + {len(cubes) - 1} more"


def _remarks(cubes: Sequence[Cube], good: np.ndarray) -> list[str]:
    sizes = ", ".join(f"{cube.name} ({cube.shape[0]}×{cube.shape[1]})" for cube in cubes)
    said = [f"Joined from {len(cubes)} acquisitions: {sizes}, with a gap between them."]
    unknown = [cube.name for cube in cubes if not cube.spectral_axis.unit]
    if unknown and len(unknown) < len(cubes):
        said.append(f"{', '.join(unknown)} has no wavelengths: those of the other cubes were taken for it.")
    if any((cube.good_bands & ~good).any() for cube in cubes):
        said.append(f"The cubes exclude different bands: the {int(good.sum())} that are good in all of them take part.")
    if len({cube.scale for cube in cubes}) > 1:
        scales = ", ".join(f"{cube.scale:g} ({cube.name})" for cube in cubes)
        said.append(f"Stored values were divided by {scales}.")
    said += _brightness(cubes, good)
    return said + [f"{cube.name}: {repair}" for cube in cubes for repair in cube.repairs]


def _brightness(cubes: Sequence[Cube], good: np.ndarray) -> list[str]:
    """Acquisitions are to differ in their mixtures, not in their light: say it where they are on unlike scales."""
    middles = [_middle(cube, good) for cube in cubes]
    low, high = int(np.argmin(middles)), int(np.argmax(middles))
    if not middles[high] > UNLIKE_BRIGHTNESS * max(middles[low], 0.0):
        return []
    return [
        f"{cubes[high].name} is much brighter than {cubes[low].name} (median {middles[high]:.3g} against {middles[low]:.3g}): "
        "the theorems need the same light and calibration in all acquisitions."
    ]


def _middle(cube: Cube, good: np.ndarray) -> float:
    rows, columns = np.nonzero(cube.valid_pixels)
    step = max(1, len(rows) // _SAMPLED)
    sample = cube.spectra[rows[::step], columns[::step]][:, good]
    return float(np.median(sample)) if sample.size else 0.0
