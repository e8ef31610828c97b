"""What the rows of the benchmark of the link say: a line for each point of the grid, who failed, and whether the disagreement told."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from unmix_benchmarks.common.link_rows import CUBES, FAILED, GRID, REGION_CONTRAST, ROWS, Row

_CONTRAST = {CUBES: f"`{REGION_CONTRAST}`", ROWS: "GCL"}


def page(rows: Sequence[Row]) -> list[str]:
    """Tables of cubes and of rows, each with its sentences."""
    lines: list[str] = []
    for kind in (CUBES, ROWS):
        ours = [row for row in rows if row.kind == kind]
        if ours:
            lines += [*table(ours), "", *(f"* {said}" for said in sentences(ours)), ""]
    return lines[:-1]


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown of one kind, means over the seeds."""
    kind = rows[0].kind
    told = _CONTRAST[kind]
    unit = "°" if kind == CUBES else "1 − MCC"
    network = " | network's score ~ truth" if kind == CUBES else ""
    lines = [
        f"| {kind}: varied | value | iVAE ({unit}) | {told} ({unit}) | apart ({unit}) | scores agree | iVAE's ~ truth | {told}'s ~ truth{network} | "
        f"{told} from iVAE's | iVAE from {told}'s | failed |",
        f"|{'---|' * (12 if kind == CUBES else 11)}",
    ]
    for varied, values in GRID[kind].items():
        for value in sorted(values, key=_number):
            runs = [row for row in rows if (row.varied, row.value) == (varied, value)]
            if runs:
                lines.append(_line(runs))
    return lines


def _line(runs: Sequence[Row]) -> str:
    first = runs[0]
    digits = 1 if first.kind == CUBES else 3
    errors = [f"{_mean(runs, name):.{digits}f}" for name in ("ivae", "contrast", "apart")]
    scores = [f"{_mean(runs, name):.2f}" for name in ("scores", "scores_ivae", "scores_contrast")]
    network = [f"{_mean(runs, 'general'):.2f}"] if first.kind == CUBES else []
    crossed = [f"{_mean(runs, name):.{digits}f}" for name in ("contrast_from_ivae", "ivae_from_contrast")]
    failed = ", ".join(row.who_failed for row in runs)
    return f"| {' | '.join([first.varied, first.value, *errors, *scores, *network, *crossed, failed])} |"


def sentences(rows: Sequence[Row]) -> Iterator[str]:
    """Counts of one kind: who failed, and how often the distance between the two told that somebody had."""
    kind = rows[0].kind
    unit = "°" if kind == CUBES else ""
    counts = {
        word: sum(row.who_failed == word for row in rows)
        for word in ("neither", "contrast alone", "iVAE alone", "both")
    }
    told = ", ".join(f"{word} {count}" for word, count in counts.items())
    yield f"{kind}: of {len(rows)} runs an error above {FAILED[kind]}{unit} had {told}."
    wrong = [row for row in rows if row.who_failed != "neither"]
    right = [row for row in rows if row.who_failed == "neither"]
    yield (
        f"{kind}: the two were further apart than {FAILED[kind]}{unit} in {sum(row.seen for row in wrong)} of {len(wrong)} runs in which one or both "
        f"failed, and in {sum(row.seen for row in right)} of {len(right)} others."
    )
    unseen = [row for row in rows if row.who_failed in ("both", "iVAE alone") and not row.seen]
    if unseen:
        named = "; ".join(sorted({f"{row.varied} {row.value}" for row in unseen}))
        yield f"{kind}: the iVAE failed and contrastive learning agreed with it: {named}."


def _mean(runs: Sequence[Row], name: str) -> float:
    return statistics.fmean(getattr(run, name) for run in runs)


def _number(value: str) -> tuple[float, str]:
    """Numbers ascend; words come last, as they are."""
    head = value.split()[0]
    try:
        return float(head), value
    except ValueError:
        return float("inf"), value
