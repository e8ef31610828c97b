"""What is gained where the spectra of one material vary: abundances mixed from a real scene's own pure pixels, measured areas, simulated tilts.

Every material's spectrum in every place is one of its real pure pixels, drawn anew in squares of 4, 8 or 12 pixels, or smoothly (bundles). The
endmembers are the bundles' means, known, or nothing is. References of real scenes are solvers' outputs and can't judge this: an answer nearer
the truth scores worse there. Measured areas of targets can (HySU), and so can simulated variability.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.given import Given
from napari_unmix.methods.registry import spec_class
from napari_unmix.model.data import State
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.pairs import telling_subspace
from napari_unmix.model.settle import settle
from napari_unmix.model.start import start_from_least_squares
from napari_unmix.model.variation import Variation
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.metrics import rmse
from napari_unmix.rows.simplex import fully_constrained, scaled
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import blind_scene
from unmix_benchmarks.common.bundle_scenes import Bundles, BundleScene, Draw, bundle_scene, bundles_of
from unmix_benchmarks.common.cases import (
    HYSU_CROP,
    JASPER_RIDGE,
    LARGE_TARGETS,
    SAMSON,
    TARGET_AREAS,
    Case,
    Truth,
    data_folder,
    target_areas,
)
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "spectra that vary: bundles of real pixels, measured areas"
URBAN = Case("Urban, 34×78 (Zhu, scaled)", "urban4/urban4.npz", "", True)
DRAWS: tuple[Draw, ...] = (4, 8, 12, "smooth")
# Seeds to choose on are below 100, these were looked at once.
FRESH = 500
KNOWN, BLIND = "known", "blind"
# A standard normal's 5 % and 95 % points.
_INTERVAL = 1.645
BEST_PLAIN = ("sum-to-one", "free brightness")
# Rows of the iVAE: without the law, with it where it is asked for, and as it decides unasked.
LAWS = (("ivae, one spectrum", "none"), ("ivae, spectra vary", "pairs"), ("ivae, unasked", "auto"))


@dataclass(frozen=True)
class Row:
    """One method on one scene: abundance RMSE (or relative error of areas), coverage of its 90 % intervals, processor seconds."""

    scene: str
    draw: str
    seed: int
    endmembers: str
    method: str
    error: float
    coverage: float | None
    seconds: float


def main(arguments: list[str]) -> int:
    """Run it; ``--rows`` restricts it to the scenes whose names contain one of the words."""
    options = parser("bundles", __doc__ or "")
    options.add_argument("--scenes", type=int, default=3, help="scenes of each kind (default 3)")
    options.add_argument("--seed", type=int, default=FRESH, help="seed of the first scene")
    options.add_argument("--size", type=int, default=64, help="rows and columns of a scene (default 64)")
    options.add_argument("--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA)")
    options.add_argument("--rows", nargs="+", default=[""], metavar="WORD", help="only scenes with one of these words")
    chosen = options.parse_args(arguments)
    rows: list[Row] = []
    for row in _all_rows(data_folder(chosen.data), chosen.scenes, chosen.seed, chosen.size, chosen.rows):
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    write_rows("bundles", rows, [*table(rows), "", *verdicts(rows)], chosen.out)
    return 0


def _all_rows(data: Path, scenes: int, first: int, size: int, words: Sequence[str]) -> Iterator[Row]:
    def wanted(name: str) -> bool:
        return any(word.lower() in name.lower() for word in words)

    for case in (SAMSON, JASPER_RIDGE, URBAN):
        if not wanted(case.name):
            continue
        try:
            bundles = bundles_of(case, data)
        except UnmixError as missing:
            print(f"napari-unmix: {missing}", file=sys.stderr)
            continue
        for draw in DRAWS:
            for seed in range(first, first + scenes):
                yield from _bundle_rows(bundles, draw, seed, size)
    if wanted(HYSU_CROP.name):
        yield from _area_rows(data)
    if wanted("tilt"):
        for seed in range(first, first + scenes):
            yield from _tilt_rows(seed)


def _bundle_rows(bundles: Bundles, draw: Draw, seed: int, size: int) -> Iterator[Row]:
    made = bundle_scene(bundles, draw, seed, size)
    names, means = tuple(f"material {k + 1}" for k in range(len(bundles.spectra))), bundles.means
    truth = Truth(means, made.abundances)

    def row(endmembers: str, method: str, error: float, seconds: float, coverage: float | None = None) -> Row:
        return Row(bundles.name, str(draw), seed, endmembers, method, error, coverage, seconds)

    # 1. The means are known.
    yield from (row(KNOWN, *found) for found in _least_squares(made, means))
    given = Given.known(means, names)
    for method, variability in LAWS:
        yield row(KNOWN, method, *_ivae(made.cube, truth, variability, given))
    yield row(KNOWN, "exact law", *_exact(made))
    # 2. Nothing is; the classical estimates are on the endmembers that VCA picks.
    for method, name in (("vca-fcls", "sum-to-one"), ("vca-fcls", "free brightness")):
        spec = spec_class(method).model_validate(
            {"method": method, "endmembers": len(means), "illumination": name == "free brightness"}
        )
        yield row(BLIND, name, *_scored(made.cube, truth, spec)[:2])
    for method, variability in LAWS:
        yield row(BLIND, method, *_ivae(made.cube, truth, variability, None))


def _least_squares(made: BundleScene, endmembers: FloatArray) -> Iterator[tuple[str, float, float]]:
    pixels = made.cube.pixels().astype(float)
    for name, inverted in (("sum-to-one", fully_constrained), ("free brightness", lambda x, m: scaled(x, m)[0])):
        begun = time.process_time()
        found = inverted(pixels, endmembers)
        yield name, rmse(found, made.abundances.reshape(found.shape)), time.process_time() - begun


def _ivae(
    cube: Cube, truth: Truth, variability: str, given: Given | None, *, illumination: bool = False
) -> tuple[float, float, float | None]:
    count = len(truth.endmembers)
    spec = spec_class("ivae").model_validate(
        {"method": "ivae", "endmembers": count, "illumination": illumination, "variability": variability}
    )
    return _scored(cube, truth, spec, given)


def _scored(cube: Cube, truth: Truth, spec: object, given: Given | None = None) -> tuple[float, float, float | None]:
    """Error, processor seconds, coverage."""
    begun = time.process_time()
    result: Unmixing = drain(unmix(cube, spec, None, given))  # type: ignore[arg-type]
    seconds = time.process_time() - begun
    assert truth.abundances is not None
    order = match_endmembers(result.endmembers, truth.endmembers)
    wrong = np.abs(result.abundances[..., order] - truth.abundances)
    std = result.abundance_std
    coverage = None if std is None else float((wrong <= _INTERVAL * std[..., order]).mean())
    return float(np.sqrt((wrong**2).mean())), seconds, coverage


def _exact(made: BundleScene) -> tuple[float, float]:
    """What the law itself gives that the scene was drawn by, but for its shape: the bundles' means and covariances."""
    begun = time.process_time()
    pixels, means, covariances = made.cube.pixels().astype(float), made.bundles.means, made.bundles.covariances
    nothing = np.zeros(len(means))
    start = start_from_least_squares(
        pixels, np.zeros(len(pixels), int), means, nothing, made.noise, inversion=inversion(free_light=False), seed=0
    )
    space = telling_subspace(means, covariances, made.noise**2)
    data = start.data.reprojected(pixels, space)
    law = Variation(torch.from_numpy(space.basis @ covariances @ space.basis.T).to(data.scores))
    model = replace(start.state.model, mixing=LinearMixing(data.anchor), variation=law)
    settled = drain(settle(State(model, start.state.latents), data, data.everything()))
    found = settled.state.abundances()
    return rmse(found, made.abundances.reshape(found.shape)), time.process_time() - begun


