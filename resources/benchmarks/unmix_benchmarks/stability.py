"""Five seeds of every method: how far do its answers spread, how far are they from the truth, and what did the report say?

Seeds that agree are not thereby right: the table shows the spread beside the distance to the truth.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.methods.registry import method_specs
from napari_unmix.pipeline import assess
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import angle_table
from napari_unmix.synthetic import KINDS, blind_scene, region_scene, sample_scene
from unmix_benchmarks.common.cases import JASPER_RIDGE, SAMSON, data_folder
from unmix_benchmarks.common.scores import parser, run_method, write_rows

TITLE = "spread over seeds, and the truth"
MOST_SPREAD, MOST_ERROR = 1.0, 2.0  # degrees, where the report says "identified"


@dataclass(frozen=True)
class Stability:
    """One method on one scene over all seeds; angles in degrees.

    ``spread``: the largest mean angle between the endmembers of two seeds. ``angle``: mean distance to the truth, ``worst`` that of the
    worst seed. ``verdicts``: each verdict that the report gave, once.
    """

    scene: str
    method: str
    seeds: int
    verdicts: str
    spread: float
    angle: float
    worst: float


@dataclass(frozen=True, eq=False)
class _Subject:
    name: str
    cube: Cube
    endmembers: FloatArray
    illumination: bool
    annotation: Annotation | None


def main(arguments: list[str]) -> int:
    """Run it: ``--seeds`` are the methods' seeds."""
    options = parser("stability", __doc__ or "")
    options.set_defaults(methods=list(method_specs()))
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="seeds of the methods")
    options.add_argument(
        "--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA; without it they are left out)"
    )
    chosen = options.parse_args(arguments)
    rows = []
    for subject in _subjects(chosen.data):
        for method in chosen.methods:
            rows.append(_stability(subject, method, chosen.seeds))
            print(rows[-1], file=sys.stderr, flush=True)
    write_rows("stability", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def _subjects(data: str | None) -> Iterator[_Subject]:
    scene = region_scene(201)
    yield _Subject("40 painted regions", scene.cube, scene.endmembers, False, scene.annotation)
    sample = sample_scene()
    yield _Subject("sample, painted", sample.cube, sample.endmembers, True, sample.annotation)
    for kind in KINDS[:1] + KINDS[-1:]:
        scene = blind_scene(210, materials=4, pure=False, kind=kind, decibels=30.0)
        yield _Subject(f"{kind}, no pure pixels, no paint", scene.cube, scene.endmembers, scene.scaled, None)
    if data is None and "NAPARI_UNMIX_DATA" not in os.environ:
        print("napari-unmix: NAPARI_UNMIX_DATA is not set: real scenes are left out.", file=sys.stderr)
        return
    folder: Path = data_folder(data)
    for case in (SAMSON, JASPER_RIDGE):
        cube, truth = case.load(folder)
        yield _Subject(case.name, cube, truth.endmembers, case.illumination, None)


def _stability(subject: _Subject, method: str, seeds: Sequence[int]) -> Stability:
    found, verdicts = [], []
    for seed in seeds:
        result = run_method(
            method,
            subject.cube,
            len(subject.endmembers),
            illumination=subject.illumination,
            seed=seed,
            annotation=subject.annotation,
        )
        found.append(result.endmembers)
        verdicts.append(drain(assess(subject.cube, result)).verdict)
    apart = [mean_angle(found[i], found[j]) for i in range(len(found)) for j in range(i)]
    errors = [mean_angle(endmembers, subject.endmembers) for endmembers in found]
    return Stability(
        subject.name,
        method,
        len(seeds),
        ", ".join(dict.fromkeys(verdicts)),
        max(apart, default=0.0),
        statistics.fmean(errors),
        max(errors),
    )


def mean_angle(first: FloatArray, second: FloatArray) -> float:
    """Mean spectral angle in degrees between matched (P, B) endmembers."""
    order = match_endmembers(first, second)
    return float(np.degrees(np.diag(angle_table(first[order], second))).mean())


def table(rows: Sequence[Stability]) -> list[str]:
    """Markdown."""
    lines = ["| scene | method | seeds | verdict | spread | mean angle | worst |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row.scene} | {row.method} | {row.seeds} | {row.verdicts} | {row.spread:.2f}° | {row.angle:.2f}° | {row.worst:.2f}° |"
        )
    return lines


def summary(rows: Sequence[Stability]) -> str:
    """The claim that is tested: "identified" means a small spread and a truth that is near."""
    claimed = [row for row in rows if "identified" in row.verdicts.replace("not identified", "").split(", ")]
    if not claimed:
        return 'No run was called "identified".'
    spread, worst = max(row.spread for row in claimed), max(row.worst for row in claimed)
    kept = sum(row.spread <= MOST_SPREAD and row.worst <= MOST_ERROR for row in claimed)
    return (
        f'Where the report said "identified" ({len(claimed)} of {len(rows)} rows): spread at most {spread:.2f}° (goal {MOST_SPREAD:g}°), '
        f"the truth within {worst:.2f}° (goal {MOST_ERROR:g}°); both kept in {kept} of {len(claimed)}."
    )
