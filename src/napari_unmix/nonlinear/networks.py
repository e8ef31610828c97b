"""Networks of several starts in one: all products are batched over the starts, which then cost little more than one of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.machine import chosen_device, machine
from napari_unmix.wanted import still_wanted

_CHUNK = 16_384


def placed(values: FloatArray, device: torch.device | None = None) -> Tensor:
    """Single precision: the networks' own errors are far above rounding. On the device that the user prefers for trainings where none is named."""
    if device is None:
        device = torch.device(chosen_device(machine().device, cuda=torch.cuda.is_available()))
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, torch.float32)


class Networks:
    """A linear part plus hidden layers of SiLU units, one network for each of S starts: (N, I) or (S, N, I) -> (S, N, O).

    SiLU, because the theorems ask for a smooth mixing function (theory page), which leaky ReLU is not. ``straight`` (S, I, O) and ``offset``
    (S, O) is the linear part where it starts; ``bent`` (S,) the size of the hidden layers' first contribution, 0 for a start that is linear.
    """

    def __init__(
        self,
        straight: FloatArray,
        offset: FloatArray,
        *,
        bent: FloatArray,
        width: int,
        depth: int,
        seed: int,
        device: torch.device | None = None,
    ) -> None:
        starts, inputs, outputs = straight.shape
        generator = np.random.default_rng(seed)
        self.straight = _learned(straight, device)
        self.offset = _learned(offset[:, None, :], device)
        self.layers: list[tuple[Tensor, Tensor]] = []
        sizes = [inputs, *[width] * depth]
        for here, there in pairwise(sizes):
            weights = generator.standard_normal((starts, here, there)) / np.sqrt(here)
            shifts = generator.uniform(-1.0, 1.0, (starts, 1, there))
            self.layers.append((_learned(weights, device), _learned(shifts, device)))
        last = generator.standard_normal((starts, sizes[-1], outputs)) / np.sqrt(sizes[-1])
        self.last = _learned(last * bent[:, None, None], device)

    @classmethod
    def of(cls, straight: Tensor, offset: Tensor, layers: Sequence[tuple[Tensor, Tensor]], last: Tensor) -> Networks:
        """Networks with copies of these parts: (S, I, O), (S, 1, O), weights and shifts of each hidden layer, (S, W, O)."""
        made = cls.__new__(cls)
        made.straight, made.offset, made.last = (_free(part) for part in (straight, offset, last))
        made.layers = [(_free(weights), _free(shifts)) for weights, shifts in layers]
        return made

    @property
    def parameters(self) -> list[Tensor]:
        """Everything that is learned."""
        return [self.straight, self.offset, *(part for layer in self.layers for part in layer), self.last]

    def __call__(self, x: Tensor) -> Tensor:
        """All starts' values."""
        if x.dim() == 2:
            x = x.expand(len(self.straight), *x.shape)
        hidden = x
        for weights, shifts in self.layers:
            hidden = torch.nn.functional.silu(torch.baddbmm(shifts, hidden, weights))
        return torch.baddbmm(torch.baddbmm(self.offset, x, self.straight), hidden, self.last)

    def of_start(self, x: FloatArray, start: int) -> FloatArray:
        """(N, I) -> (N, O) of one start, in double precision."""
        parts = []
        with torch.no_grad():
            for chunk in torch.split(placed(x, self.straight.device), _CHUNK):
                still_wanted()
                parts.append(self(chunk)[start].double().cpu().numpy())
        return np.concatenate(parts)


def _learned(values: FloatArray, device: torch.device | None) -> Tensor:
    return _free(placed(values, device))


def _free(values: Tensor) -> Tensor:
    """A copy that is learned by itself."""
    return values.detach().clone().requires_grad_(True)
