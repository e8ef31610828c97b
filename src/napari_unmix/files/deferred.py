"""Signals that wait for the end of a step that is to be taken whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What asks a process to end; Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have Ctrl-C, SIGTERM and SIGHUP wait for the end of the block; they then do what they would have done.

    Python runs handlers in its main thread, whichever thread the system chose: elsewhere nothing interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def wait(number: int, _: FrameType | None) -> None:
        waiting.append(number)

    handlers = {number: signal.getsignal(number) for number in ENDING}
    ours = [number for number, handler in handlers.items() if handler is not None]  # None: not Python's to change
    try:
        for number in ours:
            signal.signal(number, wait)
        yield
    finally:
        for number in ours:
            signal.signal(number, handlers[number])
        for number in dict.fromkeys(waiting):
            signal.raise_signal(number)
