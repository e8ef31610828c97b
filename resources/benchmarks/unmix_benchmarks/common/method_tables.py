"""What the rows of the comparison of methods say: where the default loses, first; each method over all scenes; each scene."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from unmix_benchmarks.common.method_entries import Entry, default_name
from unmix_benchmarks.common.method_rows import Row
from unmix_benchmarks.common.method_scenes import SIMULATED, Place

# As tables print them: what agrees in every digit is not lost, and what is below the last digit is as small as it.
DIGITS = {"angle": 2, "error": 4}
UNITS = {"angle": "°", "error": ""}


@dataclass(frozen=True)
class Cell:
    """A method on a scene: the rows of its seeds that have an answer, and why the others have none."""

    rows: tuple[Row, ...]
    failed: str

    def mean(self, what: str) -> float | None:
        """Over the seeds; None where nothing was measured."""
        values = self.values(what)
        return statistics.fmean(values) if values else None

    def values(self, what: str) -> list[float]:
        """Of each seed."""
        found = [getattr(row, what) for row in self.rows]
        return [float(value) for value in found if value is not None]

    def shown(self, what: str) -> float:
        """The mean as tables print it; only where there are rows."""
        mean = self.mean(what)
        assert mean is not None
        return round(mean, DIGITS[what])


Cells = Mapping[tuple[str, str], Cell]


def cells_of(rows: Sequence[Row]) -> dict[tuple[str, str], Cell]:
    """(scene, method) -> its rows, in the order of the first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.scene, row.method), []).append(row)
    return {
        key: Cell(tuple(row for row in some if not row.failed), next((row.failed for row in some if row.failed), ""))
        for key, some in found.items()
    }


def page(rows: Sequence[Row], entries: Sequence[Entry], places: Sequence[Place]) -> list[str]:
    """Markdown: where the default loses, then a line for each method."""
    return [*losses(rows, entries, places), "", *method_table(rows, entries)]


# Where the default loses


def losses(rows: Sequence[Row], entries: Sequence[Entry], places: Sequence[Place]) -> list[str]:
    """In words, the largest loss first; methods that are given more than the default are told apart."""
    cells = cells_of(rows)
    ours = default_name()
    fair = [entry.name for entry in entries if not entry.knows_more]
    scenes = [place.name for place in places if _has(cells, place.name, ours)]
    lost = [loss for scene in scenes if (loss := _loss(cells, scene, ours, fair)) is not None]
    counts = {what: sum(what in loss.parts for loss in lost) for what in DIGITS}
    others = {name for scene, name in cells if scene in scenes and name in fair and name != ours}
    lines = [
        f"**Where the default, `{ours}`, loses.** Of {len(scenes)} scenes another method that knows no more has the smaller mean angle on "
        f"{counts['angle']}, and the smaller error on {counts['error']}. On each the best of {len(others)} is picked with the truth, which "
        "no user can do.",
        "",
        *(f"* {loss.said(ours)}" for loss in sorted(lost, key=lambda loss: -loss.times)),
        *_nearer(cells, scenes, ours, fair),
        *_most_often(cells, scenes, ours, fair),
        *_given_more(cells, scenes, ours, entries),
        *_failures(cells),
    ]
    return lines


def _has(cells: Cells, scene: str, method: str) -> bool:
    cell = cells.get((scene, method))
    return cell is not None and bool(cell.rows)


class Lost(NamedTuple):
    """By one measure: the best method, its value and the default's, and how many of how many methods are below the default."""

    method: str
    best: float
    own: float
    below: int
    others: int

    def times(self, what: str) -> float:
        """How many times the best the default is."""
        return _floored(self.own, what) / _floored(self.best, what)


@dataclass(frozen=True)
class Loss:
    """A scene on which the default loses by angle, error or both."""

    scene: str
    parts: Mapping[str, Lost]

    @property
    def times(self) -> float:
        """By what factor the default is above the best, where that is most."""
        return max(part.times(what) for what, part in self.parts.items())

    def said(self, ours: str) -> str:
        """One line."""
        told = []
        for what, part in self.parts.items():
            digits, unit = DIGITS[what], UNITS[what]
            alone = f"no other of {part.others} is below it"
            many = alone if part.below == 1 else f"{part.below} of {part.others} methods are below it"
            values = f"{part.best:.{digits}f}{unit} by `{part.method}`, of `{ours}` {part.own:.{digits}f}{unit}"
            told.append(f"{what} {values}, {part.times(what):.2f} times ({many})")
        return f"{self.scene}: {'; '.join(told)}."


