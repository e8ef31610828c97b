"""Shapes as GeoJSON, shapefile, GeoPackage and napari's table of shapes hold them: lists of points with properties."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.files.opened import first_bytes, open_regular, open_text, regular
from napari_unmix.io.budget import check_budget
from napari_unmix.sentences import UnmixError, shown

_SHAPEFILE, _SQLITE = b"\x00\x00\x27\x0a", b"SQLite format 3\x00"
_JSON_SUFFIXES = (".geojson", ".json")
BYTES_A_LETTER = 24  # of memory that a file of shapes takes as Python's lists and dictionaries
_ELLIPSE = 64  # corners
_LONGEST_CRS = 20_000  # letters

Kind = Literal["area", "line", "point"]


@dataclass(frozen=True, eq=False)
class Part:
    """An area (its outline and its holes), a line, or points: rings of (N, 2) points (x, y)."""

    kind: Kind
    rings: tuple[FloatArray, ...]


@dataclass(frozen=True, eq=False)
class Feature:
    """What was drawn at once, with what its program knows of it."""

    parts: tuple[Part, ...]
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Shapes:
    """The shapes of a file.

    Attributes
    ----------
    features : in their order, which is the order of painting
    crs : the coordinate system that the file names, "" where it names none
    coordinates : "map": x, y of ``crs`` where the cube lies on a map; "pixel": column and row, from the image's corner
    """

    features: tuple[Feature, ...]
    crs: str = ""
    coordinates: Literal["map", "pixel"] = "map"


Reader = Callable[[Path, str | None], Shapes]


def vector_reader(start: bytes, path: Path) -> Reader | None:
    """Who reads shapes in a file that begins so, or None."""
    if start.startswith(_SHAPEFILE):
        return read_shapefile
    if start.startswith(_SQLITE):
        from napari_unmix.io.annotation.geopackage import read_geopackage

        return read_geopackage
    suffix = path.suffix.lower()
    if suffix in (".dbf", ".shx", ".prj") and path.with_suffix(".shp").is_file():
        raise UnmixError(f"{path.name} belongs to a shapefile: give {path.stem}.shp.")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and suffix in _JSON_SUFFIXES:
        return read_geojson
    return read_napari_shapes if suffix == ".csv" else None


def read_geojson(path: Path, key: str | None) -> Shapes:
    """GeoJSON (RFC 7946, with the ``crs`` of its draft): a collection, a feature, a list of features, or a geometry. Raises UnmixError."""
    check_budget(regular(path).stat().st_size, BYTES_A_LETTER, path.name)
    try:
        with open_regular(path) as stream:
            content = json.loads(stream.read().decode("utf-8-sig"))
        listed = content if isinstance(content, list) else content.get("features", [content])
        features = features_of(listed)
        crs = "" if isinstance(content, list) else (content.get("crs") or {}).get("properties", {}).get("name", "")
    except Exception as error:  # of the parser, or of a geometry that is none
        raise UnmixError(f"{path.name} is no GeoJSON that can be read ({_reason(error)}): export it again.") from error
    return Shapes(features, str(crs))


def read_shapefile(path: Path, key: str | None) -> Shapes:
    """A shapefile with its table and coordinate system beside it, by pyshp. Raises UnmixError where it is not installed, or the file is damaged."""
    try:
        import shapefile
    except ImportError as error:
        raise UnmixError(
            f'{path.name} is read by pyshp, which is not installed: install "napari-unmix[geo]".'
        ) from error
    _check_whole(path)
    parts = {end: found for end in ("shp", "shx", "dbf") if (found := _part(path, end)) is not None}
    check_budget(sum(part.stat().st_size for part in parts.values()), BYTES_A_LETTER, path.name)
    system = _part(path, "prj")
    try:
        with contextlib.ExitStack() as stack:
            streams = {end: stack.enter_context(open_regular(part)) for end, part in parts.items()}
            reader = stack.enter_context(shapefile.Reader(**streams, encodingErrors="replace"))
            features = features_of(one.__geo_interface__ for one in reader.iterShapeRecords())
    except UnmixError:
        raise
    except Exception as error:  # of pyshp, or of a geometry that is none
        raise UnmixError(
            f"{path.name} could not be read ({_reason(error)}): give it with all files that belong to it."
        ) from error
    return Shapes(features, "" if system is None else first_bytes(system, _LONGEST_CRS).decode("utf-8", "replace"))


def _part(path: Path, end: str) -> Path | None:
    """A file of a shapefile, by its suffix in small or capital letters."""
    return next((found for suffix in (end, end.upper()) if (found := path.with_suffix(f".{suffix}")).exists()), None)


def _check_whole(path: Path) -> None:
    """Raise UnmixError where a shapefile is shorter than its header says (in words of two bytes): pyshp would read a part of it."""
    declared = 2 * int.from_bytes(first_bytes(path, 28)[24:], "big")
    held = path.stat().st_size
    if held < declared:
        raise UnmixError(f"{path.name} holds {held} bytes of {declared}: copy the whole file again.")


def features_of(listed: Iterable[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Features of GeoJSON, those without a geometry left out. Raises what a damaged one leads to."""
    return tuple(feature for feature in map(_feature, listed) if any(part.rings for part in feature.parts))


