"""Polygons, lines and points onto pixels: in the coordinates they were drawn in, with the labels and names that they have."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Georeference, UnmixError
from napari_unmix.io import read_annotation
from napari_unmix.io.annotation import AnnotationReading
from napari_unmix.io.annotation.shapes import numbers_of, pixels_of
from napari_unmix.io.annotation.vectors import Feature, Part

UTM = Georeference((20.0, 0.0, 500_000.0, 0.0, -20.0, 5_400_000.0), "EPSG:32633")
SIZE = (6, 8)

needs_geo = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("fiona", "rasterio")), reason="the extra geo is not installed"
)


def square(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def polygon(*rings: list[list[float]], **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": list(rings)}}


def geojson(folder: Path, *features: dict[str, object], crs: str | None = None, name: str = "a.geojson") -> Path:
    content: dict[str, object] = {"type": "FeatureCollection", "features": list(features)}
    if crs is not None:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder / name


def on_map(ring: list[list[float]], place: Georeference = UTM) -> list[list[float]]:
    a, b, c, d, e, f = place.transform
    return [[a * x + b * y + c, d * x + e * y + f] for x, y in ring]


# --- which pixels


@given(st.data())
def test_an_area_covers_the_pixels_whose_centres_are_inside(data):
    left, top = data.draw(st.integers(-3, 8)), data.draw(st.integers(-3, 6))
    right, bottom = left + data.draw(st.integers(1, 9)), top + data.draw(st.integers(1, 9))
    rows, columns = np.indices(SIZE) + 0.5
    expected = (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
    part = Part("area", (np.array(square(left, top, right, bottom), float),))
    np.testing.assert_array_equal(pixels_of(part, lambda points: points, SIZE), expected)


def test_a_hole_is_not_covered_and_lines_and_points_cover_what_they_cross():
    ring, hole = np.array(square(0, 0, 8, 6), float), np.array(square(2, 2, 5, 4), float)
    covered = pixels_of(Part("area", (ring, hole)), lambda points: points, SIZE)
    assert not covered[2:4, 2:5].any()
    assert covered.sum() == 48 - 6
    line = pixels_of(Part("line", (np.array([[0.5, 0.5], [5.5, 5.5], [7.5, 5.5]]),)), lambda points: points, SIZE)
    assert line[range(6), range(6)].all()
    assert line[5, 6:].all()
    assert line.sum() <= 8 + 5
    points = pixels_of(Part("point", (np.array([[0.0, 5.9], [7.9, 0.0], [8.0, 0.0]]),)), lambda found: found, SIZE)
    assert [tuple(place) for place in np.argwhere(points)] == [(0, 7), (5, 0)]


def test_a_line_to_the_horizon_does_not_take_the_memory():
    line = pixels_of(Part("line", (np.array([[-1e12, 0.5], [1e12, 0.5]]),)), lambda points: points, SIZE)
    assert line.sum() <= 8


# --- which label


@pytest.mark.parametrize(
    ("properties", "labels", "names"),
    [
        ([{"label": 3}, {"label": 3}, {"label": 7}], (3, 3, 7), {}),
        ([{"label": "3"}, {"label": 3.0}, {"label": "7"}], (3, 3, 7), {}),
        ([{"id": 9, "name": "soil"}, {"id": 2, "name": "bark"}, {"id": 9, "name": "soil"}], (9, 2, 9), {9: "soil", 2: "bark"}),
        ([{"id": 1, "name": "soil"}, {"id": 2, "name": "bark"}, {"id": 3, "name": "soil"}], (1, 2, 1), {1: "soil", 2: "bark"}),
        ([{"id": None, "class": "soil"}, {"id": None, "class": "bark"}, {"class": "soil"}], (1, 2, 1), {1: "soil", 2: "bark"}),
        ([{"class_id": 4, "class_name": "soil"}] * 3, (4, 4, 4), {4: "soil"}),
        ([{"classification": {"name": "Tumor"}}, {"classification": {"name": "Stroma"}}] , (1, 2), {1: "Tumor", 2: "Stroma"}),
        ([{}, {}], (1, 2), {}),
        ([{"label": True}, {"label": False}], (1, 2), {}),
        ([{"dn": 0}, {"dn": 5}], (0, 5), {}),
    ],
)  # fmt: skip
def test_labels_and_names_from_the_properties(properties, labels, names):
    found = numbers_of([Feature((), one) for one in properties])
    assert found.labels == labels
    assert found.names == names


# --- which coordinates


def test_pixel_coordinates_on_a_cube_without_a_place(tmp_path):
    read = read_annotation(geojson(tmp_path, polygon(square(1, 1, 4, 3), name="soil")), SIZE)
    expected = np.zeros(SIZE, int)
    expected[1:3, 1:4] = 1
    np.testing.assert_array_equal(read.labels, expected)
    assert read.names == {1: "soil"}
    assert read.remarks[0] == "a.geojson: 1 shapes, in pixel coordinates (column, row from the image's corner)"
    below = [[x, -y] for x, y in square(1, 1, 4, 3)]  # as QGIS shows an image without a place
    read = read_annotation(geojson(tmp_path, polygon(below, name="soil"), crs="urn:ogc:def:crs:OGC:1.3:CRS84"), SIZE)
    np.testing.assert_array_equal(read.labels, expected)
    assert "rows with a minus sign" in read.remarks[0]


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:EPSG::32633", "EPSG:32633", None])
@pytest.mark.parametrize("turned", [False, True])
def test_map_coordinates_of_the_cubes_system(tmp_path, crs, turned):
    place = Georeference((16.0, 12.0, 500_000.0, 12.0, -16.0, 5_400_000.0), "EPSG:32633") if turned else UTM
    features = [
        polygon(on_map(square(*box), place), label=label) for label, box in ((2, (1, 1, 4, 3)), (5, (3, 2, 8, 6)))
    ]
    read = read_annotation(geojson(tmp_path, *features, crs=crs), SIZE, place)
    expected = np.zeros(SIZE, int)
    expected[1:3, 1:4] = 2
    expected[2:, 3:] = 5
    np.testing.assert_array_equal(read.labels, expected)
    assert "in the cube's map coordinates, EPSG:32633" in read.remarks[0]
    assert "overlap on 1 pixels: the later ones lie on top" in read.remarks[-1]


@needs_geo
@pytest.mark.parametrize("crs", [None, "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:32632"])
def test_map_coordinates_of_another_system(tmp_path, crs):
    from rasterio.warp import transform

    ring = on_map(square(1, 1, 4, 3))
    target = "EPSG:32632" if crs == "EPSG:32632" else "EPSG:4326"
    there = np.column_stack(transform("EPSG:32633", target, *np.array(ring).T.tolist())).tolist()
    read = read_annotation(geojson(tmp_path, polygon(there, label=4), crs=crs), SIZE, UTM)
    expected = np.zeros(SIZE, int)
    expected[1:3, 1:4] = 4
    np.testing.assert_array_equal(read.labels, expected)
    assert f"in map coordinates, {target}" in read.remarks[0]


def test_a_program_without_a_map_draws_in_pixels_on_a_cube_with_a_place(tmp_path):
    read = read_annotation(geojson(tmp_path, polygon(square(1, 1, 4, 3), label=4)), SIZE, UTM)
    assert (read.labels[1:3, 1:4] == 4).all()
    assert "in pixel coordinates" in read.remarks[0]


def test_what_lies_elsewhere_is_refused_with_where_it_lies(tmp_path):
    far = polygon(square(400_000, 5_000_000, 400_100, 5_000_100), label=1)
    with pytest.raises(
        UnmixError, match=r"lie outside the cube \(x 400000 to 400100, y 5e\+06 .*which is 6×8 pixels: draw"
    ):
        read_annotation(geojson(tmp_path, far, crs="EPSG:32633"), SIZE, UTM)
    with pytest.raises(UnmixError, match="6×8 pixels and has no map coordinates"):
        read_annotation(geojson(tmp_path, far), SIZE)
    with pytest.raises(UnmixError, match="cover no centre of a pixel"):
        read_annotation(geojson(tmp_path, polygon(square(1.6, 1.6, 2.4, 2.4), label=1)), SIZE)
    with pytest.raises(UnmixError, match="holds no shape"):
        read_annotation(geojson(tmp_path), SIZE)


def test_what_is_left_out_is_said(tmp_path):
    features = [
        polygon(square(0, 0, 3, 3), label=0),
        polygon(square(4, 4, 6, 6), label=2),
        polygon(square(90, 0, 99, 9), label=3),
    ]
    read = read_annotation(geojson(tmp_path, *features), SIZE)
    assert read.labels.max() == 2
    assert "1 shapes cover no centre" in read.remarks[1]
    assert "1 shapes have a label of 0 or below: unpainted" in read.remarks[2]


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one], lambda one: one["geometry"]])
def test_geojson_of_any_outer_form(tmp_path, wrap):
    (tmp_path / "a.json").write_text(json.dumps(wrap(polygon(square(1, 1, 4, 3)))))
    assert (read_annotation(tmp_path / "a.json", SIZE).labels > 0).sum() == 6


@pytest.mark.parametrize(
    "text",
    ["{", "[1, 2]", '{"type": "FeatureCollection", "features": 3}', '{"type": "Curve", "coordinates": [1]}', "[" * 100_000,
     '{"type": "Polygon", "coordinates": [[[1, "a"]]]}', '{"type": "Polygon", "coordinates": [[]]}', '{"features": [{"geometry": 4}]}',
     '{"type": "Polygon", "coordinates": [[[1, 1e999], [2, 2]]]}', '{"type": "FeatureCollection", "features": [], "crs": 3}'],
)  # fmt: skip
def test_damaged_geojson(tmp_path, text):
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(UnmixError, match=r"a\.geojson (is no GeoJSON that can be read|holds no shape)"):
        read_annotation(tmp_path / "a.geojson", SIZE)


# --- shapefiles, GeoPackages, napari


SCHEMA = {"geometry": "Polygon", "properties": {"class": "str", "code": "int"}}


def write_geometries(path: Path, driver: str, layer: str | None = None) -> None:
    import fiona

    with fiona.open(path, "w", driver=driver, crs="EPSG:32633", schema=SCHEMA, layer=layer) as file:
        for code, name, box in ((2, "soil", (1, 1, 4, 3)), (5, "bark", (5, 3, 8, 6))):
            geometry = {"type": "Polygon", "coordinates": [on_map(square(*box))]}
            file.write({"geometry": geometry, "properties": {"class": name, "code": code}})


@needs_geo
@pytest.mark.parametrize(("name", "driver"), [("a.shp", "ESRI Shapefile"), ("a.gpkg", "GPKG")])
def test_shapefiles_and_geopackages(tmp_path, name, driver):
    write_geometries(tmp_path / name, driver)
    read = read_annotation(tmp_path / name, SIZE, UTM)
    expected = np.zeros(SIZE, int)
    expected[1:3, 1:4] = 2
    expected[3:, 5:] = 5
    np.testing.assert_array_equal(read.labels, expected)
    assert read.names == {2: "soil", 5: "bark"}
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 3])
    with pytest.raises(UnmixError, match=r"could not be read|holds no shape"):
        read_annotation(tmp_path / name, SIZE, UTM)


@needs_geo
def test_a_layer_of_several_is_named_and_parts_of_a_shapefile_name_it(tmp_path):
    for layer in ("painted", "roads"):
        write_geometries(tmp_path / "a.gpkg", "GPKG", layer)
    with pytest.raises(UnmixError, match="holds the layers painted, roads: name one with --annotation-key NAME"):
        read_annotation(tmp_path / "a.gpkg", SIZE, UTM)
    assert read_annotation(tmp_path / "a.gpkg", SIZE, UTM, AnnotationReading(key="roads")).labels.max() == 5
    write_geometries(tmp_path / "b.shp", "ESRI Shapefile")
    with pytest.raises(UnmixError, match=r"b\.dbf belongs to a shapefile: give b\.shp"):
        read_annotation(tmp_path / "b.dbf", SIZE, UTM)


def napari_table(path: Path, shapes: list[tuple[str, list[tuple[float, ...]]]]) -> Path:
    axes = len(shapes[0][1][0])
    lines = [",".join(["index", "shape-type", "vertex-index", *(f"axis-{axis}" for axis in range(axes))])]
    for index, (kind, corners) in enumerate(shapes):
        lines += [
            f"{float(index)},{kind},{float(place)},{','.join(map(str, corner))}" for place, corner in enumerate(corners)
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_napari_shapes_are_labels_as_napari_itself_makes_them(tmp_path):
    shapes = [
        ("rectangle", [(0.6, 0.6), (0.6, 3.4), (2.4, 3.4), (2.4, 0.6)]),
        ("path", [(5.0, 0.0), (5.0, 4.0)]),
        ("ellipse", [(2.5, 4.5), (2.5, 7.5), (5.5, 7.5), (5.5, 4.5)]),
    ]
    for axes in (2, 3):  # drawn on the image, or on a band of the cube
        table = [(kind, [(40.0,) * (axes - 2) + corner for corner in corners]) for kind, corners in shapes]
        read = read_annotation(napari_table(tmp_path / "a.csv", table), SIZE, UTM)
        assert (read.labels[1:3, 1:4] == 1).all()
        assert (read.labels[5, :5] == 2).all()
        assert (read.labels[3:6, 5:8] == 3).all()
        assert (read.labels == 1).sum() == 6
        assert (read.labels == 2).sum() == 5
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UnmixError, match="is no table of shapes as napari saves them"):
        read_annotation(tmp_path / "b.csv", SIZE)
    (tmp_path / "c.csv").write_text("index,shape-type,vertex-index,axis-0,axis-1\n0,polygon,0,x,1\n")
    with pytest.raises(UnmixError, match="holds a word in place of a number"):
        read_annotation(tmp_path / "c.csv", SIZE)
