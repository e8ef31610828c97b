"""Painted materials: strokes name the endmembers that lead them, confirm them where both agree, and anchor those that were not found.

A stroke is imprecise: some of its pixels are mistakes, and all of them may be mixtures; of a thin thing most are what surrounds it. So it is not
taken for the endmember's spectrum. Where spectra vary, it draws its endmember a little towards what it shows, where the two are close
(``confirming``): a stroke far off is a mixture.

Where no endmember leads a stroke, either its material was not found or the stroke is mostly background. Where mixing is linear to the noise, the
search misses nothing that a stroke would show: it names. Else it anchors, as long as the rest of the scene agrees, with the others or without them
(``anchoring``). What does not anchor names, by what the stroke has more of than the scene has: what surrounds a thin thing is everywhere.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind, StrokeFound
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.anchoring import LED, Anchored, Trials, Tried, anchored_by_strokes
from napari_unmix.geometry.confirming import AGREE, confirm
from napari_unmix.geometry.found import NO_EXCESS, VARIABILITY, Found, Search
from napari_unmix.geometry.picks import unit_length
from napari_unmix.geometry.recipes import Strokes, SupportedPicks
from napari_unmix.geometry.supported import supported_picks
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, non_negative

# A stroke is mostly one material: on exact scenes the endmember it names leads it by this share, on varying ones by the lesser.
MOSTLY = 0.5
# Up to this residual over the noise, mixing is linear to the noise, and no stroke anchors.
LINEAR = 1.04
# While nothing better is painted, a free endmember beside strokes may rise this little over the noise.
_RISES = 3.0

# What the search measured about the painted materials: how many lead an endmember, are confirmed by it, or had to anchor it.
NAMED, CONFIRMED, ANCHORED = "strokes_named", "strokes_confirmed", "strokes_anchored"


@dataclass(frozen=True, eq=False)
class Naming:
    """Which endmember each of Q strokes names, and the share (Q,) that it has of the stroke's pixels (median)."""

    endmembers: IntArray
    purities: FloatArray

    @property
    def found(self) -> tuple[StrokeFound, ...]:
        """Strokes that name and do no more."""
        return tuple(StrokeFound(how="names", purity=float(purity)) for purity in self.purities)

    def after(self, count: int) -> Naming:
        """The same endmembers where so many others come before them."""
        return Naming(self.endmembers + count, self.purities)

    def first(self, count: int) -> IntArray:
        """(P,) order of ``count`` endmembers that puts those of the strokes first."""
        return np.concatenate([self.endmembers, np.setdiff1d(np.arange(count), self.endmembers)])


def with_strokes(
    spectra: FloatArray,
    found: Found,
    strokes: list[IntArray],
    noise: float,
    inversion: Inversion,
    *,
    variability: float,
) -> Search:
    """Endmembers with those of the painted materials first, in their order.

    ``strokes`` are indices into ``spectra`` (N, B); ``variability``: the residual of linear mixing over the noise, brightness free.
    """
    varies = variability > VARIABILITY
    led = leading(spectra, found.endmembers, strokes, inversion, LED if varies else MOSTLY)
    if led is None:
        return (yield from _not_led(spectra, found, strokes, inversion, variability))
    named = replace(found.in_order(led.first(len(found.endmembers))), strokes=led.found)
    if isinstance(found.recipe, SupportedPicks):
        return _confirmed_picks(spectra, named, strokes, noise)
    if varies:
        return (yield from _confirmed(spectra, named, strokes, led.purities, inversion))
    return named_by(named, len(strokes), "Painted materials name the endmembers that lead them.")


def named_by(found: Found, led: int, said: str) -> Found:
    """What is told of strokes that name, ``led`` of them endmembers that lead them."""
    return replace(
        found,
        notes=(*found.notes, Note(NoteKind.STROKES, said)),
        numbers={**found.numbers, NAMED: float(led)},
    )


def shares_of(spectra: FloatArray, endmembers: FloatArray, inversion: Inversion) -> FloatArray:
    """(N, P), before they are normalised: a stroke's own brightness does not matter."""
    invert = non_negative if inversion.free_light else fully_constrained
    scale = np.maximum(endmembers.max(axis=1, keepdims=True), 1e-12) if inversion.free_light else 1.0
    return invert(spectra, endmembers / scale)


