"""Pairs of neighbouring pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_unmix.auxiliary.neighbours import adjacent_pairs


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
