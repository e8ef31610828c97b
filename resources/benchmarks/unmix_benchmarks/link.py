"""The link between the iVAE and contrastive learning: both hold λ(u)ᵀT of the same u, one estimates it by likelihood, the other by discrimination.

Agreement of that score and of the answers, on painted cubes and on rows with a network between, one thing changed at a time; each from its own
beginning and from the other's end; and where both fail together or one does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unmix_benchmarks.common.kept import KEEP_HELP, before, part, write
from unmix_benchmarks.common.link_cubes import run_cube
from unmix_benchmarks.common.link_figure import figure
from unmix_benchmarks.common.link_networks import run_rows
from unmix_benchmarks.common.link_rows import CUBES, GRID, ROWS, Row, grid
from unmix_benchmarks.common.link_tables import page
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "the link: iVAE and contrastive learning on the same side information"
NAME = "link"
# Seed 1 to choose on, this was looked at once.
SEEDS = (31,)


def main(arguments: list[str]) -> int:
    """Run it."""
    chosen = _options().parse_args(arguments)
    rows = {row.key: row for row in before(NAME, Row, chosen.keep, chosen.out)}
    for key in grid(chosen.kinds, chosen.vary, chosen.seeds):
        if key in rows:
            continue
        rows[key] = run_cube(key) if key.kind == CUBES else run_rows(key)
        print(rows[key], file=sys.stderr, flush=True)
        if chosen.out is not None:
            write(list(rows.values()), part(NAME, chosen.out))  # a long run that is stopped leaves what it has
    ordered = sorted(rows.values(), key=_place)
    write_rows(NAME, ordered, page(ordered), chosen.out, [row.commit for row in ordered])
    if chosen.out is not None:
        part(NAME, chosen.out).unlink(missing_ok=True)
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
        help=KEEP_HELP,
    )
    return options


def _place(row: Row) -> tuple[int, int, int]:
    varied = list(GRID[row.kind])
    return [CUBES, ROWS].index(row.kind), varied.index(row.varied), row.seed
