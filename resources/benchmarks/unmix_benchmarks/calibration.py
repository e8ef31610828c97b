"""Does the identifiability report tell right answers from wrong ones? Half of the scenes keep all conditions, half break one each.

Right is an answer whose mean spectral angle is at most 2°. A condition that fails is detected where the verdict is not "identified";
a false alarm is another verdict on a right answer of a scene in which all conditions hold. ``--families`` draws other scenes, for a table of
their own: nothing is broken on purpose, and law, noise, light and numbers are drawn (``families``).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.sentences import UnmixError
from unmix_benchmarks.common.conditions import FAILURES, HOLDS, OTHER_LAW, Condition, condition_scene
from unmix_benchmarks.common.families import LAWS, NOISES, family_scene
from unmix_benchmarks.common.printed import commit, printed_by
from unmix_benchmarks.common.scores import parser, score

TITLE = "verdicts of the identifiability report, against the truth"
RIGHT_DEGREES = 2.0
VERDICTS = ("identified", "partly", "not identified")
# A standard normal's 5 % and 95 % points.
_INTERVAL = 1.645
_OTHER_LAW_SHARE = 20  # one scene in so many


@dataclass(frozen=True)
class Row:
    """One scene: what is true of it, what the report says, how far the answer is from the truth, and how far it was said to be.

    Of a family, the law is the ``condition``, and the noise the ``truth``.
    ``angle_degrees``, ``abundance_rmse`` and ``coverage`` (of the 90 % intervals) are None where another number of endmembers was asked.
    ``commit`` is of the program that ran it, "" of rows that are older than this column.
    """

    seed: int
    condition: str
    truth: str
    decibels: float
    materials: int
    regions: int
    illumination: bool
    verdict: str
    doubts: str
    angle_degrees: float | None
    abundance_rmse: float | None
    coverage: float | None
    expected_angle_degrees: float | None
    expected_abundance_rmse: float | None
    fit_seconds: float
    commit: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is near the truth."""
        return self.angle_degrees is not None and self.angle_degrees <= RIGHT_DEGREES

    @property
    def identified(self) -> bool:
        """Whether the report says so."""
        return self.verdict == "identified"


def main(arguments: list[str]) -> int:
    """Run it: ``--scenes`` scenes from ``--seed``; of those that ``--keep`` has, only the ones with a verdict that is asked ``--again``."""
    chosen = _options().parse_args(arguments)
    name = "calibration-families" if chosen.families else "calibration"
    rows: list[Row] = []
    scenes = enumerate(conditions(chosen.scenes), start=chosen.seed)
    kept = {} if chosen.keep is None else _read(chosen.keep / f"{name}.json")
    for row in with_kept(scenes, kept, chosen.again, run_family if chosen.families else run_scene):
        rows.append(row)
        if chosen.out is not None:
            write_numbers(rows, chosen.out, name)  # a long run that is stopped leaves what it has
    text = f"{table(rows)}\n\n{summary(rows)}\n\n{printed_by([row.commit for row in rows if row.commit])}\n"
    print(text)
    if chosen.out is not None:
        (chosen.out / f"{name}.md").write_text(text, encoding="utf-8")
    return 0


def _options() -> argparse.ArgumentParser:
    options = parser("calibration", __doc__ or "")
    options.add_argument("--scenes", type=int, default=200, help="how many scenes (default 200)")
    options.add_argument("--seed", type=int, default=1, help="seed of the first scene")
    options.add_argument("--families", action="store_true", help="scenes of drawn laws and noises")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the rows of the table in this folder")
    options.add_argument(
        "--again", nargs="+", default=[], metavar="VERDICT", help="of kept rows, run those of these verdicts again"
    )
    return options


def with_kept(
    scenes: Iterable[tuple[int, str]],
    kept: Mapping[int, Row],
    again: Collection[str],
    run: Callable[[int, str], Row],
) -> Iterator[Row]:
    """A row of each (seed, condition): the kept one, unless its verdict is one that is asked ``again``; else what ``run`` makes of it."""
    for seed, condition in scenes:
        before = kept.get(seed)
        yield run(seed, condition) if before is None or before.verdict in again else before


def _read(file: Path) -> dict[int, Row]:
    """The rows of an earlier table, by their seeds."""
    if not file.exists():
        raise UnmixError(f"{file} is not there: give --keep the folder that an earlier table was written to.")
    return {row["seed"]: Row(**row) for row in json.loads(file.read_text(encoding="utf-8"))}


def conditions(count: int) -> list[str]:
    """Which condition each of ``count`` scenes keeps or breaks: half keep all, the failures take turns on the other half."""
    failing = cycle(FAILURES)
    return [
        OTHER_LAW if number % _OTHER_LAW_SHARE == _OTHER_LAW_SHARE - 2 else HOLDS if number % 2 == 0 else next(failing)
        for number in range(count)
    ]


def run_scene(seed: int, condition: str) -> Row:
    """Unmix one scene with the defaults and assess the result."""
    return _row(seed, condition, condition_scene(seed, condition))


