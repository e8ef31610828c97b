"""HDF5 and NetCDF-4 as missions publish them, as other libraries write them, and as nobody should have made them."""

from __future__ import annotations

import importlib.util
import itertools

import h5py
import numpy as np
import pytest

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)


def scales(file, cube, names):
    """HDF5's dimension scales, as NetCDF-4 has them: by path, made where they are not there."""
    for axis, name in enumerate(names):
        if name not in file:
            file[name] = np.zeros(cube.shape[axis], ">f4")
            file[name].make_scale("This is a netCDF dimension but not a netCDF variable." + f"{cube.shape[axis]:10d}")
        elif not file[name].is_scale:
            file[name].make_scale(name.rpartition("/")[2])
        cube.dims[axis].attach_scale(file[name])


def emit(path, spectra, name="reflectance", good=None):
    with h5py.File(path, "w") as file:
        cube = file.create_dataset(name, data=spectra, chunks=(4, 5, 3), compression="gzip")
        cube.attrs["_FillValue"] = np.float32([-9999])
        scales(file, cube, ("downtrack", "crosstrack", "bands"))
        file.attrs["geotransform"] = [-116.5, 5e-4, 0, 32.8, 0, -5e-4]
        lists = file.create_group("sensor_band_parameters")
        lists["wavelengths"], lists["fwhm"] = NM.astype("f4"), np.full(8, 8.5, "f4")
        lists["wavelengths"].attrs["units"] = "nm"
        if good is not None:
            lists["good_wavelengths"] = np.asarray(good, "f4")
        place = file.create_group("location")
        place["glt_x"] = place["glt_y"] = np.zeros((9, 9), "i4")
        place["lat"] = place["lon"] = np.zeros((6, 5))


def test_emit(tmp_path, spectra):
    stored = spectra.copy()
    stored[0, :2] = -9999
    emit(tmp_path / "EMIT_L2A_RFL.nc", stored, good=[1, 1, 1, 0, 0, 1, 1, 1])
    cube = read_cube(tmp_path / "EMIT_L2A_RFL.nc")
    np.testing.assert_array_equal(cube.spectra[1:], spectra[1:])
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert cube.good_bands.tolist() == [True] * 3 + [False] * 2 + [True] * 3
    assert (~cube.valid_pixels).nonzero()[1].tolist() == [0, 1]
    assert any("2 of 8 bands are bad by the file's own" in said for said in cube.repairs)
    assert any("geolocation table (GLT) was not applied" in said for said in cube.repairs)
    assert can_read(tmp_path / "EMIT_L2A_RFL.nc")
    emit(tmp_path / "EMIT_L1B_RAD.nc", spectra, "radiance")
    np.testing.assert_array_equal(read_cube(tmp_path / "EMIT_L1B_RAD.nc").spectra, spectra)


def test_aviris_3_lies_on_a_map(tmp_path, spectra):
    with h5py.File(tmp_path / "AV3_RFL_ORT.nc", "w") as file:
        file["easting"], file["northing"] = 500_000 + 4.0 * np.arange(5), 4_000_000 - 4.0 * np.arange(6)
        file["transverse_mercator"] = 0
        file["transverse_mercator"].attrs.update({"grid_mapping_name": "transverse_mercator", "crs_wkt": "PROJCS[…]"})
        group = file.create_group("reflectance")
        group["wavelength"], group["fwhm"] = NM.astype("f4"), np.full(8, 7.4, "f4")
        group["wavelength"].attrs["units"] = "nanometers"
        cube = group.create_dataset("reflectance", data=np.moveaxis(spectra, 2, 0))
        cube.attrs.update({"_FillValue": np.float32(-9999), "grid_mapping": "transverse_mercator"})
        scales(file, cube, ("reflectance/wavelength", "northing", "easting"))
    cube = read_cube(tmp_path / "AV3_RFL_ORT.nc")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_allclose(cube.wavelengths, NM, rtol=1e-6)
    assert cube.georeference is not None
    assert cube.georeference.transform == (4.0, 0.0, 499_998.0, 0.0, -4.0, 4_000_002.0)
    assert cube.georeference.crs == "PROJCS[…]"