def _loss(cells: Cells, scene: str, ours: str, fair: Sequence[str]) -> Loss | None:
    parts = {}
    for what in DIGITS:
        own = cells[scene, ours].shown(what)
        others = {name: cells[scene, name].shown(what) for name in fair if name != ours and _has(cells, scene, name)}
        below = {name: value for name, value in others.items() if value < own}
        if below:
            best = min(below, key=lambda name: below[name])
            parts[what] = Lost(best, below[best], own, len(below), len(others))
    return Loss(scene, parts) if parts else None


def _floored(value: float, what: str) -> float:
    """At least the last digit that is printed, so that ratios stay finite."""
    return max(value, 10.0 ** -DIGITS[what])


def ahead(cells: Cells, scenes: Sequence[str], ours: str, other: str, what: str) -> tuple[int, int]:
    """On how many scenes another method is below the default, and how many both have."""
    both = [scene for scene in scenes if _has(cells, scene, other) and _has(cells, scene, ours)]
    return sum(cells[scene, other].shown(what) < cells[scene, ours].shown(what) for scene in both), len(both)


def _nearer(cells: Cells, scenes: Sequence[str], ours: str, fair: Sequence[str]) -> Iterator[str]:
    """The methods that have less than the default's in the mean over all scenes that both have."""
    for name in fair:
        mine = {scene: cells[scene, name] for scene in scenes if _has(cells, scene, name)}
        times = {what: ratio(cells, mine, ours, what) for what in DIGITS}
        below = [f"{value:.2f} times its {what}" for what, value in times.items() if value and round(value, 2) < 1]
        if below and name != ours:
            yield f"* `{name}` has {' and '.join(below)} in the geometric mean over {len(mine)} scenes."


def _most_often(cells: Cells, scenes: Sequence[str], ours: str, fair: Sequence[str]) -> Iterator[str]:
    """Whether there is one method that should be taken instead."""
    told = []
    for what in DIGITS:
        counts = {name: ahead(cells, scenes, ours, name, what) for name in fair if name != ours}
        best = max(counts, key=lambda name: counts[name][0], default="")
        if best and counts[best][0]:
            told.append(f"by {what} `{best}`, on {counts[best][0]} of {counts[best][1]}")
    if told:
        yield f"* The single method that is ahead most often: {'; '.join(told)}."


def _given_more(cells: Cells, scenes: Sequence[str], ours: str, entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        if not entry.knows_more:
            continue
        counts = [ahead(cells, scenes, ours, entry.name, what) for what in DIGITS]
        if counts[0][1]:
            yield (
                f"* `{entry.name}`, which is given spectra to choose from, has the smaller angle on {counts[0][0]} and the smaller error on "
                f"{counts[1][0]} of {counts[0][1]} scenes."
            )


def _failures(cells: Cells) -> Iterator[str]:
    for (scene, method), cell in cells.items():
        if cell.failed:
            yield f"* No answer: `{method}` on {scene}: {cell.failed.rstrip('.')}."


# Each method


_METHOD_HEAD = (
    "| method | for | endmembers unique up to order *if* | scenes | seeds | MCC between seeds (lowest) | D / C / I | "
    "angle, × the default's | error, × | ahead of it: angle, error | CPU s | MB |",
    f"|{'---|' * 12}",
)


def method_table(rows: Sequence[Row], entries: Sequence[Entry]) -> list[str]:
    """Markdown: claims beside what seeds agree in; means over the scenes that a method has."""
    cells = cells_of(rows)
    ours = default_name()
    there = {method for (_, method), cell in cells.items() if cell.rows}
    return [*_METHOD_HEAD, *(_method_line(entry, cells, ours) for entry in entries if entry.name in there)]


def _method_line(entry: Entry, cells: Cells, ours: str) -> str:
    mine = {scene: cell for (scene, method), cell in cells.items() if method == entry.name and cell.rows}
    seeds = sorted({len(cell.rows) for cell in mine.values()})
    parts = [_over(mine, what, statistics.fmean) for what in ("disentanglement", "completeness", "informativeness")]
    counts = [ahead(cells, list(mine), ours, entry.name, what) for what in DIGITS]
    told = (
        f"`{entry.name}`",
        entry.group,
        entry.claims,
        str(len(mine)),
        str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}–{seeds[-1]}",
        _agreement(entry, mine),
        " / ".join("–" if part is None else f"{part:.2f}" for part in parts),
        *(_number(ratio(cells, mine, ours, what), 2) for what in DIGITS),
        "" if entry.name == ours else f"{counts[0][0]}, {counts[1][0]} of {counts[0][1]}",
        _number(_over(mine, "seconds", statistics.median), 1),
        _number(_over(mine, "memory", max), 0),
    )
    return f"| {' | '.join(told)} |"


