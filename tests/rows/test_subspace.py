"""Noise and the suggested number of endmembers, on scenes where both are known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_unmix.rows.subspace import (
    affine_subspace,
    directions,
    linear_subspace,
    noise_level,
    noise_per_band,
    principal,
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


@pytest.mark.parametrize(("pixels", "bands"), [(12, 13), (30, 80), (64, 300)])
@pytest.mark.parametrize("weighted", [False, True])
def test_few_pixels_have_the_directions_of_the_moment_of_their_bands(pixels: int, bands: int, weighted: bool) -> None:
    spectra = linear_pixels(4, 3, 0.01, bands)[:pixels]
    weights = np.random.default_rng(5).uniform(0.5, 2, pixels) if weighted else np.ones(pixels)
    values, found = principal(spectra, 3, weights=weights if weighted else None, per=7.0)
    expected = np.linalg.eigh((spectra * weights[:, None]).T @ spectra / 7.0)
    np.testing.assert_allclose(values, expected[0][::-1][:3], rtol=1e-9)
    leading = expected[1][:, ::-1][:, :3]
    np.testing.assert_allclose(found.T @ found, leading @ leading.T, atol=1e-9)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(np.diag(found @ leading)), 1, atol=1e-9)  # each of them, not their span alone


@pytest.mark.parametrize("spectra", [np.zeros((4, 30)), np.ones((4, 30)), np.eye(4, 30), np.full((4, 30), 1e-30)])
def test_directions_are_orthonormal_where_pixels_hold_fewer(spectra: np.ndarray) -> None:
    values, found = principal(spectra, 6)
    assert values.shape == (6,)
    np.testing.assert_allclose(found @ found.T, np.eye(6), atol=1e-12)


def test_few_pixels_vary_in_as_many_directions_as_their_bands_say() -> None:
    spectra = linear_pixels(6, 3, 0.0, 200)[:50]
    assert directions(spectra) == (2, 3)


def test_many_bands_of_few_pixels_take_no_time() -> None:
    spectra = linear_pixels(7, 3, 0.01, 2500)[:40]
    begun = time.process_time()
    affine_subspace(spectra, 2)
    linear_subspace(spectra, 3)
    directions(spectra)
    assert time.process_time() - begun < 1  # 2500 × 2500 take ten seconds
