"""The default method against references, peers and targets: real scenes, strokes, painted regions, simulated scenes of many kinds.

One configuration, the defaults, for all rows: a scene sets the number of endmembers and the inversion that its reference means,
nothing else. References are read to paint strokes and to score, by no other step. Other scenes below the data folder (a cube beside a
reference.npz with E and A) are added.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation
from napari_unmix.synthetic import KINDS, NONLINEAR, Kind, Scene, blind_scene, region_scene
from unmix_benchmarks.common.cases import (
    DC1,
    HYSU,
    HYSU_CROP,
    JASPER_RIDGE,
    SAMSON,
    SAMSON_ALTERNATIVE,
    Case,
    Truth,
    abundance_error,
    angles,
    data_folder,
    other_cases,
)
from unmix_benchmarks.common.classical import best_classical
from unmix_benchmarks.common.scores import parser, run_method, write_rows
from unmix_benchmarks.common.strokes import paint_strokes
from unmix_benchmarks.common.summary import Goal, Scored, losses, table

TITLE = "accuracy against references, peers and targets"
REAL = (SAMSON, SAMSON_ALTERNATIVE, JASPER_RIDGE, HYSU_CROP, HYSU, DC1)
AUTOMATIC, STROKES, REGIONS = "automatic", "strokes", "painted regions"
BEST_CLASSICAL = "best classical, picked with the truth"
# The scenes that constants were tuned on have other seeds.
FRESH = 140_000
DEPARTURES = {
    "Hapke": ("hapke", (True, False)),
    "post-nonlinear": ("post-nonlinear", (True, False)),
    "strong Fan": ("fan", (True, False)),
    "variability, no pure pixels": ("tilt", (False,)),
}
SIMULATED = "60 simulated scenes"
PAINTED = "no pure pixels, 40 regions"
GOALS = (
    Goal(SAMSON.name, AUTOMATIC, 0.013, 1.25, peers="EDAA 0.039 / 1.48°; S3ViT, UST-Net 0.065 (published estimates)"),
    Goal(SAMSON.name, STROKES, 0.013),
    Goal(SAMSON_ALTERNATIVE.name, AUTOMATIC, 0.042, 2.4, peers="DeepTrans 0.077 / 3.4°; SSAF-Net 0.044 / 8.7°"),
    Goal(SAMSON_ALTERNATIVE.name, STROKES, 0.037),
    Goal(JASPER_RIDGE.name, AUTOMATIC, 0.046, 2.5, peers="EDAA 0.069 / 2.83°; S3ViT 0.076 / 1.33°"),
    Goal(JASPER_RIDGE.name, STROKES, 0.042, worst=0.06),
    Goal(HYSU_CROP.name, AUTOMATIC, 0.055, peers="FCLS with the true spectra 0.064; minimum-volume NMF 0.248"),
    Goal(HYSU_CROP.name, STROKES, 0.055),
    Goal(HYSU.name, AUTOMATIC, 0.15),
    Goal(HYSU.name, STROKES, 0.064),
    Goal(DC1.name, AUTOMATIC, 0.007, peers="VCA + FCLS 0.020 / 0.44°; EDAA 0.131, PGMSU 0.051"),
    Goal(PAINTED, REGIONS, 0.015, 1.0, peers="SISAL 0.017–0.042 / 1.7–6.5°"),
    Goal(SIMULATED, AUTOMATIC, 0.040, 1.3),
    *(Goal(name, AUTOMATIC, peers="the best classical one, below") for name in DEPARTURES),
)


def main(arguments: list[str]) -> int:
    """Run it; ``--rows`` restricts it to the scenes whose names contain one of the words."""
    options = parser("accuracy", __doc__ or "")
    options.set_defaults(methods=["ivae", "vca-fcls", "sisal", "vae"])
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the methods")
    options.add_argument("--stroke-seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4, 5], help="seeds of the strokes")
    options.add_argument("--scenes", type=int, default=60, help="simulated scenes of all kinds")
    options.add_argument("--seed", type=int, default=FRESH, help="seed of the first simulated scene")
    options.add_argument(
        "--rows", nargs="+", default=[""], metavar="WORD", help="only scenes with one of these words in their name"
    )
    options.add_argument("--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA)")
    chosen = options.parse_args(arguments)

    def wanted(name: str) -> bool:
        return any(word.lower() in name.lower() for word in chosen.rows)

    rows: list[Scored] = []
    for row in _all_rows(chosen, wanted):
        rows.append(row)
        print(row.line(), file=sys.stderr, flush=True)
    lines = [*table(rows, GOALS), "", *_sentences(rows), *losses(rows, GOALS)]
    write_rows("accuracy", rows, lines, chosen.out)
    return 0


def _all_rows(chosen: object, wanted: Callable[[str], bool]) -> Iterator[Scored]:
    methods: Sequence[str] = chosen.methods  # type: ignore[attr-defined]
    seeds: Sequence[int] = chosen.seeds  # type: ignore[attr-defined]
    real = [case for case in REAL if wanted(case.name)]
    data = data_folder(chosen.data) if real else None  # type: ignore[attr-defined]
    if data is not None:
        real = [*_present(data, real), *(case for case in other_cases(data, REAL) if wanted(case.name))]
        yield from _real(data, real, methods, seeds, chosen.stroke_seeds)  # type: ignore[attr-defined]
    if wanted(PAINTED):
        yield from _regions(methods, seeds)
    if wanted(SIMULATED):
        yield from _simulated(methods, chosen.scenes, chosen.seed)  # type: ignore[attr-defined]
    for name, (kind, purities) in DEPARTURES.items():
        if wanted(name):
            yield from _departure(name, kind, purities, methods, chosen.seed)  # type: ignore[attr-defined,arg-type]


def _present(data: Path, cases: Sequence[Case]) -> Iterator[Case]:
    """The cases whose files are there; the others are named."""
    for case in cases:
        if (data / case.file).exists():
            yield case
        else:
            print(f"napari-unmix: {case.name} is left out: {data / case.file} is not there.", file=sys.stderr)


def _real(
    data: Path, cases: Sequence[Case], methods: Sequence[str], seeds: Sequence[int], stroke_seeds: Sequence[int]
) -> Iterator[Scored]:
    for case in cases:
        cube, truth = case.load(data)
        count = case.endmembers or len(truth.endmembers)
        for method in methods:
            # HySU at auto: peers have no use for ours, they are given the number of reference spectra.
            asked = count if method == "ivae" or count != "auto" else len(truth.endmembers)
            for seed in seeds:
                result = run_method(method, cube, asked, illumination=case.illumination, seed=seed)
                yield _scored(case.name, AUTOMATIC, method, seed, result, truth)
        if "ivae" not in methods or case is DC1:
            continue
        for seed in stroke_seeds:
            # In a target of three by three metres there is room for one short stroke.
            small = truth.targets is not None
            strokes = (
                paint_strokes(truth.shares, seed, 1, 4, inside=True) if small else paint_strokes(truth.shares, seed)
            )
            result = run_method("ivae", cube, count, illumination=case.illumination, seed=0, annotation=strokes)
            yield _scored(case.name, STROKES, "ivae", seed, result, truth)


def _regions(methods: Sequence[str], seeds: Sequence[int]) -> Iterator[Scored]:
    for seed in seeds:
        scene = region_scene(FRESH + seed)
        for method in methods:
            yield _run_scene(PAINTED, REGIONS, method, seed, scene, scene.annotation)


def _simulated(methods: Sequence[str], count: int, first_seed: int) -> Iterator[Scored]:
    """theory §3: linear, bilinear, gains, illumination, spectral tilt; pure and not; 3 and 5 materials; 20, 30 and 40 dB."""
    conditions = list(product((3, 5), (True, False), KINDS, (20.0, 30.0, 40.0)))
    order = np.random.default_rng(0).permutation(len(conditions))
    for number in range(count):
        materials, pure, kind, decibels = conditions[order[number % len(conditions)]]
        scene = blind_scene(first_seed + number, materials=materials, pure=pure, kind=kind, decibels=decibels)
        yield from _against_classical(SIMULATED, scene, methods, number)


def _departure(
    name: str, kind: Kind, purities: Sequence[bool], methods: Sequence[str], first_seed: int
) -> Iterator[Scored]:
    first = first_seed + 1000 * (1 + [*NONLINEAR, "tilt"].index(kind))
    for number, (materials, pure, _) in enumerate(product((3, 4), purities, range(3))):
        scene = blind_scene(first + number, materials=materials, pure=pure, kind=kind, decibels=30.0)
        yield from _against_classical(name, scene, methods, number)


def _against_classical(name: str, scene: Scene, methods: Sequence[str], number: int) -> Iterator[Scored]:
    for method in methods:
        yield _run_scene(name, AUTOMATIC, method, number, scene, None)
    abundances = scene.abundances.reshape(-1, len(scene.endmembers))
    _, found, error = best_classical(scene.cube.pixels(), scene.endmembers, abundances, illumination=scene.scaled)
    truth = Truth(scene.endmembers, scene.abundances)
    yield Scored(name, AUTOMATIC, BEST_CLASSICAL, number, float(found.mean()), error, truth.all_found(found), 0.0)


def _run_scene(name: str, side: str, method: str, number: int, scene: Scene, annotation: Annotation | None) -> Scored:
    result = run_method(
        method, scene.cube, len(scene.endmembers), illumination=scene.scaled, seed=0, annotation=annotation
    )
    return _scored(name, side, method, number, result, Truth(scene.endmembers, scene.abundances))


def _scored(name: str, side: str, method: str, seed: int, result: Unmixing, truth: Truth) -> Scored:
    found = angles(result, truth)
    return Scored(
        name,
        side,
        method,
        seed,
        float(found.mean()),
        abundance_error(result, truth),
        truth.all_found(found),
        result.seconds,
    )


def _sentences(rows: Sequence[Scored]) -> list[str]:
    """What the means do not show: scenes on which the default is over a degree worse than the best classical method."""
    ours = {row.seed: row for row in rows if row.scene == SIMULATED and row.method == "ivae"}
    best = {row.seed: row for row in rows if row.scene == SIMULATED and row.method == BEST_CLASSICAL}
    both = sorted(ours.keys() & best.keys())
    if not both:
        return []
    worse = [seed for seed in both if ours[seed].angle > best[seed].angle + 1]
    said = "On {} of {} simulated scenes the default is over 1° worse than the best classical method of that scene (goal: 2 of 60)."
    return [said.format(len(worse), len(both))]
