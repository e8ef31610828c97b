"""Many runs against goals: one line for each scene, side information and method, with mean and spread; what is lost, in words."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from unmix_benchmarks.common.cases import Case

OURS = "ivae"
AUTOMATIC = "automatic"
# What nobody can do without the truth: rows that say how far a scene can be solved at all.
PUREST, KNOWN = "ten purest pixels, picked with the truth", "least squares, the reference's endmembers"
BEST_CLASSICAL = "best classical, picked with the truth"
_ORACLES = (PUREST, KNOWN)
# A stroke costs where the mean error with it is above the one without by more than this share.
_COSTS = 0.02


@dataclass(frozen=True)
class Scored:
    """One run.

    Attributes
    ----------
    scene, side, method, seed : what was run, with which side information
    angle : mean spectral angle in degrees
    error : abundance RMSE, or mean relative error of areas
    found : whether all materials were found; of the ten purest pixels, whether they are pure
    seconds : wall time
    decided : whose word the endmembers are, "" where it is none of ours
    moved : how far the rest of the model moved the abundances from least squares (RMS); None where that was not measured
    materials : in the reference
    commit : of the program that ran it
    """

    scene: str
    side: str
    method: str
    seed: int
    angle: float
    error: float
    found: bool
    seconds: float
    decided: str = ""
    moved: float | None = None
    materials: int = 0
    commit: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What a line of the table is about."""
        return self.scene, self.side, self.method

    def line(self) -> str:
        """For whoever waits."""
        return f"{self.scene} · {self.side} · {self.method} · {self.seed}: {self.angle:.2f}°, {self.error:.4f}, {self.seconds:.1f} s"

    @classmethod
    def read(cls, row: Mapping[str, str]) -> Scored:
        """The inverse of a row of the CSV; what an older one lacks is as it is by default."""
        parts = {one.name: row[one.name] for one in fields(cls) if row.get(one.name)}
        return cls(
            parts["scene"],
            parts["side"],
            parts["method"],
            int(parts["seed"]),
            float(parts["angle"]),
            float(parts["error"]),
            parts["found"] == "True",
            float(parts["seconds"]),
            parts.get("decided", ""),
            float(parts["moved"]) if "moved" in parts else None,
            int(parts.get("materials", 0)),
            parts.get("commit", ""),
        )


@dataclass(frozen=True)
class Goal:
    """What the default should reach on a scene: mean error, mean angle, worst error; and what peers reach, measured elsewhere."""

    scene: str
    side: str
    error: float | None = None
    angle: float | None = None
    worst: float | None = None
    peers: str = ""

    def text(self) -> str:
        """``≤ 0.013 / ≤ 1.25°``."""
        parts = [f"≤ {self.error:g}"] if self.error is not None else []
        parts += [f"≤ {self.angle:g}°"] if self.angle is not None else []
        parts += [f"worst ≤ {self.worst:g}"] if self.worst is not None else []
        return " / ".join(parts)

    def reached(self, rows: Sequence[Scored]) -> bool:
        """Whether these runs' means, and the worst of them, are within the goal: errors to three decimals, angles to two."""
        within = [
            (self.error, statistics.fmean(row.error for row in rows), 3),
            (self.angle, statistics.fmean(row.angle for row in rows), 2),
            (self.worst, max(row.error for row in rows), 3),
        ]
        return all(round(value, digits) <= goal for goal, value, digits in within if goal is not None)


class Section(NamedTuple):
    """A part of the table: its title and its scenes in order, those that are files and those that are simulated."""

    title: str
    cases: tuple[Case, ...]
    others: tuple[str, ...] = ()

    @property
    def scenes(self) -> tuple[str, ...]:
        """The names of its scenes."""
        return (*(case.name for case in self.cases), *self.others)


