"""Paintings: pictures that unpack without end, TIFFs that point elsewhere, labels that are none, shapes that nest and claim."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import good
import numpy as np
from case import Case, painting, write
from formats import HEIGHT, WIDTH, archive, deflated_zeros, npy, npy_claim, npy_head, png, png_chunk, tiff

from doors.arrays import HEADERS

_ESCAPE = "\x1b]0;owned\x07"
_ROWS = zlib.compress((b"\0" + b"\1" * WIDTH) * HEIGHT)
_STRIP = b"\1" * (HEIGHT * WIDTH)
_SIZE = (HEIGHT, WIDTH)
_OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0"><Pixels ID="Pixels:0"'
    ' DimensionOrder="XYCZT" Type="uint8" SizeX="5" SizeY="6" SizeC="1" SizeZ="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
    '<TiffData IFD="0" PlaneCount="1"><UUID FileName="../../good/secret.tif">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>'
)


def cases() -> Iterator[Case]:
    """All of them."""
    for file, name, content in _files():
        yield Case(f"painting {Path(file).suffix}", name, write(file, content), painting(file))
    for file, name, content in _either():
        yield Case(f"painting {Path(file).suffix}", name, write(file, content), painting(file), "either")
    for name, content in list(HEADERS.items())[:26]:
        yield Case("painting .npy", name, write("l.npy", content), painting("l.npy"))
        yield Case("painting .npz", name, write("l.npz", archive([("labels.npy", content)])), painting("l.npz"))
    tables = {
        "a column without end": "CREATE TABLE shapes (id INTEGER, geom BLOB, more BLOB AS (zeroblob(900000000)))",
        "a column of random": "CREATE TABLE shapes (id INTEGER, geom BLOB, more BLOB AS (hex(hex(hex(zeroblob(90000000))))))",
        "a title that rings": f'CREATE TABLE shapes (id INTEGER, geom BLOB, "{_ESCAPE}" TEXT)',
    }
    for name, table in tables.items():
        yield Case(
            "painting .gpkg",
            name,
            lambda folder, table=table: good.geopackage(folder / "l.gpkg", table),
            painting("l.gpkg"),
            "either",
        )


def _files() -> Iterator[tuple[str, str, bytes]]:
    yield "l.png", "10^10 pixels", png(100_000, 100_000, _ROWS)
    yield "l.png", "2^31 pixels a side", png(2**31 - 1, 2**31 - 1, _ROWS)
    yield "l.png", "garbage", png(WIDTH, HEIGHT, b"x" * 40)
    yield "l.png", "another size", png(WIDTH + 1, HEIGHT, _ROWS)
    yield "l.png", "a chunk of 2 GB", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31) + b"IHDR"
    yield "l.png", "a JPEG", b"\xff\xd8\xff\xe0" + bytes(99)
    yield "l.tif", "10^18 pixels", tiff(_STRIP, t256=10**9, t257=10**9)
    yield "l.tif", "another size", tiff(_STRIP, t257=HEIGHT + 1)
    yield "l.tif", "fractions", tiff((np.ones(_SIZE, "f4") * 0.5).tobytes(), t258=32, t339=3)
    yield "l.tif", "directory far out", b"II*\0\xff\xff\xff\xff"
    yield "l.tif", "four bytes", b"II*\0"
    yield "l.tif", "6 GB in a strip", tiff(deflated_zeros(6 << 30), t259=8)
    yield "l.tif", "garbage deflated", tiff(_STRIP, t259=8)
    yield "l.tif", "packing 9999", tiff(_STRIP, t259=9999)
    for name, values in {
        "fractions": np.full(_SIZE, 0.5),
        "two labels below zero": np.arange(30).reshape(_SIZE) - 9,
        "another size": np.ones((3, 3), int),
    }.items():
        yield "l.npy", name, npy(values)
    yield "l.npy", "10^12 pixels", npy_claim(npy_head("(1000000, 1000000)", "'<i4'"))
    yield "l.npy", "of no size", npy_claim(npy_head(str(_SIZE), "'|V0'"))
    yield "l.geojson", "no JSON", b"{"
    yield "l.geojson", "brackets", b'{"features": ' + b"[" * 200_000
    yield "l.geojson", "polygons of brackets", b'{"type": "Polygon", "coordinates": ' + b"[" * 900 + b"]" * 900 + b"}"
    yield "l.geojson", "a number of 5000 digits", b'{"type": "Point", "coordinates": [' + b"9" * 5000 + b", 1]}"
    yield "l.geojson", "a place at infinity", b'{"type": "Point", "coordinates": [1e999, 1]}'
    yield "l.geojson", "features are a text", b'{"features": "abc"}'
    yield "l.geojson", "not UTF-8", b'{"type": "\xff\xfe"}'
    nested: object = {"type": "Point", "coordinates": [1, 1]}
    for _ in range(400):
        nested = {"type": "GeometryCollection", "geometries": [nested]}
    yield "l.geojson", "400 collections", json.dumps({"type": "GeometryCollection", "geometries": nested}).encode()
    yield (
        "l.csv",
        "a field of 200000 letters",
        b"index,shape-type,vertex-index,axis-0,axis-1\n0," + b"x" * 200_000 + b",0,1,1\n",
    )
    yield "l.csv", "words", b"index,shape-type,vertex-index,axis-0,axis-1\n0,polygon,0,a,b\n"
    yield "l.csv", "too few cells", b"index,shape-type,vertex-index,axis-0,axis-1\n0\n"
    yield "l.csv", "zeros", bytes(2000)


def _either() -> Iterator[tuple[str, str, bytes]]:
    text = b"zTXt" + b"a\0\0" + deflated_zeros(1 << 30)
    yield "l.png", "a text of 1 GB", png(WIDTH, HEIGHT, _ROWS, before=png_chunk(text[:4], text[4:]))
    yield "l.png", "1 GB of rows", png(WIDTH, HEIGHT, deflated_zeros(1 << 30))
    yield "l.png", "70000 texts", png(WIDTH, HEIGHT, _ROWS, before=png_chunk(b"tEXt", b"a\0" + b"x" * 100) * 70_000)
    yield "l.tif", "directory of itself", tiff(_STRIP, following=8)
    yield "l.tif", "pointing elsewhere", tiff(_STRIP, description=_OME.encode())
    yield "l.tif", "a billion laughs", tiff(_STRIP, description=_laughs())
    yield "l.tif", "a strip of 4 GB", tiff(_STRIP, t279=2**32 - 1)
    yield "l.tif", "shape of 10^12", tiff(_STRIP, description=b'{"shape": [1000000, 1000000]}')
    yield "l.tif", "brackets", tiff(_STRIP, description=b'{"shape": ' + b"[" * 100_000)
    yield (
        "l.tif",
        "10^9 images of ImageJ",
        tiff(_STRIP, description=b"ImageJ=1.53\nimages=1000000000\nslices=1000000000\n"),
    )
    yield "l.tif", "10^5 directories", _directories(100_000)
    yield "l.npy", "2^64 − 1", npy(np.full(_SIZE, 2**64 - 1, "u8"))
    yield "l.npy", "2^31 − 1", npy(np.where(np.arange(30).reshape(_SIZE) < 12, 2**31 - 1, 1))
    square = [[[0, 0], [3, 0], [3, 3], [0, 0]]]
    for name, properties in {
        "a name that rings": {"name": _ESCAPE},
        "a name of 60000 letters": {"name": "n" * 60_000},
        "label 1e300": {"label": 1e300},
        "label nan": {"label": "nan"},
    }.items():
        feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": square}}
        yield "l.geojson", name, json.dumps({"features": [feature, feature]}).encode()
    many = [
        {"type": "Feature", "properties": {"name": f"n{place}"}, "geometry": {"type": "Point", "coordinates": [1, 1]}}
        for place in range(5000)
    ]
    yield "l.geojson", "5000 names", json.dumps({"features": many}).encode()
    long_line = [[k % 2 * 1e9, k % 3 * 1e9] for k in range(200)]
    yield (
        "l.geojson",
        "a line of 10^9 pixels",
        json.dumps({"type": "LineString", "coordinates": [*long_line, [1, 1], [2, 2]]}).encode(),
    )
    grids = {"crs": {"properties": {"name": "+proj=longlat +nadgrids=/etc/passwd"}}, "features": many[:1]}
    yield "l.geojson", "a system that opens files", json.dumps(grids).encode()


def _laughs() -> bytes:
    entities = b"".join(b'<!ENTITY %c "%s">' % (98 + step, b"&%c;" % (97 + step) * 50) for step in range(8))
    return (
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "'
        + b"x" * 100
        + b'">'
        + entities
        + b"]><OME><Image><Description>&i;</Description></Image></OME>"
    )


def _directories(count: int) -> bytes:
    values = ((256, WIDTH), (257, HEIGHT), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, HEIGHT), (279, 30))
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values)
    size = 2 + len(tags) + 4
    out = [b"II*\0" + struct.pack("<I", 40) + _STRIP + b"\0\0"]
    out += [
        struct.pack("<H", 9) + tags + struct.pack("<I", 40 + size * place if place < count else 0)
        for place in range(1, count + 1)
    ]
    return b"".join(out)
