"""The scenes of the comparison of methods: simulated ones of fresh seeds, and those of the folder of real scenes, of which some are cropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import Annotation, Cube
from napari_unmix.given import Given
from napari_unmix.synthetic import Kind, Scene, blind_scene, measured_spectra, region_scene
from unmix_benchmarks.common.cases import (
    APEX,
    DC1,
    HYSU_CROP,
    JASPER_RIDGE,
    MUUFL,
    SAMSON,
    SIM2,
    URBAN4,
    URBAN6,
    WASHINGTON,
    Case,
    Truth,
    data_folder,
)

# No number was chosen on these, and no decision names them.
SEED = 905_000
SIMULATED = "simulated"
_SIZE, _MATERIALS, _DECIBELS = 48, 4, 30.0
_PAINTED_SIZE, _REGIONS = 60, 24


@dataclass(frozen=True, eq=False)
class Subject:
    """What every method gets: cube and inversion, what is painted, a library where the scene has one; and the truth, for the score alone.

    ``plain``: the reference is itself a solver's, whose inversion has no law of variability.
    """

    name: str
    cube: Cube
    truth: Truth
    illumination: bool
    plain: bool = False
    annotation: Annotation | None = None
    library: Given | None = None


class Window(NamedTuple):
    """The first row and column of a square part of a scene, and its side."""

    row: int
    column: int
    side: int

    def said(self) -> str:
        """``rows 40–103, columns 40–103``."""
        return f"rows {self.row}–{self.row + self.side - 1}, columns {self.column}–{self.column + self.side - 1}"


@dataclass(frozen=True)
class Place:
    """A scene by name: what is known of it, what it is, how it is made, which may need the folder of the real ones."""

    name: str
    reference: str
    words: str
    make: Callable[[str | None], Subject]


# The windows in which the ten purest pixels of each material are nearly as pure as in the whole scene; ``benchmark accuracy`` has whole scenes.
_CASES: tuple[tuple[Case, Window | None], ...] = (
    (DC1, Window(4, 8, 64)),
    (SIM2, Window(56, 52, 48)),
    (APEX, Window(48, 16, 48)),
    (WASHINGTON, Window(0, 8, 48)),
    (HYSU_CROP, None),
    (SAMSON, Window(44, 12, 48)),
    (JASPER_RIDGE, Window(52, 52, 48)),
    (URBAN4, None),
    (URBAN6, None),
    (MUUFL, Window(36, 16, 48)),
)
_DRAWN: tuple[tuple[str, Kind, bool], ...] = (
    ("linear, pure pixels", "linear", True),
    ("linear, no pure pixels", "linear", False),
    ("illumination, no pure pixels", "illumination", False),
    ("bilinear, pure pixels", "bilinear", True),
    ("post-nonlinear, pure pixels", "post-nonlinear", True),
    ("variability, no pure pixels", "tilt", False),
)
_PAINTED = "painted regions, no pure pixels"


def places(words: Sequence[str] = ("",)) -> list[Place]:
    """The scenes in whose name one of the words is."""
    every = [*_simulated(), *_of_folder()]
    return [place for place in every if any(word.lower() in place.name.lower() for word in words)]


def _simulated() -> Iterator[Place]:
    size = f"{_SIZE}×{_SIZE}, {_MATERIALS} materials, {_DECIBELS:g} dB"
    for number, (name, kind, pure) in enumerate(_DRAWN):

        def make(
            _: str | None, number: int = number, name: str = name, kind: Kind = kind, pure: bool = pure
        ) -> Subject:
            scene = blind_scene(
                SEED + number, materials=_MATERIALS, pure=pure, kind=kind, decibels=_DECIBELS, size=_SIZE
            )
            return _of_scene(name, scene, None)

        yield Place(name, SIMULATED, f"{size}, seed {SEED + number}", make)

    def painted(_: str | None) -> Subject:
        scene = region_scene(
            SEED + len(_DRAWN), materials=_MATERIALS, regions=_REGIONS, decibels=_DECIBELS, size=_PAINTED_SIZE
        )
        return _of_scene(_PAINTED, scene, scene.annotation)

    said = f"{_PAINTED_SIZE}×{_PAINTED_SIZE}, {_MATERIALS} materials, {_DECIBELS:g} dB, {_REGIONS} regions, half of each painted"
    yield Place(_PAINTED, SIMULATED, f"{said}, seed {SEED + len(_DRAWN)}", painted)


def _of_scene(name: str, scene: Scene, annotation: Annotation | None) -> Subject:
    """The spectra that scenes are mixed from are the library of each."""
    _, spectra, names = measured_spectra()
    library = Given.known(spectra[:, ::2], names, "USGS selection")
    truth = Truth(scene.endmembers, scene.abundances)
    return Subject(name, scene.cube, truth, scene.scaled, annotation=annotation, library=library)


def _of_folder() -> Iterator[Place]:
    for case, window in _CASES:

        def make(data: str | None, case: Case = case, window: Window | None = window) -> Subject:
            return _of_case(case, window, data_folder(data))

        yield Place(_named(case, window), case.reference, "whole" if window is None else window.said(), make)


def _named(case: Case, window: Window | None) -> str:
    """A part is no row of the whole scene's name, which other tables have."""
    return case.name if window is None else f"{case.name}, window"


def _of_case(case: Case, window: Window | None, data: Path) -> Subject:
    cube, truth = case.load(data)
    if window is not None:
        cube, truth = cropped(cube, truth, window)
    plain = case.reference not in ("exact", "measured areas")
    return Subject(_named(case, window), cube, truth, case.illumination, plain, library=_library(data / case.file))


def cropped(cube: Cube, truth: Truth, window: Window) -> tuple[Cube, Truth]:
    """The part of a cube, and of the abundances that are its truth."""
    assert truth.abundances is not None
    part = (slice(window.row, window.row + window.side), slice(window.column, window.column + window.side))
    smaller = replace(cube, spectra=np.ascontiguousarray(cube.spectra[part]), valid_pixels=cube.valid_pixels[part])
    return smaller, replace(truth, abundances=truth.abundances[part])


def _library(file: Path) -> Given | None:
    """What a published scene has beside its reference; None of most."""
    with np.load(file.parent / "reference.npz", allow_pickle=False) as stored:
        spectra = stored["library"].astype(float) if "library" in stored.files else None
    if spectra is None:
        return None
    return Given.known(spectra, tuple(f"entry {k + 1}" for k in range(len(spectra))), "the scene's library")
