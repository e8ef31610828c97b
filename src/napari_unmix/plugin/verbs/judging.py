"""A first look at painted strokes, while they are being painted: which are mostly one material, and which mostly background."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import Annotation, BoolArray, FloatArray, IntArray
from napari_unmix.plugin.facts.judging import Judged, StrokesAsked, material_name
from napari_unmix.progress import Fit, Progress, meanwhile

# A stroke is judged by so many of its pixels, against so many of the scene's.
_OF_A_STROKE, _OF_THE_SCENE = 200, 3_000


def judge(question: StrokesAsked) -> Fit[Judged]:
    """The strokes, by the abundances that are shown, or by nearly least squares on the pixels at the corners (VCA)."""
    return (yield from meanwhile(lambda: _judged(question), Progress("looking at the strokes", 0, 1, 0.0)))


def _judged(question: StrokesAsked) -> Judged:
    from napari_unmix.geometry.strokes import enriched

    valid = question.cube.valid_pixels & _answered(question)
    strokes = _strokes(question.annotation, valid)
    if not strokes or len(strokes) > question.count:
        return Judged(question, ())
    spread = np.unique(np.linspace(0, int(valid.sum()) - 1, _OF_THE_SCENE).astype(int))
    pixels = np.union1d(spread, np.concatenate(list(strokes.values())))
    naming = enriched(_abundances(question, valid, pixels), [np.searchsorted(pixels, one) for one in strokes.values()])
    named = zip(naming.found, strokes, strict=True)
    return Judged(question, tuple(found.model_copy(update={"material": name}) for found, name in named))


def _answered(question: StrokesAsked) -> BoolArray:
    """(H, W) the pixels that have abundances."""
    abundances = question.abundances
    if abundances is None:
        return np.ones(question.cube.valid_pixels.shape, dtype=bool)
    return np.asarray(np.isfinite(abundances).all(axis=-1))


def _strokes(annotation: Annotation, valid: BoolArray) -> dict[str, IntArray]:
    """Name -> some pixels of each material's strokes, among the valid ones."""
    where, named = annotation.labels[valid], dict[str, list[int]]()
    for label in annotation.of_kind("material"):
        named.setdefault(material_name(annotation, label), []).append(label)
    painted = {name: np.flatnonzero(np.isin(where, labels)) for name, labels in named.items()}
    return {name: one[:: max(1, len(one) // _OF_A_STROKE)] for name, one in painted.items() if one.size}


def _abundances(question: StrokesAsked, valid: BoolArray, pixels: IntArray) -> FloatArray:
    """(n, P) of these of the valid pixels."""
    from napari_unmix.geometry.picks import vertex_components
    from napari_unmix.rows.inversion import inversion
    from napari_unmix.rows.quick import quick_abundances

    rows, columns = (axis[pixels] for axis in np.nonzero(valid))
    if question.abundances is not None:
        return np.asarray(question.abundances[rows, columns], dtype=np.float64)
    spectra = question.cube.spectra[rows, columns][:, question.cube.good_bands].astype(np.float64)
    inverted = inversion(free_light=question.free_light)
    picked = vertex_components(spectra, question.count, np.random.default_rng(0))
    return quick_abundances(spectra, inverted.written(spectra[picked]), inverted)
