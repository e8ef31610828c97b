"""Scattering or variability: what follows from composition is told from what does not, and one missing material from both."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.model.composed import composed_share, off_the_plane, one_is_missing

BANDS, PIXELS, NOISE = 30, 1_500, 0.003


def drawn(seed: int, materials: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Endmembers (P, B), abundances (N, P), and noise (N, B)."""
    generator = np.random.default_rng(seed)
    bands = np.linspace(0, 1, BANDS)
    waves = np.array([np.cos(np.pi * k * bands) / (1 + k) for k in range(6)])
    endmembers = 0.5 + 0.25 * generator.normal(size=(materials, 6)) @ waves
    abundances = generator.dirichlet(np.full(materials, 0.7), PIXELS)
    return endmembers, abundances, NOISE * generator.normal(size=(PIXELS, BANDS))


def share(spectra: np.ndarray, endmembers: np.ndarray, abundances: np.ndarray, units: float = 1.0) -> float:
    left, freedom = off_the_plane(units * spectra, units * endmembers, free_light=False)
    return composed_share(left, abundances, abundances, (units * NOISE) ** 2, freedom)


def scattered(endmembers: np.ndarray, abundances: np.ndarray) -> np.ndarray:
    """Fan's products."""
    return abundances @ endmembers + np.prod(abundances[:, :2], axis=1)[:, None] * np.prod(endmembers[:2], axis=0)


def varied(endmembers: np.ndarray, abundances: np.ndarray, seed: int) -> np.ndarray:
    """A gain of each material in each pixel, and a tilt."""
    generator = np.random.default_rng(seed)
    gain, tilt = 0.1 * generator.normal(size=(2, *abundances.shape))
    ramp = np.linspace(-1, 1, BANDS)
    return (abundances * (1 + gain)) @ endmembers + ((abundances * tilt) @ endmembers) * ramp


@pytest.mark.parametrize("seed", range(4))
def test_of_scattering_nearly_all_follows_from_composition_and_of_variability_next_to_nothing(seed: int) -> None:
    endmembers, abundances, noise = drawn(seed)
    assert share(scattered(endmembers, abundances) + noise, endmembers, abundances) > 0.9
    assert share(varied(endmembers, abundances, seed) + noise, endmembers, abundances) < 0.1


def test_noise_alone_is_nothing_of_the_spectra() -> None:
    endmembers, abundances, noise = drawn(0)
    assert share(abundances @ endmembers + 0.9 * noise, endmembers, abundances) == 1.0


def test_neither_units_nor_the_order_of_endmembers_matter() -> None:
    endmembers, abundances, noise = drawn(1)
    spectra = scattered(endmembers, abundances) + varied(endmembers, abundances, 1) + noise
    found = share(spectra, endmembers, abundances)
    order = [2, 0, 1]
    assert share(spectra, endmembers[order], abundances[:, order]) == pytest.approx(found, abs=1e-9)
    assert share(spectra, endmembers, abundances, units=7.0) == pytest.approx(found, abs=1e-9)


def test_endmembers_that_are_a_little_wrong_are_no_scattering() -> None:
    endmembers, abundances, noise = drawn(2)
    spectra = varied(endmembers, abundances, 2) + noise
    wrong = endmembers + 0.02 * np.random.default_rng(0).normal(size=endmembers.shape)
    assert share(spectra, wrong, abundances) < 0.1


@pytest.mark.parametrize(("missing", "said"), [(0, False), (1, True), (2, False)])
def test_one_missing_material_is_told_and_two_or_none_are_not(missing: int, said: bool) -> None:
    endmembers, abundances, noise = drawn(3, materials=3 + missing)
    left, freedom = off_the_plane(abundances @ endmembers + noise, endmembers[:3], free_light=False)
    assert one_is_missing(left, endmembers[:3], NOISE**2, freedom, 1.02) == said


def test_gains_are_no_missing_material_although_one_direction_explains_them() -> None:
    endmembers, abundances, noise = drawn(4)
    gain = 1 + 0.2 * np.random.default_rng(4).normal(size=(PIXELS, 1))
    left, freedom = off_the_plane(gain * (abundances @ endmembers) + noise, endmembers, free_light=False)
    assert not one_is_missing(left, endmembers, NOISE**2, freedom, 1.02)


def test_with_free_light_nothing_is_left_of_gains() -> None:
    endmembers, abundances, _ = drawn(5)
    left, freedom = off_the_plane(3.0 * (abundances @ endmembers), endmembers, free_light=True)
    assert freedom == BANDS - 3
    np.testing.assert_allclose(left, 0, atol=1e-12)
