"""What the methods that train share: the device, the inference network, and one training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, array, like, listed_as, named, number, numbers, plain
from napari_unmix.model.adam import Adam, one_cycle
from napari_unmix.model.machine import asked_device, check_device, chosen_device, machine
from napari_unmix.spec import MethodSpec

# An epoch of a large scene is a sample of it: the network is small and sees enough.
MOST_STEPS_PER_EPOCH = 120


def device_of(spec: MethodSpec) -> torch.device:
    """The device that a spec asks for; with "auto" the GPU where there is one, else the CPU, and the CPU too where the user prefers it.

    Raises UnmixError where it asks for a GPU and there is none that works.
    """
    asked, cuda = asked_device(spec), torch.cuda.is_available()
    check_device(asked, cuda=cuda)
    return torch.device(chosen_device(machine().device if asked == "auto" else asked, cuda=cuda))


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


def seen_in(origin: FloatArray, basis: FloatArray) -> dict[str, FloatArray]:
    """What an inference network's scores are of a spectrum, to be saved beside it: (x − ``origin`` (B,)) · ``basis``ᵀ (K, B)."""
    return {
        "network.subspace.origin": origin.astype(np.float32),
        "network.subspace.basis": basis.astype(np.float32),
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
    draws: Sequence[torch.Generator] = (),
) -> Iterator[Step]:
    """One-cycle Adam over minibatches; yields after every batch.

    ``loss`` takes pixel indices and the share of training that is done (for annealing) and returns means per pixel; it may draw from the
    generators ``draws``, and from no other. Gradients are clipped; a batch whose loss is not finite changes nothing, and is counted.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = min(batch, count)
    per_epoch = min(MOST_STEPS_PER_EPOCH, max(1, count // batch))
    steps = epochs * per_epoch
    climb = _Climb(parameters, learning_rate, steps)
    order = torch.randperm(count, generator=generator)
    past = _Past()
    generators = [generator, *draws]

    def place() -> Tree:
        drawn = [one.get_state().numpy() for one in generators]
        return plain({"order": order, "drawn": drawn, "past": past.place(), "climb": climb.place()})

    with long_loop("training", place) as loop:
        if loop.before is not None:
            kept_order, drawn, kept_past, kept_climb = named(loop.before, "order", "drawn", "past", "climb")
            order = like(order, kept_order)
            past.go_to(kept_past, steps)
            climb.go_to(kept_climb, len(past.losses) - past.total)
            for one, state in zip(generators, listed_as(drawn, len(generators)), strict=True):
                one.set_state(like(one.get_state(), state))
            yield from past.steps(steps)
        for step in range(len(past.losses), steps):
            start = step % per_epoch * batch
            if start == 0:
                order = torch.randperm(count, generator=generator)
            value, shown = loss(order[start : start + batch], step / steps)
            finite = bool(torch.isfinite(value))
            if finite:
                climb.step(value)
            past.note(shown, dropped=not finite)
            yield past.last(steps)


@dataclass(eq=False)
class _Past:
    """What the batches so far gave, from which their steps are told again."""

    losses: list[float] = field(default_factory=list)
    dropped: list[bool] = field(default_factory=list)
    total: int = 0

    def note(self, loss: float, *, dropped: bool) -> None:
        self.losses.append(loss)
        self.dropped.append(dropped)
        self.total += dropped

    def last(self, steps: int) -> Step:
        return Step(len(self.losses), steps, self.losses[-1], self.total)

    def steps(self, steps: int) -> Iterator[Step]:
        totals = accumulate(self.dropped)
        for done, (loss, total) in enumerate(zip(self.losses, totals, strict=True), start=1):
            yield Step(done, steps, loss, total)

    def place(self) -> Tree:
        return {"losses": np.array(self.losses, np.float64), "dropped": np.array(self.dropped, bool)}

    def go_to(self, place: Tree, most: int) -> None:
        losses, dropped = named(place, "losses", "dropped")
        self.losses = numbers(losses, most)
        self.dropped = [bool(one) for one in array(dropped, (len(self.losses),), bool)]
        self.total = sum(self.dropped)


class _Climb:
    """Adam with its one-cycle schedule over parameters that it changes in place."""

    def __init__(self, parameters: list[Tensor], learning_rate: float, steps: int) -> None:
        self._adam = Adam(parameters, learning_rate)
        self._highest = learning_rate
        # One cycle divides by its number of warm-up steps: it needs a few.
        self._steps = max(steps, 8)
        self._set_out(0)

    def step(self, loss: Tensor) -> None:
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._adam.parameters, 10.0)
        self._adam.step()
        self._set_out(self._done + 1)

    def _set_out(self, done: int) -> None:
        """Rate and memory of the step after ``done`` steps."""
        self._done = done
        self._adam.rate, memory = one_cycle(done, self._steps, self._highest)
        self._adam.betas = (memory, self._adam.betas[1])

    def place(self) -> Tree:
        return {
            "parameters": self._adam.parameters,
            "moments": [dict(one) for one in self._adam.moments],
            "rate": self._adam.rate,
            "betas": list(self._adam.betas),
        }

    def go_to(self, place: Tree, steps: int) -> None:
        """Where ``steps`` steps had led."""
        parameters, moments, rate, betas = named(place, "parameters", "moments", "rate", "betas")
        with torch.no_grad():
            for own, kept in zip(self._adam.parameters, like([*self._adam.parameters], parameters), strict=True):
                own.copy_(kept)
        every = listed_as(moments, len(self._adam.parameters))
        for place_of, (own, kept) in enumerate(zip(self._adam.parameters, every, strict=True)):
            if kept:
                form = {"step": torch.zeros(()), "exp_avg": own.detach(), "exp_avg_sq": own.detach()}
                self._adam.moments[place_of] = like(form, kept)
        self._done = steps
        first, second = map(number, listed_as(betas, 2))
        self._adam.rate, self._adam.betas = number(rate), (first, second)


def dropped_notes(last: Step) -> tuple[Note, ...]:
    """What to tell the user of batches that ``train`` left out, from its last step."""
    if not last.dropped:
        return ()
    said = f"{last.dropped} of {last.steps} training batches had no finite loss and changed nothing."
    return (Note(NoteKind.DOUBT, said, "Look for extreme values in the cube, or lower the learning rate."),)


def annealed_variance(variance: float, start: float, done: float) -> float:
    """Noise variance of the decoder, from ``start`` to ``variance`` in equal ratios over the first two thirds of training."""
    return float(math.exp(math.log(start) + min(1.0, 1.5 * done) * (math.log(variance) - math.log(start))))
