"""How far can each endmember be believed? The grades of the report, and all that they rest on, against the truth, endmember by endmember.

Simulated scenes of many kinds, one half to choose on and one that is looked at once; published simulated sets; real images, whose references are
solvers' outputs or undocumented. An endmember is wrong where it is more than 5° off. Steady is not right: the blind spots are listed by name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.stages import STAGES
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import Fit
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.sentences import UnmixError
from unmix_benchmarks.common import conformal
from unmix_benchmarks.common.cases import Truth, data_folder
from unmix_benchmarks.common.kept import earlier, table_in_parts
from unmix_benchmarks.common.printed import commit, printed_by
from unmix_benchmarks.common.scores import parser
from unmix_benchmarks.common.trust_rows import Row, read, write
from unmix_benchmarks.common.trust_scenes import SIZE, Draft, TrustScene, drafts
from unmix_benchmarks.common.trust_tables import BY_REGIONS, GOALS, blind_spots, cost, counts, predictors

TITLE = "grades of single endmembers, against the truth"
SEARCH, TWIN = "finding endmembers", "simulated twin"
# What the report estimates again for its verdict; the other stages are what a grade costs.
_BEFORE = (
    "fitting the regions' moments again",
    "finding endmembers from another start",
    "refitting simulated twins",
    "refitting parts of the data",
    "telling regions apart",
    "refitting more simulated twins",
)
GRADING = tuple(title for title, _ in STAGES if title not in _BEFORE)
# A bound on the angle is looked for among the endmembers that these make alike.
NEAREST_BY = ("doubt_degrees", "pure_pixels")
T = TypeVar("T")


def main(arguments: list[str]) -> int:
    """Run it; ``--rows`` restricts it to the scenes whose names or parts contain one of the words."""
    chosen = _options().parse_args(arguments)
    rows: list[Row] = []
    for draft in _wanted(chosen):
        scene = draft.make()
        rows += run_scene(scene)
        print(said(rows[-len(scene.truth.endmembers) :]), file=sys.stderr, flush=True)
        if chosen.out is not None:
            write(rows, chosen.out / "trust.csv.part")  # a long run that is stopped leaves what it has
    kept = _kept(rows, chosen.keep, chosen.out)
    text = "\n".join([*page(kept), "", printed_by([row.commit for row in kept])]) + "\n"
    print(text)
    if chosen.out is not None and kept:
        write(kept, chosen.out / "trust.csv")
        (chosen.out / "trust.csv.part").unlink(missing_ok=True)
        (chosen.out / "trust.md").write_text(text, encoding="utf-8")
    return 0


def _options() -> argparse.ArgumentParser:
    options = parser("trust", __doc__ or "")
    options.add_argument("--scenes", type=int, default=28, help="simulated scenes of each half (default 28)")
    options.add_argument("--painted", type=int, default=24, help="painted scenes of each half (default 24)")
    options.add_argument("--families", type=int, default=24, help="scenes of drawn laws of each half (default 24)")
    options.add_argument(
        "--size", type=int, default=SIZE, help=f"rows and columns of a simulated scene (default {SIZE})"
    )
    table_in_parts(options)
    return options


def _wanted(chosen: argparse.Namespace) -> Iterator[Draft]:
    try:
        data = data_folder(chosen.data)
    except UnmixError as missing:
        print(f"napari-unmix: {missing} Only simulated scenes are run.", file=sys.stderr)
        data = None
    for draft in drafts(chosen.scenes, data, chosen.size, chosen.painted, chosen.families):
        if any(word.lower() in f"{draft.part}: {draft.name}".lower() for word in chosen.rows):
            yield draft


def _kept(rows: list[Row], folders: Sequence[Path] | None, out: Path | None) -> list[Row]:
    """The rows that were run, and of earlier tables those of other scenes."""
    for file in earlier("trust", folders, out):
        run = {row.scene for row in rows}
        rows = rows + [row for row in read(file) if row.scene not in run]
    return rows


def run_scene(scene: TrustScene) -> list[Row]:
    """Unmix a scene, assess the answer, and hold each endmember against the truth."""
    count = len(scene.truth.endmembers)
    asked = {"method": scene.method, "endmembers": count, "illumination": scene.illumination}
    result, seconds = timed(unmix(scene.cube, spec_class(scene.method).model_validate(asked), scene.annotation))
    report, again = timed(assess(scene.cube, result))
    spent = seconds.get(SEARCH, 0.0), sum(again.get(title, 0.0) for title in GRADING)
    order = match_endmembers(result.endmembers, scene.truth.endmembers)
    degrees, errors = _degrees(result, scene.truth, order), _map_errors(result, scene.truth, order)
    words = {grade.name: grade.word for grade in report.grades}
    return [
        Row(
            scene.name,
            scene.part,
            scene.kind,
            int(endmember) + 1,
            scene.materials[k] if scene.materials else f"material {k + 1}",
            float(degrees[k]),
            errors[k],
            words.get(result.names[endmember], ""),
            report.verdict,
            *spent,
            commit(),
            numbers_of(report, result, int(endmember)),
        )
        for k, endmember in enumerate(order)
    ]


def timed(steps: Fit[T]) -> tuple[T, dict[str, float]]:
    """What a generator returns, and the processor seconds of each of its stages."""
    spent: dict[str, float] = {}
    stage, last = "", time.process_time()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            spent[stage] = spent.get(stage, 0.0) + time.process_time() - last
            return end.value, spent
        now = time.process_time()
        spent[stage] = spent.get(stage, 0.0) + now - last
        stage, last = step.stage, now


def _degrees(result: Unmixing, truth: Truth, order: np.ndarray) -> FloatArray:
    good = np.isfinite(result.endmembers).all(axis=0)
    return np.degrees(spectral_angle(result.endmembers[order][:, good], truth.endmembers[:, good]))


def _map_errors(result: Unmixing, truth: Truth, order: np.ndarray) -> list[float | None]:
    """Root mean square error of each map, None where the reference has no maps."""
    if truth.abundances is None:
        return [None] * len(order)
    squared = (result.abundances[..., order] - truth.abundances) ** 2
    return [float(value) for value in np.sqrt(np.nanmean(squared, axis=(0, 1)))]


def numbers_of(report: Report, result: Unmixing, endmember: int) -> dict[str, float | None]:
    """What was measured of an endmember: what its grade holds, its way in the simulated twins, its standard error by the fit."""
    found: dict[str, float | None] = {BY_REGIONS: float(result.findings.by_regions)}
    for grade in report.grades:
        if grade.name == result.names[endmember]:
            found |= dict(grade.numbers)
    twins: Any = next((check.numbers for check in report.checks if check.name == TWIN), {})
    found["simulated twin"] = twins.get(f"degrees {endmember + 1}")
    return found


def said(rows: Sequence[Row]) -> str:
    """For whoever waits."""
    each = ", ".join(f"{row.error_degrees:.1f}° {row.word}".strip() for row in rows)
    return f"{rows[0].scene}: {each}; {rows[0].search_seconds:.1f} s, {rows[0].grade_seconds:.1f} s"


def page(rows: Sequence[Row]) -> list[str]:
    """All tables and sentences on these rows."""
    names = [name for name in NEAREST_BY if any(row.numbers.get(name) is not None for row in rows)]
    bounds = conformal.table(rows, names)
    return [
        *counts(rows),
        "",
        *predictors(rows),
        "",
        *(goal.said(rows) for goal in GOALS),
        "",
        *bounds,
        *([""] if bounds else []),
        cost(rows),
        "",
        *blind_spots(rows),
    ]
