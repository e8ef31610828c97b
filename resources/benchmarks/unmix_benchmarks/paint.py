"""Somebody who paints where the report says, against somebody who paints anywhere: three short strokes, one after another.

The search is made again after each, by the product's own code, and abundances are its least squares: what a training makes beside that is the same
for both. Both painters know what lies under their brush (the reference's largest share there), paint as many pixels, and err in a tenth of them.
Where mixing is linear to the noise strokes of materials name and move nothing: those scenes are counted, as they are, without a search.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, BoolArray, Cube, FloatArray, IntArray, Meaning
from napari_unmix.findings import Findings
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.geometry.strokes import LINEAR, with_strokes
from napari_unmix.identifiability.again.quadrants import search_without_quadrants
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.grading import grades
from napari_unmix.identifiability.painting import Place, where_to_paint
from napari_unmix.identifiability.report import Report
from napari_unmix.identifiability.subject import gather
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import inversion
from napari_unmix.synthetic import Kind, blind_scene
from unmix_benchmarks.common.cases import CASES, HYSU, Truth, abundance_error, angles, data_folder
from unmix_benchmarks.common.scores import parser, write_rows
from unmix_benchmarks.common.strokes import brush_lines, with_mistakes

TITLE = "where to paint"
STROKES, LENGTH = 3, 12
GOAL = 0.8
NOBODY, ANYWHERE, SUGGESTED = "nobody", "anywhere", "suggested"
# Kinds of simulated scenes and how many materials, one scene each, from this seed on; the places were looked at on no other simulated scenes.
SIMULATED: tuple[tuple[Kind, int], ...] = (
    ("linear", 4),
    ("bilinear", 4),
    ("gains", 4),
    ("illumination", 4),
    ("tilt", 4),
    ("tilt", 5),
    ("fan", 4),
    ("hapke", 4),
    ("post-nonlinear", 4),
    ("gains", 5),
)
FRESH = 620_000
Ask = Callable[["Answered", np.random.Generator], "BoolArray | None"]


@dataclass(frozen=True)
class Painted:
    """One scene after so many strokes of one painter: mean angle (degrees) and abundance error, and what the last stroke did in the search."""

    scene: str
    painter: str
    seed: int
    strokes: int
    angle: float
    error: float
    did: str = ""


@dataclass(frozen=True, eq=False)
class Asked:
    """A scene as it is asked: cube, truth, whether brightness is free, and what the search finds without strokes."""

    name: str
    cube: Cube
    truth: Truth
    free: bool
    found: Found
    searches: Searches

    @classmethod
    def of(cls, name: str, cube: Cube, truth: Truth, *, free: bool) -> Asked:
        """The scene, searched once."""
        count = len(truth.endmembers)
        found = drain(find_endmembers(cube.pixels(), count, inversion(free_light=free), strokes=[], seed=0))
        return cls(name, cube, truth, free, found, Searches())

    @property
    def moves(self) -> bool:
        """Whether a stroke can do more than name."""
        return self.found.excess.linear > LINEAR


@dataclass(frozen=True, eq=False)
class Answered:
    """What is known after some strokes."""

    asked: Asked
    annotation: Annotation
    result: Unmixing

    def places(self) -> tuple[Place, ...]:
        """Where to paint, by the same grades as in a report."""
        cube, result = self.asked.cube, self.result
        subject = gather(cube, result)
        empty = Refits(searches=self.asked.searches)
        refits = drain(search_without_quadrants(subject, empty, np.random.default_rng(0)))
        report = Report("partly", "", (), grades=grades(subject, refits))
        return where_to_paint(cube, result, report, self.annotation)


def main(arguments: list[str]) -> int:
    """Run it; ``--rows`` restricts it to the scenes whose names contain one of the words."""
    options = parser("paint", __doc__ or "")
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the strokes")
    options.add_argument("--rows", nargs="+", default=[""], metavar="WORD", help="only scenes with such a name")
    options.add_argument("--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA)")
    chosen = options.parse_args(arguments)
    rows: list[Painted] = []
    for asked in scenes(chosen.data, chosen.rows):
        rows += compared(asked, chosen.seeds)
        print(line(asked.name, rows), file=sys.stderr, flush=True)
    write_rows("paint", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def scenes(folder: str | None, words: Sequence[str]) -> Iterator[Asked]:
    """The real scenes but the full HySU, whose targets are in the crop, and the simulated ones."""

    def wanted(name: str) -> bool:
        return any(word.lower() in name.lower() for word in words)

    for case in CASES:
        if case is not HYSU and wanted(case.name):
            data: Path = data_folder(folder)
            cube, truth = case.load(data)
            yield Asked.of(case.name, cube, truth, free=case.illumination)
    for number, (kind, materials) in enumerate(SIMULATED):
        name = f"{kind}, {materials} materials, {FRESH + number}"
        if wanted(name):
            scene = blind_scene(FRESH + number, materials=materials, pure=True, kind=kind, decibels=30.0)
            yield Asked.of(name, scene.cube, Truth(scene.endmembers, scene.abundances), free=scene.scaled)


def compared(asked: Asked, seeds: Sequence[int]) -> list[Painted]:
    """Nobody, and both painters with each seed, after each stroke."""
    blank = Annotation(np.zeros(asked.cube.shape[:2], np.int32))
    first = answered(asked, blank)
    rows = [_scored(first, NOBODY, 0, 0)]
    for seed, (painter, ask) in product(seeds, ((ANYWHERE, _anywhere), (SUGGESTED, _suggested))):
        if not asked.moves:
            rows.append(_scored(first, painter, seed, STROKES))
            continue
        generator, now = np.random.default_rng(seed), first
        for number in range(1, STROKES + 1):
            now = painted(now, ask, generator)
            rows.append(_scored(now, painter, seed, number))
    return rows


def painted(now: Answered, ask: Ask, generator: np.random.Generator) -> Answered:
    """One stroke more, where ``ask`` says; the same where it says nowhere."""
    within, shares = ask(now, generator), now.asked.truth.shares
    if within is None:
        return now
    centres = np.argwhere(within)
    middle = centres[((centres - centres.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    centre = middle if len(centres) < within.size / 4 else centres[generator.integers(len(centres))]
    lines = brush_lines(centre, LENGTH, within.shape, generator)
    inside = [[pixel for pixel in pixels if within[pixel]] for pixels in lines]
    best = max(inside, key=lambda pixels: (len(pixels), float(_under(shares, pixels).max())))
    if float(_under(shares, best).max()) <= 0:  # beside all targets nobody knows what it is
        return now
    material = int(_under(shares, best).argmax())
    labels = now.annotation.labels.copy()
    for row, column in with_mistakes(best, within.shape, generator):
        if labels[row, column] == 0:
            labels[row, column] = material + 1
    materials = sorted(set(np.unique(labels).tolist()) - {0})
    return answered(now.asked, Annotation(labels, {k: Meaning("material", f"material {k}") for k in materials}))


def _under(shares: FloatArray, pixels: Sequence[tuple[int, int]]) -> FloatArray:
    """(P,) mean shares under a stroke."""
    return np.asarray(shares[tuple(np.array(pixels).T)].mean(axis=0))


def _anywhere(now: Answered, generator: np.random.Generator) -> BoolArray | None:
    return np.asarray(now.asked.cube.valid_pixels & (now.annotation.labels == 0))


def _suggested(now: Answered, generator: np.random.Generator) -> BoolArray | None:
    places = [place for place in now.places() if place.kind == "material"]
    return places[0].mask(now.asked.cube.shape[:2]) if places else None


def answered(asked: Asked, annotation: Annotation) -> Answered:
    """The search with what is painted, and least squares."""
    cube, inverts = asked.cube, inversion(free_light=asked.free)
    spectra, labels = cube.pixels(), annotation.labels[cube.valid_pixels]
    materials = sorted(set(labels.tolist()) - {0})
    found = asked.found
    if materials and asked.moves:
        strokes: list[IntArray] = [np.flatnonzero(labels == k) for k in materials]
        found = drain(
            with_strokes(spectra, found, strokes, found.noise, inverts, variability=asked.found.excess.linear)
        )
    endmembers = inverts.written(found.endmembers)
    inverted = inverts.invert(spectra, endmembers)
    light = inverted.illumination
    amounts = inverted.abundances if light is None else light[:, None] * inverted.abundances
    error = np.sqrt(np.mean((spectra - amounts @ endmembers) ** 2, axis=1))
    every = np.full((len(endmembers), cube.shape[2]), np.nan)
    every[:, cube.good_bands] = endmembers
    named = [f"material {k}" for k in materials]
    told = tuple(one.model_copy(update={"material": name}) for one, name in zip(found.strokes, named, strict=False))
    result = Unmixing(
        every,
        np.asarray(cube.image(inverted.abundances.astype(np.float32))),
        None,
        None if light is None else np.asarray(cube.image(light.astype(np.float32))),
        np.asarray(cube.image(error.astype(np.float32))),
        (*named, *(f"endmember {k + 1}" for k in range(len(named), len(endmembers)))),
        IvaeSpec.model_validate({"endmembers": len(endmembers), "illumination": asked.free}),
        findings=Findings(
            recipe=found.recipe,
            noise=asked.found.noise,
            search={**found.numbers, "chi_linear": asked.found.excess.linear},
            strokes=told,
        ),
    )
    return Answered(asked, annotation, result)


def _scored(now: Answered, painter: str, seed: int, strokes: int) -> Painted:
    truth = now.asked.truth
    did = ", ".join(one.how for one in now.result.findings.strokes)
    angle = float(angles(now.result, truth).mean())
    return Painted(now.asked.name, painter, seed, strokes, angle, abundance_error(now.result, truth), did)


def last(rows: Sequence[Painted], scene: str, painter: str) -> tuple[float, float]:
    """Mean angle and error over the seeds, after all strokes."""
    most = 0 if painter == NOBODY else STROKES
    found = [row for row in rows if row.scene == scene and row.painter == painter and row.strokes == most]
    return statistics.fmean(row.angle for row in found), statistics.fmean(row.error for row in found)


def line(scene: str, rows: Sequence[Painted]) -> str:
    """One line of the table."""
    cells = [last(rows, scene, painter) for painter in (NOBODY, ANYWHERE, SUGGESTED)]
    moved = "" if any(row.scene == scene and 0 < row.strokes < STROKES for row in rows) else " (strokes name only)"
    numbers = " | ".join(f"{angle:.2f}° / {error:.4f}" for angle, error in cells)
    return f"| {scene}{moved} | {numbers} | {cells[2][0] / cells[1][0]:.2f} / {cells[2][1] / cells[1][1]:.2f} |"


def table(rows: Sequence[Painted]) -> list[str]:
    """Markdown: mean angle and abundance error after three strokes."""
    names = list(dict.fromkeys(row.scene for row in rows))
    head = ["| scene | nobody paints | anywhere | where suggested | suggested over anywhere |", "|---|---|---|---|---|"]
    return [*head, *(line(name, rows) for name in names)]


def summary(rows: Sequence[Painted]) -> str:
    """The ratios of the means, over all scenes and over those where a stroke can move something."""
    names = list(dict.fromkeys(row.scene for row in rows))
    moving = [name for name in names if any(row.scene == name and 0 < row.strokes < STROKES for row in rows)]
    return " ".join(
        f"{what}: suggested over anywhere {_ratio(rows, some, ANYWHERE)}, over nobody {_ratio(rows, some, NOBODY)}"
        f"{f' (goal {GOAL} each)' if some is names else ''}."
        for what, some in ((f"All {len(names)} scenes", names), (f"The {len(moving)} that strokes can move", moving))
        if some
    )


def _ratio(rows: Sequence[Painted], names: Sequence[str], beside: str) -> str:
    """ "0.93 of the angle and 0.95 of the error": of the means over the scenes."""
    ours = np.array([last(rows, name, SUGGESTED) for name in names]).mean(axis=0)
    theirs = np.array([last(rows, name, beside) for name in names]).mean(axis=0)
    return f"{ours[0] / theirs[0]:.2f} of the angle and {ours[1] / theirs[1]:.2f} of the error"