def read_napari_shapes(path: Path, key: str | None) -> Shapes:
    """napari's table of shapes: index, shape-type, vertex-index, axis-0, axis-1 (row, column of pixel centres). Raises UnmixError."""
    check_budget(regular(path).stat().st_size, 2 * BYTES_A_LETTER, path.name)
    with open_text(path) as stream:
        rows = list(csv.DictReader(stream))
    titles = list(rows[0]) if rows else []
    axes = sorted(
        (title for title in titles if title and title.startswith("axis-")), key=lambda title: title[5:].zfill(3)
    )
    if not {"index", "shape-type"} <= set(titles) or len(axes) < 2:
        raise UnmixError(
            f"{path.name} is no table of shapes as napari saves them (index, shape-type, vertex-index, axis-0, axis-1): save a Shapes layer,"
            " or a Labels layer as .tif."
        )
    corners: dict[str, list[tuple[float, float]]] = {}
    kinds: dict[str, str] = {}
    try:
        for row in rows:
            corners.setdefault(row["index"], []).append((float(row[axes[-1]]) + 0.5, float(row[axes[-2]]) + 0.5))
            kinds[row["index"]] = row["shape-type"].strip()
        shapes = [
            Feature((_napari_part(kinds[index], np.array(points)),), {"label": int(float(index)) + 1})
            for index, points in corners.items()
        ]
    except Exception as error:
        raise UnmixError(
            f"{path.name} holds a word in place of a number ({_reason(error)}): save the shapes again."
        ) from error
    return Shapes(tuple(shapes), coordinates="pixel")


def _napari_part(kind: str, corners: FloatArray) -> Part:
    if kind in ("path", "line"):
        return Part("line", (corners,))
    if kind == "ellipse" and len(corners) == 4:  # the corners of the box around it
        angles = np.linspace(0, 2 * np.pi, _ELLIPSE, endpoint=False)
        along, across = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
        corners = corners.mean(axis=0) + np.outer(np.cos(angles), along) + np.outer(np.sin(angles), across)
    return Part("area", (corners,))


def _feature(one: Mapping[str, Any]) -> Feature:
    geometry = one.get("geometry") if one.get("type") == "Feature" or "geometry" in one else one
    properties = {str(name).lower(): value for name, value in (one.get("properties") or {}).items()}
    return Feature(tuple(_parts(geometry or {})), properties)


def _parts(geometry: Mapping[str, Any]) -> Iterable[Part]:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates") or ()
    if kind == "GeometryCollection":
        for one in geometry["geometries"]:
            yield from _parts(one)
    elif kind == "Polygon":
        yield Part("area", tuple(map(_points, coordinates)))
    elif kind == "MultiPolygon":
        for polygon in coordinates:
            yield Part("area", tuple(map(_points, polygon)))
    elif kind == "LineString":
        yield Part("line", (_points(coordinates),))
    elif kind == "MultiLineString":
        yield Part("line", tuple(map(_points, coordinates)))
    elif kind in ("Point", "MultiPoint"):
        yield Part("point", (_points([coordinates] if kind == "Point" else coordinates),))
    elif kind is not None or coordinates:
        raise ValueError(f"it holds a geometry {kind!r}")


def _points(listed: Any) -> FloatArray:
    """(N, 2), heights left out."""
    points = np.array([[float(point[0]), float(point[1])] for point in listed], dtype=np.float64).reshape(-1, 2)
    if not points.size or not np.isfinite(points).all():
        raise ValueError("a shape without points")
    return points


def _reason(error: Exception) -> str:
    return shown(error, 120) or type(error).__name__
