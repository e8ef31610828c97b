"""The scenes that grades are judged on: simulated ones of many kinds, one half to choose on and one to look at once, and the scenes with references.

A grade has to hold where the model does and where it does not, so scenes are linear and not, evenly lit and not, with spectra that vary and with
bundles of real pixels, with pure pixels and without. Kinds that no number was chosen on are among those that are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product, zip_longest
from pathlib import Path
from typing import Literal

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.synthetic import Scene, blind_scene, sample_scene, smooth_field
from unmix_benchmarks.common.bundle_scenes import Draw, bundle_scene, bundles_of
from unmix_benchmarks.common.cases import (
    APEX,
    DC1,
    HYSU_CROP,
    JASPER_RIDGE,
    MUUFL,
    SAMSON,
    SAMSON_ALTERNATIVE,
    SIM2,
    URBAN4,
    URBAN6,
    WASHINGTON,
    Case,
    Truth,
)
from unmix_benchmarks.common.families import drawn_family, family_scene
from unmix_benchmarks.common.painted_scenes import painted_scene

Part = Literal[
    "choose",
    "look",
    "painted choose",
    "painted look",
    "families choose",
    "families look",
    "sample",
    "published",
    "real",
]
# Of what is not painted: its search is every method's that begins from the geometry, and least squares is all that it adds. Of what is painted: the
# one whose endmembers may be the regions' moments.
METHOD, PAINTED_METHOD = "region-contrast", "ivae"
SIMULATED: tuple[Part, ...] = ("choose", "look", "published")
SIZE = 48
FIRST: dict[Part, int] = {"choose": 710_000, "look": 720_000}
PAINTED: dict[Part, int] = {"painted choose": 730_000, "painted look": 750_000}
# The two halves of the 300 scenes that the calibration of the families is printed on: those of few materials, by their number and not by what came of
# them, because eight take ten times as long as three, and regions rarely give the endmembers of more.
FAMILIES: dict[Part, int] = {"families choose": 530_000, "families look": 530_160}
MOST_OF_A_FAMILY, _HALF = 4, 140
VARIED, BUNDLES = "variability", "bundles"
_CHOSEN_ON = ("linear", "bilinear", "gains", "illumination", "tilt", VARIED, BUNDLES)
KINDS: dict[Part, tuple[str, ...]] = {"choose": _CHOSEN_ON, "look": (*_CHOSEN_ON, "fan", "hapke")}
# Bundles of one image to choose on, of another to look at.
BUNDLED = {"choose": SAMSON, "look": JASPER_RIDGE}
PUBLISHED = (DC1, SIM2, APEX, WASHINGTON)
REAL = (SAMSON, SAMSON_ALTERNATIVE, JASPER_RIDGE, URBAN4, URBAN6, MUUFL, HYSU_CROP)
# Six take five times as long as three.
_DECIBELS, _MATERIALS = (20.0, 27.5, 35.0), (3, 3, 4, 4, 5, 6)
_DRAWS: tuple[Draw, ...] = (4, 12, "smooth")
# Of a spectrum that varies: how many smooth shapes it varies by, over so many bands, each by this share of its size; and the sides of patches.
_SHAPES, _OVER_BANDS, _SPREAD, _PATCHES = 3, 12.0, 0.04, (1, 4, 12)


@dataclass(frozen=True, eq=False)
class TrustScene:
    """A scene, of which part of the ensemble and of which kind it is, and whether its truth is composition under free brightness.

    What is painted, if anything is, is its ``annotation``; the ``method`` is one that reads it.
    """

    name: str
    part: Part
    kind: str
    cube: Cube
    truth: Truth
    illumination: bool
    materials: tuple[str, ...] = ()
    annotation: Annotation | None = None
    method: str = METHOD


@dataclass(frozen=True)
class Draft:
    """A scene that is made only where it is wanted."""

    name: str
    part: Part
    make: Callable[[], TrustScene]


def drafts(count: int, data: Path | None, size: int = SIZE, painted: int = 0, families: int = 0) -> Iterator[Draft]:
    """``count`` simulated scenes of each half, ``painted`` and ``families`` of each painted one, in turn, so that what is stopped early is balanced.

    Then the sample, where any are painted, and the scenes of the folder ``data``.
    """
    halves = [list(_simulated(part, count, data, size)) for part in FIRST]
    halves += [[_painted_draft(part, first + number) for number in range(painted)] for part, first in PAINTED.items()]
    halves += [list(islice(_families(part), families)) for part in FAMILIES]
    for some in zip_longest(*halves):
        yield from filter(None, some)
    if painted:
        yield Draft("sample", "sample", _sample)
    if data is None:
        return
    references: tuple[tuple[Part, tuple[Case, ...]], ...] = (("published", PUBLISHED), ("real", REAL))
    for part, cases in references:
        for case in cases:
            if (data / case.file).exists():
                yield Draft(case.name, part, partial(_loaded, case, part, data))


def _painted_draft(part: Part, seed: int) -> Draft:
    return Draft(f"painted {seed}", part, partial(_painted, part, seed))


def _painted(part: Part, seed: int) -> TrustScene:
    made = painted_scene(seed)
    truth = Truth(made.endmembers, made.abundances)
    return TrustScene(
        f"painted {made.name}",
        part,
        "painted",
        made.cube,
        truth,
        made.scaled,
        made.materials,
        made.annotation,
        PAINTED_METHOD,
    )


def _families(part: Part) -> Iterator[Draft]:
    """Scenes of drawn laws and noises, of at most ``MOST_OF_A_FAMILY`` materials."""
    for seed in range(FAMILIES[part], FAMILIES[part] + _HALF):
        law, noise, materials = drawn_family(seed)
        if materials <= MOST_OF_A_FAMILY:
            name = f"family {law} {materials}, {noise} {seed}"
            yield Draft(name, part, partial(_of_a_family, part, name, seed))


def _of_a_family(part: Part, name: str, seed: int) -> TrustScene:
    made = family_scene(seed)
    truth = Truth(made.endmembers, made.abundances)
    return TrustScene(
        name, part, "family", made.cube, truth, made.scaled, annotation=made.annotation, method=PAINTED_METHOD
    )


def _sample() -> TrustScene:
    made = sample_scene()
    truth = Truth(made.endmembers, made.abundances)
    return TrustScene(
        "sample", "sample", "painted", made.cube, truth, made.scaled, made.names, made.annotation, PAINTED_METHOD
    )


def _loaded(case: Case, part: Part, data: Path) -> TrustScene:
    cube, truth = case.load(data)
    with np.load((data / case.file).parent / "reference.npz", allow_pickle=False) as stored:
        names = tuple(str(name) for name in stored["names"]) if "names" in stored else ()
    return TrustScene(case.name, part, case.reference, cube, truth, case.illumination, names)


def _simulated(part: Part, count: int, data: Path | None, size: int) -> Iterator[Draft]:
    """Scenes whose kinds take turns, their number of materials, purity and noise in an order drawn once."""
    kinds = KINDS[part]
    conditions = list(product(_MATERIALS, (True, False), _DECIBELS))
    order = np.random.default_rng(FIRST[part]).permutation(len(conditions))
    for number in range(count):
        kind, seed = kinds[number % len(kinds)], FIRST[part] + number
        materials, pure, decibels = conditions[order[number % len(conditions)]]
        if kind == BUNDLES:
            if data is not None and (data / BUNDLED[part].file).exists():
                draw = _DRAWS[number // len(kinds) % len(_DRAWS)]
                name = f"{BUNDLED[part].name.split(' (')[0]}, {kind} {draw} {seed}"
                yield Draft(name, part, partial(_bundled, part, name, data, draw, seed, size))
            continue
        name = f"{kind} {materials} {'pure' if pure else 'mixed'} {decibels:g} dB {seed}"
        blind = partial(blind_scene, seed, materials=materials, pure=pure, decibels=decibels, size=size)
        yield Draft(name, part, partial(_blind, part, name, kind, seed, blind))


def _bundled(part: Part, name: str, data: Path, draw: Draw, seed: int, size: int) -> TrustScene:
    made = bundle_scene(bundles_of(BUNDLED[part], data), draw, seed, size)
    return TrustScene(name, part, BUNDLES, made.cube, Truth(made.bundles.means, made.abundances), illumination=False)


def _blind(part: Part, name: str, kind: str, seed: int, made: Callable[..., Scene]) -> TrustScene:
    scene = made(kind="linear" if kind == VARIED else kind)
    truth = Truth(scene.endmembers, scene.abundances)
    cube = _varied(scene.cube, truth, seed) if kind == VARIED else scene.cube
    return TrustScene(name, part, kind, cube, truth, scene.scaled, scene.names)


def _varied(cube: Cube, truth: Truth, seed: int) -> Cube:
    """The scene with every material's spectrum drawn anew from patch to patch: smooth shapes along the bands, normal, over what is there."""
    assert truth.abundances is not None
    generator = np.random.default_rng(seed)
    height, width, count = truth.abundances.shape
    side = int(generator.choice(_PATCHES))
    rows, columns = np.indices((height, width)) // side
    patches = rows * (width // side + 1) + columns
    spectra: FloatArray = cube.spectra.astype(float)
    for material in range(count):
        shapes = np.array([smooth_field((1, cube.shape[2]), _OVER_BANDS, generator)[0] for _ in range(_SHAPES)])
        drawn = generator.normal(size=(int(patches.max()) + 1, _SHAPES)) @ shapes * _SPREAD
        spectra += truth.abundances[..., material, None] * drawn[patches] * truth.endmembers[material]
    return replace(cube, spectra=spectra.astype(np.float32))
