"""Scenes of next to no noise and without pure pixels: the smallest simplex is reached from far off, and scenes with noise are read as before."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.geometry.volume import minimum_volume, raised
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import FreeLight, SumToOne
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.synthetic import blind_scene


def inside(seed: int, count: int, pixels: int = 600) -> tuple[FloatArray, FloatArray]:
    """Scores (N, P − 1) of which many lack a material and none has more than 0.8 of one, and the vertices (P, P − 1)."""
    generator = np.random.default_rng(seed)
    vertices = 10 * generator.normal(size=(count, count - 1))
    shares = generator.dirichlet(np.full(count, 0.6), 8 * pixels)
    shares[generator.random(shares.shape) < 0.15] = 0
    shares = shares[shares.sum(axis=1) > 0]
    shares /= shares.sum(axis=1, keepdims=True)
    return shares[shares.max(axis=1) < 0.8][:pixels] @ vertices, vertices


def off_by(found: FloatArray, vertices: FloatArray) -> float:
    """The furthest vertex's distance to the nearest of those found, in sizes of the simplex."""
    apart = np.linalg.norm(found[:, None] - vertices, axis=2).min(axis=0).max()
    return float(apart / np.linalg.norm(vertices - vertices.mean(axis=0), axis=1).mean())


@pytest.mark.parametrize("count", [3, 5])
def test_the_vertices_are_reached_from_a_simplex_of_half_the_size(count: int) -> None:
    """Fixed seeds. To a hundredth of its size: nearer than that a descent by gradients stands at the walls."""
    for seed in range(2):
        scores, vertices = inside(seed, count)
        start = vertices.mean(axis=0) + 0.5 * (vertices - vertices.mean(axis=0))
        for noise in (1e-4, 1e-8):
            seen = scores + noise * np.random.default_rng(9).normal(size=scores.shape)
            assert off_by(drain(minimum_volume(seen, noise, [start])), vertices) < 0.015


@pytest.mark.parametrize(("noise", "rounds"), [(1.0, 1), (1.01e-3, 1), (0.99e-3, 3), (1e-4, 6), (1e-6, 12), (0.0, 1)])
def test_noise_is_raised_below_a_thousandth_of_the_spread(noise: float, rounds: int) -> None:
    """Twice a thousandth first, then less by a factor of two at most, the noise itself last."""
    scores = np.array([[-1.0], [1.0]])
    times = raised(scores, np.array([noise, noise]))
    assert len(times) == rounds
    assert times[-1] == 1.0
    if rounds > 1:
        assert noise * times[0] == pytest.approx(2e-3)
        assert all(1 < more / less <= 2.001 for more, less in pairwise(times))


def test_pixels_in_one_place_are_left_alone() -> None:
    assert raised(np.zeros((5, 2)), 0.1) == [1.0]


@pytest.mark.parametrize("kind", ["linear", "illumination"])
def test_the_search_finds_them_without_noise(kind: str) -> None:
    """5.1° and 4.1° before (decision 0056)."""
    scene = blind_scene(9205, materials=5, pure=False, kind=kind, decibels=300.0, size=40)  # type: ignore[arg-type]
    way = FreeLight() if scene.scaled else SumToOne()
    found = drain(find_endmembers(scene.cube.pixels().astype(float), 5, way, strokes=[], seed=0))
    order = match_endmembers(found.endmembers, scene.endmembers)
    assert found.recipe.extrapolated
    assert np.degrees(spectral_angle(found.endmembers[order], scene.endmembers)).mean() < 0.2
