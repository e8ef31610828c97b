"""GeoPackage (OGC 12-128r19), QGIS's own format: a table of shapes in an SQLite file, geometries as well-known binary.

Read with Python's own SQLite and not by GDAL, which ends the whole program on some damaged files.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_unmix.files.database import opened_database
from napari_unmix.files.opened import regular
from napari_unmix.io.annotation.vectors import BYTES_A_LETTER, Shapes, features_of
from napari_unmix.io.budget import check_budget
from napari_unmix.sentences import UnmixError, listed, shown

_ENVELOPES = (0, 32, 48, 48, 64)  # bytes
_KINDS = {
    1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon", 7: "GeometryCollection",
}  # fmt: skip
_DEEPEST = 8  # collections within collections


def read_geopackage(path: Path, key: str | None) -> Shapes:
    """The shapes of a layer. Raises UnmixError with the names of the layers where there are several."""
    check_budget(regular(path).stat().st_size, BYTES_A_LETTER, path.name)
    try:
        with opened_database(path) as file:
            layers = _layers(file)
            if (key is not None and key not in layers) or (key is None and len(layers) != 1):
                listing = listed(layers) or "none"
                raise UnmixError(f"{path.name} holds the layers {listing}: name one with --annotation-key NAME.")
            name = key or next(iter(layers))
            column, system = layers[name]
            return Shapes(features_of(_rows(file, name, column)), _crs(file, system))
    except UnmixError:
        raise
    except Exception as error:  # of SQLite, or of a geometry that is none
        raise UnmixError(
            f"{path.name} is no GeoPackage that can be read ({shown(error, 120)}): export it again."
        ) from error


def _layers(file: sqlite3.Connection) -> dict[str, tuple[str, int]]:
    """Table of shapes -> its column of geometries, and the number of its coordinate system. Views are passed over: they run queries."""
    rows = file.execute(
        "SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns"
        " WHERE table_name IN (SELECT name FROM sqlite_master WHERE type = 'table')"
    )
    return {str(table): (str(column), int(system)) for table, column, system in rows}


def _crs(file: sqlite3.Connection, system: int) -> str:
    rows = file.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?",
        (system,),
    )
    organization, number, text = next(rows, ("", 0, ""))
    if system <= 0:  # undefined
        return ""
    return f"EPSG:{int(number)}" if str(organization).upper() == "EPSG" else str(text)


def _rows(file: sqlite3.Connection, table: str, column: str) -> Iterator[dict[str, Any]]:
    """Each row as a feature of GeoJSON."""
    quoted = table.replace('"', '""')
    cursor = file.execute(f'SELECT * FROM "{quoted}"')  # (a name that SQLite lists itself)
    titles = [str(described[0]) for described in cursor.description]
    place = titles.index(column)
    for row in cursor:
        properties = {title: value for title, value in zip(titles, row, strict=True) if title != column}
        yield {"type": "Feature", "properties": properties, "geometry": _geometry(row[place])}


def _geometry(content: bytes | None) -> dict[str, Any] | None:
    """GeoPackage's header, then well-known binary."""
    if content is None:
        return None
    if content[:2] != b"GP":
        raise ValueError("a geometry without its mark")
    flags = content[3]
    if flags & 0x10:  # empty
        return None
    return _Binary(content, 8 + _ENVELOPES[(flags >> 1) & 7]).geometry()


class _Binary:
    """Well-known binary (OGC 06-103r4, 8.2), also with heights and measures, which are left out."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at

    def geometry(self, depth: int = 0) -> dict[str, Any]:
        """As GeoJSON has it."""
        if depth > _DEEPEST:
            raise ValueError("collections within collections")
        order = "<" if self._take("B")[0] else ">"
        (code,) = self._take(order + "I")
        numbers = 2 + (2 if code & 0xC0000000 == 0xC0000000 else 1 if code & 0xC0000000 else 0)
        kind = code & 0x1FFFFFFF
        numbers += {0: 0, 1: 1, 2: 1, 3: 2}[kind // 1000]
        name = _KINDS[kind % 1000]
        if name == "Point":
            return {"type": name, "coordinates": self._points(order, numbers, 1)[0]}
        (count,) = self._take(order + "I")
        if name == "LineString":
            return {"type": name, "coordinates": self._points(order, numbers, count)}
        if name == "Polygon":
            return {"type": name, "coordinates": [self._ring(order, numbers) for _ in range(count)]}
        members = [self.geometry(depth + 1) for _ in range(count)]
        if name == "GeometryCollection":
            return {"type": name, "geometries": members}
        return {"type": name, "coordinates": [member["coordinates"] for member in members]}

    def _ring(self, order: str, numbers: int) -> list[tuple[float, ...]]:
        return self._points(order, numbers, self._take(order + "I")[0])

    def _points(self, order: str, numbers: int, count: int) -> list[tuple[float, ...]]:
        if count * numbers * 8 > len(self._content) - self._at:
            raise ValueError("a geometry that ends early")
        values = self._take(f"{order}{count * numbers}d")
        return [values[first : first + 2] for first in range(0, len(values), numbers)]

    def _take(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(layout, self._content, self._at)
        self._at += struct.calcsize(layout)
        return found
