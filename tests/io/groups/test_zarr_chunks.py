"""Chunks of Zarr: every packing within its claim, every file regular, those that are not there said."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from napari_unmix import UnmixError, read_cube

CUBE = np.random.default_rng(0).integers(1, 3000, (8, 6, 12)).astype(np.int16)
VERSION_2 = {
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "zstd": numcodecs.Zstd(),
    "blosc": numcodecs.Blosc(),
    "lz4": numcodecs.LZ4(),
}
SIZE = 40_000_000
BOMBS = {
    "gzip": lambda: gzip.compress(bytes(SIZE)),
    "zlib": lambda: zlib.compress(bytes(SIZE)),
    "bz2": lambda: bz2.compress(bytes(SIZE)),
    "lzma": lambda: lzma.compress(bytes(SIZE)),
    "zstd": lambda: bytes(numcodecs.Zstd().encode(bytes(SIZE))),
    "blosc": lambda: bytes(numcodecs.Blosc().encode(bytes(SIZE))),
    "lz4": lambda: struct.pack("<I", SIZE) + bytes(numcodecs.LZ4().encode(bytes(1000)))[4:],
}


def version_2(path: Path, name: str, **options: Any) -> Path:
    """An array of version 2 in one chunk."""
    array = zarr.create_array(
        path,
        shape=CUBE.shape,
        dtype=CUBE.dtype,
        chunks=CUBE.shape,
        zarr_format=2,
        compressors=VERSION_2[name],
        **options,
    )
    array[...] = CUBE
    return path


def version_3(path: Path, compressor: Any, **options: Any) -> Path:
    """An array of version 3 in chunks of four rows."""
    zarr.create_array(path, data=CUBE, chunks=(4, 6, 12), compressors=compressor, **options)
    return path


def read(path: Path, **options: Any) -> Any:
    """As it is stored."""
    return read_cube(path, scale=1, repair="none", bands_axis="last", **options)


@pytest.mark.parametrize("name", VERSION_2)
@pytest.mark.parametrize(
    "filters", [None, [numcodecs.Delta("i2")], [numcodecs.Shuffle(2)]], ids=["bare", "delta", "shuffle"]
)
def test_every_packing_of_version_2(tmp_path, name, filters):
    cube = read(version_2(tmp_path / "a.zarr", name, filters=filters))
    np.testing.assert_array_equal(cube.spectra, CUBE)
    assert not any("never written" in said for said in cube.repairs)


@pytest.mark.parametrize(
    ("compressor", "options"),
    [
        (zarr.codecs.GzipCodec(), {}),
        (zarr.codecs.ZstdCodec(), {}),
        (zarr.codecs.BloscCodec(), {}),
        ([zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec()], {}),
        (zarr.codecs.GzipCodec(), {"shards": (8, 6, 12)}),
        (None, {}),
    ],
    ids=["gzip", "zstd", "blosc", "checksum", "shards", "bare"],
)
def test_every_packing_of_version_3(tmp_path, compressor, options):
    cube = read(version_3(tmp_path / "a.zarr", compressor, **options))
    np.testing.assert_array_equal(cube.spectra, CUBE)
    assert not any("never written" in said for said in cube.repairs)


@pytest.mark.parametrize("name", VERSION_2)
def test_a_bomb_is_refused_within_what_it_claims(tmp_path, name):
    path = version_2(tmp_path / "a.zarr", name)
    (path / "0.0.0").write_bytes(BOMBS[name]())
    check_bomb(path)


@pytest.mark.parametrize("name", ["gzip", "zstd", "blosc"])
def test_a_bomb_of_version_3(tmp_path, name):
    codec = {"gzip": zarr.codecs.GzipCodec, "zstd": zarr.codecs.ZstdCodec, "blosc": zarr.codecs.BloscCodec}[name]()
    path = version_3(tmp_path / "a.zarr", codec)
    (path / "c" / "0" / "0" / "0").write_bytes(BOMBS[name]())
    check_bomb(path)


def check_bomb(path: Path) -> None:
    """It is refused, and at no time there was much of it."""
    tracemalloc.start()
    try:
        with pytest.raises(UnmixError, match=r"A chunk of a\.zarr .*copy the whole file again"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_stream_of_zstandard_that_does_not_say_its_size():
    from napari_unmix.io.unpacked import check_zstd

    header = b"\x28\xb5\x2f\xfd\x00\x58"  # no size, a window of 2 MB
    block = struct.pack("<I", 128 << 10 << 3 | 1 << 1)[:3] + b"\x00"  # one byte, 131,072 times
    last = struct.pack("<I", 128 << 10 << 3 | 1 << 1 | 1)[:3] + b"\x00"
    check_zstd(header + block * 9 + last, 10 * 131072, "it")
    with pytest.raises(UnmixError, match="unpacks to more than"):
        check_zstd(header + block * 9999 + last, 10 * 131072, "it")


def test_a_dictionary_of_lzma_that_is_too_big():
    from napari_unmix.io.unpacked import unpacked_lzma

    with pytest.raises(UnmixError, match="its dictionary claims 2 GB"):
        unpacked_lzma(b"x", 9, "it", lzma.FORMAT_RAW, [{"id": lzma.FILTER_LZMA2, "dict_size": 2 * 10**9}])


@pytest.mark.parametrize("place", ["0.0.0", ".zattrs", "other"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, place):
    path = version_2(tmp_path / "a.zarr", "zstd")
    (path / place).unlink(missing_ok=True)
    os.mkfifo(path / place)
    with pytest.raises(UnmixError, match="is a pipe"):
        read(path)


def thirds(path: Path, rows: int) -> Path:
    """Sixteen chunks of a row each, of which the first ones are there."""
    values = np.random.default_rng(0).integers(1, 3000, (16, 6, 12)).astype(np.int16)
    zarr.create_array(path, data=values, chunks=(1, 6, 12), zarr_format=2)
    for row in range(rows, 16):
        (path / f"{row}.0.0").unlink()
    return path


def test_chunks_that_are_not_there_are_said_and_a_folder_is_none(tmp_path):
    path = thirds(tmp_path / "a.zarr", 12)
    (path / "13.0.0").mkdir()
    (path / "13.0.0" / "x").write_bytes(b"1")
    assert (
        "4 of 16 chunks were never written: their numbers were read as 0 (--no-data 0 leaves them out)"
        in read(path).repairs
    )


def test_most_chunks_missing_is_half_of_a_copy(tmp_path):
    path = thirds(tmp_path / "a.zarr", 3)
    with pytest.raises(UnmixError, match="lacks 13 of the 16 chunks of its cube"):
        read(path)
    assert int(read(path, no_data=0).valid_pixels.sum()) == 18


def test_too_many_chunks_are_refused_by_their_number(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(1000, 1000, 500), dtype="f4", chunks=(1, 1, 1), zarr_format=2)
    with pytest.raises(UnmixError, match="stored in 500,000,000 chunks of 1×1×1, more than the 500,000 that are read"):
        read(tmp_path / "a.zarr")


def test_chunks_that_reach_far_beyond_their_array(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 4 * 10**8)
    zarr.create_array(tmp_path / "a.zarr", shape=(9, 3, 5000), dtype="f4", chunks=(1000, 5000, 5), zarr_format=2)
    with pytest.raises(
        UnmixError, match="unpacks 1,000 chunks of 100 MB, this machine can give 200 MB: save it in smaller"
    ):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_packs_its_parts_as_zarr_never_does(tmp_path, method):
    path = version_2(tmp_path / "a.zarr", "zstd")
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w", method) as archive:
        for name in (".zarray", "0.0.0"):
            archive.write(path / name, name)
    with pytest.raises(UnmixError):
        read(tmp_path / "a.zarr.zip")


def test_an_archive_is_read_to_the_size_of_its_parts(tmp_path):
    path = version_2(tmp_path / "a.zarr", "zstd")
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (".zarray", "0.0.0"):
            archive.write(path / name, name)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr.zip").spectra, CUBE)
