"""Places on the map and pixels of an image, and which coordinate system is which."""

from __future__ import annotations

import re

import numpy as np

from napari_unmix.cube import FloatArray, Georeference
from napari_unmix.sentences import UnmixError, shown

LONGITUDE_LATITUDE = "EPSG:4326"
_CODE = re.compile(
    r'^(?:EPSG|urn:ogc:def:crs:EPSG):(?:[\d.]*:)?(\d+)$|(?:AUTHORITY|ID)\["EPSG",\s*"?(\d+)"?\]\s*\]\s*$', re.IGNORECASE
)
# What would have PROJ open files: grids of shifts (but @null, which is none), lists of definitions, parameters.
_FILES = re.compile(r"grids\s*=\s*(?!@null\b)|\binit\s*=|PARAMETERFILE|^\s*(?:@|file:|https?:|/)", re.IGNORECASE)


def epsg(crs: str) -> str:
    """A coordinate system as ``EPSG:32633`` where that is known, else as it is written."""
    text = crs.strip()
    if re.fullmatch(r"(?:urn:ogc:def:crs:)?OGC:(?:1\.3)?:?CRS84", text, re.IGNORECASE):
        return LONGITUDE_LATITUDE  # written with the longitude first, as every file here is read
    found = _CODE.search(text)
    return f"EPSG:{found[1] or found[2]}" if found else text


def pixel_of(georeference: Georeference, points: FloatArray) -> FloatArray:
    """(N, 2) (column, row) from the image's corner, of (N, 2) map points (x, y). Raises UnmixError where the transform has no inverse."""
    a, b, c, d, e, f = georeference.transform
    try:
        inverse = np.linalg.inv(np.array([[a, b], [d, e]], dtype=np.float64))
    except np.linalg.LinAlgError as error:
        raise UnmixError("The cube's map coordinates have no extent: correct the map info of its file.") from error
    return np.asarray((np.asarray(points, dtype=np.float64) - (c, f)) @ inverse.T)


def reprojected(points: FloatArray, source: str, target: str) -> FloatArray:
    """(N, 2) map points of one coordinate system in another, by rasterio. Raises UnmixError where it is not installed or knows one of them not."""
    try:
        from rasterio.crs import CRS
        from rasterio.errors import RasterioError
        from rasterio.warp import transform
    except ImportError as error:
        raise UnmixError(
            f'Points in {epsg(source)} have to be brought to {epsg(target)[:60]}, which rasterio does: install "napari-unmix[geo]".'
        ) from error
    for crs in (source, target):
        if _FILES.search(crs):
            raise UnmixError(f"The coordinate system {shown(crs)} names files: save the points in one that names none.")
    try:
        first, second = (CRS.from_user_input(epsg(crs)) for crs in (source, target))
        x, y = transform(first, second, points[:, 0].tolist(), points[:, 1].tolist())
    except (RasterioError, ValueError) as error:
        raise UnmixError(
            f"Points in {epsg(source)[:60]} could not be brought to {epsg(target)[:60]} ({str(error)[:120]}): save them in the cube's system."
        ) from error
    return np.column_stack([x, y])
