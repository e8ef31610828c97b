"""NetCDF classic, as SciPy writes it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import netcdf_file

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)


def write(path, spectra, version=1):
    with netcdf_file(path, "w", version=version) as file:
        for name, length in zip(("band", "y", "x"), (8, 6, 5), strict=True):
            file.createDimension(name, length)
        cube = file.createVariable("reflectance", "i2", ("band", "y", "x"))
        cube[:] = np.moveaxis(np.rint(spectra * 10000), 2, 0)
        cube.scale_factor, cube.missing_value = np.float32(0.0001), np.int16(-1)
        cube[:, 0, 0] = -1
        lists = file.createVariable("wavelength", "f4", ("band",))
        lists[:] = NM
        lists.units = "nm"


@pytest.mark.parametrize("version", [1, 2])
def test_a_cube(tmp_path, spectra, version):
    write(tmp_path / "a.nc", spectra, version)
    cube = read_cube(tmp_path / "a.nc")
    np.testing.assert_allclose(cube.spectra[1:], spectra[1:], atol=5.1e-5)
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert np.argwhere(~cube.valid_pixels).tolist() == [[0, 0]]
    assert cube.scale == 10000
    assert can_read(tmp_path / "a.nc")


def test_damage(tmp_path, spectra):
    write(tmp_path / "a.nc", spectra)
    whole = (tmp_path / "a.nc").read_bytes()
    for length in (6, 60, len(whole) - 100):
        (tmp_path / "b.nc").write_bytes(whole[:length])
        with pytest.raises(UnmixError, match=r"b\.nc is damaged or no NetCDF file \(.*\): copy the whole file again"):
            read_cube(tmp_path / "b.nc")
    assert not can_read(tmp_path / "b.nc")
