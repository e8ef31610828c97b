"""Shapes onto pixels: which label a shape has, in which coordinates it was drawn, and the pixels whose centres it covers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, Georeference
from napari_unmix.io.annotation.labels import ReadAnnotation
from napari_unmix.io.annotation.vectors import Feature, Part, Shapes
from napari_unmix.io.place.georeference import LONGITUDE_LATITUDE, epsg, pixel_of, reprojected
from napari_unmix.sentences import UnmixError, listed

# Properties, in the order in which they are believed; ``id`` last, since many programs number every shape.
_NUMBERS = ("label", "class", "class_id", "classid", "c_id", "code", "category", "value", "dn", "gridcode", "id", "fid")
_NAMES = (
    "name",
    "class_name",
    "classname",
    "c_name",
    "material",
    "label",
    "class",
    "category",
    "classification",
    "type",
)
_HIGHEST = 2**31 - 1
_STEPS = 2  # points a pixel of a line's length

Place = Callable[[FloatArray], FloatArray]
Size = tuple[int, int]


@dataclass(frozen=True)
class Numbered:
    """The label of every shape, the names of labels, and how they came about."""

    labels: tuple[int, ...]
    names: Mapping[int, str]
    remarks: tuple[str, ...] = ()


def painted(shapes: Shapes, size: Size, georeference: Georeference | None, name: str) -> ReadAnnotation:
    """(H, W) labels of shapes; what is drawn later lies on top. Raises UnmixError where nothing of them covers a pixel."""
    if not shapes.features:
        raise UnmixError(f"{name} holds no shape: draw polygons, and save them again.")
    place, where = placed(shapes, size, georeference, name)
    numbered = numbers_of(shapes.features)
    labels = np.zeros(size, np.int32)
    missed = covered = 0
    for feature, label in zip(shapes.features, numbered.labels, strict=True):
        found = np.zeros(size, bool)
        for part in feature.parts:
            found |= pixels_of(part, place, size)
        missed += not found.any()
        covered += int((found & (labels != 0) & (labels != label)).sum()) if label > 0 else 0
        labels[found] = label
    if missed == len(shapes.features):
        raise UnmixError(f"The {missed} shapes of {name} cover no centre of a pixel, {where}: check where they lie.")
    said = [f"{len(shapes.features)} shapes, {where}", *numbered.remarks]
    said += [f"{missed} shapes cover no centre of a pixel: left out"] * (missed > 0)
    said += [f"shapes of other labels overlap on {covered} pixels: the later ones lie on top"] * (covered > 0)
    said += _unpainted(numbered)
    labels[labels < 0] = 0
    names = {label: text for label, text in numbered.names.items() if label > 0}
    return ReadAnnotation(labels, names, tuple(f"{name}: {text}" for text in said))


def _unpainted(numbered: Numbered) -> list[str]:
    count = sum(label <= 0 for label in numbered.labels)
    return [f"{count} shapes have a label of 0 or below: unpainted (labels are numbered from 1)"] * (count > 0)


# --- which label


def numbers_of(features: Sequence[Feature]) -> Numbered:
    """Labels by the first property that numbers all shapes, else by the first that names them, else one for each shape."""
    numbers = next(_whole_numbers(features), None)
    names = next(_texts(features), None)
    if numbers is not None:
        named = _names_of_numbers(numbers, names)
        if named is not None:
            return Numbered(tuple(numbers), named)
    if names is not None:
        known = {text: place for place, text in enumerate(dict.fromkeys(names), start=1)}
        listing = listed(f"{place} = {text}" for text, place in known.items())
        return Numbered(
            tuple(known[text] for text in names),
            {place: text for text, place in known.items()},
            (f"labels are numbered by their names: {listing}",),
        )
    return Numbered(
        tuple(range(1, len(features) + 1)), {}, ("no property says which label a shape has: each has its own",)
    )


def _names_of_numbers(numbers: Sequence[int], names: Sequence[str] | None) -> dict[int, str] | None:
    """Label -> name; None where a label has several names, so that it numbers the shapes and not what they show."""
    if names is None:
        return {}
    found: dict[int, str] = {}
    for label, text in zip(numbers, names, strict=True):
        if found.setdefault(label, text) != text:
            return None
    return None if len(set(found.values())) < len(found) else found


def _whole_numbers(features: Sequence[Feature]) -> Iterator[list[int]]:
    """Every property that is a whole number in all shapes."""
    for title in _NUMBERS:
        found = [_whole_number(feature.properties.get(title)) for feature in features]
        if all(number is not None for number in found):
            yield [number for number in found if number is not None]


def _whole_number(value: Any) -> int | None:
    """A number, or text that is one."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() and abs(number) <= _HIGHEST else None


def _texts(features: Sequence[Feature]) -> Iterator[list[str]]:
    """Every property that names all shapes; QuPath keeps the name inside one more object."""
    for title in _NAMES:
        values = [feature.properties.get(title) for feature in features]
        values = [value.get("name") if isinstance(value, Mapping) else value for value in values]
        if all(isinstance(value, str) and value.strip() and _whole_number(value) is None for value in values):
            yield [" ".join(str(value).split()) for value in values]


# --- which coordinates


