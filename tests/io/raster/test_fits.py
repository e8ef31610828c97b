"""FITS cubes as astropy writes them."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest

from napari_unmix.io import can_read, read_cube
from napari_unmix.io.raster.fits import spectral
from napari_unmix.sentences import UnmixError

fits = pytest.importorskip("astropy.io.fits", reason="astropy is not installed: pip install astropy")
NM = np.linspace(450.0, 800.0, 8)
WAVE = {"CTYPE3": "WAVE", "CUNIT3": "nm", "CRPIX3": 1.0, "CRVAL3": 450.0, "CDELT3": 50.0}


def write(path, array, header=(), first=True):
    unit = (fits.PrimaryHDU if first else fits.ImageHDU)(array)
    unit.header.update(dict(header))
    units = [unit] if first else [fits.PrimaryHDU(), unit]
    fits.HDUList(units).writeto(path, overwrite=True)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_a_cube(tmp_path, spectra, first, dtype):
    stored = np.moveaxis(spectra if dtype != "i2" else np.rint(spectra * 1000), 2, 0).astype(dtype)
    write(tmp_path / "a.fits", stored, WAVE, first)
    cube = read_cube(tmp_path / "a.fits")
    np.testing.assert_allclose(cube.spectra, np.moveaxis(stored, 0, 2), rtol=1e-6)
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert can_read(tmp_path / "a.fits")


def test_unsigned_and_scaled_numbers_and_blanks(tmp_path, spectra):
    stored = np.moveaxis(np.rint(spectra * 50000), 2, 0).astype("u2")  # stored as int16 with BZERO 32768
    write(tmp_path / "a.fits", stored, WAVE)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.fits").spectra, np.moveaxis(stored, 0, 2))
    unit = fits.PrimaryHDU(np.moveaxis(np.rint(spectra * 1000), 2, 0).astype("i2"))
    unit.data[:, 1, 2] = -999
    unit.header.update({"BLANK": -999, "BSCALE": 0.001, "BZERO": 0.0})
    unit.writeto(tmp_path / "b.fits")
    with fits.open(tmp_path / "b.fits", "update", do_not_scale_image_data=True) as file:
        file[0].header.update({"BLANK": -999, "BSCALE": 0.001, "BZERO": 0.0})
    cube = read_cube(tmp_path / "b.fits")
    assert np.argwhere(~cube.valid_pixels).tolist() == [[1, 2]]
    np.testing.assert_allclose(cube.spectra[2:], spectra[2:], atol=5.1e-4)
    assert cube.scale == 1000


@pytest.mark.parametrize(
    ("header", "values", "unit"),
    [
        ({"CTYPE3": "WAVE", "CRVAL3": 4e-7, "CDELT3": 1e-9}, [4e-7, 4.01e-7], "m"),
        (
            {"CTYPE3": "AWAV", "CUNIT3": "Angstrom", "CRVAL3": 5000.0, "CD3_3": 2.0, "CRPIX3": 2.0},
            [4998.0, 5000.0],
            "Angstrom",
        ),
        ({"CTYPE3": "FREQ", "CRVAL3": 5e14, "CDELT3": -1e12}, [500.0, 499.0], "THz"),
        ({"CTYPE3": "WAVN", "CUNIT3": "cm-1", "CRVAL3": 900.0, "CDELT3": 4.0}, [900.0, 904.0], "cm-1"),
        ({"CTYPE3": "WAVE-LOG", "CUNIT3": "nm", "CRVAL3": 500.0, "CDELT3": 5.0}, [500.0, 500 * np.exp(0.01)], "nm"),
    ],
    ids=lambda value: value.get("CTYPE3", "") if isinstance(value, dict) else "",
)
def test_the_spectral_axis(header, values, unit):
    axis, places, of, said = spectral({"NAXIS3": 2} | header, 3)
    np.testing.assert_allclose(places, values)
    assert (axis, of, said) == (0, unit, ())


def test_another_axis_a_table_of_wavelengths_and_none_at_all(tmp_path, spectra):
    first = {key.replace("3", "1"): value for key, value in WAVE.items()}
    write(tmp_path / "a.fits", spectra, first)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.fits").spectra, spectra)
    table = fits.BinTableHDU.from_columns([fits.Column("WAVELENGTH", "D", unit="um", array=NM / 1000)])
    fits.HDUList([fits.PrimaryHDU(np.moveaxis(spectra, 2, 0)), table]).writeto(tmp_path / "b.fits")
    np.testing.assert_allclose(read_cube(tmp_path / "b.fits").wavelengths, NM)
    write(tmp_path / "c.fits", np.moveaxis(spectra, 2, 0))
    plain = read_cube(tmp_path / "c.fits")
    np.testing.assert_array_equal(plain.spectra, spectra)
    assert any(
        "the third axis of FITS was read as bands (--bands-axis reads another)" in said for said in plain.repairs
    )


def test_an_extension_by_its_name(tmp_path, spectra):
    stack = np.moveaxis(spectra, 2, 0)
    units = [fits.PrimaryHDU(), fits.ImageHDU(stack, name="FLUX"), fits.ImageHDU(stack + 1, name="ERROR")]
    fits.HDUList(units).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_cube(tmp_path / "a.fits").spectra, spectra)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.fits", key="error").spectra, spectra + 1)
    with pytest.raises(UnmixError, match=r"a\.fits has no image 'sky', it holds FLUX 8×6×5, ERROR 8×6×5"):
        read_cube(tmp_path / "a.fits", key="sky")


def test_what_is_no_cube_and_damage(tmp_path, spectra):
    write(tmp_path / "image.fits", spectra[:, :, 0])
    with pytest.raises(UnmixError, match=r"image\.fits holds PRIMARY 6×5: give a file with an image of three axes"):
        read_cube(tmp_path / "image.fits")
    assert not can_read(tmp_path / "image.fits")
    write(tmp_path / "a.fits", np.moveaxis(spectra, 2, 0), WAVE)
    whole = (tmp_path / "a.fits").read_bytes()
    for length in (100, 2880, 3000):
        (tmp_path / "b.fits").write_bytes(whole[:length])
        with pytest.raises(UnmixError, match=r"b\.fits is a damaged FITS file \(.*\): copy the whole file again"):
            read_cube(tmp_path / "b.fits")
    lie = whole.replace(b"NAXIS1  =                    5", b"NAXIS1  =               200000")
    lie = lie.replace(b"NAXIS2  =                    6", b"NAXIS2  =               200000")
    (tmp_path / "c.fits").write_bytes(lie)
    with pytest.raises(UnmixError, match=r"c\.fits needs 2\.56 TB, this machine can give"):
        read_cube(tmp_path / "c.fits")


def test_the_extra_is_named(tmp_path, spectra):
    write(tmp_path / "a.fits", np.moveaxis(spectra, 2, 0))
    code = "import sys; sys.modules['astropy'] = None\nfrom napari_unmix import read_cube\nread_cube(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.fits")], capture_output=True, text=True, check=False
    )
    assert 'a.fits is a FITS file, which needs astropy: pip install "napari-unmix[fits]".' in done.stderr


@pytest.mark.parametrize("packing", ["GZIP_1", "GZIP_2", "RICE_1", "HCOMPRESS_1", "PLIO_1"])
def test_compressed_tiles_are_read(tmp_path, packing):
    stored = np.random.default_rng(0).integers(1, 3000, (12, 9, 8)).astype(np.int16)
    fits.CompImageHDU(stored, compression_type=packing, tile_shape=(1, 9, 8)).writeto(tmp_path / "a.fits")
    read = read_cube(tmp_path / "a.fits", scale=1, repair="none", bands_axis="first")
    np.testing.assert_array_equal(np.moveaxis(read.spectra, 2, 0), stored)


def test_a_tile_that_is_a_bomb_is_refused(tmp_path):
    packed = gzip.compress(bytes(20_000_000))
    stored = np.random.default_rng(0).integers(-30000, 30000, (1, 200, 200)).astype(np.int16)
    fits.CompImageHDU(np.repeat(stored, 3, axis=0), compression_type="GZIP_1", tile_shape=(1, 200, 200)).writeto(
        tmp_path / "a.fits"
    )
    with fits.open(tmp_path / "a.fits", disable_image_compression=True) as units:
        assert len(packed) < len(units[1].data["COMPRESSED_DATA"][0])
        content, whole = units[1].data["COMPRESSED_DATA"][0].tobytes(), (tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(whole.replace(content, packed + bytes(len(content) - len(packed))))
    with pytest.raises(UnmixError, match=r"A tile of b\.fits unpacks to more than the 320 kB that it claims"):
        read_cube(tmp_path / "b.fits")
