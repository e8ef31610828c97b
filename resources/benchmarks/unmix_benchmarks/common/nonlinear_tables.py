"""What the rows of the benchmark of nonlinear mixtures say, and whether the goals are reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

from unmix_benchmarks.common.nonlinear_rows import SETTINGS, Key, Row

# Goals that were set beforehand.
AHEAD, FIVE_SOURCES, MOST_LAYERS, PICKED = 0.1, 0.85, 3, 0.8
# Where a rival has nearly everything, as far below it still counts as equal.
EQUAL = 0.005
# A start counts as the best one where its MCC is within so much of the highest.
AS_GOOD = 0.01
RIVALS = ("vae", "tcl", "linear-ica")
# What the goals are held against, and how the sentences name it.
OURS = {"ivae": "iVAE", "ivae-taught": "iVAE from TCL's encoder"}


def page(rows: Sequence[Row]) -> list[str]:
    """The table, then a sentence on each goal that these rows can tell."""
    return [*table(rows), "", *(f"* {sentence}" for sentence in goals(rows))]


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: a line for each method on each setting, MCC of every seed."""
    seeds = sorted({row.seed for row in rows})
    named = " | ".join(f"{seed}" for seed in seeds)
    lines = [
        f"| sources-channels | layers | method | {named} | mean | fresh rows | squares | D | C | I | MIG | processor s |",
        f"|{'---|' * (11 + len(seeds))}",
    ]
    for runs in _grouped(rows, lambda row: (row.setting, row.layers, row.method)):
        by_seed = {run.seed: run for run in runs}
        each = [_cell(by_seed[seed].mcc if seed in by_seed else None) for seed in seeds]
        measures = (
            _mean(run.mcc for run in runs),
            _mean(run.fresh for run in runs),
            _mean(run.statistics_fresh for run in runs),
            _mean(run.disentanglement for run in runs),
            _mean(run.completeness for run in runs),
            _mean(run.informativeness for run in runs),
            _mean(run.gap for run in runs),
        )
        first = runs[0]
        cells = [first.setting, str(first.layers), first.method, *each, *map(_cell, measures)]
        lines.append(f"| {' | '.join([*cells, f'{statistics.fmean(run.seconds for run in runs):.1f}'])} |")
    return lines


def goals(rows: Sequence[Row]) -> Iterator[str]:
    """One sentence on each goal, of the iVAE of its own starts and of the one that begins at TCL's encoder as well."""
    for method, name in OURS.items():
        yield from _ahead(rows, method, name)
        yield from _as_near(rows, method, name)
        yield from _five_sources(rows, method, name)
        yield from _picked(rows, method, name)


def _ahead(rows: Sequence[Row], method: str, name: str) -> Iterator[str]:
    """Against each rival, where there are two sources and segments."""
    two = [row for row in rows if SETTINGS[row.setting].sources == 2 and not SETTINGS[row.setting].in_time]
    for rival in RIVALS:
        gaps = list(_gaps(two, method, rival).values())
        if gaps:
            mean, ahead = statistics.fmean(gaps), sum(gap > 0 for gap in gaps)
            reached = mean >= AHEAD and ahead == len(gaps)
            yield (
                f"Two sources, {name}: MCC {mean:+.3f} from that of {rival} in the mean, ahead in {ahead} of {len(gaps)} "
                f"(goal: all, by {AHEAD:.1f} in the mean: {_word(reached)})."
            )


def _as_near(rows: Sequence[Row], method: str, name: str) -> Iterator[str]:
    """Against TCL in every setting with segments: it may have more than 0.9, above which nothing is ahead by 0.1."""
    gaps = _gaps([row for row in rows if not SETTINGS[row.setting].in_time], method, "tcl")
    if gaps:
        worst = min(gaps, key=lambda key: gaps[key])
        equal = sum(gap >= -EQUAL for gap in gaps.values())
        yield (
            f"All settings, {name}: MCC above TCL's or at most {EQUAL} below it in {equal} of {len(gaps)} runs; "
            f"at worst {gaps[worst]:+.3f} from it ({worst.setting}, {worst.layers} layers, seed {worst.seed})."
        )


def _gaps(rows: Sequence[Row], method: str, rival: str) -> dict[Key, float]:
    """MCC above the rival's on the same data."""
    found = {row.key: row.mcc for row in rows if row.mcc is not None}
    pairs = {key: key._replace(method=rival) for key in found if key.method == method}
    return {key: found[key] - found[other] for key, other in pairs.items() if other in found}


def _five_sources(rows: Sequence[Row], method: str, name: str) -> Iterator[str]:
    ours = [
        row
        for row in rows
        if row.method == method
        and SETTINGS[row.setting].sources == 5
        and row.layers <= MOST_LAYERS
        and row.mcc is not None
    ]
    for runs in _grouped(ours, lambda row: (row.setting, row.layers)):
        mean = _mean(run.mcc for run in runs) or 0.0
        yield (
            f"{runs[0].setting}, {runs[0].layers} layers, {name}: MCC {mean:.3f} in the mean of {len(runs)} seeds "
            f"(goal: {FIVE_SOURCES}: {_word(mean >= FIVE_SOURCES)})."
        )


def _picked(rows: Sequence[Row], method: str, name: str) -> Iterator[str]:
    """How often the evidence prefers a start that is as near to the truth as the best one."""
    ours = [row for row in rows if row.method == method and row.mcc is not None and row.best_start is not None]
    if ours:
        right = sum(picked_well(row) for row in ours)
        yield (
            f"{name}: the evidence prefers a start within {AS_GOOD} of the best one's MCC in {right} of {len(ours)} runs "
            f"(goal: {PICKED:.0%}: {_word(right >= PICKED * len(ours))})."
        )


def picked_well(row: Row) -> bool:
    """Whether the start that the objective prefers is as good as any, told by the truth."""
    return row.mcc is not None and row.best_start is not None and row.mcc >= row.best_start - AS_GOOD


def _word(reached: bool) -> str:
    return "reached" if reached else "missed"


def _grouped(rows: Sequence[Row], name: Callable[[Row], object]) -> list[list[Row]]:
    found: dict[object, list[Row]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    return list(found.values())


def _mean(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
