"""Adam and its one-cycle schedule as torch has them, to the bit on a processor, without what ``torch.optim`` loads with its first optimiser.

That is ``torch._dynamo``: a second of processor time in every process that trains a network for less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
# One cycle: the share of steps that the rate rises, what it begins and ends at, and the range of the first moment's memory.
_RISING, _FIRST, _LAST = 0.3, 25.0, 1e4
_LEAST_MEMORY, _MOST_MEMORY = 0.85, 0.95


class Adam:
    """Adam (Kingma & Ba, ICLR 2015) over parameters that it changes in place.

    ``moments`` holds, of each parameter, the number of steps and the means of gradients and their squares; nothing before the first step.
    """

    def __init__(self, parameters: Sequence[Tensor], rate: float, betas: tuple[float, float] = _BETAS) -> None:
        self.parameters = list(parameters)
        self.rate, self.betas = rate, betas
        self.moments: list[dict[str, Tensor]] = [{} for _ in self.parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for parameter, moments in zip(self.parameters, self.moments, strict=True):
            if parameter.grad is None:
                continue
            if not moments:
                moments["step"] = torch.zeros((), dtype=torch.float32)
                moments["exp_avg"], moments["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            self._change(parameter, parameter.grad, moments)

    def _change(self, parameter: Tensor, gradient: Tensor, moments: dict[str, Tensor]) -> None:
        first, second = self.betas
        mean, square = moments["exp_avg"], moments["exp_avg_sq"]
        moments["step"] += 1
        steps = moments["step"].item()
        mean.lerp_(gradient, 1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        size = self.rate / (1 - first**steps)
        root = (square.sqrt() / (1 - second**steps) ** 0.5).add_(_EPSILON)
        parameter.addcdiv_(mean, root, value=-size)


def one_cycle(done: int, steps: int, highest: float) -> tuple[float, float]:
    """Learning rate and the first moment's memory after ``done`` of ``steps`` steps (Smith & Topin 2018): up to ``highest``, and down to nothing."""
    first = highest / _FIRST
    turn = _RISING * steps - 1
    if done <= turn:
        share = done / turn
        return _between(first, highest, share), _between(_MOST_MEMORY, _LEAST_MEMORY, share)
    share = (done - turn) / (steps - 1 - turn)
    return _between(highest, first / _LAST, share), _between(_LEAST_MEMORY, _MOST_MEMORY, share)


def _between(start: float, end: float, share: float) -> float:
    """From ``start`` to ``end`` along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
