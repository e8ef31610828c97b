"""The maps of a scene as files: a Zarr group that dask and xarray open as it is, or any image format that a run is written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.applying.tile import Applied, Maps
from napari_unmix.cube import BoolArray, Cube, FloatArray, SpectralAxis
from napari_unmix.files.paths import check_name, given_path
from napari_unmix.files.whole import placed_whole
from napari_unmix.output.export import EXPORTS, AlreadyThere, check_free, export, format_for
from napari_unmix.output.export.contents import (
    ABUNDANCES,
    ENDMEMBERS,
    ERROR,
    ILLUMINATION,
    SPREAD,
    SUFFIXES,
    Contents,
    Image,
)
from napari_unmix.output.export.ome_zarr import place_of
from napari_unmix.output.export.units import LISTS
from napari_unmix.sentences import UnmixError, shown

GROUP = ".zarr"  # with .ome before it, it is an image
_IMAGES = ("geotiff", "envi", "ome-zarr", "netcdf", "npz", "matlab")
_SEVERAL = ("geotiff", "envi", "ome-zarr")  # a file for each image, and the endmembers
_ENDS = ".zarr, .tif, .hdr, .dat, .nc, .npz or .mat"
_SIDE = 256  # pixels of a chunk's side


@dataclass(frozen=True, eq=False)
class Told:
    """What is said of the maps beside their numbers: the run's name and its bands' axis, and sentences for the reader."""

    run: str
    axis: SpectralAxis
    sentences: tuple[str, ...]


def check_target(out: str | Path, *, overwrite: bool) -> Path:
    """The absolute place of maps to be made. Raises UnmixError where it is taken, has no such folder, or names no format for maps."""
    target = given_path(out).absolute()
    if not _is_group(target):
        try:
            form, _, _ = format_for(target)
        except UnmixError as error:  # whose list is of runs and cubes
            raise UnmixError(f"{shown(target.name)} names no format of maps: end it in {_ENDS}.") from error
        if form.title not in {EXPORTS[name].title for name in _IMAGES}:
            raise UnmixError(f"{shown(target.name)} is for a {form.title}: end the name of maps in {_ENDS}.")
    if not target.parent.is_dir():
        raise UnmixError(f"{target.parent} is no folder: make it first, or choose another place.")
    check_name(target.with_name(f".{target.name}.unfinished"), target.parent)
    for place in (target, *_beside(target)):
        if os.path.lexists(place):
            check_free(place, overwrite)
    return target


def _beside(target: Path) -> list[Path]:
    """What may be written beside it: refused before hours of work, and not after."""
    if _is_group(target):
        return []
    form, stem, suffix = format_for(target)
    if form.title not in {EXPORTS[name].title for name in _SEVERAL}:
        return []
    images = [f"{stem}{SUFFIXES[role]}{suffix}" for role in (SPREAD, ERROR, ILLUMINATION)]
    return [
        target.with_name(name) for name in (*images, *(f"{stem}{ENDMEMBERS}{end}" for end in (".hdr", ".sli", ".csv")))
    ]


def targets_of(out: Path, cubes: list[Path]) -> list[Path]:
    """Where the maps of each cube go: OUT, or of several OUT with their names before its suffix. Raises UnmixError where two have one name."""
    if len(cubes) == 1:
        return [out]
    stem, dot, suffix = out.name.partition(".")
    names = [f"{stem}-{cube.name.split('.')[0] or cube.name}{dot}{suffix}" for cube in cubes]
    for name in names:
        if names.count(name) > 1:
            raise UnmixError(
                f"Two cubes would be written to {shown(name)}: apply the run to each of them by itself, with its own --out."
            )
    return [out.with_name(name) for name in names]


def _is_group(target: Path) -> bool:
    name = target.name.lower()
    return name.endswith(GROUP) and not name.endswith(f".ome{GROUP}") and len(name) > len(GROUP)


def write_maps(
    values: FloatArray, applied: Applied, cube: Cube, told: Told, target: Path, *, overwrite: bool
) -> list[Path]:
    """Write packed maps (H, W, columns) of a cube; all files or none. Raises AlreadyThere, UnmixError, OSError."""
    maps = applied.unpacked(values)
    if not _is_group(target):
        return export(_contents(maps, applied, cube, told), target, overwrite=overwrite)
    with placed_whole(target.parent, lambda place: check_free(place, overwrite)) as room:
        _write_group(room / target.name, maps, applied, cube, told)
    return [target]


def _contents(maps: Maps, applied: Applied, cube: Cube, told: Told) -> Contents:
    """As a run's files are described, but for the classes and grades, which are of the run's own scene."""
    valid: BoolArray = np.isfinite(maps.error)
    names = applied.names
    images = [Image(role=ABUNDANCES, values=maps.abundances, names=names, valid=valid)]
    if maps.std is not None:
        spreads = tuple(f"{one} (standard deviation)" for one in names)
        images.append(Image(role=SPREAD, values=maps.std, names=spreads, valid=valid))
    images.append(Image(role=ERROR, values=maps.error[:, :, None], names=("error",), valid=valid))
    if maps.illumination is not None:
        light = maps.illumination[:, :, None]
        images.append(Image(role=ILLUMINATION, values=light, names=("illumination",), valid=valid))
    return Contents(
        name=cube.name,
        images=tuple(images),
        axis=told.axis,
        endmembers=applied.endmembers,
        georeference=cube.georeference,
        description=_description(applied, cube, told),
        inversion=applied.inversion,
    )


def _description(applied: Applied, cube: Cube, told: Told) -> str:
    return (
        f"abundances of {cube.name} by the run {told.run}: {applied.inversion.meaning}; written by napari-unmix apply"
    )


def _write_group(path: Path, maps: Maps, applied: Applied, cube: Cube, told: Told) -> None:
    """Arrays by name over (y, x), with their coordinates, as xarray writes them."""
    import zarr

    said = {
        "description": _description(applied, cube, told),
        "notes": list(told.sentences),
        **place_of(cube.georeference),
    }
    group = zarr.create_group(store=str(path), zarr_format=3, attributes=said)
    meaning: dict[str, Any] = {"long_name": applied.inversion.meaning, "endmembers": list(applied.names)}
    _add_image(group, "abundances", maps.abundances, "endmember", meaning)
    if maps.std is not None:
        _add_image(
            group,
            "abundance_std",
            maps.std,
            "endmember",
            {**meaning, "long_name": "standard deviation of the abundances"},
        )
    _add_image(group, "error", maps.error, "", {"long_name": "root mean square of what is left, in the cube's units"})
    if maps.illumination is not None:
        _add_image(group, "illumination", maps.illumination, "", {"long_name": "illumination"})
    _add_spectra(group, applied, told.axis)


def _add_image(group: Any, name: str, values: FloatArray, along: str, said: dict[str, Any]) -> None:
    """(H, W) or (H, W, P), whole chunks at a time."""
    height, width = values.shape[:2]
    side = (min(_SIDE, height), min(_SIDE, width))
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=(*side, *values.shape[2:]),
        dtype=np.float32,
        fill_value=np.nan,
        dimension_names=("y", "x", along) if along else ("y", "x"),
        attributes=said,
    )
    for first in range(0, height, side[0]):
        array[first : first + side[0]] = values[first : first + side[0]]


def _add_spectra(group: Any, applied: Applied, axis: SpectralAxis) -> None:
    """The run's endmembers (P, B), with where their bands lie."""
    _plain(group, "endmembers", np.asarray(applied.endmembers, np.float64), ("endmember", "band"), {})
    if axis.unit:
        name, unit = LISTS[axis.kind]
        _plain(group, name.removesuffix("s"), np.asarray(axis.values, np.float64), ("band",), {"units": unit})


def _plain(group: Any, name: str, values: Any, dimensions: tuple[str, ...], said: dict[str, str]) -> None:
    array = group.create_array(
        name, shape=values.shape, chunks=values.shape, dtype=values.dtype, dimension_names=dimensions, attributes=said
    )
    array[...] = values


def taken(error: AlreadyThere, option: str = "") -> UnmixError:
    """A place that is taken, with the ``option`` that replaces what is there."""
    replacing = f", or replace it with {option}" if option and "already" in error.why else ""
    return UnmixError(f"{error.target} {error.why}: choose another name{replacing}.")
