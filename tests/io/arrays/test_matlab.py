"""MATLAB files: the literature's matrices become images as MATLAB would show them, in both file versions."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError


def write_73(path, arrays, classes=True):
    """HDF5 as MATLAB writes it: 512 bytes of text before, reversed axes, the class in an attribute."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            array = np.atleast_2d(array)
            dataset = file.create_dataset(name, data=array.T)
            if classes:
                dataset.attrs["MATLAB_class"] = np.bytes_("double" if array.dtype.kind == "f" else array.dtype.name)
        file.create_group("Region").create_dataset("xStart", data=[[1.0]])
        text = file.create_dataset("note", data=np.array([[72], [105]], np.uint16))
        text.attrs["MATLAB_class"] = np.bytes_("char")
        cells = file.create_dataset("cood", (1, 2), dtype=h5py.ref_dtype)
        cells[0, 0] = text.ref
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


def write_5(path, arrays):
    """Version 5 with a structure beside, as the literature's files have it."""
    scipy.io.savemat(path, {**arrays, "Region": {"xStart": 1}, "note": "Hi"}, do_compression=True)


@pytest.fixture(params=[write_5, write_73], ids=["v5", "v7.3"])
def write(request, tmp_path):
    """Write arrays, return the path."""

    def to_file(**arrays):
        request.param(tmp_path / "scene.mat", {name: np.asarray(array) for name, array in arrays.items()})
        return tmp_path / "scene.mat"

    return to_file


def matrix(cube):
    """(B, N) with pixels in MATLAB's order."""
    return np.stack([cube[:, :, band].ravel(order="F") for band in range(cube.shape[2])])


FRACTIONS = np.random.default_rng(0).random((4, 3, 5))


@pytest.mark.parametrize("name", ["Y", "V", "X", "cube", "paviaU"])
def test_three_axes_are_the_cube(write, name):
    path = write(**{name: FRACTIONS})
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert (cube.scale, cube.repairs, cube.name) == (1.0, (), "scene")
    assert can_read(path)


@pytest.mark.parametrize(
    ("rows", "columns"), [("nRow", "nCol"), ("H", "W"), ("rows", "cols"), ("lines", "samples"), ("height", "width")]
)
def test_bands_by_pixels_is_laid_out_down_the_columns(write, rows, columns):
    cube = read_cube(write(**{"Y": matrix(FRACTIONS), rows: 4.0, columns: 3.0, "nBand": 224.0}))
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=5),
        elements=hnp.from_dtype(
            np.dtype(np.float32), allow_nan=False, allow_infinity=False, min_value=0.125, max_value=0.5
        ),
    )
)
def test_both_versions_and_both_layouts_agree(tmp_path, cube):
    cube[0, 0, 0] = 0.3  # not whole
    for number, writer in enumerate((write_5, write_73)):
        writer(tmp_path / f"{number}a.mat", {"Y": cube})
        writer(tmp_path / f"{number}b.mat", {"Y": matrix(cube), "nRow": cube.shape[0], "nCol": cube.shape[1]})
        for letter in "ab":
            np.testing.assert_array_equal(read_cube(tmp_path / f"{number}{letter}.mat").spectra, cube)


def test_pixels_by_bands_is_said(write):
    cube = read_cube(write(Y=matrix(FRACTIONS).T, nRow=4, nCol=3))
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert cube.repairs == ("the matrix was read as pixels × bands",)


@pytest.mark.parametrize("kind", [np.uint16, np.float64])
def test_whole_numbers_are_divided_by_their_maximum(write, small, kind):
    cube = read_cube(write(Y=small.astype(kind)))
    np.testing.assert_array_equal(cube.spectra, (small / 414).astype(np.float32))
    assert cube.scale == 414
    assert cube.repairs == ("whole numbers without a scale: divided by their maximum 414 (--scale 1 keeps them)",)


def test_a_scale_in_the_file_counts(write, small):
    cube = read_cube(write(Y=small, scale=10000.0))
    np.testing.assert_array_equal(cube.spectra, (small / 10000).astype(np.float32))
    assert (cube.scale, cube.repairs) == (10000, ())


def test_a_mask_of_zeros_and_ones_is_not_scaled(write):
    cube = read_cube(write(Y=np.eye(4)[:, :, None] * np.ones(2)))
    assert (cube.scale, cube.repairs) == (1, ())
    assert read_cube(write(Y=np.zeros((2, 2, 3)))).scale == 1


