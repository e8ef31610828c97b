"""What the model's tests share: random laws, and pixels drawn from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_unmix.model.data import Data, State
from napari_unmix.model.law import Model
from napari_unmix.model.light import Light
from napari_unmix.model.mixing.base import LinearMixing, Mixing
from napari_unmix.model.mixing.curve import CurveMixing
from napari_unmix.model.mixing.products import BilinearMixing, FanMixing
from napari_unmix.model.mixing.residual import ResidualMixing
from napari_unmix.model.mixing.variability import VariableMixing
from napari_unmix.model.priors.base import RegionPrior
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.variation import Variation
from napari_unmix.rows.subspace import Subspace


@dataclass(frozen=True, eq=False)
class Setting:
    """Pixels of a law, and a state that has the law but not their latents; ``truth`` (N, D) are those."""

    data: Data
    state: State
    truth: Tensor

    @property
    def model(self) -> Model:
        return self.state.model

    @property
    def pixels(self) -> tuple[Tensor, Tensor, Tensor]:
        """Latents, scores and u, as the law's functions take them."""
        return self.state.latents, self.data.scores, self.data.regions


def random_prior(name: str, generator: np.random.Generator, regions: int, size: int) -> RegionPrior:
    weights = torch.log(torch.full((regions,), 1 / regions, dtype=torch.float64))
    if name == "dirichlet":
        return RegionDirichlet(torch.from_numpy(generator.normal(0.5, 0.5, (regions, size))), weights)
    root = torch.from_numpy(generator.normal(size=(regions, size - 1, size + 2)))
    covariance = root @ root.transpose(1, 2) / (size + 2) * 0.8 + 0.02 * torch.eye(size - 1, dtype=torch.float64)
    mean = torch.from_numpy(generator.normal(size=(regions, size - 1)) * 0.5)
    return RegionLogisticNormal(mean, covariance, weights, torch.zeros_like(mean), torch.zeros(regions).double())


def random_mixing(name: str, corners: Tensor, generator: np.random.Generator) -> Mixing:
    basis = torch.eye(corners.shape[1], dtype=torch.float64)
    if name == "linear":
        return LinearMixing(corners)
    if name == "fan":
        return FanMixing.of(corners, basis)
    if name == "bilinear":
        return BilinearMixing.of(corners, basis)
    if name == "post-nonlinear":
        return CurveMixing.of(corners)
    if name == "residual":
        return ResidualMixing.of(corners, width=4, bound=0.3, seed=0)
    directions = torch.from_numpy(0.1 * generator.normal(size=(2, *corners.shape)))
    return VariableMixing(LinearMixing(corners), directions)


def random_variation(generator: np.random.Generator, size: int, bands: int, spread: float, rank: int = 2) -> Variation:
    """Every material's spectrum varies in directions of its own, by ``spread`` in each, the first the most."""
    roots = generator.normal(size=(size, bands, rank)) * spread * np.linspace(1.5, 0.5, size)[:, None, None]
    return Variation(torch.from_numpy(roots @ roots.transpose(0, 2, 1)))


def random_setting(
    seed: int,
    size: int,
    *,
    lit: bool = False,
    pixels: int = 30,
    regions: int = 3,
    prior: str = "dirichlet",
    mixing: str = "linear",
    noise: float = 0.03,
    hidden: bool = True,
    anchor_std: float = 0.0,
    varied: float = 0.0,
) -> Setting:
    """``size`` endmembers, that vary by ``varied``; ``hidden``: some pixels' u is unknown. Scores are all bands: what mixing adds is in them."""
    generator = np.random.default_rng(seed)
    corners = torch.from_numpy(generator.uniform(size=(size, size + 3 * (mixing != "linear" or varied > 0))))
    law = random_prior(prior, generator, regions, size)
    labels = torch.from_numpy(generator.integers(0 if hidden else 1, regions + 1, pixels))
    light = Light(torch.from_numpy(generator.uniform(4, 12, regions + 1)), 1.2) if lit else None
    model = Model(law, random_mixing(mixing, corners, generator), noise**2, light)
    truth = torch.from_numpy(generator.normal(size=(pixels, model.dimension)) * 0.6)
    bands = corners.shape[1]
    scores = model.mixed(truth) + noise * torch.from_numpy(generator.normal(size=(pixels, bands)))
    latents = torch.from_numpy(generator.normal(size=(pixels, model.dimension)) * 0.7)
    if varied:
        model = replace(model, variation=random_variation(generator, size, bands, varied))
        spread = model.variation.covariance(model.amounts(truth), noise**2)
        drawn = torch.from_numpy(generator.normal(size=(pixels, bands, 1)))
        scores = model.mixed(truth) + (torch.linalg.cholesky(spread) @ drawn)[:, :, 0]
    data = Data(
        subspace=Subspace(np.zeros(bands), np.eye(bands)),
        scores=scores,
        outside=torch.zeros(pixels, dtype=torch.float64),
        regions=labels,
        anchor=corners,
        anchor_std=torch.full((size,), anchor_std, dtype=torch.float64),
        freedom=bands,
    )
    return Setting(data, State(model, latents), truth)


@pytest.fixture
def setting() -> Callable[..., Setting]:
    """Makes random pixels of a random law: see ``random_setting``."""
    return random_setting


@pytest.fixture
def prior_of() -> Callable[[str, np.random.Generator, int, int], RegionPrior]:
    """Makes a random prior by name, generator, regions and size."""
    return random_prior
