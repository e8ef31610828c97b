"""Many runs against goals: one line for each scene, side information and method, with mean and spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scored:
    """One run: mean spectral angle (degrees), error (abundance RMSE, or relative error of areas), whether all materials were found."""

    scene: str
    side: str
    method: str
    seed: int
    angle: float
    error: float
    found: bool
    seconds: float

    def line(self) -> str:
        """For whoever waits."""
        return f"{self.scene} · {self.side} · {self.method} · {self.seed}: {self.angle:.2f}°, {self.error:.4f}, {self.seconds:.1f} s"


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


def groups(rows: Iterable[Scored]) -> dict[tuple[str, str, str], list[Scored]]:
    """(scene, side information, method) -> its runs, in the order of the first."""
    found: dict[tuple[str, str, str], list[Scored]] = {}
    for row in rows:
        found.setdefault((row.scene, row.side, row.method), []).append(row)
    return found


def table(rows: Sequence[Scored], goals: Sequence[Goal]) -> list[str]:
    """Markdown."""
    lines = [
        "| scene | side information | method | runs | mean angle | error | worst | found | seconds | goal | reached |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    by_scene = {(goal.scene, goal.side): goal for goal in goals}
    peers_said: set[str] = set()
    for (scene, side, method), runs in groups(rows).items():
        goal = by_scene.get((scene, side)) if method == "ivae" else None
        reached = "" if goal is None or not goal.text() else "yes" if goal.reached(runs) else "**no**"
        cells = (
            scene,
            side,
            method,
            str(len(runs)),
            _spread([run.angle for run in runs], 2, "°"),
            _spread([run.error for run in runs], 4),
            f"{max(run.error for run in runs):.4f}",
            f"{sum(run.found for run in runs)}/{len(runs)}",
            f"{statistics.median(run.seconds for run in runs):.1f}",
            "" if goal is None else goal.text(),
            reached,
        )
        lines.append(f"| {' | '.join(cells)} |")
        if goal is not None and goal.peers and scene not in peers_said:
            peers_said.add(scene)
            lines.append(f"| {scene} | | *peers, measured elsewhere: {goal.peers}* | | | | | | | | |")
    return lines


def losses(rows: Sequence[Scored], goals: Sequence[Goal]) -> list[str]:
    """The rows where the default misses its goal or another method has the smaller mean error, in words."""
    means = {key: statistics.fmean(run.error for run in runs) for key, runs in groups(rows).items()}
    by_scene = {(goal.scene, goal.side): goal for goal in goals}
    said = []
    for (scene, side, method), runs in groups(rows).items():
        if method != "ivae":
            continue
        goal = by_scene.get((scene, side))
        if goal is not None and goal.text() and not goal.reached(runs):
            said.append(f"Short of the goal: {scene}, {side}.")
        ours = means[scene, side, method]
        better = [name for (where, how, name), value in means.items() if (where, how) == (scene, side) and value < ours]
        if better:
            said.append(f"Lost: on {scene}, {side}, {' and '.join(better)} had the smaller mean error.")
    return said


def _spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    mean = f"{statistics.fmean(values):.{digits}f}{unit}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"
