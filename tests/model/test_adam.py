"""Our Adam is torch's, to the bit, and loads nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from napari_unmix.model.adam import Adam, one_cycle


def parameters(dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in ((7, 5), (5,), (), (3, 2))
    ]


def loss_of(weights: list[Tensor], step: int) -> Tensor:
    """The last of them has no gradient."""
    matrix, row, number, _ = weights
    return ((matrix @ row - step) ** 2).sum() + number.sin() * row.square().sum()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [8, 41, 200])
def test_steps_and_schedule_are_torchs_to_the_bit(steps: int, dtype: torch.dtype) -> None:
    ours, theirs = parameters(dtype), parameters(dtype)
    adam, reference = Adam(ours, 3e-2), torch.optim.Adam(theirs, lr=3e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(reference, max_lr=3e-2, total_steps=steps)
    for step in range(steps):
        adam.rate, memory = one_cycle(step, steps, 3e-2)
        adam.betas = (memory, adam.betas[1])
        (group,) = reference.param_groups
        assert (adam.rate, adam.betas) == (group["lr"], group["betas"])
        for optimiser, weights in ((adam, ours), (reference, theirs)):
            optimiser.zero_grad()
            loss_of(weights, step).backward()
            optimiser.step()
        schedule.step()
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    kept = [dict(reference.state.get(one, {})) for one in theirs]
    assert [sorted(one) for one in adam.moments] == [sorted(one) for one in kept]
    for one, other in zip(adam.moments, kept, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in other)


def test_it_loads_no_compiler() -> None:
    code = (
        "import sys, torch; from napari_unmix.model.adam import Adam; one = torch.ones(2, requires_grad=True); adam = Adam([one], 0.1);"
        "one.sum().backward(); adam.step(); print(one.tolist(), 'torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("]")[1].strip() == "False"
