"""npy and npz: plain numbers only, and no more of them than this machine can hold."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unmix.io import can_read, read_cube
from napari_unmix.io.arrays.npy import read_array
from napari_unmix.sentences import UnmixError

ABSURD = (1_000_000, 1_000_000, 50)


class Harmful:
    """Would create a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def claim(shape, descr="<f8", data=b""):
    """An npy file whose header claims a shape that its data do not have."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + data


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(hnp.integer_dtypes(endianness="?"), hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)))
def test_npy_and_npz_come_back(tmp_path, cube):
    np.save(tmp_path / "a.npy", np.asfortranarray(cube))
    np.savez_compressed(tmp_path / "a.npz", cube=cube)
    for name in ("a.npy", "a.npz"):
        read = read_cube(tmp_path / name, scale=1, bands_axis="last", repair="none")
        np.testing.assert_array_equal(read.spectra, cube.astype(np.float32))
        assert (read.scale, read.name, read.repairs, read.wavelengths) == (1.0, "a", (), None)


def test_content_decides_not_the_suffix(tmp_path, small):
    with (tmp_path / "a.dat").open("wb") as stream:
        np.save(stream, small)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.dat").spectra, small)


def test_npz_wavelengths(tmp_path, small):
    np.savez(tmp_path / "a.npz", small, wavelengths=np.arange(5) / 10 + 0.4)
    cube = read_cube(tmp_path / "a.npz")
    np.testing.assert_allclose(cube.wavelengths, [400, 500, 600, 700, 800])
    assert cube.repairs == ("wavelengths were in µm: shown in nm",)


def test_npz_chooses_cube_and_takes_a_key(tmp_path, small):
    np.savez(tmp_path / "a.npz", other=small + 1, cube=small)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.npz").spectra, small)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.npz", key="other").spectra, small + 1)
    with pytest.raises(
        UnmixError, match=r"a\.npz has no array 'nope', it holds other 4×3×5, cube 4×3×5: name one of these"
    ):
        read_cube(tmp_path / "a.npz", key="nope")


def test_npz_of_a_reference_is_no_cube(tmp_path, small):
    np.savez(tmp_path / "a.npz", A=small, E=small[0])
    with pytest.raises(
        UnmixError, match=r"a\.npz has no cube, it holds A 4×3×5, E 3×5: if A is the scene, say so with --key A"
    ):
        read_cube(tmp_path / "a.npz")
    assert not can_read(tmp_path / "a.npz")


def test_bands_first_is_recognised_by_the_wavelengths(tmp_path, small):
    np.savez(tmp_path / "a.npz", cube=np.moveaxis(small, 2, 0), wavelength=np.arange(400, 900, 100))
    cube = read_cube(tmp_path / "a.npz")
    np.testing.assert_array_equal(cube.spectra, small)
    said = (
        "the first axis has as many entries as there are wavelengths: read as bands (--bands-axis last reads the last)"
    )
    assert cube.repairs == (said,)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((3, 4)), r"a\.npy has 2 axes \(3×4\), a cube has three: save it as \(rows, columns, bands\)"),
        (np.zeros((3, 0, 2)), r"a\.npy is empty \(3×0×2\)"),
        (np.zeros((2, 2, 2), complex), r"a\.npy holds no real numbers \(NumPy kind 'c'\)"),
        (np.full((2, 2, 2), "x"), r"a\.npy holds no real numbers \(NumPy kind 'U'\)"),
        (np.full((2, 2, 2), np.nan), r"a\.npy has no finite number in its 2 good bands"),
    ],
)
def test_what_is_no_cube(tmp_path, array, sentence):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnmixError, match=sentence):
        read_cube(tmp_path / "a.npy")


def test_a_band_without_a_number_becomes_a_bad_band(tmp_path, small):
    cube = small.astype(float)
    cube[:, :, 3] = np.nan
    np.save(tmp_path / "a.npy", cube)
    read = read_cube(tmp_path / "a.npy")
    assert read.good_bands.tolist() == [True, True, True, False, True]
    assert read.valid_pixels.all()
    assert read.repairs == ("1 bands hold no finite number: left out as bad bands",)


def test_pickled_objects_are_refused_and_not_run(tmp_path):
    trap = tmp_path / "ran"
    objects = np.full((1, 1, 1), Harmful(trap), dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", cube=objects, allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Harmful(trap)))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UnmixError, match="pickled Python objects, which can run code"):
            read_cube(tmp_path / name)
    with pytest.raises(UnmixError, match="no cube that can be read"):
        read_cube(tmp_path / "b.npy")
    assert not trap.exists()


def test_absurd_claims_are_refused_before_reading(tmp_path):
    (tmp_path / "a.npy").write_bytes(claim(ABSURD, data=bytes(100)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("cube.npy", claim(ABSURD))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UnmixError, match=r"needs 600 TB, this machine can give [\d.]+ [kMG]B: crop it"):
            read_cube(tmp_path / name)


def test_a_compressed_bomb_is_refused_by_its_header(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", cube=np.zeros((100, 100, 100)))
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 2_000_000)
    with pytest.raises(UnmixError, match=r"needs 12 MB, this machine can give 1 MB"):
        read_cube(tmp_path / "a.npz")


def test_truncated_and_damaged_files(tmp_path, small):
    stream = io.BytesIO()
    np.save(stream, small)
    (tmp_path / "a.npy").write_bytes(stream.getvalue()[:-30])
    (tmp_path / "b.npy").write_bytes(claim((9, 9, 9), data=bytes(10)))
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY\x01\x00\xff\xff{")
    (tmp_path / "f.npy").write_bytes(claim((2, 2, 2)).replace(b", }", b",  "))
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY\x09\x00")
    np.savez(tmp_path / "e.npz", cube=small)
    (tmp_path / "e.npz").write_bytes((tmp_path / "e.npz").read_bytes()[:-40])
    sentences = {
        "a.npy": r"a\.npy is damaged \(.*\): save it again",
        "b.npy": r"b\.npy holds \d+ B but its header's 9×9×9 float64 need 5\.83 kB",
        "c.npy": r"c\.npy is damaged",
        "d.npy": r"d\.npy is damaged \(.*version",
        "f.npy": r"f\.npy is damaged \(its header is not readable",
        "e.npz": r"e\.npz is an archive that ends early \(\d+ bytes\)",
    }
    for name, sentence in sentences.items():
        with pytest.raises(UnmixError, match=sentence):
            read_cube(tmp_path / name)
        assert can_read(tmp_path / name) is (name in ("a.npy", "b.npy"))  # whose headers are whole


# --- what lies beside the scene


def test_the_only_array_of_three_axes_is_the_scene_and_its_companions_are_applied(tmp_path, small):
    mask = np.ones((4, 3), bool)
    mask[0] = False
    lists = {"wavelengths": np.arange(400.0, 900, 100), "bbl": [1, 1, 0, 1, 1], "fwhm": [9.0] * 5}
    np.savez(tmp_path / "a.npz", data=small, mask=mask, gt=np.ones((4, 3), "u1"), scale=100, no_data=8, **lists)
    cube = read_cube(tmp_path / "a.npz")
    np.testing.assert_allclose(cube.spectra[1:], small[1:] / 100, rtol=1e-6)
    assert cube.wavelengths.tolist() == [400, 500, 600, 700, 800]
    assert cube.fwhm.tolist() == [9] * 5
    assert cube.good_bands.tolist() == [True, True, False, True, True]
    assert cube.valid_pixels.sum() == 9
    assert "the file's mask leaves out 3 of 12 pixels (--no-data none keeps them)" in cube.repairs
    assert read_cube(tmp_path / "a.npz", no_data="none", repair="none").valid_pixels.all()
    assert can_read(tmp_path / "a.npz")


def test_a_mask_that_marks_what_is_empty_leaves_that_out(tmp_path, small):
    """NumPy's masked arrays are True where there are no data."""
    mask = np.zeros((4, 3), bool)
    mask[0] = True
    cube = small.astype("f4")
    cube[0] = 0
    np.savez(tmp_path / "a.npz", cube=cube, mask=mask)
    assert read_cube(tmp_path / "a.npz", repair="none").valid_pixels.sum(axis=1).tolist() == [0, 3, 3, 3]


