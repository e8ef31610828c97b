"""A second opinion: pure pixels of every endmember? pixels that lack each? does a new search without regions agree?"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.facets import Facets, too_low
from napari_unmix.geometry.recipes import Corners, Plane, in_plane
from napari_unmix.identifiability.again.refits import Refits, degrees_from
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject

PURE, AGREES = 0.95, 3.0
# Pixels beyond a face of the simplex are told of above this many standard errors.
EXPLAINED = 3.0
CONDITION = Condition(
    "geometry",
    "informs",
    number=None,
    precedence=99,
    threshold=PURE,
    title="Pure pixels",
    told="the purest of every material hold {share:.0f} % of it or more (good above {limit:.0f} %)",
    serves="answer",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Second opinion: pure pixels of every endmember? pixels that lack each? does a new search without regions agree?"""
    highest = purest(subject)
    lowest, least = float(highest.min()), int(highest.argmin())
    lacking = (subject.abundances < 0.02).mean(axis=0)
    apart = _search_degrees(subject, refits)
    pure, agrees = lowest > PURE, apart is None or apart <= AGREES
    status: Status = "pass" if backs(subject, refits) else "doubtful"
    name = subject.named([least])
    sentence = (
        "Every endmember has pixels of (as fitted) at least 95 % of its material: the geometry supports it, if they are pure."
        if pure
        else f"The purest pixels of {name} consist of it to {100 * lowest:.0f} %: no pure pixels back it."
    )
    if not pure:
        sentence += _scattered(subject, lacking)
    tails = facet_tails(subject)
    if tails is not None:
        sentence += _beyond(subject, tails)
    if apart is not None:
        sentence += f" A new search by geometry alone {'agrees' if agrees else 'disagrees'} ({apart:.1f}° on average)."
    numbers = {"purest": lowest, "least_lacking": float(lacking.min()), "search_degrees": apart}
    if tails is not None:
        numbers["facet_tail"] = float(tails.max())
    # What was given needs no stroke to confirm it.
    open_one = status != "pass" and bool(subject.searched.any())
    remedy = f"Paint regions, or a stroke of pure {name}, to confirm it (see Where to paint)." if open_one else ""
    measured = (
        f"there are some, but a new search without regions differs by {apart:.1f}° (good up to {AGREES:.0f}°)"
        if pure and not agrees
        else ""
    )
    return CONDITION.check(status, lowest, sentence, remedy, numbers, measured=measured)


def _scattered(subject: Subject, lacking: FloatArray) -> str:
    """Minimum volume needs pixels on every face of the simplex: P − 1 independent ones that lack each material (necessary, not sufficient)."""
    needed = (subject.count - 1) / len(subject.abundances)
    bare = np.flatnonzero(lacking < needed)
    if bare.size:
        return f" No pixels lack {subject.named(bare)}: minimum volume is not determined there either."
    return " Pixels that lack each material exist, as minimum volume needs."


def _beyond(subject: Subject, tails: FloatArray) -> str:
    worst, errors = int(tails.argmax()), float(tails.max())
    if errors <= EXPLAINED:
        return f" No more pixels lie outside the simplex of the endmembers than noise explains (at most {max(errors, 0):.1f} standard errors)."
    return (
        f" Where there is no {subject.named([worst])}, more pixels lie outside the simplex of the other endmembers than noise explains "
        f"({errors:.1f} standard errors, up to {EXPLAINED:.0f} is chance): these stand too far in, or vary."
    )


def facet_tails(subject: Subject) -> FloatArray | None:
    """(P,) pixels beyond each face of the simplex, in standard errors over what noise explains; None where endmembers were not extrapolated."""
    recipe = subject.recipe
    if not isinstance(recipe, Corners) or not recipe.extrapolated or recipe.route not in ("affine", "perspective"):
        return None
    space: Plane = "affine" if recipe.route == "affine" else "perspective"
    plane = in_plane(space, subject.spectra, subject.count, subject.noise_in_plane)
    vertices, noise = plane.vertices(subject.endmembers), plane.noise[plane.kept]
    return None if too_low(vertices, noise) else Facets.of(vertices, plane.scores[plane.kept], noise).tails()


def backs(subject: Subject, refits: Refits) -> bool:
    """Whether the geometry supports the endmembers: pixels of (as fitted) nothing else, and a new search that agrees."""
    apart = _search_degrees(subject, refits)
    return float(purest(subject).min()) > PURE and (apart is None or apart <= AGREES)


def purest(subject: Subject) -> FloatArray:
    """(P,) mean abundance of the few pixels that have most of each endmember."""
    few = max(3, len(subject.abundances) // 1000)
    return np.asarray(np.sort(subject.abundances, axis=0)[-few:].mean(axis=0))


def _search_degrees(subject: Subject, refits: Refits) -> float | None:
    return None if refits.searched is None else degrees_from(subject, refits.searched)
