"""Headers as instruments and programs write them, and each way in which they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.io import read_cube
from napari_unmix.io.bare.envi_header import interpret, is_envi_header, parse_fields, read_header
from napari_unmix.io.bare.layout import Layout
from napari_unmix.sentences import UnmixError

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
    assert header.layout == Layout((4, 3, 5), np.dtype(">f4"), "bip")
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
        (
            {"data_ignore_value": "none"},
            "the data ignore value 'none' is no number: not applied (--no-data VALUE declares one)",
        ),
        ({"bbl": "1,1,x,1,1"}, "'bbl' holds words that are no numbers: not applied"),
        ({"data_gain_values": "1,1,nan,1,1"}, "'data gain values' holds words that are no numbers: not applied"),
        ({"data_offset_values": "1, 2"}, "'data offset values' has 2 entries for 5 bands: not applied"),
        ({"wavelength": "blue, green"}, "wavelengths were not numbers: left out, bands are numbered"),
    ],
)
def test_what_is_assumed_is_said(changes, sentence):
    assert interpret(plain(**changes), "x.hdr").repairs == (sentence,)


PLACES = (400.0, 410.17, 420.34, 430.5, 440.75)


@pytest.mark.parametrize(
    "written",
    [
        "wavelength = {400.0, 410.17, 420.34, 430.5, 440.75}",
        "wavelength = [ 400.0  410.17\n 420.34   430.5\n440.75]",
        "wavelength = (400.0, 410.17, 420.34, 430.5, 440.75)",
        "wavelength = 400.0, 410.17, 420.34, 430.5, 440.75",
        "wavelength = 400.0, 410.17,\n 420.34, 430.5,\n 440.75",
        "wavelength =\n400.0\n410.17\n420.34\n430.5\n440.75",
        "wavelength = {400,0; 410,17; 420,34; 430,5; 440,75}",
        "wavelength = {400,0 410,17 420,34 430,5 440,75}",
        "wavelength = {400,0, 410,17, 420,34, 430,5, 440,75}",
        "wavelength = {400,0,410,17,420,34,430,5,440,75}",
        "wavelength = {400.0; 410.17; 420.34; 430.5; 440.75;}",
        "wavelength = {400.0\t410.17\t420.34\t430.5\t440.75\t}",
        "wavelength = {400.0 nm, 410.17 nm, 420.34 nm, 430.5 nm, 440.75 nm}",
        "wavelength = {400.0, ; the first\n410.17, 420.34, 430.5, 440.75}",
        "wavelength = {np.float64(400.0), np.float64(410.17), np.float64(420.34), np.float64(430.5), np.float64(440.75)}",
        "wavelength = 400.0/410.17/420.34/430.5/440.75",
        "wavelength = {'400.0', '410.17', '420.34', '430.5', '440.75'}",
        "wavelength = {400.0, 410.17, 420.34, 430.5, 440.75\nfwhm = {1,1,1,1,1}",
        "wavelength = {\n400.0,\n410.17,\n420.34,\n430.5,\n440.75",
        "wavelength = {4.000e2, 4.1017E+02, 4.2034e2, 4.305e2, 4.4075e2}",
    ],
)
@pytest.mark.parametrize(
    "key", ["wavelength", "wavelengths", "Wavelengths_nm", "wavlength", "band centers", "wl", "lambda"]
)
def test_a_list_however_it_is_written_and_called(written, key):
    text = "\n".join(
        ["ENVI", *(f"{name} = {value}" for name, value in PLAIN.items()), written.replace("wavelength", key, 1)]
    )
    header = interpret(parse_fields(text, "x.hdr"), "x.hdr")
    assert header.wavelengths == PLACES
    assert header.repairs == ()


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("wavelength units", "Micrometers"),
        ("wavelength_units", "nm"),
        ("Wavelength Unit", "cm-1"),
        ("units", "eV"),
        ("z plot titles", "Wavenumber (cm-1), Absorbance"),
    ],
)
def test_the_unit_however_its_field_is_called(key, unit):
    text = "\n".join(["ENVI", *(f"{name} = {value}" for name, value in PLAIN.items()), f"{key} = {unit}"])
    assert interpret(parse_fields(text, "x.hdr"), "x.hdr").unit == unit.split(",")[0]


@pytest.mark.parametrize(
    "names",
    [
        "Band 1 (400.0 nm), Band 2 (410.17 nm), Band 3 (420.34 nm), Band 4 (430.5 nm), Band 5 (440.75 nm)",
        "400.0 nm, 410.17 nm, 420.34 nm, 430.5 nm, 440.75 nm",
        "Resize (400.0), Resize (410.17), Resize (420.34), Resize (430.50), Resize (440.75)",
        "400.0, 410.17, 420.34, 430.5, 440.75",
    ],
)
def test_places_in_the_names_of_the_bands(names):
    header = interpret(plain(band_names=names), "x.hdr")
    assert header.wavelengths == PLACES
    assert header.repairs == ("wavelengths were taken from the names of the bands",)


@pytest.mark.parametrize("names", ["1,2,3,4,5", "Band 1, Band 2, Band 3, Band 4, Band 5", "MNF 1 (a.img), b, c, d, e"])
def test_names_of_bands_that_say_no_place(names):
    header = interpret(plain(band_names=names), "x.hdr")
    assert (header.wavelengths, header.repairs) == (None, ())


def test_the_only_rising_list_is_taken_and_others_are_named():
    header = interpret(plain(channels="1.5, 2, 3, 4, 7", weights="3, 1, 2, 9, 1"), "x.hdr")
    assert header.wavelengths == (1.5, 2, 3, 4, 7)
    assert header.repairs == (
        "wavelengths were taken from 'channels', the only list of 5 rising or falling numbers",
        "'weights' has one number per band and is not known: not applied",
    )
    two = interpret(plain(channels="1.5, 2, 3, 4, 7", others="9, 8, 7, 6, 1"), "x.hdr")
    assert two.wavelengths is None
    assert len(two.repairs) == 2


def test_a_longer_list_goes_through_the_list_of_good_bands(write_envi, small):
    cube = read_cube(
        write_envi(small, wavelength="{400,410,420,430,440,450,460}", wavelength_units="nm", bbl="{1,0,1,1,1,1,0}")
    )
    assert cube.wavelengths.tolist() == [400, 420, 430, 440, 450]
    assert cube.good_bands.all()
    assert cube.repairs == ("the header lists 7 wavelengths for 5 bands: those of its good bands were taken",)


def test_a_few_bad_entries_cost_their_bands_and_not_the_list(write_envi, small):
    cube = read_cube(write_envi(small, wavelength="{400, n/a, 420, 430, 0}", wavelength_units="nm"))
    assert cube.wavelengths.tolist() == [400, 410, 420, 430, 440]
    assert cube.good_bands.tolist() == [True, False, True, True, False]
    said = "2 of 5 wavelengths were not positive numbers: the bands without one are left out"
    assert cube.repairs == (said,)


@pytest.mark.parametrize(
    ("written", "scale"), [("10000,0", 10000), ("1D4", 10000), ("10,000", 10000), ("1e4", 10000), ("0,5", 0.5)]
)
def test_a_scale_with_a_comma(written, scale):
    assert interpret(plain(reflectance_scale_factor=written), "x.hdr").scale == scale


@pytest.mark.parametrize("written", ["{-1, 2}", "{a, b}", "{1, 2, 3}"])
def test_frame_offsets_that_are_no_two_numbers(written):
    with pytest.raises(UnmixError, match=r"'major frame offsets = .* are no two whole numbers of bytes from 0"):
        interpret(plain(major_frame_offsets=written), "x.hdr")


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


def test_one_gain_is_that_of_all_bands():
    assert interpret(plain(data_gain_values="0.001"), "x.hdr").gains == (0.001,) * 5


@pytest.mark.parametrize(
    ("written", "order"),
    [
        ("Intel", "<"),
        ("Host (Intel)", "<"),
        ("little-endian", "<"),
        ("Network (IEEE)", ">"),
        ("big endian", ">"),
        ("'1'", ">"),
    ],
)
def test_byte_orders_in_words(written, order):
    assert interpret(plain(byte_order=written), "x.hdr").layout.dtype == np.dtype(order + "u2")
