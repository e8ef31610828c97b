"""The journal: loops are numbered within one another, what ended and took long is kept, what is too large is not, writing has its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from napari_unmix.journal import loops
from napari_unmix.journal.loops import Journal, Kept, long_loop
from napari_unmix.progress import Fit, Progress, drain


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(clock: Clock) -> Callable[..., Journal]:
    """A journal that writes at every step, into ``journal.seen``."""

    def make(kept: Mapping[str, Kept] | None = None, **options: Any) -> Journal:
        seen: list[dict[str, Any]] = []
        made = Journal(
            lambda places, share: seen.append({key: kept.place for key, kept in places.items()}),
            kept or {},
            **{"every": 0.0, "worth": 1.0, "clock": clock, **options},
        )
        made.seen = seen  # type: ignore[attr-defined]
        return made

    return make


def counting(name: str, to: int, each: Callable[[], Iterator[None]] | None = None) -> Iterator[Any]:
    """A loop that counts, and yields at every number; in each round another loop may run."""
    done = 0
    with long_loop(name, lambda: done) as loop:
        done = 0 if loop.before is None else loop.before
        while done < to:
            if each is not None:
                yield from each()
            done += 1
            loop.round()
            yield None
    return done


def fit(*inner: Callable[[], Iterator[Any]]) -> Fit[list[Any]]:
    found = []
    for make in inner:
        steps = make()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found.append(end.value)
                break
            yield Progress("counting", 0, 1, 0.5)
    return found


def test_loops_are_numbered_in_their_order_and_within_the_round(journal: Callable[..., Any]) -> None:
    kept = journal(worth=0.0)
    drain(
        kept.steps(
            fit(lambda: counting("a", 1), lambda: counting("b", 2, lambda: counting("a", 1)), lambda: counting("a", 1))
        )
    )
    assert kept.seen == [
        {"a 1": 1},
        {"a 1": 1, "b 1": 0, "b 1/a 1": 1},
        {"a 1": 1, "b 1": 1},
        {"a 1": 1, "b 1": 1, "b 1/a 1": 1},
        {"a 1": 1, "b 1": 2},
        {"a 1": 1, "b 1": 2, "a 2": 1},
    ]


def test_a_short_loop_is_not_kept_and_a_long_one_is(journal: Callable[..., Any], clock: Clock) -> None:
    kept = journal()

    def steps() -> Fit[Any]:
        for make, seconds in ((lambda: counting("short", 1), 0.9), (lambda: counting("long", 1), 1.5)):
            inner = make()
            for _ in inner:
                clock.now += seconds
                yield Progress("counting", 0, 1, 0.5)
        yield Progress("counting", 1, 1, 1.0)

    drain(kept.steps(steps()))
    assert kept.seen[-1] == {"long 1": 1}


def test_seconds_of_earlier_lives_count(journal: Callable[..., Any]) -> None:
    kept = journal({"a 1": Kept(3, 5.0)})
    assert drain(kept.steps(fit(lambda: counting("a", 3), lambda: counting("b", 1)))) == [3, 1]
    assert kept.seen[-1] == {"a 1": 3, "b 1": 1}


def test_what_was_kept_of_later_loops_stays_until_they_begin(journal: Callable[..., Any]) -> None:
    kept = journal({"b 1": Kept(1, 5.0)})
    assert drain(kept.steps(fit(lambda: counting("a", 2), lambda: counting("b", 2)))) == [2, 2]
    assert kept.seen == [{"a 1": 1, "b 1": 1}, {"a 1": 2, "b 1": 1}, {"b 1": 2}]


def test_it_is_written_when_it_is_time(journal: Callable[..., Any], clock: Clock) -> None:
    kept = journal(every=10.0)
    for number, _ in enumerate(kept.steps(fit(lambda: counting("a", 30)))):
        clock.now += 3.0
        assert len(kept.seen) == number // 4 if number else not kept.seen
    assert kept.seen[0] == {"a 1": 5}


def test_what_is_too_large_is_done_again(journal: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "MOST_OF_A_LOOP", 100)
    monkeypatch.setattr(loops, "MOST_OF_ALL", 150)

    def holding(name: str, size: int) -> Iterator[None]:
        with long_loop(name, lambda: np.zeros(size, np.uint8)):
            yield

    kept = journal(worth=0.0)
    drain(
        kept.steps(
            fit(
                lambda: holding("large", 101),
                lambda: holding("a", 80),
                lambda: holding("b", 90),
                lambda: holding("c", 60),
            )
        )
    )
    assert [sorted(places) for places in kept.seen] == [[], ["a 1"], ["a 1"], ["a 1", "c 1"]]


def test_a_loop_that_fails_is_not_kept(journal: Callable[..., Any]) -> None:
    def failing() -> Iterator[None]:
        with long_loop("a", lambda: 1):
            yield
            raise ValueError

    def steps() -> Fit[None]:
        with pytest.raises(ValueError):
            yield from (Progress("counting", 0, 1, 0.0) for _ in failing())
        yield Progress("counting", 1, 1, 1.0)

    kept = journal(worth=0.0)
    drain(kept.steps(steps()))
    assert kept.seen[-1] == {}


def test_outside_a_journal_and_between_its_steps_there_is_none(journal: Callable[..., Any]) -> None:
    assert list(counting("a", 2)) == [None, None]
    kept = journal(worth=0.0)
    driven = kept.steps(fit(lambda: counting("a", 2)))
    next(driven)
    list(counting("b", 2))
    drain(driven)
    assert kept.seen[-1] == {"a 1": 2}
