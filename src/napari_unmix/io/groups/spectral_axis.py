"""Which axis of a named array is the spectral one, and where its bands lie: by names, units and lengths, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_unmix.io.axis.units import understood
from napari_unmix.io.axis.wavelengths import implied_unit, names_axis
from napari_unmix.io.groups.tree import Attributes, Tree, Variable, numbers, plain_name
from napari_unmix.io.stored import three_axes

_STANDARD = {
    "radiation_wavelength",
    "sensor_band_central_radiation_wavelength",
    "radiation_wavenumber",
    "radiation_frequency",
}
# Also names of other lists than the bands' places: they count with a spectral unit.
_ANYTHING = {
    "energy",
    "energies",
    "frequency",
    "frequencies",
    "shift",
    "shifts",
    "center",
    "centers",
    "centre",
    "centres",
    "x_axis",
    "xaxis",
}
# An axis of one of these names holds bands; x, y and their like do not.
_BAND_AXES = {
    "band",
    "bands",
    "nbands",
    "band_number",
    "spectral",
    "spectrum",
    "channel",
    "channels",
    "c",
    "lam",
    "nwl",
    "wvl_dim",
    "wavelength_3d",
}
_IMAGE_AXES = {
    "x",
    "y",
    "row",
    "rows",
    "column",
    "columns",
    "col",
    "cols",
    "line",
    "lines",
    "sample",
    "samples",
    "pixel",
    "pixels",
    "height",
    "width",
}
_IMAGE_AXES |= {
    "lat",
    "latitude",
    "lon",
    "longitude",
    "easting",
    "northing",
    "downtrack",
    "crosstrack",
    "along_track",
    "across_track",
    "scan",
    "track",
}
_IMAGE_AXES |= {"number_of_lines", "pixels_per_line", "nrow", "nrows", "ncol", "ncols", "npixels", "nlines", "nsamples"}
_WIDTHS = {
    "fwhm",
    "fwhms",
    "bandwidth",
    "bandwidths",
    "band_width",
    "band_widths",
    "full_width_half_max",
    "wavelength_width",
}
_UNIT_NAMES = (
    "units",
    "unit",
    "wavelength_units",
    "wavelengths_units",
    "wavelength_unit",
    "wavelengths_unit",
    "wavelengthunits",
)


class Spectral(NamedTuple):
    """The spectral axis (its place among all axes, None where it is not known), the list of its bands, and the list's unit."""

    axis: int | None = None
    values: Any = None
    unit: str = ""


def find_spectral(cube: Variable, tree: Tree) -> Spectral:
    """The axis with places in a spectral unit or of a spectral name, else a list beside the array, else an attribute, else the axis' name."""
    found = _own_axis(cube) or _list_beside(cube, tree) or _attribute(cube, tree)
    named = _named_axis(cube)
    if found is None:
        return Spectral(_left_axis(cube) if named is None else named)
    return found if found.axis is not None else found._replace(axis=_fitting(cube, _length(found.values), named))


def find_widths(cube: Variable, tree: Tree, count: int) -> tuple[list[float], str] | None:
    """Full widths of the bands and their unit ("" = that of the wavelengths), where the file has them."""
    for variable in _short_lists(cube, tree):
        if plain_name(variable.name) in _WIDTHS and variable.shape == (count,):
            return numbers(variable, variable.name).astype(float).tolist(), unit_of(variable.attributes)
    for attributes in (cube.attributes, *tree.around(cube.name)):
        for name, value in attributes.items():
            if plain_name(name) in _WIDTHS and isinstance(value, list) and len(value) == count:
                return [float(item) for item in value], unit_of(attributes, plain_name(name))
    return None


def unit_of(attributes: Attributes, name: str = "") -> str:
    """The unit among attributes; for an attribute that is a list, that of its own name first: ``fwhm_units``."""
    by_name = {plain_name(key): value for key, value in attributes.items()}
    own = [f"{name}_{word}" for word in ("units", "unit")] if name else []
    common = _UNIT_NAMES[2:] if name else _UNIT_NAMES
    return next((str(by_name[key]) for key in (*own, *common) if isinstance(by_name.get(key), str)), "")


