"""The answer to a cube that holds one spectrum in varying light: the same for every method, because there is nothing to unmix."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from napari_unmix.findings import Findings, Note, NoteKind, Recipe
from napari_unmix.geometry.counting import one_material
from napari_unmix.methods.contract import Problem, Solution, Spec
from napari_unmix.rows.inversion import FreeLight
from napari_unmix.rows.subspace import linear_subspace, noise_level


class OneMaterial(Recipe):
    """The one spectrum that all pixels hold, each in its own amount; there is no search to repeat."""

    repeatable: ClassVar[bool] = False
    extrapolated: ClassVar[bool | None] = False

    kind: Literal["one material"] = "one material"


def one_material_solution(problem: Problem[Spec]) -> Solution:
    """One endmember: the direction of largest second moment; abundances 1, and each pixel's brightness by least squares.

    Its largest value is 1, unless it keeps its own brightness.
    """
    direction = linear_subspace(problem.spectra, 1).basis
    found = problem.held_spectra if problem.held.all() else direction * np.sign(direction.sum())
    endmember = problem.exactly(problem.written(found)) if problem.spec.own_brightness else FreeLight().written(found)
    brightness = problem.spectra @ endmember[0] / (endmember[0] @ endmember[0])
    what = one_material(problem.spectra)
    note = Note(
        NoteKind.ENDMEMBERS,
        f"{what[0].upper()}{what[1:]}: every pixel consists of it, and the illumination says how bright it is.",
        "Where you expect more, ask for 2 endmembers.",
    )
    return Solution(
        endmembers=endmember,
        abundances=np.ones((len(problem.spectra), 1)),
        illumination=np.maximum(brightness, 0.0),
        notes=(note,),
        findings=Findings(recipe=OneMaterial(), noise=noise_level(problem.spectra, 1)),
        model={"endmembers": endmember.astype(np.float32)},
    )
