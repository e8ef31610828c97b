"""Names of endmembers from one run to the next. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence


def distinct(name: str, taken: Sequence[str]) -> str:
    """The name, or the name with the first free number behind it."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name} {number}", number + 1
    return candidate


def without_number(name: str) -> str:
    """The name without the number in brackets that napari puts behind the name of a second layer."""
    return re.sub(r" \[\d+\]$", "", name)


def default_names(count: int) -> tuple[str, ...]:
    """The names of endmembers that nobody has named."""
    return tuple(f"endmember {k + 1}" for k in range(count))


def is_default_name(name: str) -> bool:
    """Whether nobody has given this name."""
    return re.fullmatch(r"endmember \d+", name) is not None
