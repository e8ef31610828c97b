"""Polygons, lines and points onto pixels: in the coordinates they were drawn in, with the labels and names that they have."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import struct
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Georeference
from napari_unmix.io import read_annotation
from napari_unmix.io.annotation import AnnotationReading, ReadAnnotation
from napari_unmix.io.annotation.shapes import numbers_of, pixels_of
from napari_unmix.io.annotation.vectors import Feature, Part
from napari_unmix.sentences import UnmixError

UTM = Georeference((20.0, 0.0, 500_000.0, 0.0, -20.0, 5_400_000.0), "EPSG:32633")
SIZE = (6, 8)

needs_geo, needs_shapefile = (
    pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"the extra geo is not installed ({name})")
    for name in ("rasterio", "shapefile")
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
    assert line[0].all()
    assert line.sum() == 8


def test_a_line_far_outside_covers_what_it_crosses_and_no_more() -> None:
    corners = np.array([[-1e9, -1e9 + 1], [1e9, 1e9 + 1], [1e9, 1e9 + 5], [-1e9, 1e9]])
    line = pixels_of(Part("line", (corners,)), lambda points: points, SIZE)
    assert {(int(row), int(column)) for row, column in np.argwhere(line)} <= {
        (row, column) for row in range(6) for column in range(8) if row - column in (0, 1)
    }
    assert line[range(1, 6), range(5)].all()


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
     '{"type": "Polygon", "coordinates": []}',
     '{"type": "Polygon", "coordinates": [[[1, "a"]]]}', '{"type": "Polygon", "coordinates": [[]]}', '{"features": [{"geometry": 4}]}',
     '{"type": "Polygon", "coordinates": [[[1, 1e999], [2, 2]]]}', '{"type": "FeatureCollection", "features": [], "crs": 3}'],
)  # fmt: skip
def test_damaged_geojson(tmp_path, text):
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(UnmixError, match=r"a\.geojson (is no GeoJSON that can be read|holds no shape)"):
        read_annotation(tmp_path / "a.geojson", SIZE)


# --- shapefiles, GeoPackages, napari


PAINTED = ((2, "soil", (1, 1, 4, 3)), (5, "bark", (5, 3, 8, 6)))


def write_shapefile(path: Path) -> None:
    import shapefile

    with shapefile.Writer(str(path)) as writer:
        writer.field("code", "N")
        writer.field("class", "C")
        for code, name, box in PAINTED:
            writer.poly([on_map(square(*box))])
            writer.record(code, name)
    path.with_suffix(".prj").write_text('PROJCS["WGS 84 / UTM zone 33N",AUTHORITY["EPSG","32633"]]')


def well_known(ring: list[list[float]], order: str = "<", height: int = 0) -> bytes:
    """A polygon of one ring; with heights as ISO or as PostGIS numbers them."""
    code = {0: 3, 1: 1003, 2: 0x80000003}[height]
    points = [value for point in ring for value in (*point, *[7.0] * bool(height))]
    return struct.pack(f"{order}BIII{len(points)}d", order == "<", code, 1, len(ring), *points)


def write_geopackage(path: Path, *layers: str, order: str = "<", height: int = 0, envelope: int = 1) -> None:
    """As QGIS writes it: what it does not need to be read is left out."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m)")
        file.execute(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name, srs_id, organization, organization_coordsys_id, definition)"
        )
        file.execute("INSERT INTO gpkg_spatial_ref_sys VALUES ('UTM', 32633, 'EPSG', 32633, 'PROJCS[]')")
        for layer in layers or ("painted",):
            quoted = layer.replace('"', '""')
            file.execute(f'CREATE TABLE "{quoted}" (fid INTEGER PRIMARY KEY, geom BLOB, code INTEGER, class TEXT)')
            file.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POLYGON', 32633, 0, 0)", (layer,))
            for code, name, box in PAINTED:
                binary = well_known(on_map(square(*box)), order, height)
                head = b"GP\x00" + struct.pack("<Bi", 1 | (envelope << 1), 32633) + bytes((0, 32, 48)[envelope])
                file.execute(
                    f'INSERT INTO "{quoted}" (geom, code, class) VALUES (?, ?, ?)', (head + binary, code, name)
                )
            file.execute(f'INSERT INTO "{quoted}" (geom, code, class) VALUES (NULL, 9, NULL)')


