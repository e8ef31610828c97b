"""How far each endmember that the painted regions gave can be believed: the error to expect of it, one endmember at a time.

A quarter less of the scene takes whole regions away, and what is left determines less: that moves answers that are right. What the regions' own
estimate rests on is asked instead, as for the error of the whole answer (``errors``): scenes simulated from it, the regions left out one after
another, and what the regions' other estimates say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.advice import SEE
from napari_unmix.identifiability.again.refits import Refits, angles, no_dirichlet
from napari_unmix.identifiability.errors import disputed_angles
from napari_unmix.identifiability.report import Word
from napari_unmix.identifiability.subject import Subject
from napari_unmix.regions.acceptance import POORLY_DETERMINED
from napari_unmix.rows.metrics import angle_table

# The error to expect holds so much of the distance to what the geometry finds from another start.
_GEOMETRYS_SHARE = 0.5
# Degrees to expect, below which an endmember of the regions' is steady, as an answer is called identified up to so many on average, and from which it
# is not determined (decisions 0030 and 0059); the same of the regions' word against an endmember of the geometry's.
STEADY_BY_REGIONS, LOST_BY_REGIONS = 2.0, 4.0
UNDISPUTED, DISPUTED = 3.0, 5.0


@dataclass(frozen=True)
class RegionEvidence:
    """What was measured of one endmember that regions gave.

    Attributes
    ----------
    expected : degrees by which it is expected to be off: the root of the mean square of the next two and the square of what is disputed
    simulated : degrees by which it comes back off from scenes simulated from the answer, root mean square
    without_regions : degrees by which it moves where regions are left out, the median scaled to what it says of all of them (the jackknife); None
        where too few are left
    disputed : degrees that the regions' other estimates, and the geometry, say against it
    by_moments, by_contrast, by_search : degrees to the regions' own estimate, to contrastive learning's, and to what the geometry finds from
        another start; None where there is none
    share : mean abundance
    nearest : degrees to the endmember most like it
    half : whether it is half of a material that has another endmember as well
    geometrys : whether the geometry gave it, and the regions have an estimate of their own
    denied : whether the regions gave it by a law of the abundances that their third moments deny
    """

    expected: float
    simulated: float
    without_regions: float | None
    disputed: float
    share: float
    nearest: float
    by_moments: float | None = None
    by_contrast: float | None = None
    by_search: float | None = None
    half: bool = False
    geometrys: bool = False
    denied: bool = False

    @property
    def doubt(self) -> float:
        """Degrees, by which endmembers are ordered."""
        return self.expected

    @property
    def numbers(self) -> dict[str, float | None]:
        """By plain names, for the report."""
        return {
            "doubt_degrees": self.doubt,
            "simulated_degrees": self.simulated,
            "without_regions_degrees": self.without_regions,
            "disputed_degrees": self.disputed,
            "by_moments_degrees": self.by_moments,
            "by_contrast_degrees": self.by_contrast,
            "another_search_degrees": self.by_search,
            "mean_share": self.share,
            "nearest_endmember_degrees": self.nearest,
            "half_of_a_material": float(self.half),
            "law_denied": float(self.denied),
        }


def regions_speak(subject: Subject, refits: Refits) -> bool:
    """Whether the regions gave the endmembers, or determine their own estimate well enough to speak against the geometry's."""
    fit = refits.moment_fit
    return subject.findings.by_regions or (fit is not None and fit.relative_error <= POORLY_DETERMINED)


