"""Folders of one TIFF for each band."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)


def bands(folder, spectra, name):
    folder.mkdir()
    for band in range(spectra.shape[2]):
        tifffile.imwrite(
            folder / name(band), np.ascontiguousarray(spectra[:, :, band]), photometric="minisblack", metadata=None
        )


def test_numbers_are_ordered_as_numbers(tmp_path, spectra):
    bands(
        tmp_path / "scene",
        np.concatenate([spectra, spectra + 1], axis=2),
        lambda band: f"LC08_20200103_B{band + 1}.TIF",
    )
    cube = read_cube(tmp_path / "scene")
    np.testing.assert_array_equal(cube.spectra, np.concatenate([spectra, spectra + 1], axis=2))
    assert "16 files were read as bands, from LC08_20200103_B1.TIF to LC08_20200103_B16.TIF" in cube.repairs
    assert cube.name == "scene"
    assert can_read(tmp_path / "scene")


def test_wavelengths_in_the_names(tmp_path, spectra):
    bands(tmp_path / "scene", spectra, lambda band: f"leaf_{NM[band]:g}nm.tif")
    np.testing.assert_array_equal(read_cube(tmp_path / "scene").wavelengths, NM)


def test_what_is_no_band_of_the_series_is_left_out_and_said(tmp_path, spectra):
    bands(tmp_path / "scene", spectra, lambda band: f"S_B{band + 1}.TIF")
    tifffile.imwrite(
        tmp_path / "scene" / "S_B9.TIF", np.zeros((12, 10), "f4"), photometric="minisblack"
    )  # panchromatic
    tifffile.imwrite(tmp_path / "scene" / "S_QA_PIXEL.TIF", np.zeros((6, 5), "u2"), photometric="minisblack")
    cube = read_cube(tmp_path / "scene")
    np.testing.assert_array_equal(cube.spectra, spectra)
    assert "8 files were read as bands, from S_B1.TIF to S_B8.TIF; left out: S_B9.TIF, S_QA_PIXEL.TIF" in cube.repairs


def test_files_that_fit_nowhere(tmp_path, spectra):
    bands(tmp_path / "two", spectra[:, :, :2], lambda band: f"B{band}.tif")
    with pytest.raises(UnmixError, match="two is no cube that can be read"):
        read_cube(tmp_path / "two")
    bands(tmp_path / "sizes", spectra[:, :, :1], lambda band: "B0.tif")
    for band in (1, 2, 3):
        tifffile.imwrite(tmp_path / "sizes" / f"B{band}.tif", np.zeros((6 + band, 5), "f4"), photometric="minisblack")
    with pytest.raises(
        UnmixError, match="sizes holds 1 TIFFs of one band and size: put at least 3 there, one for each band"
    ):
        read_cube(tmp_path / "sizes")
