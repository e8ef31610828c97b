"""A copy of a spectrum is no evidence: what is counted once, and what only coincides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.rows.repeats import counted_once, distinct_spectra
from napari_unmix.rows.subspace import independent_pixels, noise_per_band, said_of_noise


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 6))
def test_the_distinct_rows_are_those_that_numpy_finds(pixels: int, bands: int, values: int) -> None:
    spectra = np.random.default_rng(pixels * bands).integers(-values, values, (pixels, bands)) * -0.5
    found, times = distinct_spectra(spectra)
    expected, first = np.unique(spectra, axis=0, return_index=True)
    assert len(found) == len(expected)
    np.testing.assert_array_equal(found, spectra[np.sort(first)])
    assert times == pixels / len(expected)


def enlarged(cube: np.ndarray, down: int, across: int) -> np.ndarray:
    return np.asarray(cube.repeat(down, 0).repeat(across, 1).reshape(-1, cube.shape[2]))


@pytest.mark.parametrize(("down", "across"), [(2, 2), (3, 1), (1, 3), (5, 5)])
def test_copies_count_once_and_the_noise_is_that_of_the_originals(down: int, across: int) -> None:
    cube = np.random.default_rng(0).normal(1, 0.1, (20, 16, 12)).astype(np.float32).astype(float)
    spectra = enlarged(cube, down, across)
    np.testing.assert_array_equal(counted_once(spectra), cube.reshape(-1, 12))
    np.testing.assert_array_equal(noise_per_band(spectra), noise_per_band(cube.reshape(-1, 12)))
    assert independent_pixels(spectra) == 320
    assert said_of_noise(spectra) == (
        f"Every spectrum occurs {down * across} times on average (320 different ones): "
        "counted once in the noise and in the number of endmembers.",
    )


def test_coarse_values_that_coincide_are_no_copies() -> None:
    spectra = np.random.default_rng(0).integers(0, 3, (4000, 6)).astype(float)
    assert distinct_spectra(spectra)[1] > 5
    assert counted_once(spectra) is spectra
    assert said_of_noise(spectra) == ()


def test_spectra_that_differ_in_one_band_are_different() -> None:
    spectra = np.zeros((500, 200))
    spectra[np.arange(500), np.arange(500) % 200] = 1 + np.arange(500)
    assert len(distinct_spectra(spectra)[0]) == 500
