"""What is written is read again as the same numbers: by ``read_cube``, and by the libraries of other people."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.cube import Cube, Georeference
from napari_unmix.io import read_cube
from napari_unmix.io.place.georeference import epsg
from napari_unmix.io.spy import spectral_python
from napari_unmix.output.export import export
from napari_unmix.sentences import UnmixError

from .conftest import GEO, UTM, cubes, make_cube, needs_geo, needs_netcdf

ENVI = (".hdr", ".img", ".bip", ".bil", ".bsq", ".dat")
PLACES = (
    None,
    UTM,
    Georeference((0.5, 0.0, 13.25, 0.0, -0.25, 52.5), "EPSG:4326"),
    Georeference((2.0, 0.0, 7.0, 0.0, -3.0, 9.0), ""),
)
TURNED = Georeference((16.0, 12.0, 500_000.0, 12.0, -16.0, 5_400_000.0), "EPSG:32733")
WHERE = PLACES if GEO else (None,)


def same(read: Cube, cube: Cube) -> None:
    """Spectra where there is data, axis, widths, good bands, valid pixels, and place are those that were written."""
    np.testing.assert_array_equal(read.valid_pixels, cube.valid_pixels)
    np.testing.assert_array_equal(read.good_bands, cube.good_bands)
    np.testing.assert_array_equal(read.spectra[cube.valid_pixels], cube.spectra[cube.valid_pixels])
    assert read.spectral_axis.kind == cube.spectral_axis.kind
    np.testing.assert_allclose(read.axis, cube.axis, rtol=1e-14)
    if cube.fwhm is None:
        assert read.fwhm is None
    else:
        np.testing.assert_allclose(read.fwhm, cube.fwhm, rtol=1e-13)
    if cube.georeference is None:
        assert read.georeference is None
    else:
        assert read.georeference is not None
        np.testing.assert_allclose(read.georeference.transform, cube.georeference.transform, rtol=1e-12, atol=1e-9)
        assert epsg(read.georeference.crs) == epsg(cube.georeference.crs)


def again(cube: Cube, path: Path) -> Cube:
    export(cube, path)
    return read_cube(path, repair="none")


@settings(max_examples=40)
@given(cubes(places=(*PLACES, TURNED)), st.sampled_from(ENVI))
def test_envi(tmp_path_factory, cube, suffix):
    same(again(cube, tmp_path_factory.mktemp("envi") / f"a{suffix}"), cube)


@settings(max_examples=25)
@given(cubes(places=(*WHERE, TURNED) if GEO else WHERE))
def test_geotiff(tmp_path_factory, cube):
    same(again(cube, tmp_path_factory.mktemp("tiff") / "a.tif"), cube)


@settings(max_examples=20)
@given(cubes(places=PLACES))
def test_ome_zarr(tmp_path_factory, cube):
    same(again(cube, tmp_path_factory.mktemp("zarr") / "a.ome.zarr"), cube)


@settings(max_examples=20)
@given(cubes(places=PLACES), st.sampled_from([".npz", ".mat"]))
def test_named_arrays(tmp_path_factory, cube, suffix):
    same(again(cube, tmp_path_factory.mktemp("arrays") / f"a{suffix}"), cube)


@needs_netcdf
@settings(max_examples=15)
@given(cubes(places=PLACES))
def test_netcdf(tmp_path_factory, cube):
    same(again(cube, tmp_path_factory.mktemp("netcdf") / "a.nc"), cube)


def test_images_longer_than_a_block_and_a_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_unmix.output.export.contents._AT_ONCE", 5 * 7 * 9)  # nine lines at a time
    cube = make_cube((150, 5, 7), invalid=((0, 0), (149, 4), (64, 1)))
    for suffix in (".bsq", ".bil", ".tif", ".ome.zarr"):
        same(again(cube, tmp_path / f"a{suffix[1:3]}{suffix}"), cube)


# --- elsewhere


@pytest.mark.filterwarnings("ignore:Image data contains NaN values")
@pytest.mark.parametrize("suffix", [".hdr", ".bil", ".bsq"])
def test_spy_reads_the_same(tmp_path, cube, suffix):
    export(cube, tmp_path / f"a{suffix}")
    image = spectral_python().io.envi.open(str(tmp_path / "a.hdr"))
    loaded = np.asarray(image.load(dtype=np.float32))
    np.testing.assert_array_equal(loaded[cube.valid_pixels], cube.spectra[cube.valid_pixels])
    assert np.isnan(loaded[~cube.valid_pixels]).all()
    np.testing.assert_array_equal(image.bands.centers, cube.wavelengths)
    np.testing.assert_array_equal(image.bands.bandwidths, cube.fwhm)
    assert image.bands.band_unit == "Nanometers"
    assert [int(flag) for flag in image.metadata["bbl"]] == cube.good_bands.astype(int).tolist()
    assert image.metadata["map info"][:2] == ["UTM", "1"]


@needs_geo
@pytest.mark.parametrize("suffix", [".hdr", ".tif"])
@pytest.mark.parametrize(
    "place",
    [UTM, PLACES[2], TURNED, Georeference((1.0, 0.0, 3.0, 0.0, -1.0, 4.0), "EPSG:25833")],
    ids=["utm", "degrees", "turned", "other"],
)
def test_rasterio_reads_the_same(tmp_path, suffix, place):
    import rasterio

    cube = make_cube(place=place, bad_bands=(2,), invalid=((1, 1),), fwhm=True)
    export(cube, tmp_path / f"a{suffix}")
    with rasterio.open(tmp_path / ("a.img" if suffix == ".hdr" else "a.tif")) as file:
        numbers = np.moveaxis(file.read(), 0, 2)
        np.testing.assert_array_equal(numbers[cube.valid_pixels], cube.spectra[cube.valid_pixels])
        assert np.isnan(numbers[~cube.valid_pixels]).all()
        assert np.isnan(file.nodata)
        np.testing.assert_allclose(tuple(file.transform)[:6], place.transform, rtol=1e-12, atol=1e-9)
        assert file.crs == rasterio.crs.CRS.from_string(place.crs)
        assert [float(file.tags(band)["wavelength"]) for band in file.indexes] == cube.wavelengths.tolist()
        assert file.descriptions[0].startswith("400.123")


@needs_geo
def test_what_gdal_calls_optical_images(tmp_path, cube):
    import rasterio

    export(cube, tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        imagery = file.tags(3, ns="IMAGERY")
        assert float(imagery["CENTRAL_WAVELENGTH_UM"]) == pytest.approx(cube.wavelengths[2] / 1e3)
        assert float(imagery["FWHM_UM"]) == pytest.approx(cube.fwhm[2] / 1e3)
        assert [file.tags(band)["bbl"] for band in file.indexes] == [str(int(flag)) for flag in cube.good_bands]


def test_tifffile_reads_the_same_and_gdal_finds_its_tags(tmp_path):
    cube = make_cube(bad_bands=(2,), invalid=((1, 1),), fwhm=True)
    export(cube, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        numbers = file.asarray()
        assert file.pages.first.tags.valueof(42113) == "nan"
    np.testing.assert_array_equal(numbers[cube.valid_pixels], cube.spectra[cube.valid_pixels])
    assert np.isnan(numbers[1, 1]).all()
    if not GEO:
        return
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "a.tif") as file:
            assert np.isnan(file.nodata)
            assert file.descriptions[1].endswith(" nm")
            assert [float(file.tags(band)["wavelength"]) for band in file.indexes] == cube.wavelengths.tolist()
            assert "CENTRAL_WAVELENGTH_UM" in file.tags(1, ns="IMAGERY")


def test_zarr_reads_the_same_and_the_metadata_are_omes(tmp_path, cube):
    export(cube, tmp_path / "a.ome.zarr")
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    numbers = np.moveaxis(group["0"][...], 0, 2)
    np.testing.assert_array_equal(numbers[cube.valid_pixels], cube.spectra[cube.valid_pixels])
    assert group["0"].metadata.dimension_names == ("c", "y", "x")
    ome = group.attrs["ome"]
    assert ome["version"] == "0.5"
    image = ome["multiscales"][0]
    assert [axis["type"] for axis in image["axes"]] == ["channel", "space", "space"]
    assert image["datasets"] == [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]}
    ]
    channels = ome["omero"]["channels"]
    assert [float(channel["label"].removesuffix(" nm")) for channel in channels] == cube.wavelengths.tolist()
    assert channels[0]["window"]["min"] == pytest.approx(cube.spectra.min())


def test_scipy_reads_the_same(tmp_path, cube):
    export(cube, tmp_path / "a.mat")
    found = scipy.io.loadmat(tmp_path / "a.mat", squeeze_me=True)
    np.testing.assert_array_equal(found["cube"], cube.spectra)
    np.testing.assert_array_equal(found["wavelengths"], cube.wavelengths)
    np.testing.assert_array_equal(found["mask"], cube.valid_pixels)
    np.testing.assert_array_equal(found["good_bands"], cube.good_bands)
    assert found["wavelength_units"] == "nm"
    assert found["crs"] == "EPSG:32633"


@needs_netcdf
def test_xarray_reads_the_same(tmp_path, cube):
    import xarray

    export(cube, tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as found:
        np.testing.assert_array_equal(found["cube"].values, cube.spectra)
        np.testing.assert_array_equal(found["wavelength"].values, cube.wavelengths)
        assert found["wavelength"].attrs["units"] == "nm"
        np.testing.assert_array_equal(found["mask"].values, cube.valid_pixels)
        np.testing.assert_array_equal(found["x"].values[:2], [500_010.0, 500_030.0])
        assert "GeoTransform" in found["spatial_ref"].attrs


# --- what cannot be written


def test_a_shear_has_no_words_in_a_header(tmp_path):
    cube = make_cube(place=Georeference((20.0, 5.0, 0.0, 0.0, -20.0, 0.0), "EPSG:32633"))
    with pytest.raises(UnmixError, match=r"are sheared, which an ENVI header can't say: write \.tif"):
        export(cube, tmp_path / "a.hdr")
    assert list(tmp_path.iterdir()) == []
