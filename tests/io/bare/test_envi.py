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

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

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
        read = read_cube(header, scale=1, repair="none")  # as stored, however small or large
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
    for name in ("_READ", "_UNPACKED", "_CONVERTED"):
        monkeypatch.setattr(f"napari_unmix.io.stored.{name}", 7)
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


def test_a_file_of_less_than_a_line_names_both_sizes(write_envi, small, tmp_path):
    header = write_envi(small, interleave="bil")
    (tmp_path / "scene.img").write_bytes(small.tobytes()[:29])
    with pytest.raises(UnmixError, match=r"holds 29 bytes but its header's 4 lines × 3 samples × 5 bands.* need 120"):
        read_cube(header)


@pytest.mark.parametrize("interleave", ["bil", "bip"])
def test_a_recording_that_ended_early_yields_its_whole_lines(write_envi, small, tmp_path, interleave):
    header = write_envi(small, interleave=interleave)
    data = tmp_path / "scene.img"
    data.write_bytes(data.read_bytes()[: 3 * 30 + 7])
    cube = read_cube(header)
    np.testing.assert_array_equal(cube.spectra, small[:3])
    assert cube.repairs == ("scene.img ends early, it holds 97 of 120 bytes: its 3 whole lines of 4 were read",)


def test_a_bsq_recording_that_ended_early_yields_its_whole_bands_and_their_lists(write_envi, small, tmp_path):
    listed = {"wavelength": "{400, 500, 600, 700, 800}", "wavelength_units": "nm", "fwhm": "{1,2,3,4,5}"}
    header = write_envi(small, bbl="{1,0,1,1,1}", data_gain_values="{1,2,3,4,5}", **listed)
    data = tmp_path / "scene.img"
    data.write_bytes(data.read_bytes()[: 4 * 24 + 1])
    cube = read_cube(header)
    np.testing.assert_array_equal(cube.spectra, small[:, :, :4] * np.array([1, 2, 3, 4]))
    assert cube.wavelengths.tolist() == [400, 500, 600, 700]
    assert cube.fwhm.tolist() == [1, 2, 3, 4]
    assert cube.good_bands.tolist() == [True, False, True, True]
    assert "its 4 whole bands of 5 were read" in " ".join(cube.repairs)


def test_a_short_file_that_another_type_would_fit_is_no_recording_that_ended_early(write_envi, small):
    with pytest.raises(UnmixError, match=r"need 240: .* correct the header \(16-bit numbers would fit\)"):
        read_cube(write_envi(small, data_type=4, interleave="bil"))


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"data_type": 1}, "16-bit numbers or a header offset of 60 or 10 bands would fit"),
        ({"lines": 2, "interleave": "bil"}, "32-bit numbers or a header offset of 60 or 4 lines would fit"),
    ],
)
def test_a_longer_file_is_refused_with_what_would_fit(write_envi, small, changes, fits):
    with pytest.raises(UnmixError, match=rf"holds 120 bytes but .* end at 60: correct the header \({fits}\)"):
        read_cube(write_envi(small, **changes))


