"""The law of the illumination."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import gamma

from napari_unmix.model.light import Light, first_light

CPU = torch.device("cpu")


def test_the_energy_is_the_gammas_in_log_coordinates() -> None:
    light = Light(torch.tensor([3.0, 8.0], dtype=torch.float64), 1.7)
    relative = torch.linspace(0.2, 3, 9, dtype=torch.float64)
    for region, shape in enumerate((3.0, 8.0)):
        density = gamma.logpdf(relative.numpy(), shape, scale=1 / shape) + np.log(relative.numpy())
        np.testing.assert_allclose(light.energy(relative, torch.full((9,), region)).numpy(), -density)
    step = torch.linspace(-12, 4, 40_001, dtype=torch.float64)
    total = (-light.energy(step.exp(), torch.zeros(len(step), dtype=torch.int64))).exp().sum() * float(
        step[1] - step[0]
    )
    assert math.isclose(float(total), 1, rel_tol=1e-4)


def test_the_light_of_painted_regions_has_its_own_spread() -> None:
    generator = np.random.default_rng(0)
    regions, shapes = np.repeat([0, 1, 2], 4000), np.array([6.0, 40.0, 4.0])
    light = 2.5 * generator.gamma(shapes[regions]) / shapes[regions]
    law = first_light(light, regions, 2, CPU)
    np.testing.assert_allclose(law.mean, light.mean())
    np.testing.assert_allclose(law.shape[1:].numpy(), [40, 4], rtol=0.15)
    np.testing.assert_allclose(first_light(light, regions, 0, CPU).shape.numpy().std(), 0, atol=1e-9)


def test_a_region_of_few_pixels_borrows_the_scenes_spread() -> None:
    generator = np.random.default_rng(1)
    light, regions = generator.gamma(10.0, size=5000) / 10, np.zeros(5000, int)
    regions[:2], light[:2] = 1, 1.0  # two pixels of one brightness: no light of no spread follows from that
    law = first_light(light, regions, 1, CPU)
    scene, own = law.shape.numpy()
    np.testing.assert_allclose(own / scene, 22 / 20, rtol=0.01)  # 20 pixels' worth of the scene's, two of their own


def test_the_shape_stays_within_its_bounds() -> None:
    still = first_light(np.full(50, 0.7), np.zeros(50, int), 0, CPU)
    assert float(still.shape[0]) == 100
    wild = first_light(np.array([1e-3] * 50 + [50.0]), np.zeros(51, int), 0, CPU)
    assert float(wild.shape[0]) == 0.5
