"""Long loops, and the journal in which they keep their places.

A loop is numbered by its name and its turn among those of its name, within the loop around it: the same fit has the same loops in the same order.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from napari_unmix.journal.trees import Tree, plain
from napari_unmix.progress import Fit

T = TypeVar("T")

EVERY = 60.0  # seconds between two checkpoints
# A loop that took less is done again rather than kept.
WORTH_KEEPING = 2.0  # seconds
# What is kept of one loop, and of all of them; a larger one is done again.
MOST_OF_A_LOOP, MOST_OF_ALL = 1 << 28, 1 << 30  # bytes


@dataclass(frozen=True, eq=False)
class Kept:
    """The place of a loop, and the seconds that it took to come there."""

    place: Tree
    seconds: float


class Loop:
    """A loop that is running. ``before`` is the place to go on from, None where it begins."""

    def __init__(self, journal: Journal | None, key: str = "", before: Kept | None = None) -> None:
        self._journal, self.key = journal, key
        self.before: Tree | None = None if before is None else before.place
        self.turns: Counter[str] = Counter()
        self.spent = 0.0 if before is None else before.seconds
        self.begun = 0.0

    def round(self) -> None:
        """A round is over, and is part of the place now: the loops in it are not needed any more, and those of the next count anew."""
        self.turns.clear()
        if self._journal is not None:
            self._journal.forget_within(self.key)


@dataclass(eq=False)
class _Running:
    loop: Loop
    place: Callable[[], Tree]


@dataclass(eq=False)
class Journal:
    """Where the loops of one fit keep their places.

    Attributes
    ----------
    write : called with all places, key -> Kept, and the share that is done, between two steps of the fit
    kept : the places to go on from
    every : seconds between two writes
    worth : a finished loop that took fewer seconds is not kept
    clock : seconds
    """

    write: Callable[[Mapping[str, Kept], float], None]
    kept: Mapping[str, Kept] = field(default_factory=dict)
    every: float = EVERY
    worth: float = WORTH_KEEPING
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._kept = dict(self.kept)
        self._running: list[_Running] = []
        self._turns: Counter[str] = Counter()
        self._written = self.clock()

    def steps(self, fit: Fit[T]) -> Fit[T]:
        """The steps of a fit whose loops keep their places here; written between two steps, in the thread that asks for them."""
        try:
            while True:
                around = _CURRENT.set(self)
                try:
                    event = next(fit)
                except StopIteration as end:
                    result: T = end.value
                    return result
                finally:
                    _CURRENT.reset(around)
                if self.clock() - self._written >= self.every:
                    self.write(self._places(), event.fraction)
                    self._written = self.clock()
                yield event
        finally:
            fit.close()

    def _places(self) -> dict[str, Kept]:
        """What is kept, and where the running loops are; the largest are left out where it is too much."""
        now = self.clock()
        places = dict(self._kept)
        for running in self._running:
            loop = running.loop
            places[loop.key] = Kept(plain(running.place()), loop.spent + now - loop.begun)
        sizes = {key: size_of(kept.place) for key, kept in places.items()}
        largest = sorted(places, key=lambda key: sizes[key])
        while largest and (sizes[largest[-1]] > MOST_OF_A_LOOP or sum(sizes.values()) > MOST_OF_ALL):
            dropped = largest.pop()
            del places[dropped], sizes[dropped]
        return places

    def begin(self, name: str, place: Callable[[], Tree]) -> Loop:
        """A loop begins, within those that are running."""
        around = self._running[-1].loop if self._running else None
        turns = self._turns if around is None else around.turns
        turns[name] += 1
        key = f"{'' if around is None else around.key + '/'}{name} {turns[name]}"
        loop = Loop(self, key, self._kept.get(key))
        loop.begun = self.clock()
        self._running.append(_Running(loop, place))
        return loop

    def end(self, loop: Loop, *, well: bool) -> None:
        """The innermost loop ended; one that ended ``well`` and took long keeps its last place."""
        running = self._running.pop()
        assert running.loop is loop, "loops end in the order opposite to that in which they began"
        if not well:
            return
        self.forget_within(loop.key)
        seconds = loop.spent + self.clock() - loop.begun
        self._kept.pop(loop.key, None)
        if seconds >= self.worth:
            place = plain(running.place())
            if size_of(place) <= MOST_OF_A_LOOP:
                self._kept[loop.key] = Kept(place, seconds)

    def forget_within(self, key: str) -> None:
        """Drop what is kept of the loops within one."""
        for inner in [known for known in self._kept if known.startswith(f"{key}/")]:
            del self._kept[inner]


_CURRENT: ContextVar[Journal | None] = ContextVar("journal", default=None)


@contextmanager
def long_loop(name: str, place: Callable[[], Tree]) -> Iterator[Loop]:
    """Around a loop that may take long, with how its ``place`` is told between two steps; outside a journal it costs nothing.

    The place is asked for at a ``yield`` inside the block, and where the block ends. A loop that is begun with a ``before`` goes there, yields
    again what it had yielded, and goes on; one that is begun with its last place does no work.
    """
    journal = _CURRENT.get()
    if journal is None:
        yield Loop(None)
        return
    loop, well = journal.begin(name, place), False
    try:
        yield loop
        well = True
    finally:
        journal.end(loop, well=well)


def size_of(tree: Tree) -> int:
    """Bytes of the arrays of a tree."""
    if isinstance(tree, np.ndarray):
        return tree.nbytes
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return sum(size_of(part) for part in parts)
