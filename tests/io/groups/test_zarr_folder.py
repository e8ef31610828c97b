"""Zarr folders, both versions: arrays and groups, and metadata that must not be believed."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import zarr

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)
VERSIONS = pytest.mark.parametrize("version", [2, 3])


@VERSIONS
def test_an_array(tmp_path, small, version):
    array = zarr.create_array(tmp_path / "scene.zarr", data=small, chunks=(2, 2, 5), zarr_format=version)
    array.attrs.update({"wavelengths": [0.4, 0.5, 0.6, 0.7, 0.8], "wavelength_units": "um"})
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
    with pytest.raises(
        UnmixError, match=r"scene\.zarr has no array 'three', it holds one 4×3×5, two 4×3×5: name one of these"
    ):
        read_cube(tmp_path / "scene.zarr", key="three")
    with pytest.raises(UnmixError, match=r"scene\.zarr holds one 4×3×5, two 4×3×5: say which is the cube by --key one"):
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
    with pytest.raises(UnmixError, match=r"b\.zarr holds no array of numbers: give a cube"):
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
    with pytest.raises(UnmixError, match=r"A chunk of a\.zarr is damaged \(it is not packed by Zstandard\)"):
        read_cube(tmp_path / "a.zarr")


def packed(spectra):
    stored = np.rint((spectra + 0.1) / 0.0002).astype("i2")
    stored[:, 0] = -9999
    return stored


@VERSIONS
def test_conventions_are_applied(tmp_path, spectra, version):
    """Case 48: what xarray writes, int16 with scale_factor, add_offset and _FillValue, the bands first."""
    group = zarr.create_group(tmp_path / "scene.zarr", zarr_format=version)
    names = {"dimension_names": ["wavelength", "y", "x"]} if version == 3 else {}
    array = group.create_array("reflectance", data=np.moveaxis(packed(spectra), 2, 0), **names)
    array.attrs.update({"scale_factor": 0.0002, "add_offset": -0.1, "_FillValue": -9999})
    places = group.create_array("wavelength", data=NM, **({"dimension_names": ["wavelength"]} if version == 3 else {}))
    places.attrs["units"] = "nm"
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"], places.attrs["_ARRAY_DIMENSIONS"] = ["wavelength", "y", "x"], ["wavelength"]
    cube = read_cube(tmp_path / "scene.zarr")
    np.testing.assert_allclose(cube.spectra[:, 1:], spectra[:, 1:], atol=1.1e-4)
    np.testing.assert_array_equal(cube.wavelengths, NM)
    assert not cube.valid_pixels[:, 0].any()
    assert cube.valid_pixels[:, 1:].all()


@VERSIONS
def test_what_xarray_writes(tmp_path, spectra, version):
    xarray = pytest.importorskip("xarray", reason="xarray is not installed: pip install xarray")
    coordinates = {
        "wavelength": ("wavelength", NM / 1000, {"units": "um"}),
        "y": 10.0 - np.arange(6),
        "x": 2.0 * np.arange(5),
    }
    array = xarray.DataArray(
        np.moveaxis(spectra.astype("f8"), 2, 0), coordinates, ("wavelength", "y", "x"), name="radiance"
    )
    array[:, 2, 2] = np.nan
    encoding = {"radiance": {"dtype": "f8", "_FillValue": -9999.0}}
    array.to_dataset().to_zarr(tmp_path / "a.zarr", zarr_format=version, encoding=encoding, consolidated=version == 2)
    cube = read_cube(tmp_path / "a.zarr")
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert np.argwhere(~cube.valid_pixels).tolist() == [[2, 2]]
    np.testing.assert_array_equal(cube.spectra[3:], spectra[3:])
    assert cube.georeference.transform == (2.0, 0.0, -1.0, 0.0, -1.0, 10.5)


def test_zarrs_own_fill_value_counts_where_it_is_a_usual_fill(tmp_path, small):
    stored = small.astype("i4")
    stored[0, 0], stored[1, 1] = -9999, 0
    for fill, lost in ((-9999, [[0, 0]]), (0, [])):
        folder = tmp_path / f"{fill}.zarr"
        zarr.create_array(folder, shape=stored.shape, dtype="i4", fill_value=fill)[:] = stored
        assert np.argwhere(~read_cube(folder, repair="none").valid_pixels).tolist() == lost


def test_a_mask_and_good_bands_beside_the_cube(tmp_path, spectra):
    group = zarr.create_group(
        tmp_path / "a.zarr", attributes={"bbl": [True, True, False] + 5 * [True], "wavelength": NM.tolist()}
    )
    group.create_array("cube", data=spectra)
    mask = np.ones((6, 5), bool)
    mask[3] = False
    group.create_array("mask", data=mask)
    cube = read_cube(tmp_path / "a.zarr")
    np.testing.assert_array_equal(cube.valid_pixels, mask)
    assert (~cube.good_bands).nonzero()[0].tolist() == [2]
    assert "the file's mask leaves out 5 of 30 pixels (--no-data none keeps them)" in cube.repairs
    assert "1 of 8 bands are bad by the file's own 'bbl': left out (--bands all keeps them)" in cube.repairs


def test_a_mask_that_marks_what_is_empty(tmp_path, spectra):
    spectra = spectra.copy()
    spectra[3] = 0
    group = zarr.create_group(tmp_path / "a.zarr", attributes={"bad_bands": [3, 4], "wavelength": NM.tolist()})
    group.create_array("cube", data=np.moveaxis(spectra, 2, 0))
    group.create_array("mask", data=(np.arange(6) == 3)[:, None] & np.ones((6, 5), bool))
    cube = read_cube(tmp_path / "a.zarr", repair="none")
    assert (~cube.valid_pixels).nonzero()[0].tolist() == [3] * 5
    assert (~cube.good_bands).nonzero()[0].tolist() == [2, 3]


def test_groups_in_groups(tmp_path, spectra):
    group = zarr.create_group(tmp_path / "a.zarr")
    inner = group.create_group("measurements/reflectance")
    inner.create_array("r10m", data=spectra)
    group.create_group("quality").create_array("mask", data=spectra > 0.5)
    inner.create_array("wavelengths", data=NM)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.zarr").spectra, spectra)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.zarr", key="measurements/reflectance/r10m").spectra, spectra)


@VERSIONS
def test_a_zip_file(tmp_path, spectra, version):
    for name, prefix in (("a.zarr.zip", ""), ("b.zip", "scene.zarr")):
        with zarr.storage.ZipStore(tmp_path / name, mode="w") as store:
            zarr.create_array(
                store, name=prefix or None, data=spectra, zarr_format=version, attributes={"wavelength": NM.tolist()}
            )
        cube = read_cube(tmp_path / name)
        np.testing.assert_array_equal(cube.spectra, spectra)
        np.testing.assert_array_equal(cube.wavelengths, NM)
        assert can_read(tmp_path / name)


def test_a_zip_bomb(tmp_path, spectra, monkeypatch):
    with zarr.storage.ZipStore(tmp_path / "a.zip", mode="w") as store:
        zarr.create_array(store, data=spectra, chunks=(6, 5, 8), compressors=None, zarr_format=2)
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("1.0.0", "w") as member,
    ):
        for _ in range(10):
            member.write(bytes(1_000_000))
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 20_000_000)
    with pytest.raises(UnmixError, match=r"The largest part of a\.zip needs 50 MB, this machine can give 10 MB"):
        read_cube(tmp_path / "a.zip")


def test_chunks_that_are_not_blocks_of_lines(tmp_path, spectra, monkeypatch):
    monkeypatch.setattr("napari_unmix.io.stored._UNPACKED", 2 * 5 * 8)  # two lines at a time
    for chunks in ((1, 5, 8), (3, 2, 1), (4, 5, 2), (6, 5, 1)):
        zarr.create_array(tmp_path / f"{chunks}.zarr", data=spectra, chunks=chunks)
        np.testing.assert_array_equal(read_cube(tmp_path / f"{chunks}.zarr", bands_axis="last").spectra, spectra)
