"""The field's algorithms for abundances, on endmembers that were found: by pixel, or, with smoothness, for the whole image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.methods.classical.spec import ClassicalSpec
from napari_unmix.methods.contract import Problem, QuickLook
from napari_unmix.methods.least_squares import inverted_in_parts
from napari_unmix.progress import Fit, Progress, meanwhile, staged
from napari_unmix.rows.inversion import Inverted, inverted_sparsely, shared
from napari_unmix.rows.sparse import sparse_amounts
from napari_unmix.rows.total_variation import Task, smooth_amounts


def solved(problem: Problem[ClassicalSpec], endmembers: FloatArray, done: float) -> Fit[Inverted]:
    """Abundances of all pixels for (P, B) endmembers as written, by the spec's algorithm, from the share ``done`` of the run on."""
    spec = problem.spec
    if spec.abundances == "sunsal-tv":
        return (yield from _smooth(problem, endmembers, done))
    sparse = partial(inverted_sparsely, sparsity=spec.sparsity, free_light=spec.illumination)
    return (yield from inverted_in_parts(problem, endmembers, done, sparse if spec.abundances == "sunsal" else None))


def notes_of(spec: ClassicalSpec) -> tuple[Note, ...]:
    """What the maps are, where they are none of fractions, and what the price did to them."""
    said = {
        "scls": "Abundances sum to one and may be negative (SCLS): where one is, these endmembers do not make the pixel.",
        "nnls": "Abundances are amounts, not negative, whose sum is free (NNLS): shade, and what is missing among the endmembers, make it less.",
        "sunsal": f"Abundances are sparse amounts whose sum is free (SUnSAL, λ = {spec.sparsity:g}): the price draws all of them to zero.",
        "sunsal-tv": f"Abundances are sparse amounts whose sum is free (SUnSAL-TV, λ = {spec.sparsity:g}, smoothness {spec.smoothness:g}): the "
        "prices draw them to zero, and to those of the neighbouring pixels.",
    }.get(spec.abundances)
    if said is None or (spec.illumination and spec.abundances == "nnls"):
        return ()
    if spec.illumination:
        said = said.replace(
            "sparse amounts whose sum is free", "sparse amounts over their sum, which is the illumination"
        )
    return (Note(NoteKind.METHOD, said),)


def _smooth(problem: Problem[ClassicalSpec], endmembers: FloatArray, done: float) -> Fit[Inverted]:
    spec, spectra = problem.spec, problem.spectra
    look = QuickLook(problem, endmembers)
    waiting = Progress("finding abundances", 0, 1, done, snapshot=look)
    begin: Callable[[], FloatArray] = partial(sparse_amounts, spectra, endmembers, spec.sparsity)
    start = yield from meanwhile(begin, waiting, pixels=len(spectra))
    valid = problem.cube.valid_pixels
    task = yield from meanwhile(
        lambda: Task.of(spectra, endmembers, valid, spec.sparsity, spec.smoothness), waiting, pixels=len(spectra)
    )
    amounts = yield from staged(
        "finding abundances", smooth_amounts(task, start), (done, 1.0), show=lambda _: (None, look)
    )
    return shared(np.asarray(amounts), free_light=spec.illumination)
