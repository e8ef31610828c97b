"""Values become trees and come back as they were; what does not fit is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unmix.journal.trees import Unfitting, array, like, named, numbers, plain, truth, whole


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass(frozen=True, eq=False)
class Held:
    numbers: Any
    scale: float = 1.0
    light: Any = None
    parts: Any = field(default_factory=list)


SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]), SHAPES, elements=st.integers(0, 1)
)
LEAVES = st.one_of(
    ARRAYS,
    ARRAYS.map(torch.from_numpy),
    st.floats(allow_nan=False),
    st.integers(),
    st.booleans(),
    st.text(),
    st.none(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(min_size=1), inner, max_size=3),
        st.builds(Pair, inner, inner),
        st.builds(Held, inner, st.floats(allow_nan=False), inner, st.lists(inner, max_size=2)),
    ),
    max_leaves=8,
)


def floated(value: Any) -> Any:
    """Whole numbers as real ones, wherever they stand."""
    if isinstance(value, list):
        return [floated(item) for item in value]
    if isinstance(value, dict):
        return {name: floated(item) for name, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def same(one: Any, other: Any) -> bool:
    """Alike to the bit, and in every class."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Held):
        return same(vars(one), vars(other))
    return bool(one == other)


@given(VALUES)
def test_there_and_back(value: Any) -> None:
    assert same(like(value, plain(value)), value)


@given(VALUES, VALUES)
def test_another_tree_fits_or_is_refused(form: Any, other: Any) -> None:
    with suppress(Unfitting):
        found = like(form, plain(other))
        assert same(floated(plain(found)), floated(plain(other)))  # a whole number may stand where a real one stood


def test_what_is_kept_is_a_copy() -> None:
    for value in (np.zeros(3), torch.zeros(3)):
        kept = plain(value)
        value += 1
        assert not kept.any()


def test_what_is_no_value_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="object can't be kept"):
        plain(object())


@pytest.mark.parametrize(
    "bad", [np.array([1.0, np.nan]), np.array([np.inf, 1.0]), np.zeros(3), np.zeros(2, "f4"), 1.0, None]
)
def test_arrays_are_finite_and_of_their_shape(bad: Any) -> None:
    with pytest.raises(Unfitting):
        array(bad, (2,), np.float64)


@pytest.mark.parametrize(
    "take",
    [
        lambda: whole(True), lambda: whole(-1), lambda: whole(3, 0, 2), lambda: whole(1.0), lambda: truth(1),
        lambda: named({"a": 1}, "a", "b"), lambda: named([1], "a"), lambda: named({"a": 1, "b": 2}, "a"),
        lambda: numbers(np.zeros((2, 2))), lambda: numbers(np.zeros(3), 2), lambda: numbers(np.zeros(3, int)), lambda: numbers([1.0]),
    ],
)  # fmt: skip
def test_kinds_and_ranges(take: Any) -> None:
    with pytest.raises(Unfitting):
        take()
