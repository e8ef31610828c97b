"""Bands of another cube: the same, near enough to interpolate, or refused, on both sides of each line."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.applying.bands import NEAR, bands_for
from napari_unmix.cube import FloatArray, SpectralAxis
from napari_unmix.sentences import UnmixError

RUN = SpectralAxis("wavelength", np.arange(400.0, 500.0, 10.0))
GOOD = np.ones(10, bool)


def axis(values: FloatArray) -> SpectralAxis:
    return SpectralAxis("wavelength", values)


def test_the_same_bands_are_taken_as_they_are() -> None:
    good = GOOD.copy()
    good[3] = False
    spectra = np.random.default_rng(0).normal(size=(5, 10)).astype(np.float32)
    for there in (RUN, axis(RUN.values + 0.009)):
        found = bands_for(RUN, good, there, GOOD)
        assert found.moved == 0
        np.testing.assert_array_equal(found.of(spectra), spectra[:, good])


@pytest.mark.parametrize("share", [NEAR - 0.02, NEAR + 0.02])
def test_bands_nearer_than_half_the_spacing_are_interpolated(share: float) -> None:
    there = axis(np.append(RUN.values[:9] - share * 10, RUN.values[8:] + (1 - share) * 10))
    if share > NEAR:
        there = axis(np.delete(there.values, 5))  # else the next band would be the nearer one
    if share < NEAR:
        found = bands_for(RUN, GOOD, there, np.ones(11, bool))
        line = 3.0 + 0.01 * there.values  # on a straight line interpolation is exact, but for the end
        np.testing.assert_allclose(
            found.of(np.tile(line, (2, 1)))[:, 1:9], np.tile(3.0 + 0.01 * RUN.values, (2, 1))[:, 1:9]
        )
        assert found.moved == pytest.approx(10 * share)
    else:
        with pytest.raises(
            UnmixError,
            match=r"needs a band at \d+ nm, the cube's nearest lies .* take a cube of the same sensor",
        ):
            bands_for(RUN, GOOD, there, np.ones(10, bool))


def test_a_finer_sensor_does_and_a_coarser_one_does_not() -> None:
    finer, coarser = axis(np.arange(398.0, 500.0, 4.0)), axis(np.arange(400.0, 500.0, 30.0))
    assert bands_for(RUN, GOOD, finer, np.ones(26, bool)).moved <= 2
    with pytest.raises(UnmixError, match="needs a band"):
        bands_for(RUN, GOOD, coarser, np.ones(4, bool))


def test_a_band_that_may_not_be_used_is_not_interpolated() -> None:
    finer = axis(np.arange(398.0, 500.0, 4.0))
    usable = np.ones(26, bool)
    usable[np.abs(finer.values - 450) < 12] = False
    with pytest.raises(UnmixError, match="needs a band at 450 nm"):
        bands_for(RUN, GOOD, finer, usable)
    found = bands_for(RUN, np.abs(RUN.values - 450) > 5, finer, usable)  # the run does not need it either
    assert not set(found.lower) & set(np.flatnonzero(~usable))


def test_descending_and_other_quantities() -> None:
    down = axis(RUN.values[::-1])
    spectra = np.arange(10.0)[None]
    np.testing.assert_allclose(bands_for(RUN, GOOD, down, GOOD).of(spectra), spectra[:, ::-1])
    numbers = SpectralAxis("wavenumber", 1e7 / RUN.values)
    np.testing.assert_array_equal(bands_for(RUN, GOOD, numbers, GOOD).of(spectra), spectra)


def test_without_places_the_number_of_bands_decides() -> None:
    numbered = SpectralAxis("index", np.arange(1.0, 11.0))
    spectra = np.arange(20.0).reshape(2, 10)
    np.testing.assert_array_equal(bands_for(numbered, GOOD, numbered, GOOD).of(spectra), spectra)
    np.testing.assert_array_equal(bands_for(RUN, GOOD, numbered, GOOD).of(spectra), spectra)
    with pytest.raises(UnmixError, match="The cube has 11 bands and the run 10, and their places can't be compared"):
        bands_for(numbered, GOOD, SpectralAxis("index", np.arange(1.0, 12.0)), np.ones(11, bool))
    shift = SpectralAxis("Raman shift", np.linspace(100, 900, 11))
    with pytest.raises(UnmixError, match=r"wavelength \(nm\) and Raman shift"):
        bands_for(RUN, GOOD, shift, np.ones(11, bool))
