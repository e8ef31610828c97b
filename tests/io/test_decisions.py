"""Which axis is the bands', which image is no annotation, and whose sentence is shown: made-up shapes in, one word out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import Reading
from napari_unmix.io import read_annotation
from napari_unmix.io.arrays.matlab73 import load_hdf5
from napari_unmix.io.assemble import bands_axis, build_cube, short_name
from napari_unmix.io.bare.envi_header import interpret
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError


@pytest.mark.parametrize(
    ("shape", "wavelengths", "moved"),
    [
        ((5, 3, 4), 5, True),
        ((5, 5, 4), 5, True),  # the second axis says nothing
        ((3, 4, 5), 5, False),
        ((5, 4, 5), 5, False),  # both could be: as the file says
        ((5, 3, 4), 4, False),
        ((5, 3, 4), 0, False),
    ],
)
def test_bands_come_last_where_the_first_axis_alone_fits_the_wavelengths(
    shape: tuple[int, int, int], wavelengths: int, moved: bool
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    for listed in (list(range(wavelengths)), np.arange(wavelengths)):
        axis, said = bands_axis(Stored(array=array, wavelengths=listed), Reading(), Path("a.npz"))
        assert axis == (0 if moved else 2)
        assert len(said) == moved
    assert bands_axis(Stored(array=array), Reading(), Path("a.npz")) == (2, ())


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((6, 4, 3), r"is a colour image \(3 channels\)"),
        ((6, 4, 4), r"is a colour image \(4 channels\)"),
        ((6, 4, 2), r"is 6×4×2 but the cube is 6×4: save it"),
        ((6, 3, 4), r"is 6×3×4 but the cube is 6×4: save it"),
        ((4, 6, 3), r"is 4×6×3 but the cube is 6×4: save it"),
        ((4, 6), r"is 4×6 but the cube is 6×4: transpose it"),
        ((5, 4), r"is 5×4 but the cube is 6×4: save it"),
    ],
)
def test_what_is_wrong_with_an_annotations_shape(tmp_path: Path, shape: tuple[int, ...], words: str) -> None:
    path = tmp_path / "painted.npy"
    np.save(path, np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    with pytest.raises(UnmixError, match=words):
        read_annotation(path, (6, 4))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("0", "'data type = 0' in a.hdr is unknown: use one of 1, 2, 3"),
        ("6", r"holds complex numbers \(data type 6\)"),
        ("7", "'data type = 7' in a.hdr is unknown"),
        ("9", r"holds complex numbers \(data type 9\)"),
    ],
)
def test_types_that_are_no_real_numbers(code: str, words: str) -> None:
    with pytest.raises(UnmixError, match=words):
        interpret({"lines": "2", "samples": "2", "bands": "2", "data type": code}, "a.hdr")


def test_a_sentence_about_the_memory_is_not_called_damage(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "claims.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", shape=(100_000, 100_000, 1000), dtype="f4", chunks=(10, 10, 10))
    with pytest.raises(UnmixError, match=r"'cube' in claims\.mat needs 80 TB, this machine can give"):
        load_hdf5(path, ["cube"])


def test_a_damaged_file_is_an_error_also_once_its_names_are_known(tmp_path: Path) -> None:
    path = tmp_path / "torn.mat"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(UnmixError, match=r"torn\.mat"):
        load_hdf5(path, ["cube"])


@pytest.mark.parametrize(
    ("name", "short"),
    [("scene.img.hdr", "scene"), ("scene.v2.npz", "scene.v2"), ("scene", "scene"), (".hdr", ".hdr"), ("a.MAT", "a")],
)
def test_a_cube_is_called_by_its_file_without_what_cube_files_end_in(name: str, short: str) -> None:
    assert short_name(Path(name)) == short


def test_bands_without_a_number_are_bad_and_a_cube_without_any_is_none(tmp_path: Path) -> None:
    spectra = np.ones((2, 2, 3), np.float32)
    spectra[:, :, 1] = np.nan
    cube = build_cube(Stored(array=spectra), tmp_path / "a.npy")
    assert cube.good_bands.tolist() == [True, False, True]
    assert cube.repairs == ("1 bands hold no finite number: left out as bad bands",)
    listed = build_cube(Stored(array=spectra, good_bands=np.array([True, False, True])), tmp_path / "a.npy")
    assert listed.repairs == ()
    with pytest.raises(UnmixError, match=r"a\.npy has no finite number in its 1 good bands"):
        build_cube(Stored(array=spectra, good_bands=np.array([False, True, False])), tmp_path / "a.npy")
    nothing = np.ones((2, 2, 3), np.float32)
    nothing.reshape(4, 3)[np.arange(4), np.arange(4) % 3] = np.nan  # every pixel lacks one band, every band has a pixel
    with pytest.raises(UnmixError, match=r"a\.npy has no pixel with data in all of its good bands"):
        build_cube(Stored(array=nothing, good_bands=np.ones(3, bool)), tmp_path / "a.npy")
