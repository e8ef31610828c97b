"""Wavelengths in nm from any unit; the same physical list in every unit gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.io.wavelengths import read_wavelengths

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
        ([400, np.nan, 600], "1 of 3 wavelengths were not positive numbers: left out, bands are numbered"),
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
