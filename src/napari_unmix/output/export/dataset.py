"""Cubes and runs as labelled arrays of xarray, and NetCDF-4 files of these, by the CF conventions (https://cfconventions.org)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.cube import Georeference
from napari_unmix.output.export import contents_of
from napari_unmix.output.export.contents import ABUNDANCES, CLASSES, CUBE, ERROR, ILLUMINATION, Contents, Image
from napari_unmix.output.export.ome_zarr import place_of
from napari_unmix.output.export.units import LISTS
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    import xarray

    from napari_unmix.output.export import Subject

_INSTALL = 'install "napari-unmix[netcdf]"'


def to_xarray(subject: Subject) -> xarray.Dataset:
    """A cube, a run, or (cube, what ``unmix`` returned) as an ``xarray.Dataset``.

    ``cube`` has the dimensions (y, x, band), with the places of the bands as ``wavelength`` (or ``wavenumber``, ``energy`` …), ``fwhm`` and
    ``good_bands`` along them; ``abundances``, ``abundance_std`` (y, x, endmember) and ``endmembers`` (endmember, band). ``mask`` (y, x) is true where
    there is data. Where the cube lies on a map, upright, x and y are the map coordinates of the pixels' centres, and ``spatial_ref`` holds the system
    as rioxarray reads it. No number is copied.

    Raises
    ------
    UnmixError : xarray is not installed
    """
    try:
        import xarray
    except ImportError as error:
        raise UnmixError(f"to_xarray needs xarray: {_INSTALL}.") from error
    contents = contents_of(subject)
    main = contents.main
    variables: dict[str, Any] = {}
    for image in contents.images:
        if image.role == CLASSES:
            continue
        along = () if image.role in (ERROR, ILLUMINATION) else (("band",) if image.role == CUBE else ("endmember",))
        values = image.values if along else image.values[:, :, 0]
        variables[image.role] = (
            ("y", "x", *along),
            values,
            _said(image, contents),
        )
    variables["mask"] = (("y", "x"), main.valid, {"long_name": "pixels with data"})
    coordinates = _bands(contents) | _places(contents)
    if contents.endmembers is not None:
        variables["endmembers"] = (("endmember", "band"), contents.endmembers)
        coordinates["endmember"] = ("endmember", list(main.names))
        if main.words:
            coordinates["grade"] = ("endmember", main.words)
    attributes = {"title": contents.description, "name": contents.name, "Conventions": "CF-1.11"}
    return xarray.Dataset(variables, coordinates, attributes)


def _said(image: Image, contents: Contents) -> dict[str, str]:
    """Where an image lies, and what its abundances are."""
    place = {"grid_mapping": "spatial_ref"} if contents.georeference else {}
    return place | ({"long_name": contents.meaning} if image.role == ABUNDANCES else {})


def _bands(contents: Contents) -> dict[str, Any]:
    axis, main = contents.axis, contents.main
    found: dict[str, Any] = {"band": ("band", np.arange(1, axis.values.size + 1))}
    if axis.unit:
        name, unit = LISTS[axis.kind]
        places = np.asarray(axis.values, np.float64)
        found[name.removesuffix("s")] = ("band", places, {"units": unit, "long_name": axis.kind})
        if main.fwhm is not None:
            found["fwhm"] = ("band", np.asarray(main.fwhm, np.float64), {"units": unit})
    if main.good_bands is not None:
        found["good_bands"] = ("band", main.good_bands)
    return found


def _places(contents: Contents) -> dict[str, Any]:
    """Map coordinates of the centres of pixels, where the image is upright; else the transform says all."""
    place = contents.georeference
    if place is None:
        return {}
    height, width, _ = contents.main.shape
    a, b, c, d, e, f = place.transform
    found: dict[str, Any] = {"spatial_ref": ((), 0, _system(place))}
    if b == 0 and d == 0:
        found["x"] = ("x", c + a * (np.arange(width) + 0.5))
        found["y"] = ("y", f + e * (np.arange(height) + 0.5))
    return found


def _system(place: Georeference) -> dict[str, Any]:
    """The coordinate system as text, which rasterio knows of a number, and the transform in GDAL's order."""
    found = place_of(place)
    text = found.get("crs_wkt", "")
    if "epsg" in found:
        try:
            from rasterio.crs import CRS

            text = CRS.from_epsg(found["epsg"]).to_wkt()
        except ImportError:
            pass
    return found | ({"crs_wkt": text, "spatial_ref": text} if text else {})


def write_netcdf(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """All of a cube or a run in one file. Raises UnmixError where xarray or h5netcdf is not installed."""
    dataset = to_xarray(contents)
    try:
        import h5netcdf  # noqa: F401
    except ImportError as error:
        raise UnmixError(f"NetCDF is written by h5netcdf: {_INSTALL}, or write .npz.") from error
    flags = {name: dataset[name].astype(np.uint8) for name in ("mask", "good_bands") if name in dataset.variables}
    dataset.assign({"mask": flags["mask"]}).assign_coords(
        {name: one for name, one in flags.items() if name != "mask"}
    ).to_netcdf(folder / f"{stem}{suffix}", engine="h5netcdf")
