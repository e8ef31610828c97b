"""Zarr folders, both versions: arrays and groups, and metadata that must not be believed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from napari_unmix.cube import UnmixError
from napari_unmix.io import can_read, read_cube

VERSIONS = pytest.mark.parametrize("version", [2, 3])


@VERSIONS
def test_an_array(tmp_path, small, version):
    array = zarr.create_array(tmp_path / "scene.zarr", data=small, chunks=(2, 2, 5), zarr_format=version)
    array.attrs["wavelengths"] = [0.4, 0.5, 0.6, 0.7, 0.8]
    cube = read_cube(tmp_path / "scene.zarr")
    np.testing.assert_array_equal(cube.spectra, small)
    np.testing.assert_allclose(cube.wavelengths, [400, 500, 600, 700, 800])
    assert (cube.name, cube.repairs) == ("scene", ("wavelengths were in µm: shown in nm",))
    assert can_read(tmp_path / "scene.zarr")


@VERSIONS
@pytest.mark.parametrize("name", ["cube", "anything"])
def test_a_group(tmp_path, small, version, name):
    group = zarr.create_group(tmp_path / "scene.zarr", zarr_format=version)
    group.create_array(name, data=small)
    group.create_array("wavelength", data=np.arange(400.0, 900, 100))
    cube = read_cube(tmp_path / "scene.zarr")
    np.testing.assert_array_equal(cube.spectra, small)
    np.testing.assert_array_equal(cube.wavelengths, [400, 500, 600, 700, 800])


def test_attributes_of_the_group_and_a_key(tmp_path, small):
    group = zarr.create_group(tmp_path / "scene.zarr", attributes={"wavelength": [1000, 1100, 1200, 1300, 1400]})
    group.create_array("one", data=small)
    group.create_array("two", data=small + 1)
    cube = read_cube(tmp_path / "scene.zarr", key="two")
    np.testing.assert_array_equal(cube.spectra, small + 1)
    assert cube.wavelengths is not None
    with pytest.raises(UnmixError, match=r"scene\.zarr has no array 'three', it holds .*two \(4, 3, 5\)"):
        read_cube(tmp_path / "scene.zarr", key="three")
    with pytest.raises(UnmixError, match="call the hyperspectral array 'cube'"):
        read_cube(tmp_path / "scene.zarr")


def test_a_sharded_array(tmp_path, small):
    zarr.create_array(tmp_path / "scene.zarr", data=small, chunks=(1, 3, 5), shards=(2, 3, 5))
    np.testing.assert_array_equal(read_cube(tmp_path / "scene.zarr").spectra, small)


def test_bands_first_is_recognised_by_the_wavelengths(tmp_path, small):
    array = zarr.create_array(tmp_path / "scene.zarr", data=np.ascontiguousarray(np.moveaxis(small, 2, 0)))
    array.attrs["wavelength"] = [400, 500, 600, 700, 800]
    np.testing.assert_array_equal(read_cube(tmp_path / "scene.zarr").spectra, small)


def test_attributes_that_are_no_wavelengths(tmp_path, small):
    for number, value in enumerate(("nm", [[1], [2, 3]], {"unit": "nm"}, ["a"] * 5)):
        array = zarr.create_array(tmp_path / f"{number}.zarr", data=small)
        array.attrs["wavelength"] = value
        cube = read_cube(tmp_path / f"{number}.zarr")
        assert cube.wavelengths is None
        assert "left out, bands are numbered" in cube.repairs[0]


def test_what_is_no_cube(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=np.zeros((3, 4)))
    with pytest.raises(UnmixError, match=r"a\.zarr has 2 axes \(3×4\), a cube has three"):
        read_cube(tmp_path / "a.zarr")
    zarr.create_group(tmp_path / "b.zarr")
    with pytest.raises(UnmixError, match=r"b\.zarr holds no array: call the hyperspectral array 'cube'"):
        read_cube(tmp_path / "b.zarr")
    (tmp_path / "c.zarr").mkdir()
    assert not can_read(tmp_path / "c.zarr")
    with pytest.raises(UnmixError, match=r"c\.zarr is no cube that can be read"):
        read_cube(tmp_path / "c.zarr")


@VERSIONS
def test_a_tiny_folder_that_claims_terabytes(tmp_path, version):
    shape = (10**6, 10**6, 50)
    zarr.create_array(tmp_path / "a.zarr", shape=shape, dtype="f4", chunks=(64, 64, 50), zarr_format=version)
    with pytest.raises(UnmixError, match=r"a\.zarr needs 400 TB, this machine can give [\d.]+ [MG]B: crop it"):
        read_cube(tmp_path / "a.zarr")


@VERSIONS
def test_a_small_array_in_one_huge_chunk(tmp_path, version):
    chunks = (10**5, 10**5, 10**5)
    zarr.create_array(tmp_path / "a.zarr", shape=(2, 2, 2), dtype="f4", chunks=chunks, zarr_format=version)
    with pytest.raises(UnmixError, match=r"One chunk of a\.zarr needs 8 PB"):
        read_cube(tmp_path / "a.zarr")


def test_a_codec_that_can_run_code_is_refused(tmp_path, small):
    zarr.create_array(tmp_path / "a.zarr", data=small, chunks=(4, 3, 5), zarr_format=2)
    metadata = tmp_path / "a.zarr" / ".zarray"
    unread = "could not be read as Zarr"  # Zarr's own refusal, which not every version has
    for field, value, sentence in (
        ("compressor", {"id": "pickle"}, f"(is encoded with pickle|{unread})"),
        ("filters", [{"id": "pickle"}], f"(is encoded with pickle|{unread})"),
        ("compressor", {"id": "base64"}, "is encoded with base64, which is not safe to open"),
    ):
        metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"filters": None, field: value}))
        with pytest.raises(UnmixError, match=rf"a\.zarr {sentence}"):
            read_cube(tmp_path / "a.zarr")


def test_links_out_of_the_folder_are_refused(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", data=np.ones((2, 2, 2), "u1"), chunks=(2, 2, 2), compressors=None, zarr_format=2
    )
    assert array.shape == (2, 2, 2)
    (tmp_path / "secret").write_bytes(bytes(range(8)))
    chunk = tmp_path / "a.zarr" / "0.0.0"
    chunk.unlink()
    try:
        chunk.symlink_to(tmp_path / "secret")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    with pytest.raises(UnmixError, match=r"a\.zarr links to files outside its folder: copy them into it first"):
        read_cube(tmp_path / "a.zarr")


@pytest.mark.parametrize("content", ["{", "[1]", '{"zarr_format": 3, "node_type": "array"}', "\xff"])
def test_damaged_metadata(tmp_path, content):
    folder = tmp_path / "a.zarr"
    folder.mkdir()
    (folder / "zarr.json").write_text(content, encoding="latin-1")
    with pytest.raises(
        UnmixError, match=r"a\.zarr could not be read as Zarr \(.*\): check that the folder is complete"
    ):
        read_cube(folder)


def test_damaged_chunk(tmp_path, small):
    zarr.create_array(tmp_path / "a.zarr", data=small, chunks=(4, 3, 5), zarr_format=2)
    (tmp_path / "a.zarr" / "0.0.0").write_bytes(b"not compressed")
    with pytest.raises(UnmixError, match=r"a\.zarr could not be read as Zarr"):
        read_cube(tmp_path / "a.zarr")