def _area_rows(data: Path) -> Iterator[Row]:
    """HySU's targets, the image's own spectra known: the mean relative error of the three larger sizes, then of each size."""
    cube, truth = HYSU_CROP.load(data)
    pixels, shape = cube.pixels().astype(float), (*cube.shape[:2], len(truth.endmembers))
    maps = {
        "sum-to-one": fully_constrained(pixels, truth.endmembers),
        "free brightness": scaled(pixels, truth.endmembers)[0],
    }
    given = Given.known(truth.endmembers, tuple(f"material {k + 1}" for k in range(len(truth.endmembers))))
    for method, variability in LAWS:
        spec = spec_class("ivae").model_validate({"method": "ivae", "endmembers": shape[2], "variability": variability})
        maps[method] = drain(unmix(cube, spec, None, given)).abundances
    for method, abundances in maps.items():
        wrong = np.abs(target_areas(abundances.reshape(shape), truth) / TARGET_AREAS[:, None] - 1)
        yield Row(HYSU_CROP.name, "all large", 0, KNOWN, method, float(wrong[:LARGE_TARGETS].mean()), None, 0.0)
        for area, error in zip(TARGET_AREAS, wrong.mean(axis=1), strict=True):
            yield Row(HYSU_CROP.name, f"{area:g} m²", 0, KNOWN, method, float(error), None, 0.0)


