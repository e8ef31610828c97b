"""TIFF as one file: strips within their claims, no other file through a description, paintings of one page, nothing printed."""

from __future__ import annotations

import lzma
import os
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unmix import UnmixError, read_cube
from napari_unmix.io import read_annotation
from napari_unmix.io.raster.tiff_file import Uncompressed, _unpacked_bits

CUBE = np.random.default_rng(0).integers(1, 3000, (6, 16, 32)).astype(np.uint16)  # bands, rows, columns
PACKINGS: list[dict[str, Any]] = [
    {},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": 2},
    {"compression": "lzma"},
    {"compression": "packbits"},
    {"compression": "zlib", "tile": (16, 16)},
    {"compression": "zlib", "rowsperstrip": 5},
    {"rowsperstrip": 5},
    {"compression": "zlib", "byteorder": ">"},
    {"tile": (16, 16), "byteorder": ">"},
]


def read(path: Path) -> Any:
    """As it is stored, bands first."""
    return np.moveaxis(read_cube(path, scale=1, repair="none", bands_axis="first").spectra, 2, 0)


@pytest.mark.parametrize("packing", PACKINGS, ids=lambda packing: "+".join(map(str, packing.values())) or "bare")
@pytest.mark.parametrize("planar", [None, "separate"], ids=["pages", "planes"])
def test_every_packing_is_read(tmp_path, packing, planar):
    if packing.get("compression") == "packbits":
        pytest.importorskip("imagecodecs", reason="tifffile packs no bits without it")
    tifffile.imwrite(tmp_path / "a.tif", CUBE, photometric="minisblack", planarconfig=planar, **packing)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), CUBE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.lists(st.integers(1, 6), min_size=2, max_size=4), data=st.data())
def test_any_part_of_bare_numbers(tmp_path, shape, data):
    values = np.random.default_rng(0).integers(0, 30000, shape).astype(">i2")
    (tmp_path / "a").write_bytes(b"head" + values.tobytes())
    array = Uncompressed(tmp_path / "a", values.dtype, 4, tuple(shape))
    index = tuple(
        data.draw(
            st.integers(0, length - 1)
            | st.builds(slice, st.integers(0, length), st.integers(0, length), st.integers(1, 3))
        )
        for length in shape
    )
    np.testing.assert_array_equal(array[index], values[index])


