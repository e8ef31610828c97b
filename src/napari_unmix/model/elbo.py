"""Training the inference network q(z | x): the evidence lower bound with annealed noise (Kingma & Welling 2014)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_unmix.model.data import Data, State
from napari_unmix.model.law import Model, energy
from napari_unmix.model.network import InferenceNetwork, Loss, Step, annealed_variance, entropy, train
from napari_unmix.model.priors.dirichlet import RegionDirichlet


@dataclass(frozen=True, eq=False)
class Trained:
    """The region prior as training left it, and training's last step."""

    prior: RegionDirichlet
    last: Step


def train_network(
    network: InferenceNetwork,
    data: Data,
    model: Model,
    prior: RegionDirichlet,
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    seed: int,
) -> Generator[Step, None, Trained]:
    """Train q(z | x) and α(u) of ``prior`` together, all else of the ``model`` held. The network is trained in place, as torch modules are."""
    log_alpha = prior.log_alpha.clone().requires_grad_(True)
    broad = max(model.variance, float(data.scores.var(dim=0).mean()))
    generator = torch.Generator(device=data.scores.device).manual_seed(seed)

    def loss(rows: Tensor, done: float) -> Loss:
        scores, regions = data.scores[rows], data.regions[rows]
        mean, log_std = network(scores)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        sample = mean + log_std.exp() * noise
        final = replace(model, prior=replace(prior, log_alpha=log_alpha))
        annealed = replace(final, variance=annealed_variance(model.variance, broad, done))
        total, shown = ((energy(sample, scores, regions, law) - entropy(log_std)).mean() for law in (annealed, final))
        return Loss(total, float(shown.detach()))

    parameters: list[Tensor] = [*network.parameters(), log_alpha]
    step = Step(0, 0, float("nan"))
    for step in train(
        parameters,
        loss,
        len(data.scores),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        draws=[generator],
    ):
        yield step
    return Trained(replace(prior, log_alpha=log_alpha.detach()), step)


def proposals(network: InferenceNetwork, state: State, data: Data, rows: Tensor) -> Tensor:
    """(n, D) the network's means or the latents that are there, whichever has the lower energy."""
    scores, regions = data.scores[rows], data.regions[rows]
    with torch.no_grad():
        proposal, there = network(scores)[0], state.latents[rows]
        lower = energy(proposal, scores, regions, state.model) < energy(there, scores, regions, state.model)
    return torch.where(lower[:, None], proposal, there)
