"""How the error of generalised contrastive learning goes with the number of pairs, the segments and the width of its encoder.

Lyu & Fu (ICML 2022) bound the error from finitely many samples: it falls with their number, and a wider class of functions costs samples while a
narrower one can't express the unmixing. The condition on how strongly u changes the sources' law stays. One of the three is changed at a time.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_unmix.model.threads import one_thread
from napari_unmix.nonlinear.contrast import gcl
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import nonstationary
from napari_unmix.nonlinear.starts import Training
from napari_unmix.progress import drain
from unmix_benchmarks.common.scores import write_rows

# Two sources, two channels, two layers of leaky ReLU; the middle of the grid, and what else is tried.
_LAYERS, _STEPS = 2, 2_000
PAIRS, SEGMENTS, WIDTHS = (1_000, 4_000, 16_000, 40_000), (2, 5, 40), (4, 64)
MIDDLE_SEGMENTS, MIDDLE_PAIRS, MIDDLE_WIDTH = 20, 16_000, 16
_FRESH = 200


@dataclass(frozen=True)
class Cell:
    """One run: how many rows, each with one true and one shuffled value of u a step; errors are 1 − MCC."""

    varied: str
    pairs: int
    segments: int
    width: int
    seed: int
    error: float
    fresh_error: float


def run(seeds: Sequence[int], epochs: int, length: int, out: Path | None) -> int:
    """Run the grid; ``epochs`` and ``length`` shorten it in their relation to the presets."""
    shorter = epochs / Training.epochs, length / 1000
    cells = []
    for cell in grid(seeds, shorter[1]):
        cells.append(measured(cell, max(20, round(_STEPS * shorter[0]))))
        print(cells[-1], file=sys.stderr, flush=True)
    write_rows("nonlinear-ica-finite-sample", cells, [*table(cells), "", *trends(cells)], out)
    return 0


def grid(seeds: Sequence[int], share: float = 1.0) -> Iterator[Cell]:
    """What is tried, without errors yet."""
    middle = Cell("pairs", round(MIDDLE_PAIRS * share), MIDDLE_SEGMENTS, MIDDLE_WIDTH, 0, 1.0, 1.0)
    cells = [replace(middle, pairs=round(pairs * share)) for pairs in PAIRS]
    cells += [replace(middle, varied="segments", segments=segments) for segments in SEGMENTS]
    cells += [replace(middle, varied="width", width=width) for width in WIDTHS]
    for cell in cells:
        yield from (replace(cell, seed=seed) for seed in seeds)


def measured(cell: Cell, steps: int) -> Cell:
    """The same with its errors, on the rows it learned from and on fresh ones."""
    length = max(2, cell.pairs // cell.segments)
    data = nonstationary(cell.seed, 2, 2, _LAYERS, "leaky", segments=cell.segments, length=length, fresh=_FRESH)
    batch = min(512, len(data.seen.x))
    training = Training(
        epochs=max(1, steps // min(120, max(1, len(data.seen.x) // batch))),
        width=cell.width,
        seed=cell.seed,
        batch=batch,
    )
    with one_thread():
        learned = drain(gcl(Rows(data.seen.x, data.seen.u, 2), training))
    own, fresh = (1 - matched(learned.latents_of(draw.x), draw.sources).correlation for draw in (data.seen, data.fresh))
    return replace(cell, error=own, fresh_error=fresh)


def table(cells: Sequence[Cell]) -> list[str]:
    """Markdown, means over the seeds."""
    lines = [
        "| varied | pairs | segments | width | runs | 1 − MCC | on fresh rows | worst |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (varied, pairs, segments, width), runs in grouped(cells).items():
        own, fresh = (statistics.fmean(getattr(run, name) for run in runs) for name in ("error", "fresh_error"))
        worst = max(run.fresh_error for run in runs)
        lines.append(
            f"| {varied} | {pairs} | {segments} | {width} | {len(runs)} | {own:.3f} | {fresh:.3f} | {worst:.3f} |"
        )
    return lines


def trends(cells: Sequence[Cell]) -> Iterator[str]:
    """Whether the errors go as the statement has it: with pairs and segments they should fall; width is a trade-off and promises neither."""
    for varied in ("pairs", "segments"):
        means = [
            (getattr(runs[0], varied), statistics.fmean(run.fresh_error for run in runs)) for runs in of(cells, varied)
        ]
        if len(means) > 1:
            means.sort()
            (least, first), (most, last) = means[0], means[-1]
            word = "falls" if last < first else "does not fall"
            yield f"* From {least} to {most} {varied} the error on fresh rows {word}: {first:.3f} to {last:.3f}."
    widths = sorted((runs[0].width, statistics.fmean(run.fresh_error for run in runs)) for runs in of(cells, "width"))
    if widths:
        said = ", ".join(f"{width}: {error:.3f}" for width, error in widths)
        yield f"* By width of the encoder: {said}."


def of(cells: Sequence[Cell], varied: str) -> list[list[Cell]]:
    """The groups along one of the three, the middle of the grid among them."""
    found = []
    for (named, pairs, segments, width), runs in grouped(cells).items():
        middle = (segments, width) == (MIDDLE_SEGMENTS, MIDDLE_WIDTH) and pairs == _middle_pairs(cells)
        if named == varied or middle:
            found.append(runs)
    return found


def _middle_pairs(cells: Sequence[Cell]) -> int:
    return next((cell.pairs for cell in cells if cell.varied != "pairs"), MIDDLE_PAIRS)


def grouped(cells: Sequence[Cell]) -> dict[tuple[str, int, int, int], list[Cell]]:
    """The seeds of each point of the grid."""
    found: dict[tuple[str, int, int, int], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.varied, cell.pairs, cell.segments, cell.width), []).append(cell)
    return found
