"""Noise and the suggested number of endmembers, on scenes where both are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.rows.subspace import (
    affine_subspace,
    linear_subspace,
    noise_level,
    noise_per_band,
    subspace_excess,
)


def linear_pixels(seed: int, count: int, noise: float, bands: int = 80) -> np.ndarray:
    generator = np.random.default_rng(seed)
    abundances = generator.dirichlet(np.ones(count), 4000)
    return abundances @ generator.uniform(size=(count, bands)) + noise * generator.normal(size=(4000, bands))


@pytest.mark.parametrize("count", [2, 4, 6])
def test_noise_is_recovered_and_the_exact_model_has_excess_one(count: int) -> None:
    spectra = linear_pixels(0, count, 0.02)
    noise = noise_level(spectra, count)
    np.testing.assert_allclose(noise, 0.02, rtol=0.01)
    excess = subspace_excess(spectra, count, noise)
    np.testing.assert_allclose([excess.affine, excess.linear], 1, atol=0.01)
    assert subspace_excess(spectra, count - 1, noise).linear > 1.5 if count > 2 else True


def test_noise_of_each_band_is_its_own() -> None:
    spectra = linear_pixels(1, 3, 0.0)
    truth = np.linspace(0.01, 0.05, spectra.shape[1])
    noisy = spectra + truth * np.random.default_rng(2).normal(size=spectra.shape)
    np.testing.assert_allclose(noise_per_band(noisy), truth, rtol=0.2)


def test_subspaces_reproduce_what_lies_in_them() -> None:
    spectra = linear_pixels(3, 4, 0.0)
    for subspace in (affine_subspace(spectra, 3), linear_subspace(spectra, 4)):
        np.testing.assert_allclose(subspace.spectra(subspace.scores(spectra)), spectra, atol=1e-8)
        np.testing.assert_allclose(subspace.basis @ subspace.basis.T, np.eye(len(subspace.basis)), atol=1e-10)