def check_painted(read: ReadAnnotation) -> None:
    expected = np.zeros(SIZE, int)
    expected[1:3, 1:4] = 2
    expected[3:, 5:] = 5
    np.testing.assert_array_equal(read.labels, expected)
    assert read.names == {2: "soil", 5: "bark"}
    assert "in the cube's map coordinates, EPSG:32633" in read.remarks[0]


@needs_shapefile
def test_shapefiles(tmp_path):
    write_shapefile(tmp_path / "a.shp")
    check_painted(read_annotation(tmp_path / "a.shp", SIZE, UTM))
    with pytest.raises(UnmixError, match=r"a\.dbf belongs to a shapefile: give a\.shp"):
        read_annotation(tmp_path / "a.dbf", SIZE, UTM)
    content = (tmp_path / "a.shp").read_bytes()
    (tmp_path / "a.shp").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnmixError, match=r"a\.shp holds 186 bytes of 372: copy the whole file"):
        read_annotation(tmp_path / "a.shp", SIZE, UTM)


@pytest.mark.parametrize("height", [0, 1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("envelope", [0, 1, 2])
def test_geopackages(tmp_path, order, height, envelope):
    write_geopackage(tmp_path / "a.gpkg", order=order, height=height, envelope=envelope)
    before = (tmp_path / "a.gpkg").read_bytes()
    check_painted(read_annotation(tmp_path / "a.gpkg", SIZE, UTM))
    assert [path.name for path in tmp_path.iterdir()] == ["a.gpkg"]  # no journal beside it
    assert (tmp_path / "a.gpkg").read_bytes() == before


def test_libraries_that_are_missing_are_named(tmp_path, monkeypatch):
    (tmp_path / "a.shp").write_bytes(b"\x00\x00\x27\x0a" + bytes(96))
    monkeypatch.setitem(sys.modules, "shapefile", None)
    with pytest.raises(UnmixError, match=r'a\.shp is read by pyshp, .*: install "napari-unmix\[geo\]"'):
        read_annotation(tmp_path / "a.shp", SIZE, UTM)
    monkeypatch.setitem(sys.modules, "rasterio.crs", None)
    elsewhere = polygon(square(13.0, 48.0, 13.1, 48.1), label=1)
    with pytest.raises(
        UnmixError, match=r'Points in EPSG:4326 have to be brought to EPSG:32633, .*"napari-unmix\[geo\]"'
    ):
        read_annotation(geojson(tmp_path, elsewhere, crs="EPSG:4326"), SIZE, UTM)


def test_a_layer_of_several_is_named(tmp_path):
    write_geopackage(tmp_path / "a.gpkg", "painted", 'odd " name')
    with pytest.raises(UnmixError, match=r'holds the layers painted, odd " name: name one with --annotation-key NAME'):
        read_annotation(tmp_path / "a.gpkg", SIZE, UTM)
    check_painted(read_annotation(tmp_path / "a.gpkg", SIZE, UTM, AnnotationReading(key='odd " name')))


def test_damaged_geopackages(tmp_path):
    write_geopackage(tmp_path / "a.gpkg")
    content = (tmp_path / "a.gpkg").read_bytes()
    for damaged in (
        content[:100],
        content[: len(content) // 2],
        content.replace(b"GP\x00", b"XX\x00"),
        content[:16] + bytes(4000),
    ):
        (tmp_path / "a.gpkg").write_bytes(damaged)
        with pytest.raises(UnmixError, match=r"a\.gpkg (is no GeoPackage that can be read|holds)"):
            read_annotation(tmp_path / "a.gpkg", SIZE, UTM)


def test_a_geopackage_runs_no_query_of_its_own(tmp_path):
    write_geopackage(tmp_path / "a.gpkg")
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as file, file:
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS geom FROM n"
        file.execute(f"CREATE VIEW endless AS {endless}")
        file.execute("UPDATE gpkg_geometry_columns SET table_name = 'endless'")
    with pytest.raises(UnmixError, match="holds the layers none"):
        read_annotation(tmp_path / "a.gpkg", SIZE, UTM)


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


def test_a_place_at_infinity_is_a_sentence(tmp_path):
    rows = ["index,shape-type,vertex-index,axis-0,axis-1", "0,polygon,0,1e400,1", "0,polygon,1,2,5", "0,polygon,2,6,5"]
    (tmp_path / "painted.csv").write_text("\n".join(rows))
    with pytest.raises(UnmixError, match=r"painted\.csv"):
        read_annotation(tmp_path / "painted.csv", (9, 8))
