"""Which axis is the spectral one, by names, units and lengths."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.io.groups.spectral_axis import find_spectral, find_widths, is_spectral, is_unit
from napari_unmix.io.groups.tree import Axis, Tree, Variable

NM = np.linspace(450.0, 800.0, 8)


def tree(*variables, **groups):
    return Tree({variable.name: variable for variable in variables}, {"": {}} | groups)


def cube(shape=(6, 5, 8), names=(), attributes=None, name="group/cube"):
    return Variable(name, np.zeros(shape), attributes or {}, tuple(Axis(axis) for axis in names))


def listed(name, values, names=("",), **attributes):
    return Variable(name, np.asarray(values), attributes, tuple(Axis(axis) for axis in names))


@pytest.mark.parametrize(
    "unit",
    [
        "nm",
        "um",
        "µm",
        "nanometers",
        "Micrometres",
        "cm-1",
        "cm^-1",
        "1/cm",
        "eV",
        "keV",
        "GHz",
        "THz",
        "Å",
        "angstrom",
    ],
)
def test_units(unit):
    assert is_unit(unit)


@pytest.mark.parametrize("unit", ["", "decimal year", "days since 1970-01-01", "degrees_north", "1", "pixels"])
def test_no_units(unit):
    assert not is_unit(unit)


def test_lengths_alone_may_be_places_on_a_stage():
    assert not is_spectral("x", "µm")
    assert not is_spectral("x_axis", "")
    assert not is_spectral("energy", "")
    assert is_spectral("energy", "eV")
    assert is_spectral("x", "cm-1")
    assert is_spectral("Band Centers", "")
    assert is_spectral("band", "", {"standard_name": "sensor_band_central_radiation_wavelength"})


def test_the_axis_own_places_come_first():
    one = Variable(
        "cube",
        np.zeros((8, 6, 5)),
        {},
        (Axis("wavelength", "nm", NM), Axis("y", "m", np.arange(6)), Axis("x", "m", np.arange(5))),
    )
    found = find_spectral(one, tree(one, listed("wavelengths", NM + 1)))
    assert (found.axis, found.unit) == (0, "nm")
    np.testing.assert_array_equal(found.values, NM)


def test_a_list_in_the_nearest_group_that_fits():
    one = cube()
    others = [listed("far/wavelength", NM + 1), listed("group/wavelength", NM, units="nm"), listed("group/fwhm", NM)]
    found = find_spectral(one, tree(one, *others))
    assert (found.axis, found.values[0], found.unit) == (2, 450, "nm")


def test_a_list_that_fits_beats_a_nearer_one_that_does_not():
    one = cube()
    found = find_spectral(one, tree(one, listed("group/wavelength", NM[:3]), listed("bands/wavelength_um", NM / 1000)))
    assert (len(found.values), found.axis, found.unit) == (8, 2, "um")


def test_square_cubes_are_told_by_names():
    one = cube((8, 8, 8), ("bands", "y", "x"))
    assert find_spectral(one, tree(one, listed("wavelength", NM))).axis == 0
    nameless = cube((8, 8, 8))
    assert find_spectral(nameless, tree(nameless, listed("wavelength", NM))).axis is None
    by_list = cube((8, 8, 8), ("y", "nwl_of_it", "x"))
    assert find_spectral(by_list, tree(by_list, listed("wavelength", NM, ("nwl_of_it",)))).axis == 1


def test_attributes_of_the_array_before_those_of_its_groups():
    one = cube(attributes={"Wavelengths": NM.tolist(), "wavelength_units": "nm"})
    found = find_spectral(one, tree(one, group={"wavelength": [1.0]}))
    assert (found.axis, found.values[-1], found.unit) == (2, 800, "nm")
    other = cube()
    assert find_spectral(other, tree(other, group={"wavelength_nm": NM.tolist()})).unit == "nm"


def test_raman_shifts_say_so():
    one = cube()
    assert find_spectral(one, tree(one, listed("raman_shift", NM, units="cm-1"))).unit == "Raman shift (cm-1)"


def test_widths_beside_and_in_attributes():
    one = cube(attributes={"fwhm": [5.0] * 8, "fwhm_units": "nm"})
    assert find_widths(one, tree(one), 8) == ([5.0] * 8, "nm")
    assert find_widths(one, tree(one, listed("group/FWHM", NM, units="um")), 8) == (NM.tolist(), "um")
    assert find_widths(one, tree(one), 7) is None


def test_widths_in_the_unit_of_the_places_are_no_places():
    assert is_spectral("wavenumber", "cm-1")
    assert is_spectral("axis", "cm-1")
    assert not is_spectral("scene/fwhm", "cm-1")
