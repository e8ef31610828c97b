"""Second opinions on the number of endmembers: on noise, on scenes of known numbers, and against the published constants."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.geometry.dimensions import _over_median, hfc, hysime, second_opinions, singular_values_over
from napari_unmix.synthetic import blind_scene

SEEDS = range(40, 46)


def pixels_of(seed: int, materials: int) -> np.ndarray:
    return blind_scene(seed, materials=materials, pure=True, kind="linear", decibels=35, size=40).cube.pixels()


@pytest.mark.parametrize("materials", [3, 5])
def test_hysime_and_eigenvalues_count_the_materials_of_linear_scenes(materials: int) -> None:
    """On five of six fixed seeds: a rate and no theorem."""
    found = [second_opinions(pixels_of(seed, materials)) for seed in SEEDS]
    assert sum(one.hysime == materials for one in found) >= 5
    assert sum(one.eigenvalues == materials for one in found) >= 5
    assert all(1 <= one.hfc <= materials for one in found)


def test_noise_has_no_direction() -> None:
    noise = np.random.default_rng(0).normal(size=(4000, 30))
    said = second_opinions(noise)
    assert (said.hysime, said.eigenvalues) == (0, 0)
    assert said.hfc <= 1


def test_more_false_alarms_count_as_many_directions_or_more() -> None:
    pixels = pixels_of(41, 5)
    counts = [hfc(pixels, rate) for rate in (1e-9, 1e-5, 1e-3, 0.1, 0.4)]
    assert counts == sorted(counts)


def test_no_rule_looks_at_units() -> None:
    pixels = pixels_of(42, 3)
    assert second_opinions(pixels) == second_opinions(1e4 * pixels)


def test_without_noise_directions_of_rounding_are_none() -> None:
    generator = np.random.default_rng(1)
    clean = generator.dirichlet(np.ones(3), 900) @ generator.uniform(size=(3, 25))
    none = np.zeros(25)
    assert (hysime(clean, none), singular_values_over(clean, none)) == (3, 3)
    assert hfc(clean) <= 3


@pytest.mark.parametrize(("shape", "published"), [(1.0, 2.858), (0.5, 2.1723), (0.1, 1.6089)])
def test_the_threshold_is_the_published_one(shape: float, published: float) -> None:
    """Gavish & Donoho 2014: 2.858 for square matrices, and 0.56 β³ − 0.95 β² + 1.82 β + 1.43 within 0.02 for others."""
    assert _over_median(shape) == pytest.approx(published, abs=0.02)


def test_what_is_said_has_all_three_and_the_rate() -> None:
    said = str(second_opinions(pixels_of(40, 3), 0.01))
    assert said.startswith("HySime 3, HFC ")
    assert said.endswith("(false alarms 0.01), eigenvalues 3")
