"""JPEG 2000 and the formats of older programs and of planets, as rasterio writes them."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


@pytest.fixture
def written(tmp_path, spectra):
    rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed: pip install rasterio")
    if "JP2OpenJPEG" not in rasterio.drivers.raster_driver_extensions().values():
        pytest.skip("this rasterio has no JPEG 2000")

    def write(bands=8, dtype="uint16", scale=10000):
        stored = np.rint(np.tile(spectra[:, :, :bands], (4, 4, 1)) * scale).astype(dtype)
        profile = {
            "driver": "JP2OpenJPEG",
            "count": bands,
            "height": 24,
            "width": 20,
            "dtype": dtype,
            "crs": "EPSG:32633",
        }
        lossless = {"QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
        with rasterio.open(
            tmp_path / "a.jp2", "w", **profile, transform=rasterio.Affine(30.0, 0.0, 4e5, 0.0, -30.0, 5e6), **lossless
        ) as file:
            file.write(np.moveaxis(stored, 2, 0))
        return stored

    return write


def test_a_cube(tmp_path, written):
    stored = written()
    cube = read_cube(tmp_path / "a.jp2")
    np.testing.assert_array_equal(cube.spectra, stored)
    assert (cube.georeference.transform, cube.georeference.crs) == ((30.0, 0.0, 4e5, 0.0, -30.0, 5e6), "EPSG:32633")
    assert can_read(tmp_path / "a.jp2")


def test_a_picture(tmp_path, written):
    written(3, "uint8", 200)
    with pytest.raises(UnmixError, match=r"a\.jp2 is a colour picture of 3 bands in 8 bit"):
        read_cube(tmp_path / "a.jp2")
    assert not can_read(tmp_path / "a.jp2")


@pytest.mark.parametrize(
    ("driver", "name"),
    [("HFA", "a.img"), ("NITF", "a.ntf"), ("VICAR", "a.vic"), ("ISIS3", "a.cub"), ("PCIDSK", "a.pix")],
)
def test_other_containers(tmp_path, spectra, driver, name, recwarn):
    rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed: pip install rasterio")
    stored = np.rint(spectra * 1000).astype("i2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no map
        with rasterio.open(tmp_path / name, "w", driver=driver, count=8, height=6, width=5, dtype="int16") as file:
            file.write(np.moveaxis(stored, 2, 0))
    (tmp_path / "a.hdr").write_text(
        "ENVI\nsamples = 5\nlines = 6\nbands = 8\ndata type = 2\ninterleave = bsq\nbyte order = 0\nheader offset = 0\n"
    )
    np.testing.assert_array_equal(
        read_cube(tmp_path / name).spectra, stored
    )  # by the first bytes, whatever the header says
    assert can_read(tmp_path / name)
    assert not recwarn


def test_a_label_that_leads_to_another_file(tmp_path, spectra):
    rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed: pip install rasterio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"DATA_LOCATION": "EXTERNAL", "EXTERNAL_FILENAME": str(tmp_path / "secret")}
        with rasterio.open(
            tmp_path / "a.lbl", "w", driver="ISIS3", count=8, height=6, width=5, dtype="float32", **options
        ) as file:
            file.write(np.moveaxis(spectra, 2, 0))
    with pytest.raises(UnmixError, match=r"a\.lbl takes its numbers from secret, which is not safe"):
        read_cube(tmp_path / "a.lbl")


def test_damage_and_the_extra(tmp_path):
    (tmp_path / "a.jp2").write_bytes(JP2 + bytes(50))
    with pytest.raises(
        UnmixError,
        match=r"a\.jp2 is a file of JPEG 2000(,| that) .* or convert it with gdal_translate -of ENVI a\.jp2 a\.img",
    ):
        read_cube(tmp_path / "a.jp2")
    code = "import sys; sys.modules['rasterio'] = None\nfrom napari_unmix import read_cube\nread_cube(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.jp2")], capture_output=True, text=True, check=False
    )
    assert 'pip install "napari-unmix[geo]"' in done.stderr
