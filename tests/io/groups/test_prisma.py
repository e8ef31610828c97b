"""PRISMA's layout, of which the band order, the detectors' scales and the flagged bands are what readers get wrong."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

VNIR, SWIR = np.array([800.0, 700, 600, 500]), np.array([1000.0, 950, 780, 0])  # descending; 0 is flagged out


def prisma(path, spectra, **attributes):
    """(6, 5, 8) spectra as (lines, bands, samples) of two detectors of four bands, the last of SWIR filled with 0."""
    stored = np.rint(spectra * 60000).astype("u2")
    with h5py.File(path, "w") as file:
        fields = file.create_group("HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields")
        fields["VNIR_Cube"] = stored[:, :, 3::-1].transpose(0, 2, 1)
        fields["SWIR_Cube"] = np.concatenate([stored[:, :, 6:3:-1], np.zeros((6, 5, 1), "u2")], axis=2).transpose(
            0, 2, 1
        )
        fields["VNIR_PIXEL_L2_ERR_MATRIX"] = np.zeros((6, 4, 5), "u1")
        for name, listed in (("Vnir", VNIR), ("Swir", SWIR)):
            file.attrs[f"List_Cw_{name}"] = listed
            file.attrs[f"List_Fwhm_{name}"] = np.where(listed > 0, 10.0, 0)
            file.attrs[f"List_Cw_{name}_Flags"] = (listed > 0).astype("i4")
        file.attrs.update(attributes)
    return stored


def test_both_detectors_by_ascending_wavelength(tmp_path, spectra):
    stored = prisma(
        tmp_path / "PRS_L2D.he5",
        spectra,
        L2ScaleVnirMin=-0.1,
        L2ScaleVnirMax=1.1,
        L2ScaleSwirMin=0.0,
        L2ScaleSwirMax=0.9,
    )
    cube = read_cube(tmp_path / "PRS_L2D.he5")
    assert cube.shape == (6, 5, 7)
    assert cube.wavelengths.tolist() == [500, 600, 700, 800, 780, 950, 1000]
    np.testing.assert_allclose(cube.spectra[:, :, :4], stored[:, :, :4] / 65535 * 1.2 - 0.1, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cube.spectra[:, :, 4:], stored[:, :, 4:7] / 65535 * 0.9, rtol=1e-5)
    assert "1 bands that the product flags out (wavelength 0) were left out" in cube.repairs
    assert "error matrices and the panchromatic image were not used" in cube.repairs
    assert can_read(tmp_path / "PRS_L2D.he5")
    np.testing.assert_array_equal(read_cube(tmp_path / "PRS_L2D.he5", scale=1).spectra, stored[:, :, :7])


def test_radiance_and_where_nothing_was_seen(tmp_path, spectra):
    spectra = spectra.copy()
    spectra[0, 0] = 0
    spectra[1, 1, 2] = 0  # one dark band is data
    stored = prisma(
        tmp_path / "PRS_L1.he5",
        spectra,
        ScaleFactor_Vnir=100.0,
        ScaleFactor_Swir=200.0,
        Offset_Vnir=2.0,
        Offset_Swir=0.0,
    )
    cube = read_cube(tmp_path / "PRS_L1.he5")
    np.testing.assert_allclose(cube.spectra[1:, :, :4], stored[1:, :, :4] / 100 - 2.0, rtol=1e-5)
    np.testing.assert_allclose(cube.spectra[1:, :, 4:], stored[1:, :, 4:7] / 200, rtol=1e-6)
    assert np.argwhere(~cube.valid_pixels).tolist() == [[0, 0]]


def test_the_map_of_level_2d(tmp_path, spectra):
    corners = {
        "Product_ULcorner_easting": 1000.0,
        "Product_ULcorner_northing": 9000.0,
        "Product_LRcorner_easting": 1150.0,
    }
    prisma(tmp_path / "a.he5", spectra, **corners, Product_LRcorner_northing=8820.0, Epsg_Code=32632)
    place = read_cube(tmp_path / "a.he5").georeference
    assert (place.transform, place.crs) == ((30.0, 0.0, 1000.0, 0.0, -30.0, 9000.0), "EPSG:32632")


def test_a_detector_alone_by_its_name_and_lists_that_do_not_fit(tmp_path, spectra):
    stored = prisma(tmp_path / "a.he5", spectra)
    alone = read_cube(tmp_path / "a.he5", key="VNIR_Cube", bands_axis="middle")
    np.testing.assert_array_equal(alone.spectra, stored[:, :, 3::-1])
    prisma(tmp_path / "b.he5", spectra, List_Cw_Vnir=VNIR[:3])
    with pytest.raises(
        UnmixError, match=r"b\.he5 lists 3 wavelengths for the 4 bands of .*VNIR_Cube: copy the whole file again"
    ):
        read_cube(tmp_path / "b.he5")
