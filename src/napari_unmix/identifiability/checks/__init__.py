"""The checks of the report: every module of this folder that has a ``CONDITION`` and a ``check`` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.report import Check, Condition
from napari_unmix.identifiability.subject import Subject

LAST = 1_000  # a check without a number on the theory page is a second opinion, and comes last


class Registered(NamedTuple):
    """What is known of a check, and what makes it."""

    condition: Condition
    make: Callable[[Subject, Refits], Check]


@cache
def all_checks() -> tuple[Registered, ...]:
    """The checks in the order of the theory page."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "CONDITION"):
            found.append(Registered(module.CONDITION, module.check))
    return tuple(sorted(found, key=lambda one: (one.condition.number or LAST, one.condition.name)))
