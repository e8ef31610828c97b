"""The length beside a map: a round number of metres where a pixel's size is known, else of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHARE = 0.3  # of the map's width, at most


@dataclass(frozen=True)
class ScaleBar:
    """So many pixels long; ``label`` says how much that is."""

    pixels: float
    label: str


def scale_bar(width: int, metres: float | None = None) -> ScaleBar:
    """The longest of 1, 2, 5, 10, … that takes at most 0.3 of a map ``width`` pixels wide, each of so many ``metres``."""
    if metres is None:
        length = _round(max(1.0, SHARE * width))
        return ScaleBar(length, f"{length:g} pixel{'' if length == 1 else 's'}")
    length = _round(SHARE * width * metres)
    return ScaleBar(length / metres, _metres(length))


def _round(most: float) -> float:
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= most * (1 + 1e-9))


def _metres(length: float) -> str:
    for unit, size in (("km", 1e3), ("m", 1.0), ("cm", 1e-2), ("mm", 1e-3), ("µm", 1e-6)):
        if length >= size * (1 - 1e-9):
            return f"{length / size:g} {unit}"
    return f"{length:.0e} m"
