"""ENVI images: every storage comes back as the same cube; every defect of a file has its sentence."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unmix.cube import UnmixError
from napari_unmix.io import read_cube

CODES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13, "i8": 14, "u8": 15}
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}


def stored_cubes():
    shapes = hnp.array_shapes(min_dims=3, max_dims=3, max_side=5)
    finite = {"allow_nan": False, "allow_infinity": False, "width": 32}

    def of(code):
        elements = st.floats(**finite) if code[0] == "f" else None
        return hnp.arrays(code, shapes, elements=elements)

    return st.sampled_from(sorted(CODES)).flatmap(of)


@settings(max_examples=150, deadline=None)
@given(
    cube=stored_cubes(),
    interleave=st.sampled_from(["bsq", "bil", "bip", "Bil", "BIP", "BSQ"]),
    order=st.sampled_from("<>"),
    offset=st.integers(0, 9),
)
def test_every_storage_comes_back_as_the_same_cube(cube, interleave, order, offset):
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / "scene.hdr"
        stored = np.ascontiguousarray(cube.transpose(AXES[interleave.lower()])).astype(cube.dtype.newbyteorder(order))
        header.with_suffix(".dat").write_bytes(b"x" * offset + stored.tobytes())
        lines, samples, bands = cube.shape
        header.write_text(
            f"ENVI\nsamples={samples}\nlines ={lines}\nbands= {bands}\n"
            f"header offset={offset}\ninterleave={interleave}\n"
            f"data type={CODES[cube.dtype.str[1:]]}\nbyte order={int(order == '>')}\n"
        )
        read = read_cube(header, repair="none")
    np.testing.assert_array_equal(read.spectra, cube.astype(np.float32))
    assert read.repairs == ()
    assert read.valid_pixels.all()


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("interleave", sorted(AXES))
def test_each_type_order_and_interleave(write_envi, small, code, order, interleave):
    cube = (small % 250).astype(code)
    np.testing.assert_array_equal(read_cube(write_envi(cube, interleave=interleave, order=order)).spectra, cube)


def test_the_blocks_of_a_big_file_join_without_a_seam(write_envi, monkeypatch):
    monkeypatch.setattr("napari_unmix.io.stored._BLOCK", 7)
    cube = np.arange(11 * 2 * 3, dtype=np.int16).reshape(11, 2, 3)
    np.testing.assert_array_equal(read_cube(write_envi(cube, data_ignore_value=-1)).spectra, cube)


# --- the two files of an image


@pytest.mark.parametrize(
    "name", ["scene", "scene.img", "scene.RAW", "SCENE.Dat", "scene.bil", "scene.bip", "scene.bsq"]
)
def test_header_and_data_file_find_each_other(write_envi, small, name):
    header = write_envi(small, name=name)
    for path in (header, header.parent / name):
        np.testing.assert_array_equal(read_cube(path).spectra, small)
        assert read_cube(path).source == path


def test_header_name_appended_to_the_data_name(write_envi, small, tmp_path):
    header = write_envi(small, name="scene.img").rename(tmp_path / "scene.img.HDR")
    for path in (header, tmp_path / "scene.img"):
        assert read_cube(path).name == "scene"
        np.testing.assert_array_equal(read_cube(path).spectra, small)


def test_of_several_data_files_the_fitting_one_is_read(write_envi, small, tmp_path):
    header = write_envi(small, name="scene.raw")
    (tmp_path / "scene.img").write_bytes(b"not it")
    cube = read_cube(header)
    np.testing.assert_array_equal(cube.spectra, small)
    assert cube.repairs == ("2 files could hold the data: scene.raw was read",)


def test_header_without_data_file(write_envi, small, tmp_path):
    header = write_envi(small)
    (tmp_path / "scene.img").unlink()
    with pytest.raises(UnmixError, match=r"scene\.hdr has no data file beside it: put scene there \(\.img"):
        read_cube(header)


def test_truncated_data_file_names_both_sizes(write_envi, small, tmp_path):
    header = write_envi(small)
    (tmp_path / "scene.img").write_bytes(small.tobytes()[:-1])
    with pytest.raises(UnmixError, match=r"holds 119 bytes but its header's 4 lines × 3 samples × 5 bands.* need 120"):
        read_cube(header)


def test_bytes_after_the_data_are_left_out(write_envi, small, tmp_path):
    header = write_envi(small)
    (tmp_path / "scene.img").write_bytes(small.tobytes() + b"abc")
    assert "scene.img is 3 bytes longer than its header says: the end was left out" in read_cube(header).repairs


def test_absurd_dimensions(write_envi, small):
    with pytest.raises(UnmixError, match=r"holds 120 bytes but .* need 100000000000000: copy the whole file again"):
        read_cube(write_envi(small, lines=10_000_000, samples=100_000, bands=100, data_type=1))


def test_a_file_beyond_the_memory_names_what_it_needs(write_envi, small, monkeypatch):
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 400)
    with pytest.raises(UnmixError, match=r"needs 480 B, this machine can give 200 B: crop it"):
        read_cube(write_envi(small))


def test_a_file_that_cannot_be_mapped_is_a_sentence(write_envi, small, monkeypatch):
    monkeypatch.setattr("numpy.memmap", lambda *_, **__: (_ for _ in ()).throw(OSError("no such device")))
    with pytest.raises(UnmixError, match=r"could not be read \(it cannot be mapped into memory\): check the file"):
        read_cube(write_envi(small))


def test_files_are_closed_and_spy_stays_quiet(write_envi, small):
    """In a fresh interpreter: the first import of SPy is the one that would set up its logger."""
    code = (
        "import gc, logging, sys, warnings; warnings.simplefilter('error')\n"
        "from napari_unmix.io import read_cube\n"
        f"cube = read_cube({str(write_envi(small))!r})\n"
        "assert 'spectral' in sys.modules and 'matplotlib' not in sys.modules\n"
        "logger = logging.getLogger('spectral')\n"
        "logger.info('a remark'); gc.collect()\n"
        "print(logger.handlers, logger.level)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[] 0\n", "")


# --- what the header says about the numbers


def test_scale_factor_divides(write_envi, small):
    cube = read_cube(write_envi(small, reflectance_scale_factor=10000))
    np.testing.assert_array_equal(cube.spectra, (small / 10000).astype(np.float32))
    assert cube.scale == 10000


@pytest.mark.parametrize("bad", ["0", "-1", "nan", "ten"])
def test_a_useless_scale_factor_is_left_out_and_said(write_envi, small, bad):
    cube = read_cube(write_envi(small, reflectance_scale_factor=bad))
    assert cube.scale == 1
    assert cube.repairs == (f"the reflectance scale factor {bad!r} is no positive number: numbers left as stored",)


def test_gains_and_offsets_are_applied_before_the_scale(write_envi, small):
    gains, offsets = np.array([1, 2, 3, 4, 5]), np.array([0, 1, 0, -1, 0.5])
    lists = [f"{{{', '.join(map(str, numbers))}}}" for numbers in (gains, offsets)]
    header = write_envi(small, data_gain_values=lists[0], data_offset_values=lists[1], reflectance_scale_factor=100)
    cube = read_cube(header)
    np.testing.assert_allclose(cube.spectra, (small * gains + offsets) / 100, rtol=1e-6)
    assert cube.repairs == ("data gain and offset values were applied",)


def test_gains_that_repeat_the_scale_factor_are_applied_once(write_envi, small):
    gains = "{" + ",".join(["0.0001"] * 5) + "}"
    cube = read_cube(write_envi(small, data_gain_values=gains, reflectance_scale_factor=10000))
    np.testing.assert_allclose(cube.spectra, small / 10000, rtol=1e-6)
    assert cube.repairs == ("data gain values and reflectance scale factor say the same: applied once",)


def test_bad_bands(write_envi, small):
    cube = read_cube(write_envi(small, bbl="{1, 0, 1, 1, 0}"))
    assert cube.good_bands.tolist() == [True, False, True, True, False]


def test_a_bad_band_list_of_the_wrong_length_or_all_bad_is_left_out(write_envi, small):
    assert read_cube(write_envi(small, bbl="{1, 0}")).repairs == ("'bbl' has 2 entries for 5 bands: not applied",)
    cube = read_cube(write_envi(small, bbl="{0,0,0,0,0}"))
    assert cube.good_bands.all()
    assert cube.repairs == ("the bad-band list marks all 5 bands bad: not applied",)


def test_a_pixel_with_the_ignore_value_is_invalid(write_envi, small):
    cube = small.astype(np.int16)
    cube[1, 2] = -9999
    cube[3, 0, 4] = -9999
    read = read_cube(write_envi(cube, data_ignore_value=-9999, reflectance_scale_factor=100))
    expected = np.ones((4, 3), bool)
    expected[1, 2] = expected[3, 0] = False
    np.testing.assert_array_equal(read.valid_pixels, expected)


def test_the_ignore_value_in_a_bad_band_costs_no_pixel(write_envi, small):
    cube = small.astype(np.int16)
    cube[3, 0, 4] = -9999
    assert read_cube(write_envi(cube, data_ignore_value=-9999, bbl="{1,1,1,1,0}")).valid_pixels.all()


def test_bands_of_nothing_but_the_ignore_value_become_bad_bands(write_envi, small):
    cube = small.astype(np.int16)
    cube[:, :, 2] = -9999
    cube[0, 0] = -9999
    read = read_cube(write_envi(cube, data_ignore_value=-9999))
    assert read.good_bands.tolist() == [True, True, False, True, True]
    assert int(read.valid_pixels.sum()) == 11
    assert read.repairs == ("1 bands hold only the ignore value -9999: left out as bad bands",)


def test_zero_as_ignore_value_must_fill_the_spectrum(write_envi, small):
    small[0, 0] = 0
    small[1, 1, 3] = 0
    valid = read_cube(write_envi(small, data_ignore_value=0)).valid_pixels
    assert not valid[0, 0]
    assert int(valid.sum()) == 11


def test_the_ignore_value_is_compared_as_float32(write_envi, small):
    cube = small.astype(np.float32)
    cube[2, 1] = -3.4028234663852886e38
    assert not read_cube(write_envi(cube, data_ignore_value="-3.40282347e+38")).valid_pixels[2, 1]


def test_nan_as_ignore_value_and_nan_without_one(write_envi, small):
    cube = small.astype(np.float32)
    cube[2, 1] = np.nan
    for ignore in ("nan", None):
        valid = read_cube(write_envi(cube, data_ignore_value=ignore)).valid_pixels
        assert not valid[2, 1]
        assert int(valid.sum()) == 11


def test_no_pixel_left(write_envi):
    with pytest.raises(
        UnmixError, match=r"scene\.hdr has no pixel with data in all of its good bands: check its no-data"
    ):
        read_cube(write_envi(np.full((2, 2, 3), -1, np.int16), data_ignore_value=-1))


def test_infinity_from_a_double_that_float32_cannot_hold_is_no_data(write_envi, small):
    cube = small.astype(np.float64)
    cube[0, 1, 0] = 1e300
    valid = read_cube(write_envi(cube)).valid_pixels
    assert not valid[0, 1]
    assert int(valid.sum()) == 11
