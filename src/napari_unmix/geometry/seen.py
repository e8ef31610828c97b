"""What is seen of a search while it runs: a loss, and where it is the lowest so far, the corners that it is of."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from napari_unmix.cube import FloatArray

T = TypeVar("T")

Losses = Generator[float, None, T]

NO_LOSS = float("nan")  # of a step before there is one


class LossOf(float):
    """A loss whose corners are better than those before; ``corners`` makes them, (P, K) or as spectra (P, B), where somebody looks."""

    corners: Callable[[], FloatArray]

    def __new__(cls, loss: float, corners: Callable[[], FloatArray]) -> LossOf:
        """The loss and what it is of."""
        made = super().__new__(cls, loss)
        made.corners = corners
        return made


def lifted(steps: Losses[T], to_spectra: Callable[[FloatArray], FloatArray]) -> Losses[T]:
    """The steps of a search in other coordinates, their corners as spectra."""

    def lift(loss: LossOf) -> LossOf:
        return LossOf(loss, lambda: to_spectra(loss.corners()))

    return _each(steps, lambda loss: lift(loss) if isinstance(loss, LossOf) else loss)


def of_all(steps: Losses[T], times: float) -> Losses[T]:
    """The steps of a search of a part of the pixels, their losses as of all, which are so many ``times`` as many."""

    def weigh(loss: float) -> float:
        return LossOf(times * loss, loss.corners) if isinstance(loss, LossOf) else times * loss

    return _each(steps, weigh)


def unseen(steps: Losses[T], least: float = -float("inf")) -> Losses[T]:
    """The steps of a search, whose corners are to be seen only where their loss is under ``least``."""
    return _each(steps, lambda loss: loss if loss < least else float(loss))


def _each(steps: Losses[T], change: Callable[[float], float]) -> Losses[T]:
    while True:
        try:
            loss = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        yield change(loss)
