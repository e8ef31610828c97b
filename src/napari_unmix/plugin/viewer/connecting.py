"""Taking back what was connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance


def disconnect(signal: Any, slot: Callable[..., None]) -> None:
    """Disconnect, if it is connected: psygnal and napari differ in what they say when it is not."""
    if isinstance(signal, SignalInstance):
        signal.disconnect(slot, missing_ok=True)
    else:
        signal.disconnect(slot)


def discard(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)
