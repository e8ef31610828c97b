"""The ways to look at a spectrum: as measured, without its continuum, all of one size, or its slope. Pure."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from napari_unmix.cube import Cube, FloatArray, SpectralAxis

DARKEST = 1e-6  # of a spectrum's maximum: a continuum is divided by, so it is kept above zero


class Shape(StrEnum):
    """What the vertical axis of the plot shows of each spectrum."""

    MEASURED = "As measured"
    CONTINUUM = "Continuum removed"
    MAXIMUM = "Maximum 1"
    AREA = "Area 1"
    LENGTH = "Length 1"
    SLOPE = "First derivative"


SHAPE_TIPS = {
    Shape.MEASURED: "The values of the cube.",
    Shape.CONTINUUM: "Each spectrum divided by its upper convex hull: absorptions stand out, whatever the brightness.",
    Shape.MAXIMUM: "Each spectrum divided by its largest value.",
    Shape.AREA: "Each spectrum divided by the area under it.",
    Shape.LENGTH: "Each spectrum divided by the root of its sum of squares: what is left is what the spectral angle compares.",
    Shape.SLOPE: "The change of each spectrum from band to band: where it rises and falls, whatever its level.",
}


def value_title(cube: Cube) -> str:
    """What the values of a cube are called."""
    return "Value" if cube.scale == 1 else "Reflectance"


def shape_title(cube: Cube, shape: Shape) -> str:
    """The title of the vertical axis."""
    value, unit = value_title(cube), cube.spectral_axis.unit or "band"
    return {
        Shape.MEASURED: value,
        Shape.CONTINUUM: "Over continuum",
        Shape.MAXIMUM: "Scaled to maximum 1",
        Shape.AREA: f"Scaled to area 1 (per {unit})",
        Shape.LENGTH: "Scaled to length 1",
        Shape.SLOPE: f"{value} per {unit}",
    }[shape]


def shaped(
    axis: FloatArray, spectrum: FloatArray, deviation: FloatArray | None, shape: Shape
) -> tuple[FloatArray, FloatArray | None]:
    """A spectrum (B,) in a shape, and its ± (B,) in the same; of a slope there is no ±. NaN where the spectrum is, and where there is no shape."""
    if shape is Shape.MEASURED:
        return spectrum, deviation
    if shape is Shape.SLOPE:
        return slope(axis, spectrum), None
    if shape is Shape.CONTINUUM:
        hull = continuum(axis, spectrum)
        return lifted(spectrum) / hull, None if deviation is None else deviation / hull
    size = _size(axis, spectrum, shape)
    factor = 1 / size if size > 0 else np.nan
    return spectrum * factor, None if deviation is None else deviation * factor


def _size(axis: FloatArray, spectrum: FloatArray, shape: Shape) -> float:
    known = np.flatnonzero(np.isfinite(spectrum))
    if not known.size:
        return 0.0
    values = spectrum[known]
    if shape is Shape.MAXIMUM:
        return float(values.max())
    if shape is Shape.LENGTH:
        return float(np.sqrt(values @ values))
    order = known[np.argsort(axis[known], kind="stable")]
    heights = np.abs(spectrum[order])
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(axis[order])).sum())


def lifted(spectrum: FloatArray) -> FloatArray:
    """A spectrum (B,) with what is dark or negative lifted to a millionth of its maximum."""
    known = spectrum[np.isfinite(spectrum)]
    floor = max(DARKEST * float(known.max(initial=0.0)), float(np.finfo(np.float64).tiny))
    return np.where(np.isfinite(spectrum), np.maximum(spectrum, floor), np.nan)


def continuum(axis: FloatArray, spectrum: FloatArray) -> FloatArray:
    """(B,) upper convex hull of a spectrum over its axis (Clark & Roush 1984, doi 10.1029/JB089iB07p06329), NaN where the spectrum is."""
    hull = np.full(spectrum.shape, np.nan)
    known = np.flatnonzero(np.isfinite(spectrum))
    order = known[np.argsort(axis[known], kind="stable")]
    if not order.size:
        return hull
    places, values = axis[order].tolist(), lifted(spectrum)[order].tolist()
    corners: list[int] = []
    for k in range(len(places)):  # Andrew's monotone chain: a corner below the line of its neighbours is none
        while len(corners) > 1 and _below(places, values, corners[-2], corners[-1], k):
            corners.pop()
        corners.append(k)
    across = np.asarray(places)
    hull[order] = np.interp(across, across[corners], np.asarray(values)[corners])
    return hull


def _below(places: list[float], values: list[float], a: int, b: int, c: int) -> bool:
    """Whether point b lies on or below the line from a to c."""
    return (values[b] - values[a]) * (places[c] - places[a]) <= (values[c] - values[a]) * (places[b] - places[a])


def slope(axis: FloatArray, spectrum: FloatArray) -> FloatArray:
    """(B,) first derivative by differences of neighbours, never across a gap; NaN where a band has no neighbour."""
    found = np.full(spectrum.shape, np.nan)
    order = np.argsort(axis, kind="stable")
    known = np.concatenate([[False], np.isfinite(spectrum[order]), [False]]).astype(int)
    edges = np.flatnonzero(np.diff(known))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        bands = order[start:end]
        if bands.size > 1 and (np.diff(axis[bands]) > 0).all():
            found[bands] = np.gradient(spectrum[bands], axis[bands])
    return found


def band_text(axis: SpectralAxis, band: int) -> str:
    """A band by its place and its number from 1: 560 nm (band 34); band 34 where bands are numbered."""
    if not axis.unit:
        return f"band {band + 1}"
    return f"{place_text(axis, float(axis.values[band]))} (band {band + 1})"


def place_text(axis: SpectralAxis, place: float) -> str:
    """A place on the axis with its unit, with as many digits as tell neighbouring bands apart."""
    values = np.sort(axis.values)
    steps = np.diff(values)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    digits = int(max(0, np.ceil(-np.log10(step)))) if step < 1 else 0
    return f"{place:.{digits}f} {axis.unit}".rstrip()
