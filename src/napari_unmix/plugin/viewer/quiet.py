"""Layers that come and go without holding the window.

napari makes every layer that comes the active one, and with it its controls: some 25 ms, and as many to give the user's layer back.
For every layer that goes it has Python search all of the process for garbage: 0.1 to 0.8 s each.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TURN_SECONDS = 0.02  # that one turn of the event loop spends on layers that go


def insert(layers: Any, place: int, layer: Any) -> None:
    """Insert a layer; the active one stays active: the user may be painting."""
    active = layers.selection.active
    activates = getattr(layers, "_activate_on_insert", None)
    if activates is None:  # another version of napari
        layers.insert(place, layer)
    else:
        layers._activate_on_insert = False
        try:
            layers.insert(place, layer)
        finally:
            layers._activate_on_insert = activates
    if layers.selection.active != active:
        layers.selection.active = active


def remove(layers: Any, gone: list[Any], seconds: float = TURN_SECONDS) -> list[Any]:
    """Take away layers, at least one, for so long; those that are left over, for the next turn. One that is gone already is passed over.

    The topmost first: where the lowest visible layer goes while others stay above it, and the canvas is drawn in between, software OpenGL (Mesa's
    llvmpipe, napari 0.9.2) draws out of freed memory, and the program ends.
    """
    left = sorted((layer for layer in gone if layer in layers), key=layers.index, reverse=True)
    if not left:
        return []
    end = time.perf_counter() + seconds
    with _without_search(), layers.batched_update():  # the canvas is put in order once, and where it is searched, once
        while left:
            layers.remove(left.pop(0))
            if time.perf_counter() > end:
                break
    return left


@contextmanager
def _without_search() -> Iterator[None]:
    """``gc.collect()`` finds nothing to search meanwhile, and after it everything again: what is garbage goes with Python's own next search.

    On Windows, where drivers are why napari asks for it, it searches; and so it does not where the program keeps its objects frozen itself.
    """
    if sys.platform == "win32" or gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