@pytest.mark.parametrize(
    ("name", "values", "good"),
    [
        ("good_bands", [1, 0, 1, 1, 1], [0, 2, 3, 4]),
        ("bad_bands", [1, 0, 0, 0, 1], [1, 2, 3]),
        ("bad_bands", [2, 5], [0, 2, 3]),
    ],
)
def test_lists_of_good_and_of_bad_bands(tmp_path, small, name, values, good):
    np.savez(tmp_path / "a.npz", cube=small, wavelength=np.arange(400.0, 900, 100), **{name: values})
    assert np.flatnonzero(read_cube(tmp_path / "a.npz").good_bands).tolist() == good


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("wavenumber", [900.0, 1000, 1100, 1200, 1300], "wavenumber"),
        ("wavenumbers_cm-1", [900.0, 1000, 1100, 1200, 1300], "wavenumber"),
        ("raman_shift", [-50.0, 0, 50, 100, 150], "Raman shift"),
        ("energy_eV", [280.0, 281, 282, 283, 284], "energy"),
        ("wavelength_um", [0.4, 0.5, 0.6, 0.7, 0.8], "wavelength"),
        ("wavelength", [3900.0, 3100, 2300, 1500, 700], "wavenumber"),
        ("wavelength", [1, 2, 3, 4, 5], "index"),
    ],
)
def test_the_kind_of_the_axis_by_the_name_of_its_list(tmp_path, small, name, values, kind):
    np.savez(tmp_path / "a.npz", cube=small, **{name: values})
    axis = read_cube(tmp_path / "a.npz").spectral_axis
    assert axis.kind == kind
    if kind != "wavelength":
        assert axis.values.tolist() == values


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_matrix_of_pixels_with_its_image_size(tmp_path, small, name, turned):
    """NumPy's pixels run along the lines."""
    matrix = small.reshape(12, 5).T if turned else small.reshape(12, 5)
    np.save(tmp_path / "a.npy", matrix)
    np.savez(tmp_path / "a.npz", spectra=matrix)
    np.testing.assert_array_equal(read_cube(tmp_path / name, size=(4, 3)).spectra, small)
    with pytest.raises(UnmixError, match="--size"):
        read_cube(tmp_path / name)
    with pytest.raises(UnmixError, match="--size"):
        read_cube(tmp_path / name, size=(5, 3))


