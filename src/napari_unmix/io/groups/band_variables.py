"""One array for each band, as ACOLITE and SNAP write NetCDF: images of one size whose names differ by a number, as one cube."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unmix.io.groups.conventions import number
from napari_unmix.io.groups.spectral_axis import unit_of
from napari_unmix.io.groups.tree import Axis, Joined, Plane, Variable, attribute
from napari_unmix.io.raster.band_names import series_of, wavelengths_of_names

_FEWEST = 4
_PLACE = (
    "radiation_wavelength",
    "wavelength",
    "center_wavelength",
    "central_wavelength",
    "wavelength_nm",
    "wave_nm",
    "wave",
)
_NUMBERS = ("scale_factor", "add_offset", "_FillValue", "missing_value")  # which have to be the same for all


def cube_of_bands(images: Sequence[Variable]) -> Variable | None:
    """The biggest series of at least four images (rows, columns), in the order of wavelength or number, or None."""
    groups: dict[Any, list[Variable]] = {}
    for image in images:
        same = tuple(str(image.attributes.get(name)) for name in _NUMBERS)
        groups.setdefault((image.name.rpartition("/")[0], image.shape, image.array.dtype.str, same), []).append(image)
    series = [[group[at] for at in series_of([image.name for image in group])] for group in groups.values()]
    best = max(series, key=len, default=[])
    return _joined(best) if len(best) >= _FEWEST else None


def _joined(bands: list[Variable]) -> Variable:
    places = [number(attribute(band.attributes, *_PLACE)) for band in bands]
    known = [place for place in places if place]
    values, unit = (
        known,
        next((unit for band in bands if (unit := unit_of(band.attributes, "radiation_wavelength"))), "nm"),
    )
    if len(set(known)) != len(bands):
        values, unit = wavelengths_of_names([band.name.rpartition("/")[2] for band in bands]) or ([], "")
    axis = Axis("wavelength" if values else "band", unit, np.array(values) if values else None)
    array = Joined([(Plane(band.array), np.zeros(1, np.intp)) for band in bands], axis=0)
    attributes = {
        name: value for name, value in bands[0].attributes.items() if attribute({name: value}, *_PLACE) is None
    }
    name = f"{bands[0].name} … {bands[-1].name.rpartition('/')[2]}"
    return Variable(name, array, attributes, (axis, *(bands[0].axes or (Axis(), Axis()))))
