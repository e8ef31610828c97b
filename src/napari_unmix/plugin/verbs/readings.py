"""How the open files are to be read, and how they were read before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from napari_unmix.cube import Cube, Reading
from napari_unmix.reading import reading_of, written_as
from napari_unmix.sentences import UnmixError


class Wanted(NamedTuple):
    """A file, and how to read it."""

    path: Path
    reading: Reading


class Readings:
    """The readings of each file before the present one; the present one is the cube's own."""

    def __init__(self) -> None:
        self._before: dict[Path, list[Reading]] = {}

    def wanted(self, cube: Cube, written: Mapping[str, str]) -> Wanted | None:
        """What a user wrote (field -> text; fields that are not there stay), None where it is how the cube was read.

        Raises UnmixError where it can't be understood, or the cube comes from no file.
        """
        reading = reading_of({**written_as(cube.reading), **written})
        if reading == cube.reading:
            return None
        if cube.source is None:
            raise UnmixError(
                f"{cube.name} was not read from a file, so it can't be read in another way: open its file."
            )
        return Wanted(cube.source, reading)

    def last(self, cube: Cube) -> Wanted | None:
        """How the cube's file was read before."""
        before = [] if cube.source is None else self._before.get(cube.source, [])
        return Wanted(cube.source, before[-1]) if cube.source is not None and before else None

    def changed(self, before: Cube, *, undone: bool) -> None:
        """The file of this cube is read in another way now, which an undoing takes back."""
        assert before.source is not None
        past = self._before.setdefault(before.source, [])
        if undone:
            past.pop()
        else:
            past.append(before.reading)