def leading(
    spectra: FloatArray,
    endmembers: FloatArray,
    strokes: list[IntArray],
    inversion: Inversion,
    least: float,
    first: int = 0,
) -> Naming | None:
    """The endmember, of those from ``first`` on, that leads each stroke; None where one has less than ``least`` of its stroke."""
    shares = np.array([np.median(shares_of(spectra[stroke], endmembers, inversion), axis=0) for stroke in strokes])
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    naming = _paired(shares[:, first:], shares[:, first:]).after(first)
    return None if naming.purities.min() < least else naming


def _paired(merit: FloatArray, shares: FloatArray) -> Naming:
    """An endmember of its own for each stroke, of the highest merit (Q, P) together; the (Q, P) shares say how pure the stroke is."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-merit)
    return Naming(np.asarray(columns), shares[rows, columns])


def enriched(shares: FloatArray, strokes: list[IntArray], first: int = 0) -> Naming:
    """The endmember, from ``first`` on, that each stroke has more of than the scene has: the highest mean rank among all pixels' (N, P) shares.

    Ranks and not ratios of shares: in the median pixel of a rough stroke a rare material has no share at all (dc1, 12 strokings: none misnamed
    by ranks, 4 by the ratio of the median to the mean, 5 by the median).
    """
    from scipy.stats import rankdata

    ranks = rankdata(shares, axis=0) / len(shares)
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    return _paired(
        np.array([ranks[stroke, first:].mean(axis=0) for stroke in strokes]),
        np.array([np.median(shares[stroke, first:], axis=0) for stroke in strokes]),
    ).after(first)


def refused(one: StrokeFound, cost: float) -> StrokeFound:
    """A stroke that names because it may not anchor at this cost."""
    return one.model_copy(update={"how": "refused", "cost": cost})


def _not_led(
    spectra: FloatArray, found: Found, strokes: list[IntArray], inversion: Inversion, variability: float
) -> Search:
    """Where an endmember leads not every stroke: those that may anchor, and names for the others."""
    tried = Tried((), {})
    # Rare materials would be lost to anchors: least squares, which judges these, gives them up.
    if variability > LINEAR and not isinstance(found.recipe, SupportedPicks):
        trials = yield from Trials.of(spectra, found.endmembers, strokes)
        tried = yield from trials.nearly_all()
        anchored = yield from _as_tried(spectra, found, strokes, inversion, tried)
        if anchored is None:
            anchored = yield from _by_fewer(spectra, found, strokes, inversion, variability, trials)
        if anchored is not None:
            return anchored
    naming = enriched(shares_of(spectra, found.endmembers, inversion), strokes)
    least = LED if variability > VARIABILITY else MOSTLY
    told = tuple(
        refused(one, tried.costs[k]) if k in tried.costs and one.purity < least else one
        for k, one in enumerate(naming.found)
    )
    led = int((naming.purities >= least).sum())
    said = (
        f"Painted materials name endmembers and move none: {led} of {len(strokes)} have an endmember that leads them."
    )
    return named_by(replace(found.in_order(naming.first(len(found.endmembers))), strokes=told), led, said)


def _as_tried(
    spectra: FloatArray, found: Found, strokes: list[IntArray], inversion: Inversion, tried: Tried
) -> Generator[float, None, Found | None]:
    """What these anchors find in all the spectra; None where there are none, or one has less of its endmember than in the pixels it was tried on."""
    if not tried.anchors:
        return None
    painted = [strokes[k] for k in tried.anchors]
    anchored = yield from anchored_by_strokes(spectra, len(found.endmembers), painted, inversion)
    return _anchored(spectra, anchored, strokes, inversion, tried) if min(anchored.purities) >= LED else None


def _by_fewer(
    spectra: FloatArray,
    found: Found,
    strokes: list[IntArray],
    inversion: Inversion,
    variability: float,
    trials: Trials,
) -> Generator[float, None, Found | None]:
    """The most strokes, of those that nothing leads, that anchor alone and with which every stroke is led; None where there are none."""
    naming = leading(spectra, found.endmembers, strokes, inversion, 0.0)
    least = LED if variability > VARIABILITY else MOSTLY
    if naming is None:
        return None
    for tried in (yield from trials.fewer(np.flatnonzero(naming.purities < least).tolist())):
        anchored = yield from _as_tried(spectra, found, strokes, inversion, tried)
        if anchored is not None and leading(spectra, anchored.endmembers, strokes, inversion, LED) is not None:
            return anchored
    return None


def _confirmed(
    spectra: FloatArray, named: Found, strokes: list[IntArray], purities: FloatArray, inversion: Inversion
) -> Search:
    """Endmembers that lead their strokes, drawn towards what these show."""
    confirmed = yield from confirm(spectra, named.endmembers, strokes, purities, inversion, determined=named.determined)
    return _confirming(replace(named, endmembers=confirmed.endmembers), confirmed.agree.tolist())


def _confirming(found: Found, agree: list[bool]) -> Found:
    """What is told of strokes that name, and of which some agree with the endmember."""
    said = (
        f"Painted materials name the endmembers that lead them, and confirm {sum(agree)} of {len(agree)} (within 3°)."
    )
    numbers = {**found.numbers, NAMED: float(len(agree)), CONFIRMED: float(sum(agree))}
    told = tuple(
        one.model_copy(update={"how": "confirms"}) if agrees else one
        for one, agrees in zip(found.strokes, agree, strict=True)
    )
    return replace(found, notes=(*found.notes, Note(NoteKind.STROKES, said)), numbers=numbers, strokes=told)


def _confirmed_picks(spectra: FloatArray, named: Found, strokes: list[IntArray], noise: float) -> Found:
    """Stroke and pick together where they agree, the pick alone where not; the other picks anew beside them."""
    unit, _ = unit_length(spectra)
    picks = supported_picks(spectra, noise, len(named.endmembers))
    order = match_endmembers(picks.means(spectra), named.endmembers)
    first, confirmed = [], list[bool]()
    for k, stroke in enumerate(strokes):
        pick = picks.groups[order[k]]
        core = stroke[arch.stroke_mean(unit[stroke])[1]]
        agree = bool(spectral_angle(spectra[core].mean(axis=0), spectra[pick].mean(axis=0)) < AGREE)
        first.append(np.union1d(core, pick) if agree else pick)
        confirmed.append(agree)
    beside = supported_picks(spectra, noise, len(named.endmembers), rises=_RISES, first=first)
    endmembers = beside.means(spectra) if len(beside.groups) == len(named.endmembers) else named.endmembers
    return _confirming(replace(named, endmembers=endmembers), confirmed)


def _anchored(
    spectra: FloatArray, anchored: Anchored, strokes: list[IntArray], inversion: Inversion, tried: Tried
) -> Found:
    """The strokes that anchor lead their endmembers, the others name among those that are left."""
    count = len(anchored.endmembers)
    places = np.full(len(strokes), -1)
    places[list(tried.anchors)] = np.arange(len(tried.anchors))
    told = dict(zip(tried.anchors, anchored.purities, strict=True))
    found = {k: StrokeFound(how="anchors", purity=told[k], cost=tried.costs[k]) for k in tried.anchors}
    rest = [k for k in range(len(strokes)) if k not in told]
    if rest:
        shares = shares_of(spectra, anchored.endmembers, inversion)[:, len(told) :]
        naming = enriched(shares, [strokes[k] for k in rest])
        places[rest] = len(told) + naming.endmembers
        found |= {
            k: refused(one, tried.costs[k]) if k in tried.costs else one
            for k, one in zip(rest, naming.found, strict=True)
        }
    order = Naming(places, np.zeros(len(strokes))).first(count)
    return Found(
        anchored.endmembers[order],
        Strokes(halves=_halves(spectra, anchored)),
        0.0,
        NO_EXCESS,
        (Note(NoteKind.STROKES, said_of_anchors(len(told), len(strokes), count)),),
        {"stroke_pixels_believed": anchored.believed, ANCHORED: float(len(told))},
        tuple(found[k] for k in range(len(strokes))),
    )


def _halves(spectra: FloatArray, anchored: Anchored) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """(2, Q, B) mean directions of the two halves, in the order of the pixels, of what counts of each stroke; () where one has a single pixel."""
    halves = [np.array_split(np.sort(pixels), 2) for pixels in anchored.kept]
    if any(len(second) == 0 for _, second in halves):
        return ()
    return tuple(
        tuple(tuple(unit_length(spectra[one[number]])[0].mean(axis=0).tolist()) for one in halves) for number in (0, 1)
    )


def said_of_anchors(anchors: int, strokes: int, count: int) -> str:
    """What is told of strokes that anchor."""
    one = anchors == 1
    said = f"{anchors} painted material{'' if one else 's'} anchor{'s' if one else ''}"
    said += f" {'its' if one else 'their'} endmember{'' if one else 's'}"
    said += "" if anchors == count else "; the others are the purest spectra left"
    left = strokes - anchors
    if left:
        said += f", of which {left} painted one{' names one' if left == 1 else 's name some'}"
    return said + "."
