"""The colours of endmembers and of painted labels, in one place for layers, curves, bars, rows and pictures.

Endmembers take the colour-blind safe palette of Okabe & Ito (2008), then a seeded set of colours that are far from it
and from each other. Painted labels take muted colours, so that paint is never mistaken for an abundance map. A longer
palette starts with the shorter one: adding an endmember leaves the others' colours.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

# In the order of use: neighbours differ in hue and lightness; yellow last, because its thin curve is faint on white.
OKABE_ITO = ("#e69f00", "#56b4e9", "#009e73", "#d55e00", "#0072b2", "#cc79a7", "#f0e442")

_CANDIDATES = 4000
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))  # successive hues never come close to the recent ones
_MUTED_LIGHTNESS = (0.72, 0.60, 0.82)
_MUTED_CHROMA = 0.065


def endmember_colours(count: int) -> list[str]:
    """The colours of ``count`` endmembers, as "#rrggbb"."""
    if count <= len(OKABE_ITO):
        return list(OKABE_ITO[: max(count, 0)])
    return list(OKABE_ITO) + list(_distinct(count - len(OKABE_ITO)))


def annotation_colours(count: int) -> list[str]:
    """The muted colours of painted labels 1 … ``count``, as "#rrggbb"."""
    steps = np.arange(max(count, 0))
    lightness = np.asarray(_MUTED_LIGHTNESS)[steps % len(_MUTED_LIGHTNESS)]
    hue = 0.5 + _GOLDEN_ANGLE * steps
    lab = np.stack([lightness, _MUTED_CHROMA * np.cos(hue), _MUTED_CHROMA * np.sin(hue)], axis=1)  # (n, 3)
    return [_hex(colour) for colour in _rgb_of_oklab(lab)]


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue from 0 to 1 of a "#rrggbb"."""
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


@cache
def _distinct(count: int) -> tuple[str, ...]:
    """Colours of middle lightness, each the farthest from all before it in Oklab (Ottosson 2020)."""
    candidates = np.random.default_rng(7).random((_CANDIDATES, 3))
    lab = _oklab_of_rgb(candidates)
    usable = (lab[:, 0] > 0.5) & (lab[:, 0] < 0.85)
    candidates, lab = candidates[usable], lab[usable]
    taken = np.array([rgb(colour) for colour in OKABE_ITO] + [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)])
    gap = np.linalg.norm(lab[:, None] - _oklab_of_rgb(taken)[None], axis=2).min(axis=1)  # to the nearest taken colour
    chosen = []
    for _ in range(count):
        best = int(gap.argmax())
        chosen.append(_hex(candidates[best]))
        gap = np.minimum(gap, np.linalg.norm(lab - lab[best], axis=1))
    return tuple(chosen)


_LMS_OF_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB_OF_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab_of_rgb(colours: FloatArray) -> FloatArray:
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)  # (n, 3)
    return np.asarray(np.cbrt(linear @ _LMS_OF_RGB.T) @ _LAB_OF_LMS.T)


def _rgb_of_oklab(lab: FloatArray) -> FloatArray:
    linear = ((lab @ np.linalg.inv(_LAB_OF_LMS).T) ** 3 @ np.linalg.inv(_LMS_OF_RGB).T).clip(0.0, 1.0)  # (n, 3)
    return np.asarray(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


def _hex(colour: FloatArray) -> str:
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in colour)