def is_spectral(name: str, unit: str, attributes: Attributes | None = None) -> bool:
    """Whether a list of this name and unit tells where bands lie; lengths alone may be places on a stage."""
    if plain_name(name) in _WIDTHS:  # in the same unit as the places
        return False
    standard = str((attributes or {}).get("standard_name", ""))
    if standard in _STANDARD or (names_list(name) and plain_name(name) not in _ANYTHING):
        return True
    return understood(unit).kind not in (None, "index", "wavelength")


def is_unit(unit: str) -> bool:
    """Whether this is a unit that bands are placed in."""
    return understood(unit).kind not in (None, "index")


def names_bands(name: str) -> bool:
    """Whether an axis of this name holds bands."""
    return plain_name(name) in _BAND_AXES or names_list(name)


def names_list(name: str) -> bool:
    """Whether the last part of a path is what a list of the bands' places is called."""
    return names_axis(name.rpartition("/")[2])


def _own_axis(cube: Variable) -> Spectral | None:
    described = [(place, axis) for place, axis in enumerate(cube.axes) if cube.shape[place] > 1]
    for place, axis in described:
        if axis.values is not None and is_spectral(axis.name, axis.unit):
            return Spectral(place, axis.values.tolist(), _spelled(axis.name, axis.unit, axis.values))
    for place, axis in described:  # "channel" in nm is spectral, "x" in nm is not
        if axis.values is not None and names_bands(axis.name) and is_unit(axis.unit):
            return Spectral(place, axis.values.tolist(), axis.unit)
    return None


def _list_beside(cube: Variable, tree: Tree) -> Spectral | None:
    fits = set(cube.shape)
    lists = [v for v in _short_lists(cube, tree) if is_spectral(v.name, unit_of(v.attributes), v.attributes)]
    if not lists:
        return None
    chosen = next((variable for variable in lists if variable.shape[0] in fits), lists[0])
    values = numbers(chosen, chosen.name)
    unit = _spelled(chosen.name, unit_of(chosen.attributes), values)
    shared = {axis.name: place for place, axis in enumerate(cube.axes) if axis.name}
    place = shared.get(chosen.axis_name(0)) if chosen.axes else None
    return Spectral(place, values.tolist(), unit)


def _attribute(cube: Variable, tree: Tree) -> Spectral | None:
    for attributes in (cube.attributes, *tree.around(cube.name)):
        for name, value in attributes.items():
            if names_list(name) and plain_name(name) not in _ANYTHING:
                unit = _spelled(name, unit_of(attributes, plain_name(name)), value)
                return Spectral(None, value, unit)
    return None


def _short_lists(cube: Variable, tree: Tree) -> list[Variable]:
    """Numeric arrays of one axis that are no cube themselves, those near the array first."""
    return tree.nearest(cube.name, tree.lists)


def _fitting(cube: Variable, count: int, named: int | None) -> int | None:
    """The only axis as long as the list; of several the one that is named so, else it is open."""
    fitting = [axis for axis in _real_axes(cube) if cube.shape[axis] == count]
    if len(fitting) == 1:
        return fitting[0]
    return named if not fitting or named in fitting else None


def _named_axis(cube: Variable) -> int | None:
    found = [axis for axis in _real_axes(cube) if names_bands(cube.axis_name(axis))]
    return found[0] if len(found) == 1 else None


def _left_axis(cube: Variable) -> int | None:
    """Where two axes are those of an image, the third."""
    left = [axis for axis in _real_axes(cube) if plain_name(cube.axis_name(axis)) not in _IMAGE_AXES]
    return left[0] if len(left) == 1 and len(_real_axes(cube)) == 3 else None


def _real_axes(cube: Variable) -> Sequence[int]:
    return three_axes(cube.shape)


def _length(values: Any) -> int:
    return len(values) if isinstance(values, list) else int(np.size(values))


def _spelled(name: str, unit: str, values: Any) -> str:
    """The unit as it is written, else as the name has it; wavenumbers and Raman shifts have one unit, the name tells them apart."""
    leaf = name.rpartition("/")[2]
    raman = understood(leaf).kind == "Raman shift" and understood(unit).kind in (None, "wavenumber")
    return f"Raman shift ({unit or 'cm-1'})" if raman else implied_unit(leaf, values, unit)