def _agreement(entry: Entry, mine: Mapping[str, Cell]) -> str:
    if not entry.spec.uses_seed:
        return "draws nothing"
    found = [value for cell in mine.values() if (value := cell.mean("between")) is not None]
    return f"{statistics.fmean(found):.3f} ({min(found):.3f})" if found else "–"


def _over(mine: Mapping[str, Cell], what: str, by: Callable[[list[float]], float]) -> float | None:
    """One number of the means over the scenes."""
    values = [value for cell in mine.values() if (value := cell.mean(what)) is not None]
    return by(values) if values else None


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def ratio(cells: Cells, mine: Mapping[str, Cell], ours: str, what: str) -> float | None:
    """Geometric mean over the scenes that both have of a method's mean over the default's."""
    logs = [
        math.log(_floored(cell.shown(what), what) / _floored(cells[scene, ours].shown(what), what))
        for scene, cell in mine.items()
        if _has(cells, scene, ours)
    ]
    return math.exp(statistics.fmean(logs)) if logs else None


# Each scene


def scene_tables(rows: Sequence[Row], entries: Sequence[Entry], places: Sequence[Place]) -> list[str]:
    """Markdown: what the scenes are, then angles and errors of all methods on all, simulated scenes and others apart."""
    cells = cells_of(rows)
    there = {scene for scene, _ in cells}
    shown = [place for place in places if place.name in there]
    lines = ["| scene | reference | what of it |", "|---|---|---|"]
    lines += [f"| {place.name} | {place.reference} | {place.words} |" for place in shown]
    for what, title in (("angle", "Mean spectral angle, degrees"), ("error", "Abundance error")):
        for simulated, kind in ((True, "simulated scenes"), (False, "published and real scenes")):
            some = [place.name for place in shown if (place.reference == SIMULATED) == simulated]
            if some:
                lines += ["", f"**{title}: {kind}**", "", *_grid(what, some, cells, entries)]
    return lines


def _grid(what: str, scenes: Sequence[str], cells: Cells, entries: Sequence[Entry]) -> list[str]:
    fair = [entry.name for entry in entries if not entry.knows_more]
    best = {
        scene: min((cells[scene, name].shown(what) for name in fair if _has(cells, scene, name)), default=None)
        for scene in scenes
    }
    lines = [f"| method | {' | '.join(scenes)} |", f"|---|{'---|' * len(scenes)}"]
    for entry in entries:
        mine = [cells.get((scene, entry.name)) for scene in scenes]
        if any(mine):
            marked = [best[scene] if entry.name in fair else None for scene in scenes]
            told = [_told(cell, what, least) for cell, least in zip(mine, marked, strict=True)]
            lines.append(f"| `{entry.name}` | {' | '.join(told)} |")
    return lines


def _told(cell: Cell | None, what: str, best: float | None) -> str:
    """ "0.32 ± 0.01", bold where it is the smallest; "–" where it was not run."""
    if cell is None:
        return "–"
    if not cell.rows:
        return "no answer"
    values, digits = cell.values(what), DIGITS[what]
    shown = f"{cell.shown(what):.{digits}f}"
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"**{shown}**{spread}" if cell.shown(what) == best else shown + spread
