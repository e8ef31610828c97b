"""One thread for a fit's steps, and the process as it was between them: nothing of a fit that is paused or closed is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

from napari_unmix.model.machine import machine
from napari_unmix.progress import Fit, Preview

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread of the CPU, or as many as the user prefers, and give the caller's setting back. Never held across a ``yield``.

    Tensors here are small (thousands of pixels by a few endmembers): a second thread gains nothing on an idle machine, and where another
    program, or the window, holds a core, waiting for it made fits two to three times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(machine().threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def steps_on_one_thread(fit: Callable[P, Fit[T]]) -> Callable[P, Fit[T]]:
    """Every step of a fit, and every preview of it, on one thread; between two steps the process has the caller's."""

    @wraps(fit)
    def driven(*args: P.args, **kwargs: P.kwargs) -> Fit[T]:
        inner = fit(*args, **kwargs)
        try:
            while True:
                with one_thread():
                    try:
                        event = next(inner)
                    except StopIteration as end:
                        result: T = end.value
                        return result
                yield event if event.snapshot is None else replace(event, snapshot=_on_one_thread(event.snapshot))
        finally:
            inner.close()

    return driven


def _on_one_thread(snapshot: Callable[[], Preview]) -> Callable[[], Preview]:
    def look() -> Preview:
        with one_thread():
            return snapshot()

    return look


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from torch's own generator as after ``torch.manual_seed(seed)``, and give the caller's state back: modules take no generator."""
    with torch.random.fork_rng(devices=[]):  # modules are made on the CPU, and moved
        torch.default_generator.manual_seed(seed)
        yield
