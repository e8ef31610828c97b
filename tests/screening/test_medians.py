"""Medians of many lists at once are those of NumPy and SciPy, to the bit; and what a screening keeps is what it would find again."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.ndimage import median_filter

from napari_unmix.screening.blocks import Unusable, extremes
from napari_unmix.screening.medians import WINDOW, medians, running_median
from napari_unmix.screening.saturation import saturated_bands
from napari_unmix.screening.screen import Screened
from napari_unmix.screening.spikes import _bend


@pytest.mark.parametrize("count", [1, 2, 7, 48])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_medians_are_numpys(count: int, kind: type) -> None:
    values = np.random.default_rng(count).normal(size=(count, 5, 6)).astype(kind)
    found = medians(values)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, np.median(values, axis=0))


def test_medians_leave_nan_out() -> None:
    values = np.random.default_rng(0).normal(size=(9, 40))
    values[np.random.default_rng(1).random(values.shape) < 0.4] = np.nan
    values[:, 7] = np.nan
    expected = [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else np.nan for column in values.T]
    np.testing.assert_array_equal(medians(values), expected)


def test_a_running_median_of_seven_numbers_is_their_median_whatever_their_order() -> None:
    """Comparing picks the median of all numbers where it does of zeros and ones, each way (Knuth's zero-one principle)."""
    every = np.array(list(product((0.0, 1.0), repeat=WINDOW)))
    np.testing.assert_array_equal(running_median(every)[:, WINDOW // 2], np.median(every, axis=1))


@pytest.mark.parametrize("bands", [5, 7, 8, 31])
def test_a_running_median_is_scipys_inside_and_the_outermost_seven_at_the_ends(bands: int) -> None:
    values = np.random.default_rng(bands).normal(size=(20, bands))
    found, half = running_median(values), WINDOW // 2
    inside = slice(half, max(half, bands - half))
    np.testing.assert_array_equal(found[:, inside], median_filter(values, size=(1, WINDOW))[:, inside])
    np.testing.assert_array_equal(found[:, -1], np.median(values[:, -WINDOW:], axis=1))


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_bend_is_the_difference_from_both_neighbours_in_band(contiguous: bool) -> None:
    spectra = np.random.default_rng(0).random((3, 4, 8), dtype=np.float32)
    spectra = spectra if contiguous else np.asfortranarray(spectra)
    found = _bend(spectra)
    half = np.float32(0.5)
    np.testing.assert_array_equal(found[..., 1:-1], spectra[..., 1:-1] - half * (spectra[..., :-2] + spectra[..., 2:]))
    np.testing.assert_array_equal(found[..., 0], spectra[..., 0] - spectra[..., 1])
    np.testing.assert_array_equal(found[..., -1], spectra[..., -1] - spectra[..., -2])


@pytest.mark.parametrize(("broken", "whole"), [(None, True), ("number", False), ("pixel", False)])
def test_extremes_say_whether_all_can_be_used(broken: str | None, whole: bool) -> None:
    spectra, valid = np.random.default_rng(0).random((6, 5, 4), dtype=np.float32), np.ones((6, 5), bool)
    if broken == "number":
        spectra[2, 3, 1] = np.nan
    if broken == "pixel":
        valid[2, 3] = False
    assert extremes(spectra, Unusable(valid)).whole is whole


def test_saturated_numbers_are_counted_where_lines_reach_the_highest_only() -> None:
    generator = np.random.default_rng(0)
    spectra, valid = generator.random((30, 30, 6), dtype=np.float32), np.ones((30, 30), bool)
    valid[:3] = False
    spectra[:3, :, 4] = 2.0  # full, but without data
    spectra[generator.random((30, 30)) < 0.1, 2] = 1.5
    bounds = extremes(spectra, Unusable(valid))
    found = saturated_bands(spectra, Unusable(valid), bounds, np.ones(6, bool), scale=1.0, ceiling=None)
    assert np.flatnonzero(found).tolist() == [2]


def test_what_was_found_is_kept_as_long_as_its_arrays_are_the_same() -> None:
    spectra = np.random.default_rng(0).random((12, 12, 8), dtype=np.float32)
    state = Screened(spectra, np.ones(8, bool), np.ones((12, 12), bool))
    bounds, usual, largest = state.bounds, state.usual, state.largest
    assert largest == spectra.max()
    assert state.changed(remarks=("said",)).usual is usual
    fewer_bands = state.without("said", bands=np.arange(8) == 3)
    assert fewer_bands.bounds is bounds
    assert fewer_bands.usual is not usual
    fewer_pixels = state.without("said", pixels=spectra[..., 0] > 0.9)
    assert fewer_pixels.largest is None
    assert not np.array_equal(fewer_pixels.bounds.high, bounds.high)