def groups(rows: Iterable[Scored]) -> dict[tuple[str, str, str], list[Scored]]:
    """(scene, side information, method) -> its runs, in the order of the first."""
    found: dict[tuple[str, str, str], list[Scored]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return found


def kept(before: Iterable[Scored], now: Sequence[Scored]) -> list[Scored]:
    """The rows that were run now, and those of before whose line was not."""
    again = {row.key for row in now}
    return [*now, *(row for row in before if row.key not in again)]


def tables(rows: Sequence[Scored], goals: Sequence[Goal], sections: Sequence[Section]) -> list[str]:
    """Markdown: the scenes and what can be asked of them, then one table for each kind of reference."""
    lines = [*_scenes(rows, sections), ""]
    for section in sections:
        there = {row.scene for row in rows}
        body = [line for scene in section.scenes if scene in there for line in _of_scene(scene, rows, goals, section)]
        if body:
            lines += [f"**{section.title}**", "", *_HEAD, *body, ""]
    return lines[:-1]


_HEAD = (
    "| scene | side information | method | runs | angle | error | worst | goal | decided by; moved | chosen on it |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def _of_scene(scene: str, rows: Sequence[Scored], goals: Sequence[Goal], section: Section) -> list[str]:
    """The lines of a scene, its peers after the first of ours."""
    by_side = {goal.side: goal for goal in goals if goal.scene == scene}
    case = next((case for case in section.cases if case.name == scene), None)
    lines, said = [], False
    for (_, side, method), runs in groups(row for row in rows if row.scene == scene).items():
        if method in _ORACLES:
            continue
        goal = by_side.get(side) if method == OURS else None
        chosen = "" if method != OURS else _chosen(case, side)
        lines.append(_line(runs, goal, chosen))
        if goal is not None and goal.peers and not said:
            said = True
            lines.append(f"| {scene} | | *peers, measured elsewhere: {goal.peers}* | | | | | | | |")
    return lines


def _line(runs: Sequence[Scored], goal: Goal | None, chosen: str) -> str:
    first = runs[0]
    asked = "" if goal is None else goal.text()
    reached = "" if goal is None or not asked else ": yes" if goal.reached(runs) else ": **no**"
    cells = (
        first.scene,
        first.side,
        first.method,
        str(len(runs)),
        _spread([run.angle for run in runs], 2, "°"),
        _spread([run.error for run in runs], 4),
        f"{max(run.error for run in runs):.4f}",
        f"{asked}{reached}",
        _decided(runs),
        chosen,
    )
    return f"| {' | '.join(cells)} |"


def _decided(runs: Sequence[Scored]) -> str:
    """ "geometry (2), strokes; moved 0.004": whose word the endmembers are, and what the rest of the model did to the abundances."""
    counts: dict[str, int] = {}
    for run in runs:
        if run.decided:
            counts[run.decided] = counts.get(run.decided, 0) + 1
    said = ", ".join(by if len(counts) == 1 else f"{by} ({count})" for by, count in counts.items())
    moved = [run.moved for run in runs if run.moved is not None]
    return said if not said or not moved else f"{said}; {statistics.fmean(moved):.3f}"


def _chosen(case: Case | None, side: str) -> str:
    """The decisions whose numbers were chosen on this scene; "never" where there are none."""
    decisions = () if case is None else case.chosen.of(strokes="strokes" in side)
    return ", ".join(f"{number:04d}" for number in decisions) or "never"


def _scenes(rows: Sequence[Scored], sections: Sequence[Section]) -> list[str]:
    """What is known of each real or published scene: its reference, and how far that can be reached."""
    lines = [
        "| scene | materials | reference | inversion that it means | ten purest pixels | least squares with its own endmembers |",
        "|---|---|---|---|---|---|",
    ]
    measured = {(row.scene, row.method): row for row in rows if row.method in _ORACLES}
    for case in (case for section in sections for case in section.cases):
        purest, known = (measured.get((case.name, method)) for method in _ORACLES)
        if purest is None or known is None:
            continue
        inversion = "brightness free" if case.illumination else "sum to one"
        floor = f"{purest.angle:.2f}°" if purest.found else f"{purest.angle:.2f}°, not pure"
        lines.append(
            f"| {case.name} | {purest.materials} | {case.reference} | {inversion} | {floor} | {known.error:.4f} |"
        )
    return lines


def losses(rows: Sequence[Scored], goals: Sequence[Goal]) -> list[str]:
    """The rows where the default misses its goal, another method has the smaller mean error or angle, or strokes cost, in words."""
    by_scene = {(goal.scene, goal.side): goal for goal in goals}
    lines = {key: runs for key, runs in groups(rows).items() if key[2] not in _ORACLES}
    said = []
    for (scene, side, method), runs in lines.items():
        if method != OURS:
            continue
        goal = by_scene.get((scene, side))
        if goal is not None and goal.text() and not goal.reached(runs):
            said.append(f"Short of the goal: {scene}, {side}.")
        others = {name: other for (where, how, name), other in lines.items() if (where, how) == (scene, side)}
        said += _lost(scene, side, runs, others)
        if side.startswith("strokes"):
            said += _costs(scene, side, runs, lines.get((scene, AUTOMATIC, OURS), []))
    return said


def _lost(scene: str, side: str, ours: Sequence[Scored], others: Mapping[str, Sequence[Scored]]) -> list[str]:
    said = []
    for what, unit, digits in (("error", "", 4), ("angle", "°", 2)):
        # As the table prints them: what agrees in every digit is not lost.
        mean = round(statistics.fmean(getattr(run, what) for run in ours), digits)
        means = {
            name: round(statistics.fmean(getattr(run, what) for run in runs), digits) for name, runs in others.items()
        }
        better = [f"{name} ({value:.{digits}f}{unit})" for name, value in means.items() if value < mean]
        if better:
            lost = f"Lost: on {scene}, {side}, the smaller mean {what} was that of {' and '.join(better)}"
            said.append(f"{lost}; of the default {mean:.{digits}f}{unit}.")
    return said


def _costs(scene: str, side: str, painted: Sequence[Scored], blind: Sequence[Scored]) -> list[str]:
    if not blind:
        return []
    with_strokes, without = (statistics.fmean(run.error for run in runs) for runs in (painted, blind))
    if with_strokes <= (1 + _COSTS) * without:
        return []
    return [f"Strokes cost: on {scene}, {side}, the mean error is {with_strokes:.4f}, without strokes {without:.4f}."]


def _spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    mean = f"{statistics.fmean(values):.{digits}f}{unit}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"
