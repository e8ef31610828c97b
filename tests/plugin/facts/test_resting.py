"""Which runs give their maps back, with made-up numbers; what a result at rest still has, and that it comes back to the bit."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.answer import Contribution, Unmixing
from napari_unmix.findings import GIVEN
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.resting import (
    Held,
    Waking,
    at_rest,
    awake,
    held_bytes,
    rests,
    same_answer,
    to_rest,
    waking_text,
)


@pytest.mark.parametrize(
    ("runs", "most", "numbers"),
    [
        ([(1, 60, 0, "saved"), (2, 40, 1, "needed")], 100, ()),  # as much as may be
        ([(1, 60, 0, "saved"), (2, 41, 1, "needed")], 100, (1,)),  # one byte more
        ([(1, 60, 0, "unsaved"), (2, 60, 1, "needed")], 100, ()),  # nothing that is nowhere else
        ([(1, 60, 2, "saved"), (2, 60, 1, "saved"), (3, 60, 3, "needed")], 120, (2,)),  # the one not seen for longest
        ([(1, 60, 2, "saved"), (2, 60, 1, "saved"), (3, 60, 3, "needed")], 119, (2, 1)),
        ([(1, 200, 0, "needed")], 100, ()),  # what is looked at is there, whatever it holds
        ([(1, 0, 0, "saved"), (2, 200, 1, "needed")], 100, ()),  # it rests already
    ],
)
def test_who_rests(runs: list[tuple[int, int, int, str]], most: int, numbers: tuple[int, ...]) -> None:
    held = [Held(number, size, seen, what == "needed", what != "unsaved") for number, size, seen, what in runs]
    assert to_rest(held, most) == numbers


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.booleans(), st.booleans()), max_size=8),
    st.integers(0, 200),
)
def test_nobody_rests_without_need_and_never_who_may_not(runs: list[Any], most: int) -> None:
    held = [Held(number, *run) for number, run in enumerate(runs)]
    chosen = to_rest(held, most)
    left = sum(run.size for run in held if run.number not in chosen)
    assert all(held[number].saved and not held[number].needed for number in chosen)
    assert left <= most or all(run.needed or not run.saved or not run.size for run in held if run.number not in chosen)
    assert not chosen or left + held[chosen[-1]].size > most  # the last was still one too many


@pytest.fixture
def result(cube: Any, tools: Any) -> Unmixing:
    """One that has everything."""
    made: Unmixing = tools.make_unmixing(cube, spec_class("vca-fcls").model_validate({}))
    height, width, bands = cube.shape
    return replace(
        made,
        illumination=np.ones((height, width), np.float32),
        regions=np.ones((height, width), np.int32),
        model={"weights": np.ones((5, 5)), GIVEN: np.ones((3, bands))},
        contribution=Contribution(np.ones((height, width, 2), np.float32), np.ones((2, bands))),
    )


def test_a_result_at_rest_holds_nothing_large_and_says_the_same(result: Unmixing) -> None:
    resting = at_rest(result)
    assert (
        held_bytes(result)
        == sum(
            values.nbytes
            for values in (result.abundances, result.abundance_std, result.illumination, result.regions)
            if values is not None
        )
        + (12 * 10 * 2 * 4)
        + 5 * 5 * 8
    )
    assert held_bytes(resting) == 0
    assert (rests(result), rests(resting)) == (False, True)
    assert same_answer(result, resting)
    assert resting.reconstruction_rmse == result.reconstruction_rmse
    assert resting.inversion == result.inversion
    assert (resting.abundance_std is None, resting.illumination is None, resting.contribution is None) == (False,) * 3
    plain = at_rest(replace(result, abundance_std=None, illumination=None, regions=None, contribution=None))
    assert (plain.abundance_std, plain.illumination, plain.regions, plain.contribution) == (None,) * 4


def test_it_comes_back_as_it_was(result: Unmixing) -> None:
    back = awake(at_rest(result), result)
    for field in fields(Unmixing):
        assert getattr(back, field.name) is getattr(result, field.name), field.name


def test_another_fit_or_an_edit_is_another_answer(result: Unmixing) -> None:
    assert not same_answer(result, replace(result, endmembers=result.endmembers.copy()))
    assert not same_answer(result, replace(result, reconstruction_error=result.reconstruction_error.copy()))


def test_what_is_being_read_is_said_where_it_will_be_seen() -> None:
    assert waking_text(Waking(2, "ivae 2"), beside=False) == "reading ivae 2 …"
    assert waking_text(Waking(2, "ivae 2"), beside=True) == ""
    assert waking_text(Waking(2, "ivae 2", beside=True), beside=True) == "reading ivae 2 …"
    assert waking_text(None, beside=False) == ""
