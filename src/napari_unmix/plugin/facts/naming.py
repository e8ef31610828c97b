"""Names of endmembers from one run to the next. Pure."""

from __future__ import annotations

import re

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.plugin.facts.session import Answer, default_names
from napari_unmix.rows.metrics import angle_table

SAME_MATERIAL_DEGREES = 8.0


def distinct(name: str, taken: list[str]) -> str:
    """The name, or the name with the first free number behind it."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name} {number}", number + 1
    return candidate


def without_number(name: str) -> str:
    """The name without the number in brackets that napari puts behind the name of a second layer."""
    return re.sub(r" \[\d+\]$", "", name)


def carried_names(old: Answer | None, names: tuple[str, ...], new: Unmixing) -> tuple[str, ...]:
    """The new result's names; a name that the user gave goes to the endmember with nearly the same spectrum."""
    fresh = list(new.names)
    if old is None or len(names) != len(old.unmixing.endmembers):
        return tuple(fresh)
    if old.unmixing.endmembers.shape[1] != new.endmembers.shape[1]:
        return tuple(fresh)
    angles = np.degrees(angle_table(old.unmixing.endmembers, new.endmembers))
    defaults = default_names(len(fresh))
    for before, name in enumerate(names):
        after = int(np.argmin(angles[before]))
        given_by_user = name != old.unmixing.names[before]
        nameless = fresh[after] == defaults[after]
        if given_by_user and nameless and angles[before, after] < SAME_MATERIAL_DEGREES:
            fresh[after] = distinct(name, fresh)
    return tuple(fresh)
