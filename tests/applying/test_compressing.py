"""The mixture by a few components: exact where there are as few, the same moments where there are more, and near in what it decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.applying.compressing import COMPONENTS, compressed, compressed_gaussian
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.gaussian import GaussianRegions
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal


def laws(name: str, regions: int, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    weights = torch.from_numpy(generator.dirichlet(np.ones(regions))).log()
    if name == "dirichlet":
        return RegionDirichlet(torch.from_numpy(generator.normal(0.3, 0.8, (regions, 3))), weights)
    root = generator.normal(size=(regions, 2, 4)) * 0.5
    covariance = torch.from_numpy(root @ root.transpose(0, 2, 1) + 0.05 * np.eye(2))
    mean = torch.from_numpy(generator.normal(size=(regions, 2)))
    return RegionLogisticNormal(mean, covariance, weights, torch.zeros_like(mean), torch.zeros(regions).double())


def density(law: Any, z: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = law.log_prob(z, torch.zeros(len(z), dtype=torch.int64))
    return found


Z = torch.from_numpy(np.random.default_rng(1).normal(size=(200, 2)) * 1.5)


@pytest.mark.parametrize("name", ["dirichlet", "logistic-normal"])
def test_as_few_regions_are_kept_as_they_are(name: str) -> None:
    law = laws(name, COMPONENTS)
    assert compressed(law) is law


@pytest.mark.parametrize("name", ["dirichlet", "logistic-normal"])
def test_copies_of_a_region_are_one(name: str) -> None:
    few = laws(name, 4)
    saved = {key: torch.cat([value] * 9) for key, value in few.saved().items()}
    saved["log_weights"] -= np.log(9)
    extra = {} if name == "dirichlet" else {"lean": torch.zeros(36, 2), "strength": torch.zeros(36)}
    found = compressed(type(few)(**saved, **extra), 8)
    assert len(found.log_weights) == 4
    torch.testing.assert_close(density(found, Z), density(few, Z))


@pytest.mark.parametrize("name", ["dirichlet", "logistic-normal"])
def test_more_components_are_nearer_to_the_mixture(name: str) -> None:
    law = laws(name, 200)
    away = [float((density(compressed(law, count), Z) - density(law, Z)).square().mean()) for count in (16, 64, 200)]
    assert away[0] > 1.5 * away[1] > 0
    assert away[2] == 0


def test_a_region_that_no_unknown_pixel_may_be_of_is_in_no_component() -> None:
    law = laws("dirichlet", 40)
    alpha, weights = law.log_alpha.clone(), law.log_weights.clone()
    alpha[7], weights[7] = 9.0, -torch.inf
    found = compressed(RegionDirichlet(alpha, weights), 8)
    assert float(found.log_alpha.max()) < 5
    torch.testing.assert_close(found.log_weights.exp().sum(), torch.tensor(1.0).double())


def test_the_logistic_normals_moments_stay() -> None:
    law = laws("logistic-normal", 100)

    def moments(one: Any) -> tuple[np.ndarray, np.ndarray]:
        share, mean = one.log_weights.exp().numpy(), one.mean.numpy()
        second = np.einsum("r,rde->de", share, one.covariance.numpy() + mean[:, :, None] * mean[:, None, :])
        return share @ mean, second

    for one, other in zip(moments(law), moments(compressed(law, 5)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_the_gaussians_moments_and_pixels_stay_and_nobody_is_of_its_components() -> None:
    generator = np.random.default_rng(2)
    root = generator.normal(size=(60, 2, 2)) * 0.1
    regions = GaussianRegions(
        np.arange(1, 61),
        generator.normal(size=(60, 2)),
        root @ root.transpose(0, 2, 1),
        generator.integers(5, 50, 60).astype(float),
    )
    found = compressed_gaussian(regions, 6)
    assert len(found.counts) <= 6
    assert found.counts.sum() == regions.counts.sum()
    np.testing.assert_allclose(found.counts @ found.mean, regions.counts @ regions.mean)
    assert (found.labels < 0).all()
    assert (compressed_gaussian(regions, 60).labels < 0).all()