def test_a_file_that_became_shorter_is_a_sentence(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", CUBE, photometric="minisblack")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: CUBE.nbytes // 2])
    with pytest.raises(UnmixError, match=r"a\.tif (ends .* bytes before its image does|is a damaged TIFF)"):
        read(tmp_path / "a.tif")


def patched(path: Path, packed: bytes, size: int = 64) -> Path:
    """A painting of 64 × 64 in one strip that was packed by zlib, its strip another one of the same length at most."""
    labels = np.random.default_rng(0).integers(0, 2**31 - 1, (size, size)).astype(np.int32)
    tifffile.imwrite(path, labels, compression="zlib", rowsperstrip=size)
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = packed + bytes(count - len(packed))
    path.write_bytes(content)
    return path


def test_a_bomb_is_refused_within_what_it_claims(tmp_path):
    path = patched(tmp_path / "a.tif", zlib.compress(bytes(15_000_000), 9))
    tracemalloc.start()
    try:
        with pytest.raises(
            UnmixError, match=r"A strip or tile of a\.tif unpacks to more than the 16\.4 kB that it claims"
        ):
            read_annotation(path, (64, 64))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_the_kinds_of_packed_bits():
    assert _unpacked_bits(b"\xfe\xaa\x02\x80\x00\x2a\xfd\xaa\x03\x80\x00\x2a\x22\xf7\xaa", 99) == bytes.fromhex(
        "aaaaaa80002aaaaaaaaa80002a22aaaaaaaaaaaaaaaaaaaa"
    )
    assert _unpacked_bits(b"\x81\x00" * 9999, 500) == bytes(500)
    assert _unpacked_bits(b"\x80\x05ab", 9) == b"ab"


def test_a_strip_longer_than_it_can_be(tmp_path):
    path = patched(tmp_path / "a.tif", b"")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[279]
    content[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I", 3_000_000)
    path.write_bytes(content)
    with pytest.raises(UnmixError, match="is stored in 3,000,000 bytes and claims to hold 16,384"):
        read_annotation(path, (64, 64))


def test_a_description_leads_to_no_other_file(tmp_path):
    secret = np.full((16, 32), 7, np.uint16)
    tifffile.imwrite(tmp_path / "secret.tif", secret)
    described = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT"'
        ' Type="uint16" SizeX="32" SizeY="16" SizeC="6" SizeZ="1" SizeT="1"><Channel ID="C:0" SamplesPerPixel="1"/>'
        '<TiffData FirstC="0" IFD="0" PlaneCount="6"><UUID FileName="secret.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.tif", CUBE, photometric="minisblack", description=described, metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), CUBE)
    labels = np.arange(16 * 32, dtype=np.int32).reshape(16, 32) % 5
    tifffile.imwrite(tmp_path / "b.tif", labels, description=described, metadata=None)
    np.testing.assert_array_equal(read_annotation(tmp_path / "b.tif", (16, 32)).labels, labels)


def test_a_description_that_counts_too_many_planes(tmp_path):
    described = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image><Pixels SizeC="99999999999"/></Image></OME>'
    tifffile.imwrite(tmp_path / "a.tif", CUBE, photometric="minisblack", description=described, metadata=None)
    with pytest.raises(UnmixError, match="counts more planes than any file has"):
        read(tmp_path / "a.tif")


def test_a_painting_of_several_pages_is_refused_by_their_number(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 8, 9), np.uint8), photometric="minisblack")
    with pytest.raises(UnmixError, match=r"a\.tif has 3 pages, a painting has one"):
        read_annotation(tmp_path / "a.tif", (8, 9))


def test_smaller_copies_of_a_painting_are_no_pages(tmp_path):
    labels = np.arange(72, dtype=np.uint8).reshape(8, 9) % 4
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(labels)
        writer.write(labels[::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.tif", (8, 9)).labels, labels)


@pytest.mark.parametrize("content", [b"II*\x00", b"II*\x00\x08\x00\x00\x00\x00\x00", b"MM\x00*" + bytes(40)])
def test_a_stump_is_one_sentence_and_nothing_else(tmp_path, capfd, content):
    (tmp_path / "a.tif").write_bytes(content)
    for reader in (lambda: read_annotation(tmp_path / "a.tif", (8, 9)), lambda: read_cube(tmp_path / "a.tif")):
        with pytest.raises(UnmixError, match=r"a\.tif"):
            reader()
    assert capfd.readouterr() == ("", "")


def test_a_pipe_is_no_tiff(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(UnmixError, match="is a pipe"):
        read_cube(tmp_path / "a.tif")


def test_lzma_is_told_where_to_stop(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", CUBE, photometric="minisblack", compression="lzma")
    content = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        start, count = page.dataoffsets[0], page.databytecounts[0]
    bomb = lzma.compress(bytes(3_000_000))
    assert len(bomb) < count
    (tmp_path / "a.tif").write_bytes(content[:start] + bomb + bytes(count - len(bomb)) + content[start + count :])
    with pytest.raises(UnmixError, match="unpacks to more than"):
        read(tmp_path / "a.tif")


def directories(count: int, last: int) -> bytes:
    """A TIFF of so many empty pages, the last of which leads to ``last``."""
    places = [8 + 6 * number for number in range(count)] + [last]
    return b"II*\x00" + struct.pack("<I", 8) + b"".join(struct.pack("<HI", 0, place) for place in places[1:])


@pytest.mark.parametrize(
    ("content", "said"), [(directories(3, 8), "lead in a circle"), (directories(12_000, 0), "are more than 10,000")]
)
def test_pages_without_end(tmp_path, content, said):
    (tmp_path / "a.tif").write_bytes(content)
    for reader in (lambda: read_annotation(tmp_path / "a.tif", (8, 9)), lambda: read_cube(tmp_path / "a.tif")):
        with pytest.raises(UnmixError, match=said):
            reader()
