"""Wavelengths from what bands, channels or files are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

# A number with its unit, or alone as in "ChS1-457" or "457.3"; "Channel 3" and "488 excitation of dye 2" are none.
_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:[-–—](\d+(?:\.\d+)?))?\s*(nm|[uµμ]m|nanomet\w+)", re.IGNORECASE)
_ALONE = re.compile(r"(?:^|[^\d.])(\d{3,4}(?:\.\d+)?)(?:[^\d.]|$)")
_OTHER_UNIT = re.compile(
    r"\d\s*(?:cm\s*\^?[-−⁻][1¹]|1/cm|k?ev|[gt]hz)\b", re.IGNORECASE
)  # numbers that are no wavelengths
_FEWEST = 3
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def wavelengths_of_names(names: Sequence[str]) -> tuple[list[float], str] | None:
    """Wavelengths and their unit from names of channels or bands, where every name has one; None elsewhere.

    A range, ``457-466 nm``, stands for its middle. Numbers without a unit count where all are different and between 200 and 3000.
    """
    if len(names) < _FEWEST:
        return None
    found = [_WITH_UNIT.search(name) for name in names]
    matches = [match for match in found if match]
    if len(matches) == len(names) and len({match[3].lower()[0] for match in matches}) == 1:
        middles = [(float(match[1]) + float(match[2] or match[1])) / 2 for match in matches]
        return (middles, matches[0][3]) if len(set(middles)) == len(middles) else None
    numbers = [_ALONE.findall(name) for name in names]
    if any(len(one) != 1 for one in numbers) or any(_OTHER_UNIT.search(name) for name in names):
        return None
    values = [float(one[0]) for one in numbers]
    ordered = bool((np.diff(values) > 0).all() or (np.diff(values) < 0).all())
    return (values, "nm") if ordered and min(values) >= 200 and max(values) <= 3000 else None


def series_of(names: Sequence[str]) -> list[int]:
    """Which names belong to the biggest set that is the same but for one number, in the order of that number."""
    groups: dict[tuple[str, str], dict[float, int]] = {}
    for place, name in enumerate(names):
        for match in _NUMBER.finditer(name):
            groups.setdefault((name[: match.start()], name[match.end() :]), {})[float(match[0])] = place
    best = max(groups.values(), key=len, default={})
    return [best[number] for number in sorted(best)]
