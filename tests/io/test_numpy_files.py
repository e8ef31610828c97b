"""npy and npz: plain numbers only, and no more of them than this machine can hold."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp

from napari_unmix.cube import UnmixError
from napari_unmix.io import can_read, read_cube

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
        read = read_cube(tmp_path / name)
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
    with pytest.raises(UnmixError, match=r"a\.npz has no array 'nope', it holds other, cube: name one of these"):
        read_cube(tmp_path / "a.npz", key="nope")


def test_npz_of_a_reference_is_no_cube(tmp_path, small):
    np.savez(tmp_path / "a.npz", A=small, E=small[0])
    with pytest.raises(UnmixError, match=r"a\.npz holds A, E: call the hyperspectral array 'cube'"):
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
        "e.npz": r"e\.npz is damaged \(File is not a zip file\)",
    }
    for name, sentence in sentences.items():
        with pytest.raises(UnmixError, match=sentence):
            read_cube(tmp_path / name)
        assert can_read(tmp_path / name) is (name in ("a.npy", "b.npy"))  # whose headers are whole