def test_tanager_has_its_lists_in_attributes_and_a_mask_of_no_data(tmp_path, spectra):
    with h5py.File(tmp_path / "basic_sr.h5", "w") as file:
        fields = file.create_group("HDFEOS/SWATHS/HYP/Data Fields")
        cube = fields.create_dataset("surface_reflectance", data=np.moveaxis(spectra, 2, 0))
        cube.attrs.update({"wavelengths": NM, "fwhm": np.full(8, 5.5), "applied_gain": 1.0})
        outside = np.zeros((6, 5), "u1")
        outside[:, 0] = 1
        fields["nodata_pixels"] = outside
        fields["surface_reflectance_uncertainty"] = np.moveaxis(spectra, 2, 0)
        file["HDFEOS/SWATHS/HYP/Geolocation Fields/Latitude"] = np.zeros((6, 5))
    cube = read_cube(tmp_path / "basic_sr.h5")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_array_equal(cube.wavelengths, NM)
    np.testing.assert_array_equal(cube.valid_pixels, outside == 0)
    assert any("the file's mask leaves out 6 of 30 pixels" in said for said in cube.repairs)
    assert read_cube(tmp_path / "basic_sr.h5", no_data="none").valid_pixels.all()


def test_neon_divides_by_its_scale_factor(tmp_path, spectra):
    with h5py.File(tmp_path / "NEON_D17_SJER_reflectance.h5", "w") as file:
        group = file.create_group("SJER/Reflectance")
        cube = group.create_dataset("Reflectance_Data", data=np.rint(spectra * 10000).astype("i2"))
        cube.attrs.update({"Scale_Factor": 10000.0, "Data_Ignore_Value": -9999.0})
        lists = group.create_group("Metadata/Spectral_Data")
        lists["Wavelength"], lists["FWHM"] = NM, np.full(8, 5.8)
        lists["Wavelength"].attrs["Units"] = "nanometers"
        place = group.create_group("Metadata/Coordinate_System")
        place["EPSG Code"] = b"32611"
        place["Map_Info"] = b"UTM, 1.000, 1.000, 256000.0, 4110000.0, 1.0, 1.0, 11, North, WGS-84, units=Meters"
        group["Metadata/Ancillary_Imagery/Smooth_Surface_Elevation"] = np.zeros((6, 5))
    cube = read_cube(tmp_path / "NEON_D17_SJER_reflectance.h5")
    np.testing.assert_allclose(cube.spectra, spectra, atol=5.1e-5)
    assert (cube.scale, cube.georeference.crs) == (10000, "EPSG:32611")
    assert cube.georeference.transform == (1.0, 0.0, 256000.0, 0.0, -1.0, 4110000.0)


def test_the_bands_may_lie_along_any_axis(tmp_path, spectra):
    for order in itertools.permutations(range(3)):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["anything"] = spectra.transpose(order)
            file["anything"].attrs["wavelength"] = NM
        found = read_cube(tmp_path / "a.h5").spectra
        expected = spectra if [axis for axis in order if axis != 2] == [0, 1] else spectra.transpose(1, 0, 2)
        np.testing.assert_array_equal(found, expected)


def test_packed_numbers(tmp_path, spectra):
    stored = np.rint((spectra + 0.1) / 0.0002).astype("i2")
    stored[2, 3] = -32768
    stored[3, 3, 4] = 9000
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["cube"] = stored
        file["cube"].attrs.update(
            {"scale_factor": 0.0002, "add_offset": -0.1, "_FillValue": np.int16(-32768), "valid_max": np.int16(8000)}
        )
    cube = read_cube(tmp_path / "a.nc", bands_axis="last", repair="none")
    assert (~cube.valid_pixels).nonzero()[0].tolist() == [2, 3]
    np.testing.assert_allclose(cube.spectra[cube.valid_pixels], spectra[cube.valid_pixels], atol=1.1e-4)
    assert "scale_factor 0.0002 and add_offset -0.1 were applied (--scale 1 leaves the stored numbers)" in cube.repairs
    assert read_cube(tmp_path / "a.nc", scale=1, bands_axis="last", repair="none").spectra[0, 0, 0] == stored[0, 0, 0]
    assert read_cube(tmp_path / "a.nc", no_data="none").valid_pixels.all()


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_what_xarray_writes(tmp_path, spectra, engine):
    xarray = pytest.importorskip("xarray", reason="xarray is not installed: pip install xarray h5netcdf netCDF4")
    if importlib.util.find_spec({"netcdf4": "netCDF4"}.get(engine, engine)) is None:
        pytest.skip(f"{engine} is not installed")
    coordinates = {
        "wavelength": ("wavelength", NM / 1000, {"units": "um"}),
        "y": 10.0 - np.arange(6),
        "x": 2.0 * np.arange(5),
    }
    array = xarray.DataArray(np.moveaxis(spectra, 2, 0), coordinates, ("wavelength", "y", "x"), name="radiance")
    array.to_netcdf(
        tmp_path / "a.nc",
        engine=engine,
        encoding={"radiance": {"dtype": "i2", "scale_factor": 1e-4, "_FillValue": -9999}},
    )
    cube, again = read_cube(tmp_path / "a.nc"), xarray.load_dataarray(tmp_path / "a.nc", engine=engine)
    np.testing.assert_allclose(cube.spectra, again.transpose("y", "x", "wavelength").values, rtol=1e-6)
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert cube.georeference.transform == (2.0, 0.0, -1.0, 0.0, -1.0, 10.5)


