"""What is estimated again, and what the refits share: endmembers as spectra (P, B_good) beside the result's, in its order."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.identifiability.subject import Evidence
from napari_unmix.regions.moments import MomentFit, RegionMoments
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, scaled

T = TypeVar("T")
Steps = Generator[None, None, T]

# Refits read at most this many pixels: the report has seconds, and more would change its numbers by little.
MOST_PIXELS = 6000
# Pixels darker than this share of the median brightness are left out when brightness is divided out.
_DARK = 0.2


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
    search : the geometry's own search from another seed
    searched : (P, B_good) its endmembers in the result's order
    twins : refits of simulated scenes
    parts : endmembers (P, B_good) refitted without a part of the data
    without_regions : whether the parts leave out regions (a jackknife) rather than pixels (a bootstrap)
    contrastive : (P, B_good) what tells the regions apart, which assumes no Dirichlet
    """

    moments: RegionMoments | None = None
    moment_fit: MomentFit | None = None
    search: Found | None = None
    searched: FloatArray | None = None
    twins: tuple[Twin, ...] = ()
    parts: tuple[FloatArray, ...] = ()
    without_regions: bool = False
    contrastive: FloatArray | None = None


def angles(first: FloatArray, second: FloatArray) -> FloatArray:
    """(P,) degrees between endmembers in the same order."""
    return np.degrees(spectral_angle(first, second))


def accepted(evidence: Evidence) -> bool:
    """Whether the result's endmembers are those of the region moments."""
    return bool(evidence.result.details.get("moments_accepted", False))


def averaged(evidence: Evidence) -> bool:
    """Whether the result's endmembers are the mean of the regions' and the geometry's."""
    return bool(evidence.result.details.get("moments_averaged", False))


def some_rows(count: int, generator: np.random.Generator, most: int = MOST_PIXELS) -> IntArray:
    """Indices of all of ``count`` pixels, or of ``most`` of them."""
    return np.arange(count) if count <= most else np.sort(generator.choice(count, most, replace=False))


def evenly_lit(evidence: Evidence) -> tuple[FloatArray, IntArray, float]:
    """Spectra (N, B) without their brightness, painted regions (N,) of the pixels bright enough, and the noise that is left."""
    if not evidence.illuminated:
        return evidence.spectra, evidence.regions, evidence.noise
    bright = evidence.illumination > max(_DARK * float(np.median(evidence.illumination)), 1e-12)
    light = np.where(bright, evidence.illumination, np.inf)
    noise = evidence.noise * float(np.sqrt(np.mean(1 / light[bright] ** 2))) if bright.any() else evidence.noise
    return evidence.spectra / light[:, None], np.where(bright, evidence.regions, 0), noise


def abundance_change(evidence: Evidence, rows: IntArray, endmembers: FloatArray) -> float:
    """Root mean square by which abundances change where these endmembers (P, B) stand for the result's."""
    mixed = evidence.abundances[rows] @ evidence.endmembers
    inverted = scaled(mixed, endmembers)[0] if evidence.illuminated else fully_constrained(mixed, endmembers)
    return float(np.sqrt(np.mean((inverted - evidence.abundances[rows]) ** 2)))


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
