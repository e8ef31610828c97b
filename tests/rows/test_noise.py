"""The noise from 0.1 to 100 pixels a band, alike in neighbouring bands, and shared by interpolated pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_unmix.rows import subspace
from napari_unmix.rows.noise import alike_noise, independent_share, left_by_components
from napari_unmix.rows.subspace import noise_level, noise_per_band, said_of_noise
from napari_unmix.synthetic import KINDS, blind_scene, smooth_field


def mixture(generator: np.random.Generator, shape: tuple[int, int], bands: int, count: int) -> np.ndarray:
    """(H·W, B) of smooth spectra, in smooth fields of abundances."""
    fields = np.stack([smooth_field(shape, 3.0, generator) for _ in range(count)], axis=-1).reshape(-1, count)
    abundances = np.exp(2 * fields)
    centres = (np.arange(count) + 0.5) / count
    endmembers = 0.1 + np.exp(-(((np.linspace(0, 1, bands) - centres[:, None]) / 0.2) ** 2))
    return np.asarray(abundances / abundances.sum(axis=1, keepdims=True) @ endmembers)


@pytest.mark.parametrize("count", [2, 4, 6])
@pytest.mark.parametrize(
    ("shape", "bands"), [((5, 8), 400), ((8, 8), 64), ((10, 10), 80), ((16, 16), 140), ((20, 20), 201), ((40, 50), 20)]
)
def test_noise_is_found_from_a_tenth_to_a_hundred_pixels_a_band(shape: tuple[int, int], bands: int, count: int) -> None:
    generator = np.random.default_rng(count)
    spectra = mixture(generator, shape, bands, count)
    even = 0.02 * np.ones(bands)
    for truth in (even, even * np.exp(0.8 * generator.normal(size=bands))):
        noisy = spectra + truth * generator.normal(size=spectra.shape)
        found = noise_per_band(noisy)
        np.testing.assert_allclose(np.sqrt(np.mean(found**2) / np.mean(truth**2)), 1, atol=0.2)
        np.testing.assert_allclose(np.median(found / truth), 1, atol=0.2)
        np.testing.assert_allclose(noise_level(noisy, count), np.sqrt(np.mean(truth**2)), rtol=0.2)


def test_noise_has_no_step_between_one_and_two_pixels_a_band() -> None:
    generator = np.random.default_rng(0)
    spectra = mixture(generator, (1, 121), 60, 3) + 0.02 * generator.normal(size=(121, 60))
    levels = np.array([noise_level(spectra[:count]) for count in range(50, 122)])
    assert np.abs(np.diff(levels) / 0.02).max() < 0.05


def test_from_two_pixels_a_band_on_all_other_bands_predict() -> None:
    spectra = np.random.default_rng(0).normal(1, 0.1, (80, 40))
    inverse = np.linalg.inv(spectra.T @ spectra + 1e-8 * np.trace(spectra.T @ spectra) / 40 * np.eye(40))
    expected = np.sqrt((((spectra @ inverse) / np.diag(inverse)) ** 2).sum(axis=0) / 41)
    np.testing.assert_array_equal(noise_per_band(spectra), expected)
    np.testing.assert_array_equal(noise_per_band(spectra[:30]), left_by_components(spectra[:30]))


def test_spectra_without_noise_have_rounding_only() -> None:
    spectra = mixture(np.random.default_rng(0), (6, 6), 90, 3)
    assert noise_level(spectra, 3) == subspace.ROUNDING * np.sqrt(np.mean(spectra**2))
    assert not noise_per_band(np.zeros((30, 40))).any()


# --- alike in neighbouring bands


def smoothed(noise: np.ndarray, width: int) -> np.ndarray:
    padded = np.pad(noise, ((0, 0), (width // 2, width // 2)), mode="edge")
    return np.asarray(sum(padded[:, k : k + noise.shape[1]] for k in range(width)) / width)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(
    ("shape", "bands", "width"), [((30, 30), 60, 3), ((30, 30), 120, 5), ((12, 12), 150, 3), ((80, 100), 40, 3)]
)
def test_noise_that_is_alike_in_neighbouring_bands_is_measured(
    shape: tuple[int, int], bands: int, width: int, count: int
) -> None:
    generator = np.random.default_rng(1)
    noise = smoothed(0.02 * generator.normal(size=(shape[0] * shape[1], bands)), width)
    spectra = mixture(generator, shape, bands, count) + noise
    found = alike_noise(spectra)
    assert found is not None
    assert found.signals == count
    assert 0.5 < found.correlation < 0.9
    assert 1.5 < found.strongest < 9
    np.testing.assert_allclose(noise_level(spectra, count), noise.std(), rtol=0.1)
    assert said_of_noise(spectra)[0].startswith(
        f"The noise is alike in neighbouring bands (correlation {found.correlation:.1f})"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [lambda rows: rows, np.random.default_rng(0).permutation, lambda rows: rows[::3]])
def test_white_noise_and_variability_are_not_taken_for_it(kind: str, order: Callable[[np.ndarray], np.ndarray]) -> None:
    for seed in range(3):
        scene = blind_scene(seed, materials=4, pure=True, kind=kind, decibels=20 + 10 * seed, size=30)  # type: ignore[arg-type]
        spectra = order(scene.cube.pixels())
        assert alike_noise(spectra) is None
        assert independent_share(spectra) == 1
        assert said_of_noise(spectra) == ()


def test_spectra_that_vary_smoothly_from_place_to_place_are_not_noise() -> None:
    generator = np.random.default_rng(0)
    waves = np.cos(np.outer(np.arange(30), np.linspace(0, np.pi, 60)))
    varied = np.stack([smooth_field((30, 30), 2.0, generator) for _ in range(30)], axis=-1).reshape(900, 30) @ waves
    spectra = mixture(generator, (30, 30), 60, 3) + 0.01 * varied
    assert alike_noise(spectra) is None


# --- interpolated pixels


def between(cube: np.ndarray) -> np.ndarray:
    """Twice as many lines and columns, the new ones means of their neighbours."""
    for axis in (0, 1):
        cube = np.moveaxis(cube, axis, 0)
        cube = np.stack([cube[:-1], (cube[:-1] + cube[1:]) / 2], axis=1).reshape(-1, *cube.shape[1:])
        cube = np.moveaxis(cube, 0, axis)
    return cube


def test_interpolated_pixels_count_for_those_that_were_measured() -> None:
    generator = np.random.default_rng(0)
    spectra = mixture(generator, (31, 26), 50, 3) + 0.02 * generator.normal(size=(31 * 26, 50))
    large = between(spectra.reshape(31, 26, 50)).reshape(-1, 50)
    assert 0.2 < independent_share(large) < 0.3
    # Half of the pixels are means of two, and a quarter of them of four: 9/16 of the variance is left.
    np.testing.assert_allclose(noise_level(large, 3), 0.75 * 0.02, rtol=0.1)
    assert said_of_noise(large)[0].startswith(
        "Neighbouring pixels share their noise, as interpolation makes them: 3000 "
    )
