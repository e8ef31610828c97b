"""Networks put together say what their parts say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unmix.nonlinear.assembled import before, behind, side_by_side, stacked, start_of
from napari_unmix.nonlinear.networks import Networks, placed


def networks(starts: int, outputs: int, width: int, depth: int = 2) -> Networks:
    generator = np.random.default_rng(width)
    straight, offset = generator.standard_normal((starts, 3, outputs)), generator.standard_normal((starts, outputs))
    return Networks(straight, offset, bent=np.ones(starts), width=width, depth=depth, seed=width)


X = placed(np.random.default_rng(0).standard_normal((50, 3)))


def test_a_start_is_taken_out_with_its_outputs_scaled() -> None:
    every, scale = networks(3, 4, 8), torch.tensor([2.0, -1.0])
    torch.testing.assert_close(start_of(every, 1, 2, scale)(X)[0], every(X)[1, :, :2] * scale)


@pytest.mark.parametrize("depth", [0, 2])
def test_linear_maps_before_and_behind_are_taken_in(depth: int) -> None:
    part, matrix = networks(2, 3, 6, depth), placed(np.random.default_rng(1).standard_normal((3, 3)))
    torch.testing.assert_close(before(part, matrix)(X), part(X @ matrix), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(behind(part, matrix)(X), part(X) @ matrix, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_side_by_side_says_both(depth: int) -> None:
    first, second = networks(2, 2, 5, depth), networks(2, 3, 9, depth)
    torch.testing.assert_close(side_by_side(first, second)(X), torch.cat([first(X), second(X)], dim=2))


@pytest.mark.parametrize(("one", "other"), [(4, 10), (10, 4), (6, 6)])
def test_stacked_has_the_starts_of_both_whatever_their_widths(one: int, other: int) -> None:
    first, second = networks(2, 2, one), networks(1, 2, other)
    torch.testing.assert_close(stacked(first, second)(X), torch.cat([first(X), second(X)]))


def test_parts_are_copies_that_learn_by_themselves() -> None:
    part = networks(1, 2, 4)
    whole = stacked(part, part)
    with torch.no_grad():
        whole.last.add_(1.0)
    assert all(tensor.is_leaf and tensor.requires_grad for tensor in whole.parameters)
    assert not torch.equal(whole.last[:1], part.last)
