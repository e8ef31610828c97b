"""Headers as instruments and programs write them, and each way in which they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.cube import UnmixError
from napari_unmix.io import read_cube
from napari_unmix.io.envi_header import interpret, is_envi_header, parse_fields, read_header

PLAIN = {"samples": "3", "lines": "4", "bands": "5", "data type": "12", "interleave": "bil", "byte order": "0"}


def plain(**changes: str | None) -> dict[str, str]:
    fields = PLAIN | {key.replace("_", " "): value for key, value in changes.items()}
    return {key: value for key, value in fields.items() if value is not None}


def test_a_header_of_the_dialects():
    text = (
        "ENVI\r\n; a comment = not a field\r\ndescription = {\r\n  samples = 99 of {something}}\r\n"
        "Samples   = 3\r\nlines=4\r\n\r\nBANDS = 5 ; five\r\nbyte_order = 1\r\nno equals sign\r\n"
        "wavelength = {\r\n 1.0,\r\n; in between\r\n 2.0, 3.0,\r\n4e0 5 }\r\n"
    )
    fields = parse_fields(text, "x.hdr")
    assert (fields["samples"], fields["lines"], fields["bands"], fields["byte order"]) == ("3", "4", "5", "1")
    header = interpret(fields | {"data type": "4", "interleave": "Bip"}, "x.hdr")
    assert header.wavelengths == (1, 2, 3, 4, 5)
    assert (header.shape, header.dtype, header.interleave, header.offset) == ((4, 3, 5), np.dtype(">f4"), "bip", 0)
    assert header.repairs == ()


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("latin-1"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\n \n" + text.encode(),
    ],
    ids=["utf-8 with BOM", "latin-1", "utf-16", "blank lines first"],
)
def test_encodings(tmp_path, encode):
    path = tmp_path / "x.hdr"
    lines = [f"{key} = {value}" for key, value in PLAIN.items()]
    path.write_bytes(encode("\n".join(["ENVI", *lines, "wavelength units = µm", "wavelength = {.4,.5,.6,.7,.8}"])))
    assert is_envi_header(path)
    header = read_header(path)
    assert header.shape == (4, 3, 5)
    assert header.unit == "µm"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"samples": None}, r"x\.hdr lacks the line 'samples = …': add it"),
        ({"data_type": None}, r"x\.hdr lacks the line 'data type = …': add it"),
        ({"bands": "0"}, r"'bands = 0' in x\.hdr is no whole number from 1: correct it"),
        ({"lines": "-4"}, r"'lines = -4' in x\.hdr is no whole number from 1"),
        ({"lines": "1e400"}, r"'lines = 1e400' in x\.hdr is no whole number from 1"),
        ({"lines": "nan"}, r"'lines = nan' in x\.hdr is no whole number from 1"),
        ({"lines": "4.5"}, r"'lines = 4\.5' in x\.hdr is no whole number from 1"),
        ({"lines": "many"}, r"'lines = many' in x\.hdr is no whole number from 1"),
        ({"header_offset": "-1"}, r"'header offset = -1' in x\.hdr is no whole number from 0"),
        ({"interleave": "bix"}, r"The interleave 'bix' in x\.hdr is unknown: write bsq, bil or bip"),
        ({"interleave": ""}, r"The interleave '' in x\.hdr is unknown"),
        ({"byte_order": "2"}, r"'byte order = 2' in x\.hdr is unknown: write 0 \(little-endian\) or 1"),
        ({"data_type": "6"}, r"x\.hdr holds complex numbers \(data type 6\): save the magnitude"),
        ({"data_type": "9"}, r"x\.hdr holds complex numbers \(data type 9\)"),
        ({"data_type": "7"}, r"'data type = 7' in x\.hdr is unknown: use one of 1, 2, 3, 4, 5, 12"),
        ({"file_type": "ENVI Spectral Library"}, r"x\.hdr describes a spectral library, not an image"),
        ({"file_type": "ENVI Classification"}, r"x\.hdr describes a classification map, not an image"),
        ({"file_compression": "1"}, r"The data of x\.hdr are compressed"),
    ],
)
def test_what_cannot_be_read(changes, sentence):
    with pytest.raises(UnmixError, match=sentence):
        interpret(plain(**changes), "x.hdr")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"byte_order": None}, "the header names no byte order: read as little-endian"),
        ({"interleave": None}, "the header names no interleave: read as BSQ"),
        ({"data_ignore_value": "none"}, "the data ignore value 'none' is no number: not applied"),
        ({"bbl": "1,1,x,1,1"}, "'bbl' holds words that are no numbers: not applied"),
        ({"data_gain_values": "1,1,nan,1,1"}, "'data gain values' holds words that are no numbers: not applied"),
        ({"data_offset_values": "1"}, "'data offset values' has 1 entries for 5 bands: not applied"),
        ({"wavelength": "blue, green"}, "wavelengths were not numbers: left out, bands are numbered"),
    ],
)
def test_what_is_assumed_is_said(changes, sentence):
    assert interpret(plain(**changes), "x.hdr").repairs == (sentence,)


def test_a_list_that_is_never_closed():
    with pytest.raises(
        UnmixError, match=r"The list 'wavelength' in x\.hdr is never closed: add the missing } at its end"
    ):
        parse_fields("ENVI\nwavelength = { 1, 2,\nbands = 2\n", "x.hdr")


def test_another_kind_of_hdr_file(tmp_path):
    path = tmp_path / "x.hdr"
    path.write_bytes(b"#?RADIANCE\n" + bytes(range(256)))
    with pytest.raises(UnmixError, match=r"x\.hdr is no ENVI header, its first line is not 'ENVI'"):
        read_cube(path)


def test_an_empty_and_an_endless_header(tmp_path):
    path = tmp_path / "x.hdr"
    path.write_bytes(b"")
    with pytest.raises(UnmixError, match="no ENVI header"):
        read_cube(path)
    path.write_bytes(b"ENVI\n" + b" " * 16_000_001)
    with pytest.raises(UnmixError, match="too long for an ENVI header"):
        read_cube(path)


def test_wavelengths_of_the_wrong_length_are_left_out_even_where_they_fit_the_lines(write_envi, small):
    cube = read_cube(write_envi(small, wavelength="{1000, 2000, 3000, 4000}"))
    np.testing.assert_array_equal(cube.spectra, small)
    assert cube.wavelengths is None
    assert cube.repairs == ("the file lists 4 wavelengths for 5 bands: left out, bands are numbered",)


def test_wavelengths_come_in_nm(write_envi, small):
    cube = read_cube(write_envi(small, wavelength="{0.4, 0.5, 0.6, 0.7, 2.5}", wavelength_units="Micrometers"))
    np.testing.assert_allclose(cube.wavelengths, [400, 500, 600, 700, 2500])
    assert cube.repairs == ("wavelengths were in µm: shown in nm",)
