"""Metrics and matching: what they must not depend on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import angle_table, mean_correlation, rmse, spectral_angle


@given(st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_scaling_a_spectrum_leaves_its_angle(seed: int, factor: float) -> None:
    first, second = np.random.default_rng(seed).uniform(0.1, 1, size=(2, 20))
    np.testing.assert_allclose(spectral_angle(factor * first, second), spectral_angle(first, second), atol=1e-9)


def test_angles_of_equal_opposite_orthogonal_and_zero_spectra() -> None:
    spectrum = np.array([0.1, 0.2, 0.3])
    assert spectral_angle(spectrum, spectrum) < 1e-7
    np.testing.assert_allclose(spectral_angle(spectrum, -spectrum), np.pi)
    np.testing.assert_allclose(spectral_angle(np.array([1.0, 0]), np.array([0.0, 1])), np.pi / 2)
    assert spectral_angle(np.zeros(3), np.zeros(3)) == 0
    np.testing.assert_allclose(spectral_angle(np.zeros(3), spectrum), np.pi / 2)


@given(st.integers(0, 1000), st.integers(2, 7))
def test_matching_undoes_a_permutation(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    reference, abundances = generator.uniform(size=(size, 30)), generator.dirichlet(np.ones(size), 300)
    order = generator.permutation(size)
    found = match_endmembers(reference[order], reference)
    np.testing.assert_array_equal(reference[order][found], reference)
    np.testing.assert_allclose(mean_correlation(abundances[:, order][:, found], abundances), 1)


def test_matching_fewer_endmembers_marks_the_missing() -> None:
    reference = np.eye(3)
    np.testing.assert_array_equal(match_endmembers(reference[[2, 0]], reference), [1, -1, 0])


def test_correlation_is_blind_to_what_rmse_sees() -> None:
    reference = np.random.default_rng(0).dirichlet(np.ones(3), 100)
    shrunk = 1 / 3 + 0.5 * (reference - 1 / 3)
    np.testing.assert_allclose(mean_correlation(shrunk, reference), 1)
    assert rmse(shrunk, reference) > 0.05


def test_excluded_bands_do_not_count() -> None:
    first, second = np.eye(3), np.eye(3)
    first[:, 1] = np.nan
    assert np.isfinite(angle_table(first, second)).all()
