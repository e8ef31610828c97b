"""JPEG 2000, as rasterio writes it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_unmix.cube import UnmixError
from napari_unmix.io import can_read, read_cube

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


def test_damage_and_the_extra(tmp_path):
    (tmp_path / "a.jp2").write_bytes(JP2 + bytes(50))
    with pytest.raises(
        UnmixError, match=r"a\.jp2 (could not be read by rasterio|is compressed in a way that needs rasterio)"
    ):
        read_cube(tmp_path / "a.jp2")
    code = "import sys; sys.modules['rasterio'] = None\nfrom napari_unmix import read_cube\nread_cube(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.jp2")], capture_output=True, text=True, check=False
    )
    assert 'pip install "napari-unmix[geo]"' in done.stderr
