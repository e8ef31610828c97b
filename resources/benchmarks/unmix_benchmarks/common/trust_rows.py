"""One endmember of one scene: how wrong it is, and all that was measured of it without the truth; rows as lines of a CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

# An endmember further from the truth than this is wrong (degrees).
WRONG = 5.0
STEADY, UNDETERMINED = "steady", "not determined here"
WORDS = (STEADY, "shaky", UNDETERMINED)


@dataclass(frozen=True)
class Row:
    """One endmember.

    Attributes
    ----------
    scene, part, kind : which scene, in which part of the ensemble, of which kind
    endmember, material : its number from 1, and the name that the reference has for it
    error_degrees : spectral angle to the reference
    map_rmse : of its map; None where the reference has none
    word : its grade, "" where it has none
    verdict : of the whole answer
    search_seconds, grade_seconds : processor time of the scene's search, and of all searches that its grades rest on
    commit : of the program that ran it
    numbers : what may predict the error, by name; None where it was not measured
    """

    scene: str
    part: str
    kind: str
    endmember: int
    material: str
    error_degrees: float
    map_rmse: float | None
    word: str
    verdict: str
    search_seconds: float
    grade_seconds: float
    commit: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def wrong(self) -> bool:
        """Whether it is further from the truth than ``WRONG``."""
        return self.error_degrees > WRONG

    def cells(self) -> dict[str, object]:
        """What the CSV has of it; what was not measured is left empty."""
        fixed = {name: getattr(self, name) for name in _FIXED}
        return {**fixed, **self.numbers}

    @classmethod
    def read(cls, cells: Mapping[str, str]) -> Row:
        """The inverse, of a line of the CSV."""
        return cls(
            cells["scene"],
            cells["part"],
            cells["kind"],
            int(cells["endmember"]),
            cells["material"],
            float(cells["error_degrees"]),
            _number(cells["map_rmse"]),
            cells["word"],
            cells["verdict"],
            float(cells["search_seconds"]),
            float(cells["grade_seconds"]),
            cells["commit"],
            {name: _number(cell) for name, cell in cells.items() if name not in _FIXED},
        )


_FIXED = tuple(one.name for one in fields(Row) if one.name != "numbers")


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def write(rows: Sequence[Row], file: Path) -> None:
    """One line a row; columns of numbers in the order in which they appear."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = [*_FIXED, *dict.fromkeys(name for row in rows for name in row.numbers)]
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, fieldnames=columns)
        writer.writeheader()
        writer.writerows(row.cells() for row in rows)


def read(file: Path) -> list[Row]:
    """The rows of a CSV."""
    with file.open(newline="", encoding="utf-8") as lines:
        return [Row.read(cells) for cells in csv.DictReader(lines)]


def scenes(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each scene."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.scene, []).append(row)
    return found
