"""Rows of a table that are kept from one run of a benchmark to the next: what is there is not run again."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from napari_unmix.sentences import UnmixError

RowType = TypeVar("RowType")

KEEP_HELP = "take the rows of the tables in these folders (default: OUT) as they are, those of a run that was stopped too: run only what is missing"


def table_in_parts(options: argparse.ArgumentParser) -> None:
    """Options of a table that is run in parts: which scenes, which earlier tables' lines stay, where real scenes are."""
    options.add_argument(
        "--rows", nargs="+", default=[""], metavar="WORD", help="only scenes with one of these words in their name"
    )
    options.add_argument(
        "--keep",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="keep the lines of the tables in these folders (default: OUT) that are not run: a table in parts",
    )
    options.add_argument("--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA)")


def earlier(name: str, folders: Sequence[Path] | None, out: Path | None) -> Iterator[Path]:
    """The tables in ``folders``; None: none, and without a name: the one that is replaced, if there is one.

    Raises UnmixError where a folder that was named has none.
    """
    named = () if folders is None else folders or (() if out is None else (out,))
    for folder in named:
        file = folder / f"{name}.csv"
        if file.exists():
            yield file
        elif folders:
            raise UnmixError(f"{file} is not there: give --keep the folder that an earlier table was written to.")


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
