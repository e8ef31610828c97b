"""Where the pixels of a file lie on a map: from CF's coordinates and grid mapping, from NEON's map information, from the tags of GeoTIFF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Georeference
from napari_unmix.io.groups.conventions import numbers_of
from napari_unmix.io.groups.tree import LONGEST_LIST, Tree, Variable, numbers, plain_name, text_of
from napari_unmix.io.stored import three_axes

_X = {"x", "easting", "eastings", "projection_x_coordinate", "lon", "longitude"}
_Y = {"y", "northing", "northings", "projection_y_coordinate", "lat", "latitude"}
_WKT = ("crs_wkt", "spatial_ref", "esri_pe_string")
_EVEN = 1e-3  # of a pixel: coordinates in float32 are not exact


def position(cube: Variable, tree: Tree, bands: int | None) -> Georeference | None:
    """Of an array whose bands lie along axis ``bands``; None where the file does not say, or its pixels lie on no even grid."""
    if bands is None:
        return None
    image = [axis for axis in three_axes(cube.shape) if axis != bands]
    crs = _crs(cube, tree)
    rows, columns = (_places(cube, tree, axis) for axis in image)
    even = None if rows is None or columns is None else even_grid(rows, columns, crs)
    return even or _neon(cube, tree) or _geo_transform(cube, tree, crs)


def even_grid(rows: NDArray[Any], columns: NDArray[Any], crs: str) -> Georeference | None:
    """Rows at (H,) and columns at (W,), which are the centres of pixels."""
    down, right = _step(rows), _step(columns)
    if down is None or right is None:
        return None
    return Georeference((right, 0.0, float(columns[0]) - right / 2, 0.0, down, float(rows[0]) - down / 2), crs)


def of_geotiff(tags: Mapping[str, Any]) -> Georeference | None:
    """From the tags of GeoTIFF (OGC 19-008r4 §7.1): a scale with a tie point, or a matrix; keys 3072 and 2048 name the system."""
    keys = tags.get("GeoKeyDirectoryTag") or ()
    codes = {keys[at]: keys[at + 3] for at in range(4, len(keys) - 3, 4) if keys[at + 1] == 0}
    system = next((codes[key] for key in (3072, 2048) if codes.get(key, 32767) != 32767), None)
    crs = f"EPSG:{system}" if system else ""
    half = 0.5 if codes.get(1025) == 2 else 0.0  # a tie point names a pixel's centre, not its corner
    matrix, scale, tie = (tags.get(f"Model{name}Tag") for name in ("Transformation", "PixelScale", "Tiepoint"))
    if matrix is not None and len(matrix) == 16:
        a, b, c, d, e, f = (float(matrix[at]) for at in (0, 1, 3, 4, 5, 7))
    elif scale is not None and tie is not None and len(scale) >= 2 and len(tie) == 6:
        a, b, d, e = float(scale[0]), 0.0, 0.0, -float(scale[1])
        c, f = float(tie[3]) - a * float(tie[0]), float(tie[4]) - e * float(tie[1])
    else:
        return None
    if not np.isfinite([a, b, c, d, e, f]).all():
        return None
    return Georeference((a, b, c - half * (a + b), d, e, f - half * (d + e)), crs)


def _step(places: NDArray[Any]) -> float | None:
    if places.size < 2 or not np.isfinite(places).all():
        return None
    step = float(places[-1] - places[0]) / (places.size - 1)
    even = places[0] + step * np.arange(places.size)
    return (
        step
        if step and float(np.abs(places - even).max()) < _EVEN * abs(step) + 1e-6 * abs(float(places[0])) * _EVEN
        else None
    )


def _places(cube: Variable, tree: Tree, axis: int) -> NDArray[Any] | None:
    """The coordinates along an axis that is called x, y or the like."""
    described = cube.axes[axis] if cube.axes else None
    if described is None or plain_name(described.name) not in _X | _Y:
        return None
    if described.values is not None:
        return np.asarray(described.values, float)
    for variable in tree.nearest(cube.name):
        if (
            variable.is_numeric
            and variable.shape == (cube.shape[axis],)
            and plain_name(variable.name) == plain_name(described.name)
        ):
            return numbers(variable, variable.name).astype(float) if variable.shape[0] < LONGEST_LIST else None
    return None


def _crs(cube: Variable, tree: Tree) -> str:
    """WKT of the grid mapping that the array names, or of the only one there is."""
    named = str(cube.attributes.get("grid_mapping", "")).split(":")[0]
    mappings = [
        v
        for v in tree.nearest(cube.name)
        if "grid_mapping_name" in v.attributes or any(key in v.attributes for key in _WKT)
    ]
    chosen = [v for v in mappings if v.name.rpartition("/")[2] == named] or mappings
    for attributes in (*(variable.attributes for variable in chosen[:1]), cube.attributes, *tree.around(cube.name)):
        found: Sequence[str] = [str(attributes[key]) for key in _WKT if isinstance(attributes.get(key), str)]
        if found:
            return found[0]
        code = numbers_of(attributes.get("epsg_code", attributes.get("epsg")))
        if code:
            return f"EPSG:{int(code[0])}"
    return ""


def _geo_transform(cube: Variable, tree: Tree, crs: str) -> Georeference | None:
    """The attribute ``GeoTransform`` that GDAL and rioxarray write beside the system: c, a, b, f, d, e."""
    mappings = [v.attributes for v in tree.nearest(cube.name) if "GeoTransform" in v.attributes]
    for attributes in (*mappings, cube.attributes, *tree.around(cube.name)):
        found = numbers_of(attributes.get("GeoTransform"))
        if len(found) == 6 and np.isfinite(found).all():
            c, a, b, f, d, e = found
            return Georeference((a, b, c, d, e, f), crs)
    return None


def _neon(cube: Variable, tree: Tree) -> Georeference | None:
    """NEON keeps ENVI's ``map info`` as a text: projection, reference column and row (from 1), x, y, width, height, …"""
    texts = {
        plain_name(v.name): v for v in tree.variables.values() if not v.is_numeric and "Coordinate_System" in v.name
    }
    if "map_info" not in texts:
        return None
    parts = text_of(texts["map_info"]).strip("{}").split(",")
    try:
        column, row, x, y, width, height = (float(part) for part in parts[1:7])
    except ValueError:
        return None
    code = text_of(texts["epsg_code"]).strip() if "epsg_code" in texts else ""
    left, top = x - (column - 1) * width, y + (row - 1) * height
    return Georeference((width, 0.0, left, 0.0, -height, top), f"EPSG:{code}" if code.isdigit() else "")