def test_fractions_above_one_are_not_scaled(write):
    assert read_cube(write(Y=FRACTIONS * 3)).scale == 1


@pytest.mark.parametrize("name", ["wavelength", "wavelengths", "lambda", "Wavelengths"])
def test_wavelengths_of_the_right_length(write, name):
    cube = read_cube(write(**{"Y": FRACTIONS, name: np.array([[0.4], [0.5], [0.6], [0.7], [0.8]])}))
    np.testing.assert_allclose(cube.wavelengths, [400, 500, 600, 700, 800])
    assert cube.repairs == ("wavelengths were in µm: shown in nm",)


def test_wavelengths_of_another_length_are_nobodys(write):
    cube = read_cube(write(Y=FRACTIONS, wavelength=np.arange(400.0, 407)))
    assert cube.wavelengths is None
    assert cube.shape == (4, 3, 5)
    assert cube.repairs == ("the file lists 7 wavelengths for 5 bands: left out, bands are numbered",)


def test_of_several_the_biggest_is_taken_and_said(write):
    cube = read_cube(write(one=FRACTIONS[:2], two=FRACTIONS))
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert cube.repairs == (
        "2 arrays could be the cube (two 4×3×5, one 2×3×5): two was taken (--key NAME takes another)",
    )


def test_abundances_of_a_big_library_are_not_the_scene(write):
    cube = read_cube(write(Y=matrix(FRACTIONS), X=np.zeros((240, 12)), A=np.zeros((3, 12)), nRow=4, nCol=3))
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert "Y was taken" in cube.repairs[0]


def test_a_key_chooses(write):
    path = write(Y=FRACTIONS, other=FRACTIONS / 2)
    np.testing.assert_array_equal(read_cube(path, key="other").spectra, (FRACTIONS / 2).astype(np.float32))
    with pytest.raises(
        UnmixError, match=r"scene\.mat has no array 'nope', it holds Y 4×3×5, other 4×3×5, Region/xStart 1×1: name one"
    ):
        read_cube(path, key="nope")


def test_a_matrix_without_its_image_size(write):
    with pytest.raises(
        UnmixError,
        match=r"scene\.mat has no cube, it holds Y 5×12, .*: give the image's rows and columns with --size ROWSxCOLUMNS",
    ):
        read_cube(write(Y=matrix(FRACTIONS)))


def test_a_matrix_with_another_image_size(write):
    with pytest.raises(
        UnmixError, match=r"has no cube, it holds Y 5×12, .* and an image size of 4×4: give the image's rows"
    ):
        read_cube(write(Y=matrix(FRACTIONS), nRow=4, nCol=4))


def test_nothing_numeric(write):
    with pytest.raises(UnmixError, match=r"scene\.mat has no cube, it holds Region/xStart 1×1: store the scene"):
        read_cube(write())


def test_complex_numbers(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"Y": FRACTIONS + 1j})
    with pytest.raises(UnmixError, match=r"'Y' in a\.mat holds complex numbers: save their magnitude"):
        read_cube(tmp_path / "a.mat")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_every_type_of_version_5(tmp_path, small, packed, kind):
    cube = (small % 100).astype(kind)
    scipy.io.savemat(tmp_path / "a.mat", {"a": 1, "Y": cube, "scale": 10.0}, do_compression=packed)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.mat").spectra, (cube / 10).astype(np.float32))


def test_version_5_of_a_big_endian_machine(tmp_path):
    """Built by hand: no writer makes these any more. Doubles are stored as bytes, as MATLAB packs whole numbers."""

    def element(kind, content):
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    numbers = bytes(range(24))
    parts = [element(6, struct.pack(">II", 6, 0)), element(5, struct.pack(">3i", 2, 3, 4))]
    parts += [struct.pack(">HH", 1, 1) + b"Y\0\0\0", element(2, numbers)]
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\x01\x00MI" + element(14, b"".join(parts)))
    cube = read_cube(tmp_path / "a.mat")
    expected = np.arange(24).reshape(2, 3, 4, order="F") / 23
    np.testing.assert_array_equal(cube.spectra, expected.astype(np.float32))


# --- files that are not what they say


def test_a_file_beyond_the_memory(write, monkeypatch):
    path = write(Y=FRACTIONS)
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 470)
    with pytest.raises(UnmixError, match=r"'Y' in scene\.mat \(4×3×5\) needs 720 B, this machine can give 235 B"):
        read_cube(path)


