"""TIFF of every kind that holds a cube, and of the kinds that hold none."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)
PLANAR = {"planarconfig": "separate"}


def gdal(items):
    """The tag that GDAL writes: (name, sample, role, text)."""
    lines = [
        f'<Item name="{name}"'
        + ("" if sample is None else f' sample="{sample}"')
        + (f' role="{role}"' if role else "")
        + f">{text}</Item>"
        for name, sample, role, text in items
    ]
    return (42112, "s", 0, "<GDALMetadata>" + "".join(lines) + "</GDALMetadata>", True)


def pages(path, spectra, **options):
    """(6, 5, 8) as one image of eight planes."""
    tags = options.pop("tags", [])
    tifffile.imwrite(
        path, np.moveaxis(spectra, 2, 0), photometric="minisblack", metadata=None, extratags=tags, **PLANAR | options
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("layout", ["planar", "interleaved", "tiled", "deflate", "predictor", "strips"])
def test_every_layout(tmp_path, spectra, order, bigtiff, layout):
    options = {
        "planar": PLANAR,
        "interleaved": {"planarconfig": "contig"},
        "tiled": PLANAR | {"tile": (16, 16)},
        "deflate": PLANAR | {"compression": "zlib"},
        "predictor": PLANAR | {"compression": "zlib", "predictor": 2},
        "strips": PLANAR | {"rowsperstrip": 2},
    }[layout]
    stored = np.rint(spectra * 1000).astype("u2")
    array = stored if layout == "interleaved" else np.moveaxis(stored, 2, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="minisblack", metadata=None, byteorder=order, bigtiff=bigtiff, **options)
    np.testing.assert_array_equal(read_cube(path).spectra, stored)


def test_a_header_beside_it_describes_its_bands(tmp_path, write_envi, spectra):
    """Case 05: the header says BSQ from byte 0, but the file is a TIFF."""
    flags = "{1, 1, 1, 0, 1, 1, 1, 1}"
    write_envi(spectra, name="x", wavelength="{" + ", ".join(map(str, NM)) + "}", wavelength_units="nm", bbl=flags)
    (tmp_path / "x").unlink()
    pages(tmp_path / "scene.tif", spectra)
    cube = read_cube(tmp_path / "scene.tif")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_array_equal(cube.wavelengths, NM)
    assert cube.good_bands.tolist() == [True] * 3 + [False] + [True] * 4
    assert "the lists of bands are those of scene.hdr beside the image" in cube.repairs
    assert can_read(tmp_path / "scene.tif")
    pages(tmp_path / "scene.tif", spectra[:, :, :5])
    fewer = read_cube(tmp_path / "scene.tif")
    assert fewer.wavelengths is None
    assert "scene.hdr beside the image describes 8 bands, the image has 5: it was not used" in fewer.repairs


def test_what_gdal_writes_of_each_band(tmp_path, spectra):
    items = [
        (name, band, "", text)
        for band in range(8)
        for name, text in (("wavelength", NM[band] / 1000), ("fwhm", 0.01), ("bbl", int(band != 2)))
    ]
    items += [("wavelength_units", band, "", "Micrometers") for band in range(8)]
    items += [
        (name, band, name.lower(), text) for band in range(8) for name, text in (("SCALE", 0.0001), ("OFFSET", 0))
    ]
    stored = np.rint(spectra * 10000).astype("i2")
    stored[1, 2] = -32768
    pages(tmp_path / "a.tif", stored, tags=[gdal(items), (42113, "s", 0, "-32768", True)])
    cube = read_cube(tmp_path / "a.tif")
    np.testing.assert_allclose(cube.spectra[2:], spectra[2:], atol=5.1e-5)
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert (cube.scale, np.argwhere(~cube.valid_pixels).tolist()) == (10000, [[1, 2]])
    assert (~cube.good_bands).nonzero()[0].tolist() == [2]
    assert can_read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "items",
    [
        [("wavelength", None, "", "{" + ", ".join(map(str, NM)) + "}"), ("wavelength_units", None, "", "Nanometers")],
        [(f"Band_{band + 1}", None, "", f"{place} Nanometers") for band, place in enumerate(NM)],
        [
            ("DESCRIPTION", band, "description", f"band {band + 1} ({place} Nanometers)")
            for band, place in enumerate(NM)
        ],
        [("CENTRAL_WAVELENGTH_UM", band, "", place / 1000) for band, place in enumerate(NM)],
    ],
    ids=["list", "band names of the image", "descriptions", "imagery"],
)
def test_wavelengths_as_programs_write_them(tmp_path, spectra, items):
    pages(tmp_path / "a.tif", spectra, tags=[gdal(items)])
    np.testing.assert_allclose(read_cube(tmp_path / "a.tif").wavelengths, NM)


def test_what_gdal_keeps_beside_an_image(tmp_path, spectra):
    """QGIS and ArcGIS write wavelengths to scene.tif.aux.xml."""
    pages(tmp_path / "a.tif", spectra)
    bands = "".join(
        f'<PAMRasterBand band="{band}"><Description>band {band}</Description><Metadata><MDI key="wavelength">{place}</MDI>'
        f'<MDI key="wavelength_units">Nanometers</MDI><MDI key="bbl">{int(band != 3)}</MDI></Metadata></PAMRasterBand>'
        for band, place in enumerate(NM, start=1)
    )
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    cube = read_cube(tmp_path / "a.tif")
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert (~cube.good_bands).nonzero()[0].tolist() == [2]


def test_dates_are_no_wavelengths(tmp_path, spectra):
    """FORCE calls the date of an image of a time series its wavelength."""
    items = [
        (name, band, "", text)
        for band in range(8)
        for name, text in (("Wavelength", 1985.5 + band), ("Wavelength_unit", "decimal year"))
    ]
    pages(tmp_path / "a.tif", spectra, tags=[gdal(items)])
    assert read_cube(tmp_path / "a.tif").wavelengths is None


def test_where_it_lies(tmp_path, spectra):
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
    tags = [
        (33550, "d", 3, (30.0, 20.0, 0.0), True),
        (33922, "d", 6, (1.0, 2.0, 0.0, 400_000.0, 5_000_000.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    pages(tmp_path / "a.tif", spectra, tags=tags)
    place = read_cube(tmp_path / "a.tif").georeference
    assert (place.transform, place.crs) == ((30.0, 0.0, 399_970.0, 0.0, -20.0, 5_000_040.0), "EPSG:32633")
    assert can_read(tmp_path / "a.tif")


def test_metadata_given_to_tifffile(tmp_path, spectra):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.moveaxis(spectra, 2, 0),
        photometric="minisblack",
        metadata={"wavelengths": NM.tolist(), "wavelength_units": "nm"},
    )
    tifffile.imwrite(
        tmp_path / "b.tif", spectra, photometric="minisblack", metadata={"wavelength": NM.tolist()}
    )  # pages are lines
    for name in "ab":
        cube = read_cube(tmp_path / f"{name}.tif")
        np.testing.assert_array_equal(cube.spectra, spectra)
        np.testing.assert_array_equal(cube.wavelengths, NM)


def test_a_stack_of_pages(tmp_path, spectra):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for band in np.moveaxis(spectra, 2, 0):
            file.write(band, photometric="minisblack", metadata=None, contiguous=False)
    np.testing.assert_array_equal(read_cube(tmp_path / "a.tif").spectra, spectra)
    assert not can_read(tmp_path / "a.tif")  # nothing says that it is spectral: napari's own reader opens it


def test_imagej_and_ome_channels(tmp_path, spectra):
    stack, labels = np.moveaxis(spectra, 2, 0), [f"{place:g} nm" for place in NM]
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "CYX", "Labels": labels})
    channels = {"Name": [f"ChS1-{place:g}" for place in NM]}
    tifffile.imwrite(
        tmp_path / "b.ome.tif", stack, photometric="minisblack", metadata={"axes": "CYX", "Channel": channels}
    )
    emission = {"EmissionWavelength": NM.tolist(), "EmissionWavelengthUnit": ["nm"] * 8}
    tifffile.imwrite(
        tmp_path / "c.ome.tif",
        stack[None, :, None],
        photometric="minisblack",
        metadata={"axes": "TCZYX", "Channel": emission},
    )
    for name in ("a.tif", "b.ome.tif", "c.ome.tif"):
        cube = read_cube(tmp_path / name)
        np.testing.assert_array_equal(cube.spectra, spectra)
        np.testing.assert_allclose(cube.wavelengths, NM)
        assert can_read(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "options", "sentence"),
    [
        (
            np.zeros((6, 5, 3), "u1"),
            {"photometric": "rgb"},
            r"a\.tif is a colour picture of 3 bands in 8 bit \(6×5×3\)",
        ),
        (
            np.zeros((6, 5, 4), "u1"),
            {"photometric": "rgb", "extrasamples": ["unassalpha"]},
            r"a\.tif is a colour picture of 4 bands",
        ),
        (
            np.zeros((6, 5), "u1"),
            {"photometric": "minisblack"},
            r"a\.tif is an image of one band \(6×5\), such as a map of labels: give it as",
        ),
        (
            np.zeros((6, 5), "f4"),
            {"photometric": "minisblack"},
            r"a\.tif is an image of one band \(6×5\): give a file of all bands",
        ),
        (
            np.zeros((2, 3, 6, 5), "f4"),
            {"photometric": "minisblack"},
            r"a\.tif has 4 axes \(2×3×6×5\), a cube has three",
        ),
        (np.zeros((6, 5, 8), "c8"), {"photometric": "minisblack"}, r"a\.tif holds no real numbers"),
    ],
)
def test_what_is_no_cube(tmp_path, array, options, sentence):
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    with pytest.raises(UnmixError, match=sentence):
        read_cube(tmp_path / "a.tif")


def test_four_bands_in_8_bit_that_are_no_picture(tmp_path, spectra):
    stored = np.rint(spectra[:, :, :4] * 255).astype("u1")
    tifffile.imwrite(tmp_path / "naip.tif", stored, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_cube(tmp_path / "naip.tif").spectra, stored)


def test_overviews_and_thumbnails_are_not_taken_for_the_image(tmp_path, spectra):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.zeros((3, 2, 3), "u1"), photometric="rgb", metadata=None)
        file.write(np.moveaxis(spectra, 2, 0), photometric="minisblack", metadata=None, **PLANAR)
        file.write(
            np.moveaxis(spectra[::2, ::2], 2, 0), photometric="minisblack", metadata=None, subfiletype=1, **PLANAR
        )
    np.testing.assert_array_equal(read_cube(tmp_path / "a.tif").spectra, spectra)


def test_damage_and_lies(tmp_path, spectra):
    pages(tmp_path / "a.tif", spectra, compression="zlib")
    whole = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[0].dataoffsets[0]
    damaged = {
        "cut.tif": whole[: len(whole) // 2],
        "mark.tif": whole[:8],
        "strip.tif": whole[:place] + b"\0" * 30 + whole[place + 30 :],
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnmixError, match=rf"{name[:-4]}\.tif (is a (damaged )?TIFF|has \d+ of its|is damaged)"):
            read_cube(tmp_path / name)
    pages(tmp_path / "b.tif", spectra)
    plain = (tmp_path / "b.tif").read_bytes()
    (tmp_path / "short.tif").write_bytes(plain[:-50])
    with pytest.raises(UnmixError, match=r"short\.tif (is a damaged TIFF|ends 50 bytes before)"):
        read_cube(tmp_path / "short.tif")


def test_a_tiny_file_that_claims_terabytes(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        shape=(50, 16, 16),
        dtype="f4",
        bigtiff=True,
        photometric="minisblack",
        metadata=None,
        **PLANAR,
    )
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(10**6)
    with pytest.raises(UnmixError, match=r"a\.tif needs 400 TB, this machine can give"):
        read_cube(tmp_path / "a.tif")


def test_entities_in_its_xml_are_not_expanded(tmp_path, spectra):
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "' + "1" * 100 + '">]><GDALMetadata><Item name="wavelength">&a;</Item></GDALMetadata>'
    )
    pages(tmp_path / "a.tif", spectra, tags=[(42112, "s", 0, bomb, True)])
    assert read_cube(tmp_path / "a.tif").wavelengths is None


def test_without_a_decoder_the_extra_is_named(tmp_path, spectra):
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed: nothing here writes LZW")
    pages(tmp_path / "a.tif", spectra, compression="lzw")
    np.testing.assert_array_equal(read_cube(tmp_path / "a.tif").spectra, spectra)
    code = "import sys; sys.modules.update(dict.fromkeys(['imagecodecs', 'rasterio']))\nfrom napari_unmix import read_cube\nread_cube(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, check=False
    )
    assert 'a.tif is a TIFF in a compression, which needs rasterio: pip install "napari-unmix[geo]", or' in done.stderr


def test_rasterio_reads_what_tifffile_cannot(tmp_path, spectra):
    pytest.importorskip("rasterio", reason="rasterio is not installed: pip install rasterio")
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed: nothing here writes LZW")
    pages(
        tmp_path / "a.tif",
        spectra,
        compression="lzw",
        tags=[gdal([("wavelength", band, "", place) for band, place in enumerate(NM)])],
    )
    code = (
        "import sys, json; sys.modules['imagecodecs'] = None\nfrom napari_unmix import read_cube\n"
        "cube = read_cube(sys.argv[1]); print(json.dumps([cube.spectra.tolist(), cube.wavelengths.tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, check=False
    )
    found, places = json.loads(done.stdout)
    np.testing.assert_array_equal(np.float32(found), spectra)
    np.testing.assert_allclose(places, NM)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"interleave": "pixel"},
        {"compress": "deflate", "predictor": 2, "tiled": True, "blockxsize": 16, "blockysize": 16},
    ],
)
def test_what_rasterio_writes(tmp_path, spectra, options):
    rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed: pip install rasterio")
    stored = np.rint(np.moveaxis(spectra, 2, 0) * 10000).astype("i2")
    profile = {
        "driver": "GTiff",
        "count": 8,
        "height": 6,
        "width": 5,
        "dtype": "int16",
        "nodata": -9999,
        "crs": "EPSG:32633",
    }
    transform = rasterio.Affine(30.0, 0.0, 400_000.0, 0.0, -30.0, 5_000_000.0)
    with rasterio.open(tmp_path / "a.tif", "w", **profile, transform=transform, **options) as file:
        file.write(stored)
        file.scales, file.offsets = [1e-4] * 8, [0.0] * 8
        for band, place in enumerate(NM, start=1):
            file.set_band_description(band, f"{place:.1f} nm")
    cube = read_cube(tmp_path / "a.tif")
    np.testing.assert_allclose(cube.spectra, spectra, atol=5.1e-5)
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert (cube.georeference.transform, cube.georeference.crs) == (tuple(transform)[:6], "EPSG:32633")
