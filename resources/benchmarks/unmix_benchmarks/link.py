"""The link between the iVAE and contrastive learning: both hold λ(u)ᵀT of the same u, one estimates it by likelihood, the other by discrimination.

Agreement of that score and of the answers, on painted cubes and on rows with a network between, one thing changed at a time; each from its own
beginning and from the other's end; and where both fail together or one does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_unmix.sentences import UnmixError
from unmix_benchmarks.common.link_cubes import run_cube
from unmix_benchmarks.common.link_figure import figure
from unmix_benchmarks.common.link_networks import run_rows
from unmix_benchmarks.common.link_rows import CUBES, GRID, ROWS, Row, grid, read, write
from unmix_benchmarks.common.link_tables import page
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "the link: iVAE and contrastive learning on the same side information"
NAME = "link"
# Seed 1 to choose on, these were looked at once.
SEEDS = (31, 32)


def main(arguments: list[str]) -> int:
    """Run it."""
    chosen = _options().parse_args(arguments)
    rows = {row.key: row for row in _before(chosen.keep, chosen.out)}
    for key in grid(chosen.kinds, chosen.vary, chosen.seeds):
        if key in rows:
            continue
        rows[key] = run_cube(key) if key.kind == CUBES else run_rows(key)
        print(rows[key], file=sys.stderr, flush=True)
        if chosen.out is not None:
            write(list(rows.values()), _part(chosen.out))  # a long run that is stopped leaves what it has
    ordered = sorted(rows.values(), key=_place)
    write_rows(NAME, ordered, page(ordered), chosen.out, [row.commit for row in ordered])
    if chosen.out is not None:
        _part(chosen.out).unlink(missing_ok=True)
    if chosen.figure is not None:
        chosen.figure.write_text(figure(ordered), encoding="utf-8")
    return 0


def _options() -> argparse.ArgumentParser:
    options = parser(NAME, __doc__ or "")
    options.add_argument(
        "--kinds", nargs="+", default=[CUBES, ROWS], choices=[CUBES, ROWS], help="what is learned from"
    )
    options.add_argument("--vary", nargs="+", metavar="WHAT", help="only these of what is varied (default: all)")
    options.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="seeds of the data")
    options.add_argument("--figure", type=Path, metavar="FILE.svg", help="draw errors against regions and segments")
    options.add_argument(
        "--keep",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="take the rows of the tables in these folders (default: OUT) as they are, those of a run that was stopped too: run only what is missing",
    )
    return options


def _part(out: Path) -> Path:
    return out / f"{NAME}.csv.part"


def _before(folders: Sequence[Path] | None, out: Path | None) -> Iterator[Row]:
    """The rows of earlier tables, none without ``--keep``."""
    named = () if folders is None else folders or (() if out is None else (out,))
    for folder in named:
        files = [file for file in (folder / f"{NAME}.csv", _part(folder)) if file.exists()]
        if not files and folders:
            raise UnmixError(
                f"{folder / NAME}.csv is not there: give --keep the folder that an earlier table was written to."
            )
        for file in files:
            yield from read(file)


def _place(row: Row) -> tuple[int, int, int]:
    varied = list(GRID[row.kind])
    return [CUBES, ROWS].index(row.kind), varied.index(row.varied), row.seed
