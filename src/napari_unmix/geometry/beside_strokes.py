"""Strokes beside endmembers that are given: they anchor, as long as the rest of the scene agrees.

The search begins from what is given and from the pixels that this explains worst, one start and no more, so a stroke helps it even where an endmember
leads the stroke already (Jasper Ridge, one known: 14.4° without paint, 1.6 to 2.0° by a single stroke). That is why, other than in a full search
(``strokes``), a stroke may anchor whether it is led or not.

1. The search beside what is given, as if nothing were painted.
2. Where mixing is linear to the noise strokes name: the search misses nothing that a stroke would show.
3. Else they anchor where the fit that they anchor leaves little more than the one without, what is held staying where it is (``anchoring``). What
   does not anchor names, of the endmembers after the given ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind, StrokeFound
from napari_unmix.geometry.anchoring import LED, Tried, try_anchors
from napari_unmix.geometry.beside import Beginning, find_beside
from napari_unmix.geometry.confirming import AGREE
from napari_unmix.geometry.found import VARIABILITY, Found, Search
from napari_unmix.geometry.strokes import (
    ANCHORED,
    LINEAR,
    MOSTLY,
    Naming,
    enriched,
    leading,
    named_by,
    refused,
    said_of_anchors,
    shares_of,
)
from napari_unmix.rows.metrics import angle_table


def find_beside_painted(beginning: Beginning) -> Search:
    """Find (P, B) endmembers, the given ones first, then those of the painted materials; yields the loss at every step."""
    found = yield from find_beside(replace(beginning, strokes=[]))
    if not beginning.strokes:
        return found
    variability = beginning.excess.linear
    least = LED if variability > VARIABILITY else MOSTLY
    led = leading(
        beginning.spectra, found.endmembers, beginning.strokes, beginning.inversion, least, len(beginning.given)
    )
    tried = Tried((), {})
    if variability > LINEAR:
        tried = yield from try_anchors(beginning.spectra, found.endmembers, beginning.strokes, beginning.given)
    if tried.anchors:
        painted = [beginning.strokes[k] for k in tried.anchors]
        anchored = yield from find_beside(replace(beginning, strokes=painted))
        return _anchored(beginning, anchored, found, tried, _purities(beginning, anchored.endmembers, painted))
    if led is not None:
        return _named(beginning, found, led, led.found)
    naming = enriched(
        shares_of(beginning.spectra, found.endmembers, beginning.inversion), beginning.strokes, len(beginning.given)
    )
    told = tuple(
        refused(one, tried.costs[k]) if k in tried.costs and one.purity < least else one
        for k, one in enumerate(naming.found)
    )
    return _named(beginning, found, naming, told, int((naming.purities >= least).sum()))


def _purities(beginning: Beginning, endmembers: FloatArray, strokes: list[IntArray]) -> FloatArray:
    """(Q,) what the endmembers after the given ones, one after another, have of the median pixel of their strokes."""
    first = len(beginning.given)
    rows = [
        np.median(shares_of(beginning.spectra[stroke], endmembers, beginning.inversion), axis=0) for stroke in strokes
    ]
    return np.array([row[first + k] / max(float(row.sum()), 1e-12) for k, row in enumerate(rows)])


def _in_order(beginning: Beginning, found: Found, strokes: IntArray) -> Found:
    """The given endmembers, those of the strokes, the others."""
    given, count = np.arange(len(beginning.given)), len(found.endmembers)
    first = np.concatenate([given, strokes]).astype(int)
    return found.in_order(np.concatenate([first, np.setdiff1d(np.arange(count), first)]))


def _named(
    beginning: Beginning, found: Found, naming: Naming, told: tuple[StrokeFound, ...], led: int | None = None
) -> Found:
    """What was found as if nothing were painted, and what is told of strokes that name; ``led``: how many are led, where not all are."""
    count = len(beginning.strokes)
    said = "Painted materials name the endmembers that lead them."
    if led is not None:
        said = f"Painted materials name endmembers and move none: {led} of {count} have an endmember that leads them."
    ordered = replace(_in_order(beginning, found, naming.endmembers), strokes=told)
    return named_by(ordered, count if led is None else led, said)


def _anchored(beginning: Beginning, found: Found, before: Found, tried: Tried, purities: FloatArray) -> Found:
    """The strokes that anchor lead the endmembers after the given ones, the others name among those that are left.

    One that anchors what the search ``before`` had found, without it, confirms it.
    """
    given, strokes = len(beginning.given), beginning.strokes
    own = found.endmembers[given : given + len(tried.anchors)]
    confirmed = angle_table(own, before.endmembers[given:]).min(axis=1) < AGREE
    places = np.full(len(strokes), -1)
    places[list(tried.anchors)] = given + np.arange(len(tried.anchors))
    told = {
        k: StrokeFound(how="confirms" if agrees else "anchors", purity=float(share), cost=tried.costs[k])
        for k, share, agrees in zip(tried.anchors, purities, confirmed.tolist(), strict=True)
    }
    if rest := [k for k in range(len(strokes)) if k not in told]:
        shares = shares_of(beginning.spectra, found.endmembers, beginning.inversion)
        naming = enriched(shares, [strokes[k] for k in rest], given + len(tried.anchors))
        places[rest] = naming.endmembers
        told |= {k: refused(one, tried.costs[k]) for k, one in zip(rest, naming.found, strict=True)}
    note = Note(NoteKind.STROKES, said_of_anchors(len(tried.anchors), len(strokes), len(found.endmembers) - given))
    ordered = _in_order(beginning, found, places)
    return replace(
        ordered,
        notes=(*found.notes, note),
        numbers={**ordered.numbers, ANCHORED: float(len(tried.anchors))},
        strokes=tuple(told[k] for k in range(len(strokes))),
    )
