"""Wavelengths in nm from any unit; the same physical list in every unit gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.io.axis.wavelengths import names_axis, read_axis, read_wavelengths

NM = np.array([400.0, 550.0, 2500.0])
IN_MICROMETRES = ("wavelengths were in µm: shown in nm",)


@pytest.mark.parametrize("unit", ["Nanometers", "nm", " NM ", "nanometres", "{nm}"])
def test_nanometres_pass(unit):
    values, repairs = read_wavelengths(NM, 3, unit)
    np.testing.assert_array_equal(values, NM)
    assert repairs == ()


@pytest.mark.parametrize("unit", ["Micrometers", "um", "µm", "μm", "\ufffdm", "Âµm", "microns", "nm", "Nanometers"])
def test_micrometres_become_nm_even_when_called_nm(unit):
    values, repairs = read_wavelengths(NM / 1000, 3, unit)
    np.testing.assert_allclose(values, NM)
    assert repairs == IN_MICROMETRES


@given(st.lists(st.floats(200, 15_000), min_size=1, max_size=8))
def test_every_unit_says_the_same(nanometres):
    numbers = np.array(nanometres)
    units = {"nm": numbers, "µm": numbers / 1e3, "cm-1": 1e7 / numbers, "Angstroms": numbers * 10, "mm": numbers / 1e6}
    for unit, written in units.items():
        values, _ = read_wavelengths(written, numbers.size, unit)
        np.testing.assert_allclose(values, numbers, rtol=1e-12)


def test_nanometres_called_micrometres():
    values, repairs = read_wavelengths(NM, 3, "Micrometers")
    np.testing.assert_array_equal(values, NM)
    assert repairs == ("wavelengths from 400 to 2500 cannot be µm: taken as nm",)


@pytest.mark.parametrize(
    ("unit", "factor", "sentence"),
    [
        ("", 1, "the file names no wavelength unit: taken as nm"),
        ("Unknown", 1, "the file names no wavelength unit: taken as nm"),
        ("furlongs", 1, "the unit 'furlongs' is unknown: taken as nm"),
        ("", 1000, "the file names no wavelength unit: taken as µm from their size, shown in nm"),
    ],
)
def test_a_guess_is_said(unit, factor, sentence):
    values, repairs = read_wavelengths(NM / factor, 3, unit)
    np.testing.assert_allclose(values, NM)
    assert repairs == (sentence,)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([400, 500], "the file lists 2 wavelengths for 3 bands: left out, bands are numbered"),
        ([0, 0, 0], "3 of 3 wavelengths were not positive numbers: left out, bands are numbered"),
        ([400, np.inf, -1], "2 of 3 wavelengths were not positive numbers: left out, bands are numbered"),
        (["a", "b", "c"], "wavelengths were not numbers: left out, bands are numbered"),
        ([[1], [2, 3]], "wavelengths were not numbers: left out, bands are numbered"),
        ({"unit": "nm"}, "wavelengths were not numbers: left out, bands are numbered"),
    ],
)
def test_an_unusable_list_is_left_out_and_said(values, sentence):
    assert read_wavelengths(values, 3) == (None, (sentence,))


def test_index_is_no_wavelength_and_none_says_nothing():
    assert read_wavelengths([1, 2, 3], 3, "Index")[0] is None
    assert read_wavelengths(None, 3) == (None, ())


def test_an_unsorted_list_keeps_its_order():
    values, repairs = read_wavelengths([700, 500, 600], 3)
    assert values is not None
    assert values.tolist() == [700, 500, 600]
    assert repairs == ()


@pytest.mark.parametrize(
    ("unit", "kind", "factor"),
    [
        ("Wavenumber (cm-1)", "wavenumber", 1),
        ("cm\u22121", "wavenumber", 1),
        ("cm\u20131", "wavenumber", 1),
        ("cm\u207b\u00b9", "wavenumber", 1),
        ("1/cm", "wavenumber", 1),
        ("Wavenumber", "wavenumber", 1),
        ("Raman shift (cm-1)", "Raman shift", 1),
        ("Raman shift", "Raman shift", 1),
        ("rel. 1/cm", "Raman shift", 1),
        ("eV", "energy", 1),
        ("keV", "energy", 1000),
        ("Energy loss (eV)", "energy", 1),
        ("THz", "frequency", 1),
        ("GHz", "frequency", 0.001),
    ],
)
def test_an_axis_that_is_no_wavelength_keeps_its_kind(unit, kind, factor):
    written = np.array([900.0, 1500.0, 3950.0])
    axis = read_axis(written, 3, unit)
    assert axis.measured is not None
    assert axis.measured.kind == kind
    np.testing.assert_allclose(axis.measured.values, written * factor)
    assert axis.known.all()


def test_wavelengths_of_light_are_known_beside_wavenumbers_and_not_beside_shifts_or_high_energies():
    np.testing.assert_allclose(read_axis([1000, 2500], 2, "cm-1").wavelengths, [10_000, 4000])
    np.testing.assert_allclose(read_axis([1.55, 3.1], 2, "eV").wavelengths, [799.9, 399.9], atol=0.1)
    np.testing.assert_allclose(read_axis([300, 600], 2, "THz").wavelengths, [999.3, 499.65], atol=0.1)
    assert read_axis([280, 700], 2, "eV").wavelengths is None
    assert read_axis([-100, 0, 700], 3, "Raman shift").wavelengths is None
    assert read_axis([-100, 0, 700], 3, "Raman shift").known.all()


@pytest.mark.parametrize("unit", ["", "Unknown", "furlongs"])
def test_an_even_list_that_runs_down_far_without_a_unit_is_one_of_wavenumbers(unit):
    axis = read_axis(np.linspace(3950.5, 900.25, 120).round(2), 120, unit)
    assert axis.measured is not None
    assert axis.measured.kind == "wavenumber"
    assert axis.repairs[0].endswith("runs evenly from 3950 down to 900: taken as wavenumbers in cm⁻¹")
    backwards = 2500 - np.cumsum(np.random.default_rng(0).uniform(6, 12, 150))  # a grating read from its far end
    assert read_axis(backwards, 150, unit).measured is None


@pytest.mark.parametrize("unit", ["", "Unknown", "nm"])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_bands_are_no_wavelengths(unit, first):
    axis = read_axis(np.arange(first, first + 60), 60, unit)
    assert (axis.wavelengths, axis.measured) == (None, None)
    assert "bands are numbered" in axis.repairs[0]
    assert axis.known.all()


def test_widths_are_in_nm_whatever_the_axis():
    np.testing.assert_allclose(read_axis([0.4, 0.5], 2, "um").widths([0.01, 0.02]), [10, 20])
    wavenumbers = read_axis([1000.0, 2000.0], 2, "cm-1")
    upper, lower = 1e7 / np.array([996.0, 1996.0]), 1e7 / np.array([1004.0, 2004.0])
    np.testing.assert_allclose(wavenumbers.widths([8.0, 8.0]), upper - lower, rtol=1e-3)
    assert read_axis([0.4, 0.5], 2, "um").widths([0.01]) is None
    assert read_axis([100, 200], 2, "Raman shift").widths([1, 1]) is None


def test_what_a_list_of_places_is_called():
    for name in (
        "Wavelengths_nm",
        "wavlength",
        "wave",
        "WL",
        "band centers",
        "center wavelength",
        "spectral_axis",
        "Raman shift",
    ):
        assert names_axis(name), name
    for name in ("cube", "data", "mask", "gt", "wavelength units", "W", "spectra", "waveform"):
        assert not names_axis(name), name
