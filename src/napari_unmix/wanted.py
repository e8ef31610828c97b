"""Whether anybody still waits for what is computed: long loops ask, so that a cancel is answered soon within a step of a fit as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Abandoned(GeneratorExit):
    """Nobody waits any more: raised within a step, it closes the fit like ``close()`` between two steps."""


_WANTED: ContextVar[Callable[[], bool] | None] = ContextVar("wanted", default=None)


def wanted() -> bool:
    """Whether somebody waits."""
    asked = _WANTED.get()
    return asked is None or asked()


def still_wanted() -> None:
    """Go on where somebody waits; else raise Abandoned. For the turns of a loop of which a step of a fit takes many."""
    if not wanted():
        raise Abandoned


@contextmanager
def wanted_while(asked: Callable[[], bool]) -> Iterator[None]:
    """What runs inside goes on only while ``asked()``."""
    before = _WANTED.set(asked)
    try:
        yield
    finally:
        _WANTED.reset(before)