def region_evidence(subject: Subject, refits: Refits) -> tuple[RegionEvidence, ...]:
    """What was measured of each endmember, in order; () where regions say nothing of them, or nothing was simulated."""
    if not refits.twins or not regions_speak(subject, refits):
        return ()
    by_search = None if refits.searched is None else angles(refits.searched, subject.endmembers)
    by_geometry: FloatArray = np.zeros(subject.count) if by_search is None else _GEOMETRYS_SHARE * by_search
    disputed = np.hypot(disputed_angles(subject, refits), by_geometry)
    simulated = _root_mean_square(_moves(subject, [twin.endmembers for twin in refits.twins]))
    left_out = _jackknife(_moves(subject, refits.parts)) if refits.without_regions else None
    sampled = simulated if left_out is None else np.hypot(simulated, left_out) / np.sqrt(2)
    expected = np.hypot(sampled, disputed)
    by_moments = None if refits.moment_fit is None else angles(refits.moment_fit.endmembers, subject.endmembers)
    by_contrast = None if refits.contrastive is None else angles(refits.contrastive, subject.endmembers)
    apart = angle_table(subject.endmembers, subject.endmembers) + np.diag(np.full(subject.count, np.inf))
    support = subject.findings.support
    return tuple(
        RegionEvidence(
            expected=float(expected[k]),
            simulated=float(simulated[k]),
            without_regions=_of(left_out, k),
            disputed=float(disputed[k]),
            share=float(subject.abundances[:, k].mean()),
            nearest=float(np.degrees(apart[k].min())),
            by_moments=_of(by_moments, k),
            by_contrast=_of(by_contrast, k),
            by_search=_of(by_search, k),
            half=support is not None and k in support.halves,
            geometrys=not subject.findings.by_regions,
            denied=subject.findings.by_regions and no_dirichlet(refits),
        )
        for k in range(subject.count)
    )


def region_spread(subject: Subject, refits: Refits) -> FloatArray:
    """(P, B) how far the curves move in simulated scenes and without regions, root mean square, in their own units."""
    apart = [twin.endmembers - subject.endmembers for twin in refits.twins]
    mean = np.mean(np.square(apart), axis=0)
    if refits.without_regions:
        left_out = np.array(refits.parts) - subject.endmembers
        mean = (mean + (len(left_out) - 1) * np.mean(left_out**2, axis=0)) / 2
    return np.asarray(np.sqrt(mean))


def region_word(measured: RegionEvidence) -> Word:
    """The word: half of a material is never steady, nor is what rests on a law that the scene denies."""
    most, lost = (UNDISPUTED, DISPUTED) if measured.geometrys else (STEADY_BY_REGIONS, LOST_BY_REGIONS)
    if measured.doubt >= lost:
        return "not determined here"
    return "steady" if measured.doubt < most and not (measured.half or measured.denied) else "shaky"


def region_sentence(name: str, measured: RegionEvidence) -> str:
    """Why, with the numbers that decided."""
    said = f"By your regions {name} is expected to be off by {measured.expected:.1f}°: "
    said += f"in scenes simulated from the answer it comes back {measured.simulated:.1f}° off"
    if measured.without_regions is not None:
        said += f", leaving out regions says {measured.without_regions:.1f}°"
    if measured.disputed:
        said += f", and what other estimates say against it {measured.disputed:.1f}°"
    if measured.denied:
        said += "; it rests on regions that follow a Dirichlet, and their third moments do not"
    return f"{said}; it is half of a material that another endmember shares." if measured.half else f"{said}."


def region_remedy(name: str, word: Word, measured: RegionEvidence) -> str:
    """What would make it better."""
    if word == "steady":
        return ""
    if measured.half:
        return "Ask for one endmember fewer, or merge the two."
    if measured.denied:
        return f"Give the known spectrum of {name}, or train region contrast, which assumes no Dirichlet."
    return f"Paint more regions, of other mixtures, {SEE}, or give the known spectrum of {name}."


def _moves(subject: Subject, found: Sequence[FloatArray]) -> FloatArray:
    """(K, P) degrees from the result of each of K estimates (P, B) in its order."""
    return np.array([angles(one, subject.endmembers) for one in found])


def _root_mean_square(degrees: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.mean(degrees**2, axis=0)))


def _jackknife(degrees: FloatArray) -> FloatArray:
    """(P,) of (K, P) moves without one of K parts each: by their median, because one region of few can carry most of the sum of squares."""
    return np.asarray(np.sqrt(len(degrees) - 1) * np.median(degrees, axis=0))


def _of(values: FloatArray | None, k: int) -> float | None:
    return None if values is None else float(values[k])
