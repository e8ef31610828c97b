"""What the rows of the benchmark of side information say: a line for each scene and source, and what each bought over all scenes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from unmix_benchmarks.common.side_rows import FOUND, HELD, NONE, TRUE, Row, shares
from unmix_benchmarks.common.side_scenes import SCENES


def page(rows: Sequence[Row]) -> list[str]:
    """The table, then one sentence on each source."""
    return [*table(rows), "", *(f"* {said}" for said in sentences(rows))]


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown, means over the seeds; RMSE in thousandths."""
    columns = (
        "scene",
        "u",
        "angle",
        *(f"RMSE, {whose}" for whose in ("its own endmembers", "those of no u", "true ones")),
    )
    columns += ("by u alone", "by the endmembers", "cover", "cover, true ones", "grades")
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for scene in dict.fromkeys(row.scene for row in rows):
        for source in dict.fromkeys(row.source for row in rows if row.scene == scene):
            line = _line(rows, scene, source)
            if line:
                lines.append(line)
    return lines


def _line(rows: Sequence[Row], scene: str, source: str) -> str:
    """ "" where a run that was stopped has only some of it."""
    free, held, true = (_of(rows, scene, source, endmembers) for endmembers in (FOUND, HELD, TRUE))
    without = _of(rows, scene, NONE, HELD)
    if not (held and true and without):
        return ""
    own = free or held
    errors = [_mean(runs, "rmse") for runs in (own, held, true)]
    gained = shares(_mean(without, "rmse"), errors[1], errors[0])
    cells = [
        scene,
        source,
        f"{_mean(own, 'angle'):.2f}°",
        *(f"{1000 * error:.1f}" for error in errors),
        *(f"{1000 * share:+.1f}" for share in gained),
        _covered(free),
        _covered(true),
        "; ".join(row.grades for row in free) or "–",
    ]
    return f"| {' | '.join(cells)} |"


def _covered(runs: Sequence[Row]) -> str:
    known = [row.coverage for row in runs if row.coverage is not None]
    return f"{100 * statistics.fmean(known):.0f} %" if known else "–"


def sentences(rows: Sequence[Row]) -> Iterator[str]:
    """Of each source, in how many runs it lowered the RMSE with endmembers held, and the mean ratio: where abundances are known, and where not.

    A reference that is another program's least squares is nearer to whatever is least squares too.
    """
    for source in dict.fromkeys(row.source for row in rows if row.source != NONE):
        for known in (True, False):
            ratios = _ratios([row for row in rows if SCENES[row.scene].known is known], source)
            if ratios:
                against = "" if known else ", against references that a solver without variability made"
                lower = sum(round(ratio, 2) < 1 for ratio in ratios)
                yield (
                    f"{source}, endmembers held at those without u{against}: RMSE lower in {lower} of {len(ratios)} runs, "
                    f"{statistics.geometric_mean(ratios):.2f} of that without u in the mean ({min(ratios):.2f} to {max(ratios):.2f})."
                )


def _ratios(rows: Sequence[Row], source: str) -> list[float]:
    """Of each run with u, endmembers held: its RMSE over that of the run without u."""
    ratios = []
    for row in rows:
        if row.source == source and row.endmembers == HELD:
            alone = [one for one in _of(rows, row.scene, NONE, HELD) if one.seed == row.seed]
            ratios += [row.rmse / one.rmse for one in alone]
    return ratios


def _of(rows: Sequence[Row], scene: str, source: str, endmembers: str) -> list[Row]:
    return [row for row in rows if (row.scene, row.source, row.endmembers) == (scene, source, endmembers)]


def _mean(runs: Sequence[Row], name: str) -> float:
    return statistics.fmean(getattr(run, name) for run in runs)