def placed(shapes: Shapes, size: Size, georeference: Georeference | None, name: str) -> tuple[Place, str]:
    """Points to (column, row) from the image's corner, by the first reading in which the shapes touch the image, and its description.

    On a cube that lies on a map: the file's coordinate system (GeoJSON without one: longitude and latitude), the cube's own, then pixels; else
    pixels, then pixels with rows counted downwards from 0, as QGIS draws over an image without a place. Raises UnmixError where none fits.
    """
    points = np.concatenate([ring for feature in shapes.features for part in feature.parts for ring in part.rings])
    refusal: UnmixError | None = None
    for place, where in _readings(shapes, points, georeference):
        try:
            corners = place(points)
        except UnmixError as error:  # a coordinate system that needs rasterio: another reading may still fit
            refusal = error
            continue
        if _touches(corners, size):
            return place, where
    if refusal is not None:
        raise refusal
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    height, width = size
    lies = f", in {epsg(shapes.crs)[:40]}" if shapes.crs else ""
    has = "" if georeference is not None else " and has no map coordinates"
    raise UnmixError(
        f"The shapes of {name} lie outside the cube (x {left:g} to {right:g}, y {top:g} to {bottom:g}{lies}), which is {height}×{width} pixels{has}:"
        " draw them on this cube."
    )


def _readings(shapes: Shapes, points: FloatArray, georeference: Georeference | None) -> Iterator[tuple[Place, str]]:
    if georeference is not None and shapes.coordinates == "map":
        yield from _on_the_map(shapes, points, georeference)
    if georeference is not None and shapes.coordinates == "map" and shapes.crs:
        return  # a program that names a coordinate system draws on the map
    pixels = "in pixel coordinates (column, row from the image's corner)"
    yield (lambda found: np.asarray(found, dtype=np.float64)), pixels
    if shapes.coordinates == "map" and points[:, 1].max() <= 0:
        yield (lambda found: np.asarray(found, dtype=np.float64) * (1.0, -1.0)), f"{pixels}, rows with a minus sign"


def _on_the_map(shapes: Shapes, points: FloatArray, georeference: Georeference) -> Iterator[tuple[Place, str]]:
    def own(found: FloatArray) -> FloatArray:
        return pixel_of(georeference, found)

    theirs = epsg(shapes.crs)
    degrees = bool((np.abs(points) <= (180.0, 90.0)).all())
    if not theirs and degrees:
        theirs = LONGITUDE_LATITUDE
    cubes = epsg(georeference.crs)
    if theirs and cubes and theirs != cubes:
        yield (
            (lambda found: pixel_of(georeference, reprojected(found, theirs, georeference.crs))),
            f"in map coordinates, {theirs[:60]}",
        )
    if not shapes.crs or not cubes or theirs == cubes or degrees:
        yield own, f"in the cube's map coordinates{f', {cubes[:60]}' if cubes else ''}"


def _touches(points: FloatArray, size: Size) -> bool:
    """Whether the box around the points and the image have more than an edge in common."""
    low, high = points.min(axis=0), points.max(axis=0)
    return bool(np.isfinite(points).all() and (low < size[::-1]).all() and (high > 0).all())


# --- which pixels


def pixels_of(part: Part, place: Place, size: Size) -> BoolArray:
    """(H, W) the pixels that an area, a line or points cover: an area those whose centres are inside, a line those that it crosses."""
    covered = np.zeros(size, bool)
    for ring in part.rings:
        found = place(ring)
        if part.kind == "area":
            covered ^= _inside(found, size)  # a hole takes away what lies in it
        else:
            for points in [found] if part.kind == "point" else _along(found, size):
                _cross(points, covered)
    return covered


def _inside(corners: FloatArray, size: Size) -> BoolArray:
    from skimage.draw import polygon

    inside = np.zeros(size, bool)
    inside[polygon(corners[:, 1] - 0.5, corners[:, 0] - 0.5, size)] = True  # type: ignore[no-untyped-call]
    return inside


def _along(corners: FloatArray, size: Size) -> Iterator[FloatArray]:
    """(n, 2) points on each piece of a line, closer than pixels, but for what lies outside of the image: corners there may be any distance away."""
    yield corners[:1]
    for first, last in itertools.pairwise(corners):
        enters, leaves = _within(first, last, size)
        if enters < leaves:
            begin, end = first + enters * (last - first), first + leaves * (last - first)
            steps = int(np.abs(end - begin).max() * _STEPS) + 2
            yield np.linspace(begin, end, steps)


def _within(first: FloatArray, last: FloatArray, size: Size) -> tuple[float, float]:
    """The shares of the way at which a straight line enters and leaves the image with a pixel around it (Liang and Barsky 1984)."""
    enters, leaves = 0.0, 1.0
    for start, way, length in zip(first, last - first, size[::-1], strict=True):
        if way == 0:
            if not -1 <= start <= length + 1:
                return 1.0, 0.0
            continue
        near, far = sorted(((-1 - start) / way, (length + 1 - start) / way))
        enters, leaves = max(enters, near), min(leaves, far)
    return enters, leaves


def _cross(points: FloatArray, covered: BoolArray) -> None:
    """Cover the pixels of ``covered`` (H, W) in which points lie."""
    height, width = covered.shape
    column, row = np.floor(points).T
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    covered[row[inside].astype(int), column[inside].astype(int)] = True
