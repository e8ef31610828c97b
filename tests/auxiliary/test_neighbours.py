"""Pairs of neighbouring pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_unmix.auxiliary.neighbours import Neighbours, adjacent_pairs, smoothed


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7)), st.data())
def test_every_two_valid_pixels_that_share_an_edge_are_one_pair(valid: np.ndarray, data: st.DataObject) -> None:
    taken = data.draw(arrays(int, valid.shape, elements=st.integers(1, 2)))
    places = np.argwhere(valid)
    wanted = {
        (i, j)
        for i, one in enumerate(places)
        for j, other in enumerate(places)
        if i < j and np.abs(one - other).sum() == 1
    }
    found = adjacent_pairs(valid)
    assert len(found) == len(wanted)
    assert set(map(tuple, found.tolist())) == wanted
    # Joined cubes lie side by side, but not in the world.
    within = {(i, j) for i, j in wanted if taken[tuple(places[i])] == taken[tuple(places[j])]}
    assert set(map(tuple, adjacent_pairs(valid, taken).tolist())) == within


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)), st.floats(0.5, 4.0))
def test_what_is_the_same_everywhere_stays_and_nothing_leaves_its_range(valid: np.ndarray, width: float) -> None:
    values = np.column_stack([np.full(valid.sum(), 0.3), np.linspace(0, 1, valid.sum())])
    found = smoothed(values, valid, width)
    np.testing.assert_allclose(found[:, 0], 0.3)
    assert (found[:, 1] >= -1e-12).all()
    assert (found[:, 1] <= 1 + 1e-12).all()


def test_neither_other_acquisitions_nor_pixels_that_are_not_valid_count() -> None:
    valid = np.ones((6, 8), bool)
    valid[0, 0] = False
    taken = np.repeat([[1] * 4 + [2] * 4], 6, axis=0)
    values = np.where(taken == 1, 0.0, 1.0)[valid][:, None]
    np.testing.assert_allclose(Neighbours(valid, taken).smoothed(values), values, atol=1e-12)
    assert Neighbours(valid).smoothed(values)[values == 0].max() > 0.1


def test_a_jump_between_two_pixels_is_spread_over_many() -> None:
    """What varies from pixel to pixel must stay in the difference of neighbours when the smooth part is taken off."""
    values = np.repeat([[0.0] * 10 + [1.0] * 10], 12, axis=0).reshape(-1, 1)
    across = Neighbours(np.ones((12, 20), bool)).smoothed(values).reshape(12, 20)
    assert np.diff(across, axis=1).max() == pytest.approx(0.2, abs=0.01)  # 1 / (2 √2π)
