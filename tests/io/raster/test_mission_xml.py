"""EnMAP and DESIS: the image's lists stand in the XML beside it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)
ENMAP = "ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302_20230628T165614Z"


def image(path, spectra, gain=1e-4, offset=0.0):
    stored = np.rint((spectra - offset) / gain).astype("i2")
    stored[0, 0] = -32768
    tifffile.imwrite(path, np.moveaxis(stored, 2, 0), photometric="minisblack", planarconfig="separate", metadata=None)
    return stored


def enmap_xml(places, gain=1e-4, offset=0.0):
    bands = "".join(
        f'<bandID number="{at + 1}"><wavelengthCenterOfBand>{place}</wavelengthCenterOfBand><FWHMOfBand>7.5</FWHMOfBand>'
        f"<GainOfBand>{gain}</GainOfBand><OffsetOfBand>{offset}</OffsetOfBand></bandID>"
        for at, place in enumerate(places)
    )
    return (
        '<?xml version="1.0"?><level_X xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><specific>'
        f"<backgroundValue>-32768</backgroundValue><bandCharacterisation>{bands}</bandCharacterisation></specific></level_X>"
    )


def test_enmap(tmp_path, spectra):
    image(tmp_path / f"{ENMAP}-SPECTRAL_IMAGE.TIF", spectra)
    (tmp_path / f"{ENMAP}-METADATA.XML").write_text(enmap_xml(NM))
    cube = read_cube(tmp_path / f"{ENMAP}-SPECTRAL_IMAGE.TIF")
    np.testing.assert_allclose(cube.spectra[1:], spectra[1:], atol=5.1e-5)
    np.testing.assert_array_equal(cube.wavelengths, NM)
    assert (cube.scale, np.argwhere(~cube.valid_pixels).tolist()) == (10000, [[0, 0]])
    assert (
        f"wavelengths, gains and offsets are those of {ENMAP}-METADATA.XML (--scale 1 leaves the stored numbers)"
        in cube.repairs
    )
    assert can_read(tmp_path / f"{ENMAP}-SPECTRAL_IMAGE.TIF")


def test_the_metadata_lead_to_the_image(tmp_path, spectra):
    image(tmp_path / "E-SPECTRAL_IMAGE.TIF", spectra)
    (tmp_path / "E-METADATA.XML").write_text(enmap_xml(NM))
    cube = read_cube(tmp_path / "E-METADATA.XML")
    np.testing.assert_array_equal(cube.wavelengths, NM)
    assert "E-SPECTRAL_IMAGE.TIF was read, which E-METADATA.XML belongs to" in cube.repairs
    (tmp_path / "F-METADATA.XML").write_text(enmap_xml(NM))
    with pytest.raises(UnmixError, match=r"F-METADATA\.XML is no cube that can be read"):
        read_cube(tmp_path / "F-METADATA.XML")


def test_one_detector_of_level_1b(tmp_path, spectra):
    (tmp_path / "E-METADATA.XML").write_text(enmap_xml([*NM, *(NM[:5] + 400)], gain=0.002, offset=-0.05))
    for detector, places in (("VNIR", NM), ("SWIR", NM[:5] + 400)):
        bands = len(places)
        image(tmp_path / f"E-SPECTRAL_IMAGE_{detector}.TIF", spectra[:, :, :bands], 0.002, -0.05)
        cube = read_cube(tmp_path / f"E-SPECTRAL_IMAGE_{detector}.TIF")
        np.testing.assert_array_equal(cube.wavelengths, places)
        np.testing.assert_allclose(cube.spectra[1:], spectra[1:, :, :bands], atol=1.1e-3)


def test_desis(tmp_path, spectra):
    image(tmp_path / "DESIS-HSI-L2A-DT1-SPECTRAL_IMAGE.tif", spectra)
    bands = "".join(
        f"<band><wavelengthCenterOfBand>{place}</wavelengthCenterOfBand><wavelengthWidthOfBand>3.5</wavelengthWidthOfBand>"
        "<gainOfBand>0.0001</gainOfBand><offsetOfBand>0</offsetOfBand></band>"
        for place in NM
    )
    xml = f'<hsi_doc xmlns="http://www.dlr.de/desis"><specific><bandCharacterisation>{bands}</bandCharacterisation></specific></hsi_doc>'
    (tmp_path / "DESIS-HSI-L2A-DT1-METADATA.xml").write_text(xml)
    cube = read_cube(tmp_path / "DESIS-HSI-L2A-DT1-SPECTRAL_IMAGE.tif")
    np.testing.assert_array_equal(cube.wavelengths, NM)
    np.testing.assert_allclose(cube.spectra[1:], spectra[1:], atol=5.1e-5)


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        (
            enmap_xml(NM[:5]),
            r"E-METADATA\.XML lists 5 bands, E-SPECTRAL_IMAGE\.TIF has 8: copy the whole product again",
        ),
        (enmap_xml(NM)[:-30], r"The XML of E-METADATA\.XML is damaged \(.*\): copy the whole product again"),
        (
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + enmap_xml(NM),
            "declares a document type, which is not safe to open",
        ),
    ],
)
def test_metadata_that_do_not_fit(tmp_path, spectra, xml, sentence):
    image(tmp_path / "E-SPECTRAL_IMAGE.TIF", spectra)
    (tmp_path / "E-METADATA.XML").write_text(xml)
    with pytest.raises(UnmixError, match=sentence):
        read_cube(tmp_path / "E-SPECTRAL_IMAGE.TIF")


def test_an_image_alone_is_read_without_them(tmp_path, spectra):
    stored = image(tmp_path / "E-SPECTRAL_IMAGE.TIF", spectra)
    np.testing.assert_array_equal(read_cube(tmp_path / "E-SPECTRAL_IMAGE.TIF").spectra, stored)