def test_a_packed_array_gives_no_more_than_its_header_says(tmp_path):
    """A hundred megabytes of zeros behind the header of an array of eight numbers."""
    header = struct.pack("<4I", 6, 8, 6, 0) + struct.pack("<2I4i", 5, 12, 2, 2, 2, 0) + b"\x01\x00\x01\x00Y\0\0\0"
    bomb = zlib.compress(struct.pack("<2I", 14, 10**8) + header + struct.pack("<2I", 9, 10**8) + bytes(10**8))
    file = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<2I", 15, len(bomb)) + bomb
    (tmp_path / "a.mat").write_bytes(file)
    tracemalloc.start()
    with pytest.raises(UnmixError, match="'Y' holds 100000000 bytes for 8 numbers of 8"):
        read_cube(tmp_path / "a.mat")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_to_a_version_5_file_is_read_or_told(tmp_path, data):
    arrays = {"Y": matrix(FRACTIONS), "nRow": 4, "nCol": 3}
    scipy.io.savemat(tmp_path / "a.mat", arrays, do_compression=data.draw(st.booleans()))
    content = bytearray((tmp_path / "a.mat").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.mat").write_bytes(content[: data.draw(st.integers(100, len(content)))])
    with contextlib.suppress(UnmixError):
        assert read_cube(tmp_path / "a.mat").shape


def test_a_tiny_hdf5_that_claims_terabytes(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("Y", shape=(100, 10**6, 10**6), dtype="f4", chunks=(1, 100, 100))
    assert (tmp_path / "a.mat").stat().st_size < 10_000
    with pytest.raises(UnmixError, match=r"'Y' in a\.mat \(100×1000000×1000000\) needs 800 TB, this machine can give"):
        read_cube(tmp_path / "a.mat")


def test_a_small_array_in_one_huge_chunk(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("Y", shape=(2, 2, 2), maxshape=(None,) * 3, dtype="f4", chunks=(500, 500, 500))
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 10**8)
    with pytest.raises(
        UnmixError, match=r"'Y' in a\.mat of 32 B unpacks 1 chunks of 500 MB, this machine can give 50 MB"
    ):
        read_cube(tmp_path / "a.mat")


def test_external_storage_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(range(8)))
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("Y", shape=(2, 2, 2), dtype="u1", external=[(str(tmp_path / "secret"), 0, 8)])
    with pytest.raises(UnmixError, match=r"'Y' in a\.mat takes its numbers from other files, which is not safe"):
        read_cube(tmp_path / "a.mat")


def test_virtual_datasets_are_refused(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones((2, 2, 2))
    layout = h5py.VirtualLayout(shape=(2, 2, 2), dtype="f8")
    layout[...] = h5py.VirtualSource(tmp_path / "secret.h5", "x", shape=(2, 2, 2))
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_virtual_dataset("Y", layout)
    with pytest.raises(UnmixError, match="takes its numbers from other files"):
        read_cube(tmp_path / "a.mat")


@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("secret.h5", "/x"), h5py.SoftLink("/hop/x")], ids=["external", "soft"]
)
def test_links_are_refused(tmp_path, link):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones((2, 2, 2))
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_group("g")["hop"] = h5py.ExternalLink("secret.h5", "/")
        file["Y"] = link
    with pytest.raises(UnmixError, match=r"'Y' in a\.mat is a link, which is not safe to follow"):
        read_cube(tmp_path / "a.mat")