def test_a_key_leads_inside_and_a_choice_is_said(tmp_path, spectra):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one/cube"], file["two/other"], file["two/std"] = spectra, spectra[:4] + 1, spectra
        file["one/wavelength"] = file["two/list"] = NM
    cube = read_cube(tmp_path / "a.h5")
    np.testing.assert_array_equal(cube.spectra, spectra)
    assert (
        "2 arrays could be the cube (one/cube 6×5×8, two/other 4×5×8): one/cube was taken (--key NAME takes another)"
        in cube.repairs
    )
    for key in ("two/other", "other", "/two/other"):
        np.testing.assert_array_equal(
            read_cube(tmp_path / "a.h5", key=key, bands_axis="last", repair="none").spectra, spectra[:4] + 1
        )
    with pytest.raises(UnmixError, match=r"a\.h5 has no array 'three', it holds one/cube 6×5×8, .*: name one of these"):
        read_cube(tmp_path / "a.h5", key="three")


def test_arrays_that_nothing_tells_apart_are_not_guessed(tmp_path, spectra):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"], file["two"] = spectra, spectra
    with pytest.raises(UnmixError, match=r"a\.h5 holds one 6×5×8, two 6×5×8: say which is the cube by --key"):
        read_cube(tmp_path / "a.h5")