def run_family(seed: int, condition: str = "") -> Row:
    """The same of a scene whose law and noise are drawn, whatever the ``condition``."""
    scene = family_scene(seed)
    return replace(_row(seed, scene.truth, scene), truth=scene.failure)


def _row(seed: int, condition: str, scene: Condition) -> Row:
    spec = spec_class("ivae").model_validate({"endmembers": scene.asked, "illumination": scene.scaled})
    result = drain(unmix(scene.cube, spec, scene.annotation))
    report = drain(assess(scene.cube, result))
    found = (
        score(condition, result, scene.endmembers, scene.abundances) if scene.asked == len(scene.endmembers) else None
    )
    return Row(
        seed,
        condition,
        scene.truth,
        scene.decibels,
        len(scene.endmembers),
        int(scene.annotation.labels.max()),
        scene.scaled,
        report.verdict,
        ", ".join(check.name for check in report.checks if check.status in ("doubtful", "fail")),
        None if found is None else found.angle_degrees,
        None if found is None else found.abundance_rmse,
        None if found is None else coverage(scene, result),
        report.expected_angle_degrees,
        report.expected_abundance_rmse,
        result.seconds,
        commit(),
    )


def coverage(scene: Condition, result: Unmixing) -> float | None:
    """Share of the true abundances within the result's 90 % intervals; None where it has no spread."""
    if result.abundance_std is None:
        return None
    order = match_endmembers(result.endmembers, scene.endmembers)
    error = np.abs(result.abundances[..., order] - scene.abundances)
    return float((error <= _INTERVAL * result.abundance_std[..., order]).mean())


def table(rows: Sequence[Row]) -> str:
    """Markdown: one line for each condition; of families for each law, and below it for each noise."""
    tables = [_table("condition", [(name, _having(rows, "condition", name)) for name in (HOLDS, *FAILURES, OTHER_LAW)])]
    tables += [_table("law", [(name, _having(rows, "condition", name)) for name in LAWS])]
    drawn = [row for row in rows if row.condition in LAWS]
    tables += [_table("noise", [(name, _having(drawn, "truth", name)) for name in NOISES])]
    return "\n\n".join(filter(None, tables))


def _having(rows: Sequence[Row], field: str, value: str) -> list[Row]:
    return [row for row in rows if getattr(row, field) == value]


def _table(what: str, groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """One line for each group that has rows; "" where none has."""
    lines = [
        f"| {what} | scenes | right | identified | of these wrong | partly | not identified |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, here in groups:
        if here:
            verdicts = [len(_having(here, "verdict", verdict)) for verdict in VERDICTS]
            wrong = sum(row.identified and not row.right for row in here)
            right = sum(row.right for row in here)
            lines.append(
                f"| {name} | {len(here)} | {right} | {verdicts[0]} | {wrong} | {verdicts[1]} | {verdicts[2]} |"
            )
    return "\n".join(lines) if len(lines) > 2 else ""


def summary(rows: Sequence[Row]) -> str:
    """The rates in words; a rate of nothing is left out."""
    held = [row for row in rows if row.condition == HOLDS]
    broken = [row for row in rows if row.condition in FAILURES]
    sentences = [
        _rate("Failing conditions detected", [not row.identified for row in broken]),
        _rate(
            "False alarms (right answers of scenes in which all hold, not called identified)",
            [not row.identified for row in held if row.right],
        ),
        _rate(
            "Right answers called identified, whatever the law",
            [row.identified for row in rows if row.condition in LAWS and row.right],
        ),
        _rate(
            "Answers called identified that are wrong, over all scenes",
            [not row.right for row in rows if row.identified],
        ),
        _rate("Abundance error predicted within a factor 1.5, where all hold", _within(held, 1.5)),
        _rate(
            "Abundance error predicted within a factor 1.5, where the report says identified",
            _within([row for row in rows if row.identified], 1.5),
        ),
    ]
    covered = [row.coverage for row in held if row.coverage is not None]
    if covered:
        inside = sum(0.85 <= value <= 0.95 for value in covered)
        sentences.append(
            f"90 % intervals cover {100 * float(np.mean(covered)):.0f} % where all hold (between 85 and 95 % in {inside} of {len(covered)} scenes)."
        )
    return "\n".join(f"* {sentence}" for sentence in sentences if sentence)


def _rate(what: str, hits: Sequence[bool]) -> str:
    return f"{what}: {sum(hits)} of {len(hits)} ({100 * sum(hits) / len(hits):.0f} %)." if hits else ""


def _within(rows: Sequence[Row], factor: float) -> list[bool]:
    pairs = [(row.expected_abundance_rmse, row.abundance_rmse) for row in rows]
    return [1 / factor <= said / real <= factor for said, real in pairs if said is not None and real]


def write_numbers(rows: Sequence[Row], folder: Path, name: str = "calibration") -> None:
    """``NAME.csv`` and ``NAME.json``: one line a scene."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = json.dumps([asdict(row) for row in rows], indent=1)
    (folder / f"{name}.json").write_text(f"{numbers}\n", encoding="utf-8")
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