def test_pixels_in_the_other_order_are_found_by_their_neighbours(tmp_path):
    rows, columns = np.mgrid[0:20, 0:12]
    cube = np.stack([np.sin(rows / 7 + k) + np.cos(columns / 5) + 3 for k in range(6)], axis=2)
    np.savez(tmp_path / "a.npz", spectra=cube.transpose(1, 0, 2).reshape(240, 6))
    found = read_cube(tmp_path / "a.npz", size=(20, 12), repair="none")
    np.testing.assert_allclose(found.spectra, cube, rtol=1e-6)
    assert found.repairs == ("the pixels of the matrix run down the columns of the image: neighbours are alike so",)


def test_a_list_under_any_name_is_taken_where_it_is_the_only_one_that_rises(tmp_path, small):
    np.savez(tmp_path / "a.npz", small, [400.0, 450, 520, 600, 700], np.ones(5), np.arange(4.0))
    cube = read_cube(tmp_path / "a.npz")
    assert cube.wavelengths.tolist() == [400, 450, 520, 600, 700]
    assert "wavelengths were taken from 'arr_1', the only list of 5 rising or falling numbers" in cube.repairs


def test_every_array_that_could_be_the_scene_is_named(tmp_path, small):
    np.savez(tmp_path / "a.npz", a=small, b=small + 1)
    cube = read_cube(tmp_path / "a.npz")
    assert cube.repairs == ("2 arrays could be the cube (b 4×3×5, a 4×3×5): b was taken (--key NAME takes another)",)


# --- headers that claim

HEADERS = {
    "10^400 rows": b"{'descr': '<f4', 'fortran_order': False, 'shape': (1" + b"0" * 400 + b", 1, 1)}",
    "5000 digits": b"{'descr': '<f4', 'fortran_order': False, 'shape': (1" + b"0" * 5000 + b", 1, 1)}",
    "indented": b"{'descr': '<f4',\n  'x': 1L,\n }\n  5\n 3",
    "keys of two kinds": b"{'descr': '<f4', 5: 6}",
    "a list": b"[1, 2]",
    "brackets": b"(" * 9000,
    "minus signs": b"-" * 9000 + b"1",
    "lengths below zero": b"{'descr': '<f4', 'fortran_order': False, 'shape': (-6, -5, 8)}",
    "a truth": b"{'descr': '<f4', 'fortran_order': False, 'shape': (True, 5, 8)}",
    "no size": b"{'descr': '|V0', 'fortran_order': False, 'shape': (6, 5, 8)}",
    "unknown type": b"{'descr': '<zzz', 'fortran_order': False, 'shape': (6, 5, 8)}",
    "nothing": b"",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_lies_is_a_short_sentence(tmp_path, header):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("cube.npy", content)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UnmixError) as caught:
            read_cube(tmp_path / name)
        assert len(str(caught.value)) <= 500
        can_read(tmp_path / name)


def test_files_of_python_2_are_read_without_a_word(tmp_path, small, capfd):
    header = b"{'descr': '<u2', 'fortran_order': False, 'shape': (4L, 3L, 5L), }"
    (tmp_path / "a.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + small.tobytes()
    )
    np.testing.assert_array_equal(read_cube(tmp_path / "a.npy", repair="none", scale=1).spectra, small)
    assert capfd.readouterr() == ("", "")


@given(
    hnp.arrays(
        st.sampled_from(["<u2", ">i4", "<f4", ">f8", "u1", "?", "<U3", "S2"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    st.sampled_from(["C", "F"]),
)
def test_arrays_are_read_as_numpy_reads_them(array, order):
    stream = io.BytesIO()
    np.save(stream, np.asarray(array, order=order))
    stream.seek(0)
    found = read_array(stream)
    stream.seek(0)
    np.testing.assert_array_equal(found, np.load(stream))
    assert found.dtype == array.dtype
