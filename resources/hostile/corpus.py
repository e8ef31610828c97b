"""All hostile files, of every door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from case import Case
from doors import arrays, beside, containers, envi, everywhere, paintings


def cases(good: Path) -> Iterator[Case]:
    """Every case; ``good`` is the folder that ``good.beside`` filled."""
    for part in (everywhere, envi, arrays, containers, paintings):
        yield from part.cases()
    yield from beside.cases(good)