def test_hdf5_of_another_program_is_not_called_matlab(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Y"] = FRACTIONS
    assert not can_read(tmp_path / "a.h5")


def test_damaged_files(tmp_path):
    write_5(tmp_path / "a.mat", {"Y": FRACTIONS})
    whole = (tmp_path / "a.mat").read_bytes()
    write_73(tmp_path / "b.mat", {"Y": FRACTIONS})
    whole_73 = (tmp_path / "b.mat").read_bytes()
    damaged = [
        whole[:200],
        whole[:130],
        whole[:128],
        whole[:300] + bytes(200) + whole[500:],
        whole_73[:600],
        b"",
        b"junk",
    ]
    for content in damaged:
        (tmp_path / "c.mat").write_bytes(content)
        with pytest.raises(UnmixError, match=r"c\.mat (is damaged or no MATLAB|has no cube, it holds no numeric)"):
            read_cube(tmp_path / "c.mat")


# --- structures, files that Python wrote, lists beside the scene


def write_structure_73(path, fields):
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("hsi")
        for name, value in fields.items():
            array = np.atleast_2d(
                np.frombuffer(value.encode(), np.uint8).astype("u2") if isinstance(value, str) else value
            )
            group.create_dataset(name, data=array.T).attrs["MATLAB_class"] = np.bytes_(
                "char" if isinstance(value, str) else "double"
            )
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


@pytest.fixture(params=["v5", "v5 packed", "v7.3"])
def structure(request, tmp_path):
    """Write a structure ``hsi`` of these fields, return the path."""

    def to_file(**fields):
        path = tmp_path / "capture.mat"
        if request.param == "v7.3":
            write_structure_73(path, fields)
        else:
            scipy.io.savemat(path, {"version": 1.0, "hsi": fields}, do_compression="packed" in request.param)
        return path

    return to_file


@pytest.mark.parametrize("key", [None, "hsi", "hsi/data", "hsi.data", "data"])
def test_a_scene_in_a_structure_with_its_list_and_its_unit(structure, key):
    cube = read_cube(
        structure(data=FRACTIONS, wavelength=np.array([0.4, 0.5, 0.6, 0.7, 0.8]), units="um", dark=FRACTIONS[:1] / 9),
        key=key,
    )
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    np.testing.assert_allclose(cube.wavelengths, [400, 500, 600, 700, 800])


def test_another_array_of_a_structure_by_its_path(structure):
    cube = read_cube(structure(data=FRACTIONS, other=FRACTIONS / 2), key="hsi/other")
    np.testing.assert_array_equal(cube.spectra, (FRACTIONS / 2).astype(np.float32))


def test_structures_in_structures_and_lists_of_structures(tmp_path):
    inner = {"cube": FRACTIONS, "wavelength": np.arange(400.0, 900, 100)}
    scipy.io.savemat(tmp_path / "a.mat", {"scan": {"scene": inner}, "many": [{"a": 1}, {"a": 2}]})
    cube = read_cube(tmp_path / "a.mat")
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert cube.wavelengths.tolist() == [400, 500, 600, 700, 800]


def test_hdf5_that_python_wrote_is_not_reversed(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["cube"] = FRACTIONS
        file["wavelength"] = np.arange(400.0, 900, 100)
    cube = read_cube(tmp_path / "a.mat")
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert cube.wavelengths.tolist() == [400, 500, 600, 700, 800]


def test_hdf5_that_python_wrote_bands_first(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["cube"] = np.moveaxis(FRACTIONS, 2, 0)
        file["wavelength"] = np.arange(400.0, 900, 100)
    cube = read_cube(tmp_path / "a.mat")
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    assert "first axis" in " ".join(cube.repairs)


@pytest.mark.parametrize("turned", [False, True])
def test_a_matrix_of_an_image_size_that_is_given(write, turned):
    values = matrix(FRACTIONS).T if turned else matrix(FRACTIONS)
    cube = read_cube(write(Y=values, A=np.zeros((3, 12)), M=np.zeros((5, 3))), size=(4, 3))
    np.testing.assert_array_equal(cube.spectra, FRACTIONS.astype(np.float32))
    with pytest.raises(UnmixError, match=r"--size ROWSxCOLUMNS"):
        read_cube(write(Y=values), size=(5, 5))


def test_a_longer_list_goes_through_the_bands_that_were_selected(write):
    cube = read_cube(
        write(Y=FRACTIONS, wavelength=np.arange(400.0, 480, 10), SlectBands=np.array([[1], [3], [4], [5], [8]]))
    )
    assert cube.wavelengths.tolist() == [400, 420, 430, 440, 470]


def test_the_only_array_of_three_axes_is_none_where_it_is_called_an_annotation(write):
    with pytest.raises(UnmixError, match=r"if gt is the scene, say so with --key gt"):
        read_cube(write(gt=FRACTIONS))
    assert read_cube(write(gt=FRACTIONS, X=FRACTIONS / 2)).spectra.max() < 0.51


def test_a_structure_that_claims_billions_of_names_is_no_work(tmp_path):
    """Found by mutation: the names' element claimed four gigabytes."""
    scipy.io.savemat(tmp_path / "a.mat", {"Y": FRACTIONS, "hsi": {"other": 1.0}}, do_compression=False)
    content = bytearray((tmp_path / "a.mat").read_bytes())
    at = content.index(b"other") - 4
    content[at : at + 4] = struct.pack("<I", 2**32 - 8)
    (tmp_path / "a.mat").write_bytes(content)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.mat").spectra, FRACTIONS.astype(np.float32))
