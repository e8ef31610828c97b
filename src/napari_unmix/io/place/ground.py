"""How much ground a pixel covers, where its coordinates say so."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Georeference
from napari_unmix.io.place.georeference import epsg
from napari_unmix.sentences import shown

_METRES = re.compile(
    r"EPSG:(?:32[2367](?:0[1-9]|[1-5]\d|60)|258(?:2[89]|3[0-8])|269(?:0[1-9]|1\d|2[0-3]))", re.IGNORECASE
)  # UTM
_GEOGRAPHIC = re.compile(r"EPSG:4\d{3}", re.IGNORECASE)
_MERCATOR = re.compile(
    r"EPSG:(?:3857|3395|900913)|mercator_auxiliary|pseudo[- _]?mercator|\bmercator(?:_1sp|_2sp)?\b", re.IGNORECASE
)
_TRANSVERSE = re.compile(r"transverse[ _]mercator|oblique[ _]mercator", re.IGNORECASE)
_INNER = ("GEOGCS", "BASEGEOGCRS", "BASEGEODCRS", "PARAMETER", "CONVERSION", "VERT_CS", "VERTCRS")
_UNIT = re.compile(r'(?:LENGTHUNIT|UNIT)\s*\[\s*"([^"]*)"\s*,\s*([-+.\deE]+)', re.IGNORECASE)


@dataclass(frozen=True)
class Ground:
    """What a pixel covers: its sides ``right`` and ``down`` in metres, and its area in m². ``why_not`` says why it is not known, "" where it is."""

    right: float = 0.0
    down: float = 0.0
    area: float = 0.0
    why_not: str = ""


def ground_of(georeference: Georeference | None) -> Ground:
    """The ground of a pixel: only coordinates of a projected system have lengths."""
    if georeference is None:
        return Ground(why_not="The cube does not lie on a map, so areas are in pixels.")
    metres, why_not = _metres(georeference.crs)
    a, b, _, d, e, _ = georeference.transform
    area = abs(a * e - b * d) * metres**2
    if not why_not and not (np.isfinite(area) and area > 0):
        why_not = "The cube's map coordinates have no extent, so areas are in pixels: correct the map info of its file."
    if why_not:
        return Ground(why_not=why_not)
    return Ground(float(np.hypot(a, d)) * metres, float(np.hypot(b, e)) * metres, float(area))


def _metres(crs: str) -> tuple[float, str]:
    """Metres in a unit of the coordinates, or why there are none."""
    name = epsg(crs)
    if not name:
        return 0.0, "The cube's file names no coordinate system, so areas are in pixels."
    projected = _projected(crs)
    if _GEOGRAPHIC.fullmatch(name) or (
        projected is None and re.match(r"\s*(GEOGCS|GEOGCRS|GEODCRS)\b", crs, re.IGNORECASE)
    ):
        return (
            0.0,
            "The cube's coordinates are degrees, so areas are in pixels: reproject it to a system in metres, as UTM.",
        )
    if _MERCATOR.search(name) and not _TRANSVERSE.search(name):
        return (
            0.0,
            "Mercator's map stretches areas with latitude, so they are in pixels: reproject the cube, to UTM for instance.",
        )
    if _METRES.fullmatch(name):
        return 1.0, ""
    if projected is not None:
        found = _UNIT.findall(projected)
        if found and float(found[-1][1]) > 0:
            return float(found[-1][1]), ""
    return _asked(name)


def _projected(crs: str) -> str | None:
    """What a projected system's WKT says of itself, without the systems and parameters inside it; None where it is no such text."""
    start = re.search(r"\b(?:PROJCS|PROJCRS|PROJECTEDCRS)\s*\[", crs, re.IGNORECASE)
    if start is None:
        return None
    body = _bracketed(crs, start.end())
    for inner in _INNER:
        while (found := re.search(rf"\b{inner}\s*\[", body, re.IGNORECASE)) is not None:
            body = body[: found.start()] + body[found.end() + len(_bracketed(body, found.end())) + 1 :]
    return body


def _bracketed(text: str, start: int) -> str:
    """From after an opening bracket to before the one that closes it; brackets in quotes do not count."""
    depth, quoted = 1, False
    for place in range(start, len(text)):
        quoted ^= text[place] == '"'
        depth += 0 if quoted else (text[place] == "[") - (text[place] == "]")
        if depth == 0:
            return text[start:place]
    return text[start:]


def _asked(name: str) -> tuple[float, str]:
    """What rasterio knows of a system by its number."""
    unknown = f"The lengths of the coordinate system {shown(name, 40)} are not known here, so areas are in pixels"
    if re.fullmatch(r"EPSG:\d+", name, re.IGNORECASE) is None:
        return 0.0, f"{unknown}."
    try:
        from rasterio.crs import CRS
        from rasterio.errors import RasterioError
    except ImportError:
        return 0.0, f'{unknown}: install "napari-unmix[geo]".'
    try:
        system = CRS.from_user_input(name)
        projected, metres = system.is_projected, float(system.linear_units_factor[1]) if system.is_projected else 0.0
    except (RasterioError, ValueError):
        return 0.0, f"{unknown}."
    return (metres, "") if projected and metres > 0 else (0.0, f"{unknown}: reproject the cube to a system in metres.")
