"""What the methods that train share: the device, the inference network, and one training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from napari_unmix.answer import Note, NoteKind
from napari_unmix.cube import FloatArray

# An epoch of a large scene is a sample of it: the network is small and sees enough.
MOST_STEPS_PER_EPOCH = 120


def best_device() -> torch.device:
    """The GPU where there is one that works in double precision, else the CPU."""
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


class InferenceNetwork(nn.Module):
    """q(latents | x): scores (N, K) -> mean and log standard deviation (N, D) each. SiLU, so that it is smooth (theory §1)."""

    centre: Tensor
    spread: Tensor

    def __init__(self, scores: Tensor, latents: int, width: int = 64) -> None:
        super().__init__()
        self.register_buffer("centre", scores.mean(dim=0))
        self.register_buffer("spread", scores.std(dim=0).clamp_min(1e-12))
        self.body = nn.Sequential(nn.Linear(scores.shape[1], width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.mean = nn.Linear(width, latents)
        self.log_std = nn.Linear(width, latents)
        nn.init.zeros_(self.log_std.weight)
        nn.init.constant_(self.log_std.bias, -2.0)
        self.to(dtype=scores.dtype, device=scores.device)

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of the latents."""
        hidden = self.body((scores - self.centre) / self.spread)
        return self.mean(hidden), self.log_std(hidden).clamp(-12.0, 3.0)

    def abundances(self, scores: Tensor, read: Callable[[Tensor], Tensor]) -> FloatArray:
        """(N, P) what ``read`` makes of the means of the latents."""
        with torch.no_grad():
            return np.asarray(read(self(scores)[0]).cpu().numpy())

    def parameters_by_name(self) -> dict[str, FloatArray]:
        """All weights, to be saved, each under "network."."""
        return {
            f"network.{name}": value.detach().cpu().numpy().astype(np.float32)
            for name, value in self.state_dict().items()
        }


def entropy(log_std: Tensor) -> Tensor:
    """(N,) entropy of a diagonal normal distribution, in nats."""
    return (log_std + 0.5 * (1 + math.log(2 * math.pi))).sum(dim=1)


class Loss(NamedTuple):
    """What is minimised, per pixel: ``total`` at the annealed noise, and ``shown``, the same at the final noise.

    The second is what falls while annealing moves the first.
    """

    total: Tensor
    shown: float


class Step(NamedTuple):
    """``step`` batches of ``steps`` are done (0: how many is not known); ``loss`` per pixel; ``dropped`` of them had no finite loss."""

    step: int
    steps: int
    loss: float
    dropped: int = 0


def train(
    parameters: list[Tensor],
    loss: Callable[[Tensor, float], Loss],
    count: int,
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    seed: int,
) -> Iterator[Step]:
    """One-cycle Adam over minibatches; yields after every batch.

    ``loss`` takes pixel indices and the share of training that is done (for annealing) and returns means per pixel. Gradients are
    clipped; a batch whose loss is not finite changes nothing, and is counted.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = min(batch, count)
    per_epoch = min(MOST_STEPS_PER_EPOCH, max(1, count // batch))
    steps = epochs * per_epoch
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    # OneCycleLR divides by its number of warm-up steps: it needs a few.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=learning_rate, total_steps=max(steps, 8))
    order, dropped = torch.randperm(count, generator=generator), 0
    for step in range(steps):
        place = step % per_epoch
        if place == 0:
            order = torch.randperm(count, generator=generator)
        value, shown = loss(order[place * batch : (place + 1) * batch], step / steps)
        if bool(torch.isfinite(value)):
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 10.0)
            optimiser.step()
            schedule.step()
        else:
            dropped += 1
        yield Step(step + 1, steps, shown, dropped)


def dropped_notes(last: Step) -> tuple[Note, ...]:
    """What to tell the user of batches that ``train`` left out, from its last step."""
    if not last.dropped:
        return ()
    said = f"{last.dropped} of {last.steps} training batches had no finite loss and changed nothing."
    return (Note(NoteKind.DOUBT, said, "Look for extreme values in the cube, or lower the learning rate."),)


def annealed_variance(variance: float, start: float, done: float) -> float:
    """Noise variance of the decoder, from ``start`` to ``variance`` in equal ratios over the first two thirds of training."""
    return float(math.exp(math.log(start) + min(1.0, 1.5 * done) * (math.log(variance) - math.log(start))))