@settings(max_examples=60, deadline=None)
@given(
    interleave=st.sampled_from(sorted(AXES)),
    offset=st.integers(0, 5),
    major=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    minor=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_bytes_around_frames_are_skipped(interleave, offset, major, minor):
    """Major frames are bands (bsq) or lines; minor ones lines of a band, rows of one band, or pixels."""
    cube = (np.arange(60, dtype="<i2") * 7 - 3).reshape(4, 3, 5)
    frames = np.ascontiguousarray(cube.transpose(AXES[interleave]))
    content = b"o" * offset
    for frame in frames:
        rows = b"".join(b"m" * minor[0] + row.tobytes() + b"n" * minor[1] for row in frame)
        content += b"M" * major[0] + rows + b"N" * major[1]
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / "scene.hdr"
        header.with_suffix(".raw").write_bytes(content)
        header.write_text(
            f"ENVI\nsamples=3\nlines=4\nbands=5\nheader offset={offset}\ninterleave={interleave}\ndata type=2\nbyte order=0\n"
            f"major frame offsets = {{{major[0]}, {major[1]}}}\nminor frame offsets = {{{minor[0]}, {minor[1]}}}\n"
        )
        read = read_cube(header)
    np.testing.assert_array_equal(read.spectra, cube.astype(np.float32))
    assert len(read.repairs) == any(major) + any(minor)


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


@pytest.mark.parametrize("suffix", [".hyspex", ".cube", ".ref", ".rad", ".cub", ".pix", ".float"])
def test_data_of_the_headers_stem_and_exactly_its_size_are_read_whatever_their_suffix(
    write_envi, small, tmp_path, suffix
):
    (tmp_path / "scene.txt").write_text("notes")
    header = write_envi(small, name="scene" + suffix)
    for path in (header, tmp_path / f"scene{suffix}"):
        np.testing.assert_array_equal(read_cube(path).spectra, small)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"GIF89a", "GIF"),
        (b"%PDF-1.4", "PDF"),
        (b"NITF02.10", "NITF"),
        (b"EHFA_HEADER_TAG", "ERDAS Imagine"),
        (b"\x0e\x03\x13\x01", "HDF4"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"Rar!\x1a\x07", "RAR"),
    ],
)
def test_what_has_a_mark_of_its_own_is_never_bare_numbers(write_envi, small, tmp_path, start, kind):
    """Whatever header lies beside it, and though the size is right."""
    header = write_envi(small)
    data = tmp_path / "scene.img"
    data.write_bytes(start + data.read_bytes()[len(start) :])
    for path in (header, data):
        with pytest.raises(UnmixError, match=kind):
            read_cube(path)
    assert not can_read(data)


def test_a_text_beside_a_header_is_called_one(write_envi, small, tmp_path):
    header = write_envi(small, name="scene.dat")
    (tmp_path / "scene.dat").write_text("x y 400 410\n" + "1 2 0.5 0.6\n" * 40)
    with pytest.raises(UnmixError, match=r"scene\.dat is a text, not the bare numbers of an image"):
        read_cube(header)


def test_a_header_offset_that_the_file_does_not_have(write_envi, small):
    with pytest.raises(UnmixError, match=r"need 160: .* \(a header offset of 0 would fit\)"):
        read_cube(write_envi(small, header_offset=40))


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


def test_gains_to_reflectance_come_before_gains_to_radiance_and_the_scale(write_envi, small):
    lists = {"data_reflectance_gain_values": "{2,2,2,2,2}", "data_reflectance_offset_values": "{1,1,1,1,1}"}
    cube = read_cube(write_envi(small, **lists, data_gain_values="{5,5,5,5,5}", reflectance_scale_factor=100))
    np.testing.assert_array_equal(cube.spectra, small * 2 + 1)
    assert cube.repairs == (
        "the header has gains to radiance and to reflectance: those to reflectance were applied (--scale 1: none)",
        "gains to reflectance and the scale factor 100: only the gains were applied (--scale 100: only that)",
        "data reflectance gain and offset values were applied",
    )


def test_the_map_of_the_header(write_envi, small):
    where = "{UTM, 1.000, 1.000, 500000.0, 4000000.0, 30.0, 20.0, 33, North, WGS-84, units=Meters}"
    found = read_cube(write_envi(small, map_info=where)).georeference
    assert found is not None
    assert found.transform == (30.0, 0.0, 500000.0, 0.0, -20.0, 4000000.0)
    assert found.crs == "EPSG:32633"
    middle = where.replace("1.000, 1.000", "1.5, 1.5")
    named = read_cube(write_envi(small, map_info=middle, coordinate_system_string='{PROJCS["x"]}')).georeference
    assert named is not None
    assert named.transform[2::3] == (500000.0 - 15, 4000000.0 + 10)
    assert named.crs == 'PROJCS["x"]'
    assert read_cube(write_envi(small, map_info="{Arbitrary, 1, 1, 0, 0}")).georeference is None


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
