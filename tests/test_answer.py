"""What a fit yields while it waits for a call that can't be divided."""

from __future__ import annotations

import time
from itertools import pairwise
from threading import Event

import pytest

from napari_unmix.progress import Progress, drain, meanwhile
from napari_unmix.sentences import UnmixError

WAITING = Progress("waiting", 0, 1, 0.0)


def test_a_long_call_is_waited_for_in_short_steps_and_its_result_returned() -> None:
    seen: list[float] = []
    result = drain(meanwhile(lambda: time.sleep(0.45) or "made", WAITING), lambda _: seen.append(time.monotonic()))
    assert result == "made"
    assert len(seen) >= 3
    assert max(later - earlier for earlier, later in pairwise(seen)) < 0.4


def test_a_short_call_takes_no_step() -> None:
    seen: list[Progress] = []
    assert drain(meanwhile(lambda: 3, WAITING), seen.append) == 3
    assert seen == []


@pytest.mark.parametrize("error", [UnmixError("Too few: add more."), TimeoutError("of the call's own"), KeyError("x")])
def test_what_the_call_raises_is_raised_where_it_is_waited_for(error: Exception) -> None:
    def call() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        drain(meanwhile(call, WAITING))
    assert raised.value is error


def test_a_closed_fit_does_not_wait_for_the_call() -> None:
    may_end = Event()
    steps = meanwhile(lambda: may_end.wait(20), WAITING)
    next(steps)
    begun = time.monotonic()
    steps.close()
    assert time.monotonic() - begun < 5
    may_end.set()