def _tilt_rows(seed: int) -> Iterator[Row]:
    """Gains and tilts of every endmember, no pure pixels: three and four materials."""
    for materials in (3, 4):
        scene = blind_scene(seed + 1000 * materials, materials=materials, pure=False, kind="tilt", decibels=30.0)
        truth = Truth(scene.endmembers, scene.abundances)
        for method in ("sisal", "vca-fcls"):
            spec = spec_class(method).model_validate({"method": method, "endmembers": materials, "illumination": True})
            yield Row(
                "tilts, no pure pixels",
                str(materials),
                seed,
                BLIND,
                method,
                *_ordered(_scored(scene.cube, truth, spec)),
            )
        for name, variability in LAWS:
            found = _ivae(scene.cube, truth, variability, None, illumination=True)
            yield Row("tilts, no pure pixels", str(materials), seed, BLIND, name, *_ordered(found))


def _ordered(found: tuple[float, float, float | None]) -> tuple[float, float | None, float]:
    error, seconds, coverage = found
    return error, coverage, seconds


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: the mean over the seeds, and its ratio to the better of sum-to-one and free brightness on the same scenes."""
    lines = [
        "| scene | drawn | endmembers | method | runs | error | worst | to the best plain one | 90 % intervals cover | processor s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (scene, draw, endmembers, method), runs in _groups(rows).items():
        ratio = _ratio(rows, runs)
        covered = [run.coverage for run in runs if run.coverage is not None]
        cells = (
            scene,
            draw,
            endmembers,
            method,
            str(len(runs)),
            f"{statistics.fmean(run.error for run in runs):.4f}",
            f"{max(run.error for run in runs):.4f}",
            "" if ratio is None else f"{ratio:.2f}",
            f"{100 * statistics.fmean(covered):.0f} %" if covered else "",
            f"{statistics.fmean(run.seconds for run in runs):.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def verdicts(rows: Sequence[Row]) -> list[str]:
    """How often the law won and lost against the better plain estimate of the same scene, where it was asked for and where it was not."""
    said = []
    for endmembers, method in product((KNOWN, BLIND), (name for name, variability in LAWS if variability != "none")):
        ours = [row for row in rows if row.method == method and row.endmembers == endmembers]
        pairs = [(row.error, _best_plain(rows, row)) for row in ours]
        ratios = [error / best for error, best in pairs if best is not None]
        if ratios:
            worse = sum(ratio > 1 for ratio in ratios)
            said.append(
                f"* {method}, endmembers {endmembers}: {statistics.fmean(ratios):.2f} × the better of sum-to-one and free brightness "
                f"(worst {max(ratios):.2f}, worse in {worse} of {len(ratios)})."
            )
    return said


def _groups(rows: Sequence[Row]) -> dict[tuple[str, str, str, str], list[Row]]:
    found: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.scene, row.draw, row.endmembers, row.method), []).append(row)
    return found


def _best_plain(rows: Sequence[Row], of: Row) -> float | None:
    """The smaller error of the plain estimates on the same scene; None where there is none."""
    key = (of.scene, of.draw, of.seed, of.endmembers)
    same = [
        row.error for row in rows if row.method in BEST_PLAIN and (row.scene, row.draw, row.seed, row.endmembers) == key
    ]
    return min(same, default=None)


def _ratio(rows: Sequence[Row], runs: Sequence[Row]) -> float | None:
    ratios = [(run.error, _best_plain(rows, run)) for run in runs]
    known = [error / best for error, best in ratios if best is not None]
    return statistics.fmean(known) if known else None