def test_labels_of_axes_come_before_the_names_of_their_scales(tmp_path, spectra):
    """Delmic's microscopes: (C, T, Z, Y, X), C with a scale of wavelengths in metres."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        cube = file.create_dataset("Acquisition0/ImageData/Image", data=np.moveaxis(spectra, 2, 0)[:, None, None])
        file["Acquisition0/ImageData/DimensionScaleC"] = NM * 1e-9
        scale = file["Acquisition0/ImageData/DimensionScaleC"]
        scale.attrs["UNIT"] = "m"
        scale.make_scale("C")
        for axis, label in enumerate("CTZYX"):
            cube.dims[axis].label = label
        cube.dims[0].attach_scale(scale)
        file["Preview/Image"] = np.zeros((40, 40, 3), "u1")
    found = read_cube(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.spectra, spectra)
    np.testing.assert_allclose(found.wavelengths, NM)


def test_axes_that_are_an_images_leave_the_third(tmp_path, spectra):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["lai"] = np.moveaxis(spectra, 2, 0)
        scales(file, file["lai"], ("time", "lat", "lon"))
    cube = read_cube(tmp_path / "a.nc")
    np.testing.assert_array_equal(cube.spectra, spectra)
    assert (
        "the axis 'time' was read as bands: the others are those of the image (--bands-axis reads another)"
        in cube.repairs
    )


def test_one_array_for_each_band(tmp_path, spectra):
    """ACOLITE names them by wavelength, SNAP says it in an attribute."""
    with h5py.File(tmp_path / "a.nc", "w") as file:
        for band in (3, 0, 1, 2, 4, 5, 6, 7):
            file[f"rhos_{NM[band]:g}"] = np.rint(spectra[:, :, band] * 10000).astype("i2")
            file[f"rhos_{NM[band]:g}"].attrs["scale_factor"] = 0.0001
            file[f"rhot_{NM[band]:g}"] = np.zeros((6, 5))
        file["lat"], file["lon"] = np.zeros((6, 5)), np.zeros((6, 5))
        del file["rhot_800"]
    with h5py.File(tmp_path / "b.nc", "w") as file:
        for band in range(8):
            file[f"B{band + 1}"] = spectra[:, :, band]
            file[f"B{band + 1}"].attrs.update({"radiation_wavelength": NM[band], "radiation_wavelength_unit": "nm"})
    for name in ("a.nc", "b.nc"):
        cube = read_cube(tmp_path / name)
        np.testing.assert_allclose(cube.spectra, spectra, atol=5.1e-5)
        np.testing.assert_allclose(cube.wavelengths, NM)
        assert can_read(tmp_path / name)
    assert "8 images were read as bands: rhos_450 … rhos_800" in read_cube(tmp_path / "a.nc").repairs


def test_numbers_from_other_files_are_refused_and_links_are_not_followed(tmp_path, spectra):
    (tmp_path / "secret").write_bytes(spectra.tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("cube", spectra.shape, "f4", external=[(str(tmp_path / "secret"), 0, spectra.nbytes)])
    with h5py.File(tmp_path / "b.h5", "w") as file:
        layout = h5py.VirtualLayout(spectra.shape, "f4")
        layout[...] = h5py.VirtualSource(tmp_path / "c.h5", "cube", spectra.shape)
        file.create_virtual_dataset("cube", layout)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["cube"] = spectra
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["cube"] = h5py.ExternalLink("c.h5", "cube")
        file["loop"] = file["/"]
    for name in ("a.h5", "b.h5"):
        with pytest.raises(UnmixError, match=r"'cube' in ..h5 takes its numbers from other files, which is not safe"):
            read_cube(tmp_path / name)
    with pytest.raises(UnmixError, match=r"d\.h5 holds no array of numbers: give a cube"):
        read_cube(tmp_path / "d.h5")


def test_a_tiny_file_that_claims_terabytes(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("cube", (10**6, 10**6, 50), "f4", chunks=(64, 64, 50))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset(
            "cube", (2, 2, 4), "f4", maxshape=(None, None, 4), chunks=(30_000, 30_000, 1), compression="gzip"
        )
    with pytest.raises(UnmixError, match=r"a\.h5/cube needs 400 TB, this machine can give .*: crop it"):
        read_cube(tmp_path / "a.h5")
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 8_000_000_000)
    with pytest.raises(UnmixError, match=r"One chunk of b\.h5/cube needs 7\.2 GB, this machine can give 4 GB"):
        read_cube(tmp_path / "b.h5")


def test_damage_is_a_sentence_whenever_it_shows(tmp_path, spectra):
    emit(tmp_path / "a.nc", spectra)
    whole = bytearray((tmp_path / "a.nc").read_bytes())
    with h5py.File(tmp_path / "a.nc") as file:
        chunk = file["reflectance"].id.get_chunk_info(0)
    whole[chunk.byte_offset : chunk.byte_offset + chunk.size] = b"x" * chunk.size
    (tmp_path / "b.nc").write_bytes(whole)
    (tmp_path / "c.nc").write_bytes(whole[:700])
    (tmp_path / "d.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    for name in ("b.nc", "c.nc", "d.h5"):
        with pytest.raises(
            UnmixError, match=rf"{name[0]}\.\S+ is damaged( or no HDF5 file)? \(.*\): copy the whole file again"
        ):
            read_cube(tmp_path / name)


def test_the_file_is_closed_again(tmp_path, spectra):
    emit(tmp_path / "a.nc", spectra)
    read_cube(tmp_path / "a.nc")
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file["reflectance"][...] = 1
    with pytest.raises(UnmixError, match="has no array"):
        read_cube(tmp_path / "a.nc", key="nothing")
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file["reflectance"][...] = 2


def test_what_has_no_spectral_axis_is_not_claimed(tmp_path, spectra):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume"] = spectra
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["volume"], file["wavelengths"] = spectra, NM
    assert [can_read(tmp_path / name) for name in ("a.h5", "b.h5")] == [False, True]
    np.testing.assert_array_equal(read_cube(tmp_path / "a.h5", bands_axis="last").spectra, spectra)
