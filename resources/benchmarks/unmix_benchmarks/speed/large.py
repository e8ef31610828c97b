"""Unmixing a file that does not fit into memory: how much memory it takes, and what of the time is fitting and what the pass over all pixels.

The file is sparse, one line of thirteen holds numbers and the others no data: memory is that of the whole image, the seconds of the pass are those of
the pixels that hold data, and a disk's own time is in none of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_unmix import assess, read_cube, unmix, write_run
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.progress import Fit, Progress
from unmix_benchmarks.common.scores import parser, write_rows
from unmix_benchmarks.speed.reading import peak, sparse

TITLE = "unmixing a file that does not fit into memory"
T = TypeVar("T")

_GOAL = 2000  # MB
_PASS = "inferring all pixels"


@dataclass(frozen=True)
class Row:
    """An interleave: gigabytes of the file, pixels that hold data, seconds of one processor for each part; megabytes at the peak."""

    file: str
    gigabytes: float
    pixels: int
    fit: float
    pass_: float
    report: float
    written: float
    megabytes: float


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("speed large", __doc__ or "")
    options.add_argument("--large", type=int, nargs=3, default=[5000, 4000, 200], help="lines, samples, bands")
    options.add_argument("--interleaves", nargs="+", default=["bil"], choices=("bil", "bip", "bsq"))
    options.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    if chosen.child:
        print(*_unmixed(Path(chosen.child[0])))
        return 0
    rows = [_row(interleave, tuple(chosen.large)) for interleave in chosen.interleaves]
    write_rows("speed-large", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def _row(interleave: str, shape: tuple[int, int, int]) -> Row:
    """In a process of its own, whose memory is only its."""
    with tempfile.TemporaryDirectory() as folder:
        path = sparse(Path(folder), shape, interleave)
        header = path.with_suffix(".hdr")
        header.write_text(header.read_text(encoding="ascii") + "data ignore value = 0\n", encoding="ascii")
        command = [sys.executable, "-m", "napari_unmix", "benchmark", "speed", "large", "--child", str(path)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        pixels, *figures = map(float, said)
        return Row(f"{interleave} uint16", path.stat().st_size / 1e9, int(pixels), *figures)


def _unmixed(path: Path) -> tuple[float, ...]:
    """Pixels, seconds of the fit, the pass, the report and writing, megabytes."""
    cube = read_cube(path, keep_on_disk=True)
    seconds = {_PASS: 0.0}
    result = _timed(unmix(cube, IvaeSpec.model_validate({"endmembers": 5})), seconds)
    fit = sum(seconds.values()) - seconds[_PASS]
    begun = time.process_time()
    report = _timed(assess(cube, result), {})
    reported = time.process_time()
    write_run(path.parent / "run", cube, result, report)
    pixels = float(np.count_nonzero(np.isfinite(result.reconstruction_error)))
    return pixels, fit, seconds[_PASS], reported - begun, time.process_time() - reported, peak() / 1e6


def _timed(steps: Fit[T], seconds: dict[str, float]) -> T:
    """Drive a fit, with the processor's seconds of each stage."""
    before, stage = time.process_time(), ""
    try:
        while True:
            event: Progress = next(steps)
            now = time.process_time()
            seconds[stage] = seconds.get(stage, 0.0) + now - before
            before, stage = now, event.stage
    except StopIteration as end:
        seconds[stage] = seconds.get(stage, 0.0) + time.process_time() - before
        result: T = end.value
        return result


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    return [
        "| file | GB | pixels with data | fit, s | pass, s | thousand pixels a second | report, s | writing, s | memory at the peak, MB |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {row.file} | {row.gigabytes:.2g} | {row.pixels:,} | {row.fit:.0f} | {row.pass_:.0f} | {row.pixels / row.pass_ / 1e3:.0f} |"
            f" {row.report:.0f} | {row.written:.0f} | {row.megabytes:,.0f} |"
            for row in rows
        ),
    ]


def summary(rows: Sequence[Row]) -> str:
    """The most memory, and the goal."""
    return f"At most {max(row.megabytes for row in rows):,.0f} MB at the peak, the whole process (goal {_GOAL:,})."
