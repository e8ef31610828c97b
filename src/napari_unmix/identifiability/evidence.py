"""What was measured of each endmember that was searched again: how far it moves, what backs it, and what else finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.picks import unit_length
from napari_unmix.identifiability.advice import strokes_only_name
from napari_unmix.identifiability.again.quadrants import anchored, of_the_rule
from napari_unmix.identifiability.again.refits import Refits, angles, some_rows
from napari_unmix.identifiability.again.search import SEARCHED_PIXELS
from napari_unmix.identifiability.checks.geometry import facet_tails, purest
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.metrics import angle_table
from napari_unmix.rows.subspace import subspace_excess

# A pixel that holds this share of a material, as fitted, is one of its pure ones; where fewer do, so many of the purest are looked at.
PURE, _PUREST = 0.9, 5
# From so many pure pixels on they back an endmember.
BACKED = 10
# Where linear mixing leaves this times the noise, spectra vary, and the material's own pixels stand around its endmember (decision 0023).
VARIES = 1.04

# What of a painting can move an endmember: where mixing is linear to the noise a stroke only names it, and regions can; a method may read none.
Paint = Literal["strokes", "regions", "more regions", "nothing"]


@dataclass(frozen=True)
class Evidence:
    """What was measured of one endmember that was searched.

    Attributes
    ----------
    moved : degrees by which it moves without a quadrant of the scene, median over the searches
    furthest : the largest of these
    own_pixels : degrees to the mean direction of its pure pixels
    residual : what linear mixing leaves of the scene, over the noise
    pure_pixels : how many pixels hold ``PURE`` of it or more, as fitted
    share : mean abundance
    purest : abundance in the few pixels that have most of it
    nearest : degrees to the endmember most like it
    another_search : degrees to what a search by another seed found, on other pixels where there are many, without strokes; None where there
        was none of the same kind
    same_pixels : whether that search read the pixels that the answer was found on, all of them: that it agrees then says little
    chord_cone : degrees between the corner of the sphere's hull and that of the cone, see ``again/sphere``; None where not measured
    facet_tail : pixels beyond the face that lacks it, in standard errors; None where the endmembers were not extrapolated
    parts : degrees by which it moves on other draws of the data; None where there were none
    stroke : share of it in the median pixel of the stroke that has its name; None where there is none
    half : whether it is half of a material that has another endmember as well
    paint : what of a painting can move it
    beside_strokes : whether the searches held one half of each stroke that anchored
    """

    moved: float
    furthest: float
    own_pixels: float
    residual: float
    pure_pixels: int
    share: float
    purest: float
    nearest: float
    another_search: float | None = None
    same_pixels: bool = False
    chord_cone: float | None = None
    facet_tail: float | None = None
    parts: float | None = None
    stroke: float | None = None
    half: bool = False
    paint: Paint = "strokes"
    beside_strokes: bool = False

    @property
    def varies(self) -> bool:
        """Whether spectra vary more than the noise."""
        return self.residual > VARIES

    @property
    def backed(self) -> bool:
        """Whether enough pixels consist of it."""
        return self.pure_pixels >= BACKED

    @property
    def doubt(self) -> float:
        """Degrees: the root of the squares of what moves and, where spectra vary, of two things in which all quadrants may agree.

        These are how far out it stands of its own pixels, and what a search on other pixels of the whole scene found (decision 0024).
        """
        if not self.varies:
            return self.moved
        return float(np.sqrt(self.moved**2 + self.own_pixels**2 + (self.another_search or 0.0) ** 2))

    @property
    def numbers(self) -> dict[str, float | None]:
        """By plain names, for the report."""
        return {
            "doubt_degrees": self.doubt,
            "moved_degrees": self.moved,
            "moved_furthest_degrees": self.furthest,
            "own_pixels_degrees": self.own_pixels,
            "scene_residual": self.residual,
            "pure_pixels": float(self.pure_pixels),
            "mean_share": self.share,
            "purest_share": self.purest,
            "nearest_endmember_degrees": self.nearest,
            "another_search_degrees": self.another_search,
            "chord_cone_degrees": self.chord_cone,
            "facet_tail": self.facet_tail,
            "parts_degrees": self.parts,
            "stroke_share": self.stroke,
            "half_of_a_material": float(self.half),
        }


def evidence(subject: Subject, refits: Refits) -> tuple[Evidence, ...]:
    """What was measured of each endmember, in order; () where none was searched without quadrants."""
    if not refits.quadrants:
        return ()
    moves, own, residual = _each(subject, refits.quadrants), _own_pixels(subject), _residual(subject)
    tails = facet_tails(subject)
    apart = angle_table(subject.endmembers, subject.endmembers) + np.diag(np.full(subject.count, np.inf))
    highest, pure = purest(subject), (subject.abundances >= PURE).sum(axis=0)
    parts = _each(subject, refits.parts)
    others = _each(subject, [refits.searched] if refits.searched is not None and _comparable(subject) else [])
    support, paint = subject.findings.support, _paint(subject)
    return tuple(
        Evidence(
            moved=float(np.median(moves[:, k])),
            furthest=float(moves[:, k].max()),
            own_pixels=float(own[k]),
            residual=residual,
            pure_pixels=int(pure[k]),
            share=float(subject.abundances[:, k].mean()),
            purest=float(highest[k]),
            nearest=float(np.degrees(apart[k].min())),
            another_search=_median(others, k),
            same_pixels=len(others) > 0 and len(subject.spectra) <= SEARCHED_PIXELS,
            chord_cone=None if refits.chord_cone is None else float(refits.chord_cone[k]),
            facet_tail=None if tails is None else float(tails[k]),
            parts=_median(parts, k),
            stroke=_stroke(subject, k),
            half=support is not None and k in support.halves,
            paint=paint,
            beside_strokes=anchored(subject),
        )
        for k in range(subject.count)
    )


def _paint(subject: Subject) -> Paint:
    if not type(subject.result.spec).uses_paint:
        return "nothing"
    if not strokes_only_name(subject.result):
        return "strokes"
    return "more regions" if subject.findings.by_regions else "regions"


def _own_pixels(subject: Subject) -> FloatArray:
    """(P,) degrees between each endmember and the mean direction of its pure pixels, or of the purest few."""
    means = []
    for shares in subject.abundances.T:
        pure = np.flatnonzero(shares >= PURE)
        chosen = pure if len(pure) >= _PUREST else np.argsort(-shares, kind="stable")[:_PUREST]
        means.append(unit_length(subject.spectra[chosen])[0].mean(axis=0))
    return angles(np.array(means), subject.endmembers)


def _residual(subject: Subject) -> float:
    """What linear mixing leaves over the noise, brightness free."""
    rows = some_rows(len(subject.spectra), np.random.default_rng(0))
    return subspace_excess(subject.spectra[rows], subject.count, subject.noise).linear


def _comparable(subject: Subject) -> bool:
    """Whether another search asks for the same: the geometry's rule found all endmembers, beside nothing that is held and no region's moments."""
    return of_the_rule(subject) and not subject.findings.by_regions and bool(subject.searched.all())


def _each(subject: Subject, found: list[FloatArray] | tuple[FloatArray, ...]) -> FloatArray:
    """(K, P) degrees from the result of each of K estimates (P, B) in its order."""
    return np.array([angles(one, subject.endmembers) for one in found])


def _median(degrees: FloatArray, k: int) -> float | None:
    return float(np.median(degrees[:, k])) if len(degrees) else None


def _stroke(subject: Subject, k: int) -> float | None:
    """The share of an endmember in the stroke of its name."""
    purities = [one.purity for one in subject.findings.strokes if one.material == subject.result.names[k]]
    return purities[0] if purities else None
