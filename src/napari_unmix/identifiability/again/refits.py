"""What is estimated again, and what the refits share: endmembers as spectra (P, B_good) beside the result's, in its order."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from napari_unmix.answer import mixed
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.subject import Subject
from napari_unmix.regions.moments import MomentFit, RegionMoments
from napari_unmix.regions.third import ThirdMoments
from napari_unmix.rows.metrics import spectral_angle

T = TypeVar("T")
Steps = Generator[None, None, T]

# The moments' misfit is χ²: one scene in a thousand exceeds this by chance.
BY_CHANCE = 0.001
# The regions' third moments are less than this share of a Dirichlet's, and that by so many standard errors, where their law is another one. Set on
# family scenes (decision 0049) whose regions gave the endmembers: Dirichlets and truncated ones .85 to 1.14, logistic-normal ones .47 to .74.
LEAST_SKEWED, _BEYOND_CHANCE = 0.8, 2.0
# Refits read at most this many pixels: the report has seconds, and more would change its numbers by little.
MOST_PIXELS = 6000


@dataclass(frozen=True, eq=False)
class Twin:
    """A refit of a scene simulated from the result: endmembers (P, B_good) and the abundance error that their error makes (root mean square)."""

    endmembers: FloatArray
    abundance_rmse: float


@dataclass(frozen=True, eq=False)
class Refits:
    """What was estimated again; None and empty where it does not apply.

    Attributes
    ----------
    moments, moment_fit : the painted regions' means and covariances, and the endmembers they give
    third : their third moments, in the result's abundances, beside a Dirichlet's
    search : the geometry's own search from another seed
    searched : (P, B_good) its endmembers in the result's order
    twins : refits of simulated scenes
    parts : endmembers (P, B_good) refitted without a part of the data
    without_regions : whether the parts leave out regions (a jackknife) rather than pixels (a bootstrap)
    contrastive_error : standard error of the next over the simplex's size; inf where it is not determined, or there is none
    contrastive : (P, B_good) what tells the regions apart, which assumes no Dirichlet
    quadrants : endmembers (P, B_good) searched afresh without each quadrant of the scene
    chord_cone : (P,) degrees between the corners of the hull on the sphere and those of the cone
    searches : those that were made for the quadrants, or by a report before
    """

    moments: RegionMoments | None = None
    moment_fit: MomentFit | None = None
    third: ThirdMoments | None = None
    search: Found | None = None
    searched: FloatArray | None = None
    twins: tuple[Twin, ...] = ()
    parts: tuple[FloatArray, ...] = ()
    without_regions: bool = False
    contrastive_error: float = np.inf
    contrastive: FloatArray | None = None
    quadrants: tuple[FloatArray, ...] = ()
    chord_cone: FloatArray | None = None
    searches: Searches = field(default_factory=Searches)


def angles(first: FloatArray, second: FloatArray) -> FloatArray:
    """(P,) degrees between endmembers in the same order."""
    return np.degrees(spectral_angle(first, second))


def degrees_from(subject: Subject, endmembers: FloatArray) -> float:
    """Mean angle between (P, B) endmembers and the result's, in degrees, over those that were not given and held; 0 where all were."""
    searched = subject.searched
    return float(angles(endmembers, subject.endmembers)[searched].mean()) if searched.any() else 0.0


def some_rows(count: int, generator: np.random.Generator, most: int = MOST_PIXELS) -> IntArray:
    """Indices of all of ``count`` pixels, or of ``most`` of them."""
    return np.arange(count) if count <= most else np.sort(generator.choice(count, most, replace=False))


def evenly_lit(subject: Subject) -> tuple[FloatArray, IntArray, float]:
    """Spectra (N, B) without their brightness, declared regions (N,) of the pixels bright enough, and the noise that is left."""
    even = subject.inversion.evenly_lit(subject.spectra, subject.illumination)
    return even.spectra, np.where(even.bright, subject.regions, 0), subject.noise * even.noise_factor


def abundance_change(subject: Subject, rows: IntArray, endmembers: FloatArray) -> float:
    """Root mean square by which abundances change where these endmembers (P, B) stand for the result's."""
    return float(np.sqrt(np.mean(_changed(subject, rows, endmembers) ** 2)))


def abundance_changes(subject: Subject, rows: IntArray, endmembers: FloatArray) -> FloatArray:
    """(P,) the same of each map."""
    return np.asarray(np.sqrt(np.mean(_changed(subject, rows, endmembers) ** 2, axis=0)))


def _changed(subject: Subject, rows: IntArray, endmembers: FloatArray) -> FloatArray:
    """(n, P) by how much the abundances of the ``rows`` change."""
    clean = mixed(subject.abundances[rows], subject.endmembers)
    inverted = subject.inversion.invert(clean, endmembers).abundances
    return np.asarray(inverted - subject.abundances[rows])


def moments_misfit(refits: Refits) -> tuple[float | None, float | None]:
    """J over its degrees of freedom, and the probability of more by chance: the posterior predictive check of the regions' moments."""
    from scipy.stats import chi2

    if refits.moments is None or refits.moment_fit is None:
        return None, None
    misfit, freedom = refits.moment_fit.misfit, refits.moment_fit.freedom
    return misfit, float(chi2.sf(misfit * freedom, freedom)) if freedom > 0 else None


def no_dirichlet(refits: Refits) -> bool:
    """Whether the regions' third moments say that their abundances follow no Dirichlet, to which means and covariances alone may well be fitted.

    By size and not by significance alone: of many pixels no law holds to the last digit (decision 0049).
    """
    third = refits.third
    return third is not None and third.share < LEAST_SKEWED and third.share + _BEYOND_CHANCE * third.share_error < 1


def traders(subject: Subject, refits: Refits) -> str:
    """The names of the two endmembers that move most in refits."""
    others = [twin.endmembers for twin in refits.twins] or list(refits.parts)
    if refits.moment_fit is not None:
        others = [*others, refits.moment_fit.endmembers]
    if not others:
        return "endmembers"
    moved = np.mean([angles(other, subject.endmembers) ** 2 for other in others], axis=0)
    return subject.named(np.sort(np.argsort(-moved)[:2]))


def like_the_result(subject: Subject, found: FloatArray) -> FloatArray:
    """Refitted endmembers (P, B) as bright as the result's where brightness is free: only their shape was estimated."""
    return as_bright(found, subject.endmembers) if subject.inversion.free_light else found


def as_bright(found: FloatArray, reference: FloatArray) -> FloatArray:
    """Each spectrum scaled to the reference's length: only its shape was estimated."""
    lengths = np.linalg.norm(reference, axis=1, keepdims=True)
    return np.asarray(found * lengths / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-300))


def silently(steps: Generator[Any, None, T]) -> Steps[T]:
    """The same steps without what they yield."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)
        yield
