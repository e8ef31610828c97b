"""How often previews come: what the user prefers, read by whoever drives a fit. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 0.5  # between two previews, where nobody prefers anything else


@dataclass
class Pace:
    """``seconds`` between two previews, at the least."""

    seconds: float = SECONDS


pace = Pace()
