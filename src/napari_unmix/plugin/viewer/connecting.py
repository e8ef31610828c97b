"""Taking back what was connected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from psygnal import SignalInstance


def disconnect(signal: Any, slot: Callable[..., None]) -> None:
    """Disconnect, if it is connected: psygnal and napari differ in what they say when it is not."""
    if isinstance(signal, SignalInstance):
        signal.disconnect(slot, missing_ok=True)
    else:
        signal.disconnect(slot)


def connected(slot: Callable[..., None], *signals: SignalInstance) -> list[Callable[[], None]]:
    """Connect a slot to each of these; what takes the connections back."""
    for signal in signals:
        signal.connect(slot)
    return [partial(disconnect, signal, slot) for signal in signals]


def discard(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)
