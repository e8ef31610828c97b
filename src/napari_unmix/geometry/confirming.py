"""Strokes that confirm what the search found: each draws its endmember a little towards what it shows.

Where spectra vary, the purest spectra found and the fit that the strokes anchor err independently, as far as the strokes are pure, so their average
is better than either. Where the data alone say where the endmembers are it can be worse: there the stroke's part is taken only where the scene is
explained no worse with it. Constants from strokings 0 to 5 of Samson, Jasper Ridge, HySU and urban4, sloppy and careful (decision 0019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.anchoring import left_by
from napari_unmix.geometry.coordinates import Sphere
from napari_unmix.geometry.seen import Losses, unseen
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, non_negative

# Stroke and endmember are one material within this angle (radians), and brightness within this factor.
AGREE = np.radians(3.0)
AS_BRIGHT = 1.25
# A stroke's mean, against all the evidence of its material (theory §3: λ).
_CONFIRMING = 1.0
# A pure stroke's part in the direction of an endmember: where the data do not say where endmembers are, and where they do. A half of that on Samson
# painted carefully cost up to 12 % of the angle, a third 6 %.
UNSURE, SURE = 1 / 2, 1 / 3
# The part falls with this power of the stroke's purity: rough strokes of Jasper Ridge cost at worst 10 % of RMSE with 2, 7 % with 3, 6 % with 4,
# and careful ones gained 13, 12 and 10 %.
_BY_PURITY = 3
# Brightness is that of the painted pixels with this share of the endmember, because what is mixed in has another; and it has this part of it.
PURE, _BRIGHTNESS = 0.9, 1 / 3
# What is left is measured on about this many pixels.
_MEASURED_ON = 3_000


@dataclass(frozen=True, eq=False)
class Confirmed:
    """Endmembers (P, B), those of the Q strokes first, and which of these (Q,) are within ``AGREE`` of what the strokes show."""

    endmembers: FloatArray
    agree: BoolArray


def confirm(
    spectra: FloatArray,
    endmembers: FloatArray,
    strokes: list[IntArray],
    purities: FloatArray,
    inversion: Inversion,
    *,
    determined: bool,
) -> Losses[Confirmed]:
    """Endmembers (P, B), those of the strokes first, each drawn towards the fit that the strokes anchor where the two agree.

    ``strokes`` are indices into ``spectra`` (N, B), ``purities`` (Q,) the share of its endmember in each, ``determined`` whether the data alone say
    where the endmembers are. What nobody painted stays. Yields the loss at every sweep.
    """
    # 1. The same kind of fit, anchored.
    sphere = Sphere.of(spectra, len(endmembers))
    count = len(strokes)
    found = directions(endmembers)
    cores = [stroke[arch.stroke_mean(sphere.scores[stroke])[1]] for stroke in strokes]
    shown = yield from _shown(sphere, found, cores)
    # 2. Where both agree, and where the data say enough, only what explains the scene no worse.
    agree = spectral_angle(shown, found[:count]) < AGREE
    part = parts(purities, determined=determined)[:, None]
    drawn = directions((1 - part) * found[:count] + part * shown)
    sample = spectra[:: max(1, len(spectra) // _MEASURED_ON)]
    moves = agree & no_worse(sample, found, drawn) if determined else agree
    moved = found.copy()
    moved[:count][moves] = drawn[moves]
    # 3. Brightness, where it counts.
    if not inversion.free_light:
        moved = moved * _brightness(spectra, endmembers, cores)[:, None]
    return Confirmed(moved, agree)


def parts(purities: FloatArray, *, determined: bool) -> FloatArray:
    """(Q,) the part that what strokes of these purities show has in the endmembers that they name."""
    return np.asarray((SURE if determined else UNSURE) * purities.clip(0.0, 1.0) ** _BY_PURITY)


def no_worse(spectra: FloatArray, found: FloatArray, drawn: FloatArray) -> BoolArray:
    """(Q,) whether the cone of ``found`` (P, B) leaves no more of the spectra with this one of its first Q endmembers as it was ``drawn`` (Q, B)."""
    before = left_by(spectra, found)
    alone = [np.vstack([found[:k], drawn[k : k + 1], found[k + 1 :]]) for k in range(len(drawn))]
    return np.array([left_by(spectra, each) <= before for each in alone])


def directions(spectra: FloatArray) -> FloatArray:
    """(..., B) spectra of length one."""
    return np.asarray(spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), 1e-12))


def _shown(sphere: Sphere, found: FloatArray, cores: list[IntArray]) -> Losses[FloatArray]:
    """(Q, B) directions of the purest pixels of the Q materials that the cores' means anchor in a fit of them all."""
    means = np.array([sphere.scores[core].mean(axis=0) for core in cores])
    start = np.vstack([means, sphere.subspace.scores(found)[len(means) :]])
    anchors = arch.Strokes(means, _CONFIRMING)
    fitting = arch.fit_archetypes(sphere.scores, start, sphere.weights, arch.ON_SPHERE, strokes=anchors, sweeps=60)
    fit = yield from unseen(fitting)
    purest = sphere.purest(fully_constrained(sphere.scores, fit.archetypes))
    return directions(purest[: len(cores)])


def _brightness(spectra: FloatArray, endmembers: FloatArray, cores: list[IntArray]) -> FloatArray:
    """(P,) that of the endmembers, those of the strokes' drawn towards that of the pure painted pixels where the two are alike."""
    lengths: FloatArray = np.linalg.norm(endmembers, axis=1)
    for k, core in enumerate(cores):
        # Not shares that sum to one: those depend on the brightness that is asked for.
        amounts = non_negative(spectra[core], endmembers)
        pure = core[amounts[:, k] >= PURE * amounts.sum(axis=1)]
        if len(pure) >= arch.FEWEST_BACKERS:
            lengths[k] = _towards(lengths[k], float(np.median(np.linalg.norm(spectra[pure], axis=1))))
    return lengths


def _towards(found: float, painted: float) -> float:
    """Brightness between the two, or what was found where the other is not alike."""
    alike = 1 / AS_BRIGHT < painted / found < AS_BRIGHT
    return float(painted**_BRIGHTNESS * found ** (1 - _BRIGHTNESS)) if alike else found
