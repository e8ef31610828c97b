"""Painted materials: strokes name the endmembers that lead them, confirm them where both agree, and anchor those that were not found.

A stroke is imprecise: some of its pixels are mistakes, and all of them may be mixtures. So it is not taken for the endmember's spectrum. Where
spectra vary, the purest spectra found and the stroke's own are averaged, because their errors are independent; they are averaged only where they
are close, because a stroke far off is a mixture (constants from twelve strokings each of three scenes).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.coordinates import Sphere
from napari_unmix.geometry.found import NO_EXCESS, Found, Search
from napari_unmix.geometry.picks import unit_length
from napari_unmix.geometry.recipes import Strokes, SupportedPicks
from napari_unmix.geometry.seen import lifted, unseen
from napari_unmix.geometry.supported import supported_picks
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, non_negative

# A stroke is mostly one material: on exact scenes the endmember it names leads it by this share, on varying ones by the lesser.
_MOSTLY, _LED = 0.5, 1 / 3
# Stroke and endmember are one material within this angle (radians), and brightness within this factor.
_AGREE = np.radians(3.0)
_AS_BRIGHT = 1.25
# A stroke's mean, against all the evidence of its material (theory §3: λ).
_CONFIRMING, _ANCHORING = 1.0, 0.3
# While nothing better is painted, a free endmember beside strokes may rise this little over the noise.
_RISES = 3.0

# What the search measured about the painted materials: how many lead an endmember, are confirmed by it, or had to anchor it.
NAMED, CONFIRMED, ANCHORED = "strokes_named", "strokes_confirmed", "strokes_anchored"


def with_strokes(
    spectra: FloatArray, found: Found, strokes: list[IntArray], noise: float, inversion: Inversion, *, varies: bool
) -> Search:
    """Endmembers with those of the painted materials first, in their order.

    ``strokes`` are indices into ``spectra`` (N, B); ``varies``: whether spectra vary more than noise.
    """
    order = _order_by_strokes(spectra, found.endmembers, strokes, inversion, _LED if varies else _MOSTLY)
    if order is None:
        return (yield from _anchored_by_strokes(spectra, len(found.endmembers), strokes, inversion))
    named = replace(found, endmembers=found.endmembers[order])
    if isinstance(found.recipe, SupportedPicks):
        return _confirmed_picks(spectra, named, strokes, noise)
    if varies:
        return (yield from _confirmed(spectra, named, strokes, inversion))
    lead = Note(NoteKind.STROKES, "Painted materials name the endmembers that lead them.")
    return replace(named, notes=(*found.notes, lead), numbers={**found.numbers, NAMED: float(len(strokes))})


def _order_by_strokes(
    spectra: FloatArray, endmembers: FloatArray, strokes: list[IntArray], inversion: Inversion, least: float
) -> IntArray | None:
    """Order that puts the endmember that leads each stroke first; None where one has less than ``least`` of its stroke."""
    from scipy.optimize import linear_sum_assignment

    # The shares before they are normalised: a stroke's own brightness does not matter.
    invert = non_negative if inversion.free_light else fully_constrained
    scale = np.maximum(endmembers.max(axis=1, keepdims=True), 1e-12) if inversion.free_light else 1.0
    shares = np.array([np.median(invert(spectra[stroke], endmembers / scale), axis=0) for stroke in strokes])
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    rows, columns = linear_sum_assignment(-shares)
    if shares[rows, columns].min() < least:
        return None
    return np.concatenate([columns, np.setdiff1d(np.arange(len(endmembers)), columns)])


def _confirmed(spectra: FloatArray, named: Found, strokes: list[IntArray], inversion: Inversion) -> Search:
    """Average each endmember with the fit that the strokes anchor, where the two agree."""
    sphere = Sphere.of(spectra, len(named.endmembers))
    scores = sphere.scores
    cores = [stroke[arch.stroke_mean(scores[stroke])[1]] for stroke in strokes]
    means = np.array([scores[core].mean(axis=0) for core in cores])
    directions = _directions(named.endmembers)
    start = np.vstack([means, sphere.subspace.scores(directions)[len(means) :]])
    anchors = arch.Strokes(means, _CONFIRMING)
    confirming = arch.fit_archetypes(scores, start, sphere.weights, arch.ON_SPHERE, strokes=anchors, sweeps=60)
    fit = yield from unseen(confirming)
    other = _directions(sphere.purest(fully_constrained(scores, fit.archetypes)))
    agree = spectral_angle(other, directions) < _AGREE
    endmembers = _directions(np.where(agree[:, None], directions + other, directions))
    if not inversion.free_light:
        brightness = np.linalg.norm(named.endmembers, axis=1)
        painted = np.array([np.median(sphere.lengths[core]) for core in cores])
        ratio = painted / brightness[: len(cores)]
        both = np.sqrt(painted * brightness[: len(cores)])
        alike = (ratio < _AS_BRIGHT) & (ratio > 1 / _AS_BRIGHT)
        brightness[: len(cores)] = np.where(alike, both, brightness[: len(cores)])
        endmembers = endmembers * brightness[:, None]
    return _confirming(replace(named, endmembers=endmembers), int(agree[: len(cores)].sum()), len(cores))


def _confirming(found: Found, confirmed: int, count: int) -> Found:
    said = f"Painted materials name the endmembers that lead them, and confirm {confirmed} of {count} (within 3°)."
    numbers = {**found.numbers, NAMED: float(count), CONFIRMED: float(confirmed)}
    return replace(found, notes=(*found.notes, Note(NoteKind.STROKES, said)), numbers=numbers)


def _confirmed_picks(spectra: FloatArray, named: Found, strokes: list[IntArray], noise: float) -> Found:
    """Stroke and pick together where they agree, the pick alone where not; the other picks anew beside them."""
    unit, _ = unit_length(spectra)
    picks = supported_picks(spectra, noise, len(named.endmembers))
    order = match_endmembers(picks.means(spectra), named.endmembers)
    first, confirmed = [], 0
    for k, stroke in enumerate(strokes):
        pick = picks.groups[order[k]]
        core = stroke[arch.stroke_mean(unit[stroke])[1]]
        agree = spectral_angle(spectra[core].mean(axis=0), spectra[pick].mean(axis=0)) < _AGREE
        first.append(np.union1d(core, pick) if agree else pick)
        confirmed += int(agree)
    beside = supported_picks(spectra, noise, len(named.endmembers), rises=_RISES, first=first)
    endmembers = beside.means(spectra) if len(beside.groups) == len(named.endmembers) else named.endmembers
    return _confirming(replace(named, endmembers=endmembers), confirmed, len(strokes))


def _directions(spectra: FloatArray) -> FloatArray:
    return np.asarray(spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), 1e-12))


def _anchored_by_strokes(spectra: FloatArray, count: int, strokes: list[IntArray], inversion: Inversion) -> Search:
    """Where a painted material was not found: its stroke anchors it, and the others are the purest spectra left."""
    sphere = Sphere.of(spectra, count)
    look = partial(sphere.seen, inversion=inversion)
    cores = [stroke[arch.stroke_mean(sphere.scores[stroke])[1]] for stroke in strokes]
    fit = yield from lifted(_anchored(sphere, cores, count), look)
    # Pixels that the first fit contradicts were painted by mistake.
    kept = []
    for k, core in enumerate(cores):
        share = fit.abundances[core, k]
        believed = core[share >= 0.5 * np.median(share)]
        kept.append(believed if len(believed) >= arch.FEWEST_BACKERS else core)
    fit = yield from lifted(_anchored(sphere, kept, count), look)
    endmembers: FloatArray = fit.archetypes @ sphere.subspace.basis
    if not inversion.free_light:
        endmembers = sphere.with_brightness(endmembers, fit.abundances)
    one = len(strokes) == 1
    note = f"{len(strokes)} painted material{'' if one else 's'} anchor{'s' if one else ''} the first endmember{'' if one else 's'}"
    note += "." if len(strokes) == count else "; the others are the purest spectra left."
    believed_pixels = tuple(float(len(pixels)) for pixels in kept)
    return Found(
        endmembers,
        Strokes(),
        0.0,
        NO_EXCESS,
        (Note(NoteKind.STROKES, note),),
        {"stroke_pixels_believed": believed_pixels, ANCHORED: float(len(strokes))},
    )


def _anchored(sphere: Sphere, cores: list[IntArray], count: int) -> Generator[float, None, arch.Archetypes]:
    scores, weights = sphere.scores, sphere.weights
    means = np.array([scores[core].mean(axis=0) for core in cores])
    start = means
    few = max(arch.FEWEST_BACKERS, len(scores) // 500)
    while len(start) < count:
        # A free endmember starts at the worst-explained pixel and its likes.
        residual = weights * ((scores - fully_constrained(scores, start) @ start) ** 2).sum(axis=1)
        worst = np.argpartition(-residual, few)[:few]
        seed = worst[residual[worst].argmax()]
        alike = worst[np.argsort(((scores[worst] - scores[seed]) ** 2).sum(axis=1))[: arch.FEWEST_BACKERS]]
        start = np.vstack([start, scores[alike].mean(axis=0)])
    anchors = arch.Strokes(means, _ANCHORING)
    return (yield from arch.fit_archetypes(scores, start, weights, arch.ON_SPHERE, strokes=anchors, sweeps=60))
