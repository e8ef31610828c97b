"""Rows of a table that are kept from one run of a benchmark to the next: what is there is not run again."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from napari_unmix.sentences import UnmixError

RowType = TypeVar("RowType")

KEEP_HELP = "take the rows of the tables in these folders (default: OUT) as they are, those of a run that was stopped too: run only what is missing"


def part(name: str, out: Path) -> Path:
    """Where a run that is not finished has its rows."""
    return out / f"{name}.csv.part"


def before(name: str, kind: type[RowType], folders: Sequence[Path] | None, out: Path | None) -> Iterator[RowType]:
    """The rows of earlier tables, none without ``--keep``. Raises UnmixError where a folder that was named has none."""
    named = () if folders is None else folders or (() if out is None else (out,))
    for folder in named:
        files = [file for file in (folder / f"{name}.csv", part(name, folder)) if file.exists()]
        if not files and folders:
            raise UnmixError(
                f"{folder / name}.csv is not there: give --keep the folder that an earlier table was written to."
            )
        for file in files:
            yield from read(file, kind)


def write(rows: Sequence[Any], file: Path) -> None:
    """Dataclasses of one kind as CSV, all or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    with beside.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    beside.replace(file)


def read(file: Path, kind: type[RowType]) -> list[RowType]:
    """What ``write`` or a finished table wrote. Raises UnmixError where the columns are others."""
    types = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if set(reader.fieldnames or ()) != set(types):
            raise UnmixError(
                f"{file} has other columns than this version writes: leave --keep out, or give it another folder."
            )
        return [kind(**{name: _value(line[name], of) for name, of in types.items()}) for line in reader]


def _value(text: str, kind: str) -> str | int | float | None:
    if kind == "str":
        return text
    if kind == "int":
        return int(text)
    return None if text == "" else float(text)
