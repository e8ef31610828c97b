"""The lowest pixels along turning directions, from those that were kept: the same as from all."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.geometry.extremes import Extremes


@given(seed=st.integers(0, 10_000), turn=st.floats(0.0, 2.0), count=st.integers(1, 40), far=st.floats(0.0, 100.0))
def test_however_directions_turn_the_lowest_are_those_of_all(seed: int, turn: float, count: int, far: float) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet(np.full(3, 0.7), 300) @ generator.normal(size=(3, 4)) + far
    extremes, direction = Extremes(scores), generator.normal(size=4)
    for step in range(6):
        expected = np.sort(scores @ direction)[:count].mean()
        found = extremes.mean_of_lowest(0, direction, count)
        np.testing.assert_allclose(direction @ found, expected, rtol=1e-9, atol=1e-9)
        direction = generator.uniform(0.3, 2) * direction + turn * 0.3**step * generator.normal(size=4)


def test_where_a_direction_hardly_turns_few_pixels_are_looked_at() -> None:
    scores = np.random.default_rng(0).normal(size=(5000, 3))
    extremes, direction = Extremes(scores), np.array([1.0, 0.2, -0.5])
    extremes.mean_of_lowest(0, direction, 20)
    extremes._columns = np.full_like(extremes._columns, np.nan)  # whoever looks at all of them finds nothing
    kept = extremes._among_kept(0, direction + 1e-3, 20)
    assert kept is not None
    np.testing.assert_array_equal(np.sort(kept), np.sort(np.argsort(scores @ (direction + 1e-3))[:20]))
    assert extremes._among_kept(0, -direction, 20) is None
    assert extremes._among_kept(1, direction, 20) is None
