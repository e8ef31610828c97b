"""The cube among the arrays of a file, and all that the file says of it: one rule for HDF5, NetCDF and Zarr."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import BoolArray, Reading
from napari_unmix.io.arrays.companions import as_valid, band_flags, names_flags, names_mask, pixel_mask
from napari_unmix.io.axis.units import understood
from napari_unmix.io.budget import check_array, readable_shape
from napari_unmix.io.groups.band_variables import cube_of_bands
from napari_unmix.io.groups.conventions import meaning, numbers_of
from napari_unmix.io.groups.spectral_axis import Spectral, find_spectral, find_widths, names_bands
from napari_unmix.io.groups.tree import Guarded, Tree, Unwritten, Variable, numbers, plain_name, unwritten
from napari_unmix.io.place.map_position import position
from napari_unmix.io.stored import Stored, three_axes
from napari_unmix.sentences import UnmixError

_CUBES = {
    "cube",
    "hypercube",
    "reflectance",
    "radiance",
    "surface_reflectance",
    "toa_radiance",
    "toa_reflectance",
    "reflectance_data",
    "data",
}
_CUBES |= {
    "radiance_data",
    "hsi",
    "image",
    "img",
    "intensity",
    "spectra",
    "rrs",
    "rhos",
    "rhot",
    "sr_cube",
    "ortho_radiance",
    "hyperspectral",
}
_BESIDE = {
    "uncertainty",
    "uncertainties",
    "unc",
    "error",
    "err",
    "errors",
    "std",
    "variance",
    "mask",
    "masks",
    "flag",
    "flags",
    "quality",
    "qa",
    "glt",
}
_BESIDE |= {
    "location",
    "obs",
    "angle",
    "angles",
    "latitude",
    "longitude",
    "gt",
    "groundtruth",
    "label",
    "labels",
    "abundance",
    "abundances",
    "preview",
}
_SAMPLED = 16  # bands that tell whether a mask marks what is empty
_MOST_UNWRITTEN = 0.75  # of a cube's chunks
_MOST_CUBES = 500  # arrays that are compared: each is held against all others
_LISTED = 12  # arrays named in a sentence

Failed = Callable[[Exception], UnmixError]


def read_tree_cube(
    tree: Tree, key: str | None, path: Path, failed: Failed, fill: Callable[[Any], float | None] | None = None
) -> Stored:
    """What a file of many arrays holds. ``failed`` puts damage into a sentence, ``fill`` is a format's own fill value of an array.

    Raises UnmixError.
    """
    cube, chosen = choose(tree, key, path)
    array = Guarded(cube.array, failed)
    check_cube(array, f"{cube.name or path.name}" if cube.name in ("", path.name) else f"{path.name}/{cube.name}")
    spectral = find_spectral(cube, tree)
    said = meaning(cube.attributes, array.dtype, fill(cube.array) if fill else None)
    axis, bands = bands_place(cube, spectral)
    other = _other_axis(cube, spectral)
    good, left_out = _good_bands(cube, tree, bands)
    valid, masked = _valid_pixels(cube, tree, array, spectral)
    widths = find_widths(cube, tree, bands) if bands else None
    return Stored(
        array=array,
        bands_axis=axis,
        wavelengths=_list(spectral.values),
        unit=spectral.unit,
        fwhm=_in_unit(widths, spectral.unit),
        scale=said.scale,
        gains=said.gains,
        offsets=said.offsets,
        no_data=said.no_data,
        valid_range=said.valid_range,
        good_bands=good,
        valid_pixels=valid,
        georeference=position(cube, tree, spectral.axis),
        repairs=(*chosen, *other, *said.repairs, *left_out, *masked, *_unused(tree)),
    )


def with_unwritten(
    stored: Stored, path: Path, reading: Reading, counted: tuple[Unwritten, ...] | None = None
) -> Stored:
    """The same with a sentence on chunks that are not there. Raises UnmixError where most are, and their fill value is no data to nobody.

    HDF5 and Zarr leave out what holds nothing but fill value, so a file without some of its chunks may be whole, or be half of a copy.
    """
    counted = unwritten(stored.array) if counted is None else counted
    missing, chunks = (sum(one[at] for one in counted) for at in (0, 1))
    if not missing:
        return stored
    fill = next(one.fill for one in counted if one.missing)
    empty = math.isnan(fill) or fill in stored.no_data or fill == reading.no_data
    if missing > _MOST_UNWRITTEN * chunks and not empty:
        raise UnmixError(
            f"{path.name} lacks {missing:,} of the {chunks:,} chunks of its cube: copy the whole file again,"
            f" or give --no-data {fill:g} to read what is there."
        )
    said = "no data" if empty else f"{fill:g} (--no-data {fill:g} leaves them out)"
    return replace(
        stored,
        repairs=(
            *stored.repairs,
            f"{missing:,} of {chunks:,} chunks were never written: their numbers were read as {said}",
        ),
    )


def choose(tree: Tree, key: str | None, path: Path) -> tuple[Variable, tuple[str, ...]]:
    """The array that is named, or the one that looks like a cube, with a sentence where several do. Raises UnmixError with a listing."""
    arrays = {name: variable for name, variable in tree.variables.items() if variable.is_numeric}
    if key is not None:
        return _named(arrays, key, path), ()
    cubes = [variable for variable in arrays.values() if len(three_axes(variable.shape)) == 3 and _size(variable) > 1]
    usual = [variable for variable in cubes if len(variable.shape) >= 3 and _lengths(variable) >= 2]
    if len(usual) > _MOST_CUBES:
        raise UnmixError(f"{path.name} holds {len(usual):,} arrays of three axes: say which is the cube by --key.")
    ranks = {variable.name: rank(variable, tree) for variable in usual}
    ranked = sorted(usual, key=lambda variable: ranks[variable.name])
    if not ranked:
        bands = cube_of_bands(
            [v for v in arrays.values() if len(v.shape) == 2 and _lengths(v) == 2 and not is_beside(v)]
        )
        if bands is not None:
            return bands, (f"{bands.shape[0]} images were read as bands: {bands.name}",)
        if len(arrays) == 1:  # what it is instead is said where its axes are looked at
            return next(iter(arrays.values())), ()
        held = f"no array of three axes but {listing(arrays)}" if arrays else "no array of numbers"
        raise UnmixError(f"{path.name} holds {held}: give a cube (rows, columns, bands), or its name by --key.")
    best = [variable for variable in ranked if ranks[variable.name] == ranks[ranked[0].name]]
    if len(best) > 1:
        raise UnmixError(f"{path.name} holds {listing(arrays)}: say which is the cube by --key {best[0].name}.")
    plain = [variable for variable in ranked if ranks[variable.name][:2] == ranks[ranked[0].name][:2]]
    several = f"{len(plain)} arrays could be the cube ({listing(plain)}): {ranked[0].name} was taken (--key NAME takes another)"
    return ranked[0], (several,) * (len(plain) > 1)


def rank(variable: Variable, tree: Tree) -> tuple[bool, bool, bool, bool, int]:
    """The lower, the more an array looks like the cube: no mask or the like, three axes longer than 1, a spectral one, a usual name, big."""
    spectral = find_spectral(variable, tree).axis is not None
    return (
        is_beside(variable),
        _lengths(variable) < 3,
        not spectral,
        plain_name(variable.name) not in _CUBES,
        -_size(variable),
    )


def is_beside(variable: Variable) -> bool:
    """Whether an array's name says that it is no cube but belongs to one."""
    words = set(re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", variable.name).lower()))
    return bool(_BESIDE & words) or is_picture(variable.array.dtype, variable.shape)


def is_picture(dtype: np.dtype[Any], shape: Sequence[int]) -> bool:
    """Whether an array is a colour picture: 8 bit, and three or four values to a pixel."""
    kept = [shape[axis] for axis in three_axes(shape)]
    return dtype == np.uint8 and len(kept) == 3 and (kept[-1] in (3, 4) or kept[0] in (3, 4))


def looks_spectral(tree: Tree) -> bool:
    """Whether there is an array of three axes of which one is spectral."""
    arrays = [
        variable for variable in tree.variables.values() if variable.is_numeric and len(three_axes(variable.shape)) == 3
    ]
    cubes = (v for v in arrays if len(v.shape) >= 3 and not is_beside(v))
    if any(find_spectral(v, tree).axis is not None for v in islice(cubes, _MOST_CUBES)):
        return True
    bands = cube_of_bands(
        [v for v in tree.variables.values() if v.is_numeric and len(v.shape) == 2 and not is_beside(v)]
    )
    return bands is not None and bands.axes[0].values is not None


def check_cube(array: Any, label: str) -> None:
    """Raise UnmixError where an array cannot be a cube, or it or one of its chunks is beyond the memory."""
    shape = [array.shape[axis] for axis in three_axes(array.shape)] if len(array.shape) > 3 else array.shape
    can_stay = bool(getattr(array, "can_stay", False))
    check_array(shape, array.dtype.kind, array.dtype.itemsize, label, can_stay=can_stay)
    if array.chunks:
        chunk = [max(int(length), 1) for length in array.chunks]
        check_array(
            (1, 1, int(np.prod(chunk, dtype=object))), array.dtype.kind, array.dtype.itemsize, f"One chunk of {label}"
        )


def bands_place(cube: Variable, spectral: Spectral) -> tuple[int | None, int]:
    """Which of the three axes that count holds the bands, and how many they are; (None, 0) where that is open."""
    kept = three_axes(cube.shape)
    if spectral.axis is None or spectral.axis not in kept:
        return None, 0
    return kept.index(spectral.axis), cube.shape[spectral.axis]


def listing(arrays: Any) -> str:
    """Names and shapes for a sentence."""
    every = [variable for variable in (arrays.values() if isinstance(arrays, dict) else arrays) if _size(variable) > 1]
    named = [f"{variable.name or 'one array'} {readable_shape(variable.shape)}" for variable in every[:_LISTED]]
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return ", ".join(named) + more if named else "no array"


def _named(arrays: dict[str, Variable], key: str, path: Path) -> Variable:
    """By its whole path, else by the end of it."""
    wanted = key.strip("/")
    found = [arrays[wanted]] if wanted in arrays else [v for name, v in arrays.items() if name.endswith(f"/{wanted}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnmixError(f"{path.name} has {len(found)} arrays {key!r}: give the whole path, such as {found[0].name}.")
    raise UnmixError(f"{path.name} has no array {key!r}, it holds {listing(arrays)}: name one of these.")


def _size(variable: Variable) -> int:
    return int(np.prod(variable.shape, dtype=object))


def _lengths(variable: Variable) -> int:
    return sum(length > 1 for length in variable.shape)


def _list(values: Any) -> Any:
    """Numbers in a text are a list as well."""
    found = numbers_of(values) if isinstance(values, str) else []
    return found if len(found) > 1 else values


def _in_unit(widths: tuple[list[float], str] | None, unit: str) -> list[float] | None:
    """Widths in the unit of the wavelengths."""
    if widths is None or not widths[1]:
        return None if widths is None else widths[0]
    of, wanted = understood(widths[1]), understood(unit or widths[1])
    if of.kind is None or of.kind != wanted.kind:
        return None
    return [value * of.factor / wanted.factor for value in widths[0]]


def _good_bands(cube: Variable, tree: Tree, bands: int) -> tuple[BoolArray | None, list[str]]:
    """The file's own list of good or bad bands, from an array or an attribute."""
    found = [(v.name, v) for v in tree.nearest(cube.name) if _is_list_of(v, bands) and names_flags(plain_name(v.name))]
    listed = [(name, numbers(variable, name)) for name, variable in found[:1]]
    for attributes in (cube.attributes, *tree.around(cube.name)):
        named = ((name, value) for name, value in attributes.items() if names_flags(plain_name(name)))
        listed += [(name, np.asarray(numbers_of(_without_truths(value)))) for name, value in named]
    name, values = next(((name, values) for name, values in listed if values.size > 1), ("", None))
    if values is None or not bands:
        return None, []
    flags, said = band_flags(name, values, bands)
    if flags is None or flags.size != bands or flags.all():
        return None, said
    if not flags.any():
        return None, [f"'{name}' marks all {bands} bands bad: not applied"]
    return flags, said or [
        f"{int((~flags).sum())} of {bands} bands are bad by the file's own '{name}': left out (--bands all keeps them)"
    ]


def _without_truths(value: Any) -> Any:
    """True and false in a list of flags as 1 and 0."""
    return [int(item) if isinstance(item, bool) else item for item in value] if isinstance(value, list) else value


def _is_list_of(variable: Variable, bands: int) -> bool:
    return variable.array.dtype.kind in "buif" and variable.shape == (bands,)


def _valid_pixels(cube: Variable, tree: Tree, array: Guarded, spectral: Spectral) -> tuple[BoolArray | None, list[str]]:
    """The file's own mask in the group of the cube: true where there is data."""
    if spectral.axis is None:
        return None, []
    kept = three_axes(cube.shape)
    image = tuple(cube.shape[axis] for axis in kept if axis != spectral.axis)
    group = cube.name.rpartition("/")[0]
    beside = (v for v in tree.variables.values() if v.name.rpartition("/")[0] == group and v.shape == image)
    mask = next((v for v in beside if v.array.dtype.kind in "uifb" and names_mask(plain_name(v.name))), None)
    if mask is None:
        return None, []
    valid, said = pixel_mask(mask.name, numbers(mask, mask.name))
    if valid is None or valid.all():
        return valid, said
    step = max(1, cube.shape[spectral.axis] // _SAMPLED)
    index = [
        slice(None, None, step) if axis == spectral.axis else slice(None) if axis in kept else 0
        for axis in range(len(cube.shape))
    ]
    return as_valid(valid, array[tuple(index)], kept.index(spectral.axis))


def _unused(tree: Tree) -> tuple[str, ...]:
    """What the file has and the cube does not use."""
    if any(plain_name(name) == "glt_x" for name in tree.variables):
        return ("pixels are in the scanner's order: the file's geolocation table (GLT) was not applied",)
    return ()


def _other_axis(cube: Variable, spectral: Spectral) -> tuple[str, ...]:
    """That the axis which is left beside those of the image was taken, whatever it is."""
    name = "" if spectral.axis is None else cube.axis_name(spectral.axis)
    if not name or spectral.values is not None or names_bands(name):
        return ()
    return (f"the axis {name!r} was read as bands: the others are those of the image (--bands-axis reads another)",)
