"""Let painted regions refine the endmembers, where their moments carry them, and say when they were refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.findings import MomentsFound, Note, NoteKind
from napari_unmix.geometry.found import Found
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments, region_moments
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.metrics import spectral_angle

# Moments are refused where their reduced χ² is beyond this, and beyond what one true Dirichlet in a thousand reaches: few regions scatter more.
MOST_MISFIT, _BY_CHANCE = 1.3, 0.001
# Standard error of the vertices, as a share of the simplex's size, below which regions fix the endmembers, and beyond which they say nothing.
WELL_DETERMINED, POORLY_DETERMINED = 0.12, 0.2
# Pure pixels already fix the endmembers: moments may polish, not move them. Extrapolated ones may move as far as VCA is usually wrong.
MOST_MOVED_PURE, MOST_MOVED = 3.0, 12.0
# Minimum volume and region moments err independently: where they agree this well, their mean is better than either
# (12 scenes without pure pixels: 0.49° against 0.65° and 0.74°).
AVERAGED_WITHIN = 5.0
# Rounds of dividing the brightness out.
_LIT_ROUNDS = 2
_FOR_DIRECTION = 5000  # pixels that say in which direction the spectra spread most


@dataclass(frozen=True, eq=False)
class Refined:
    """Endmembers (P, B), their standard errors (P,) in units of spectra (0 = held), the moments' fit, and what to tell the user.

    ``apart`` (P, B): the moments' endmembers less the geometry's, accepted or not; None where there are no moments. ``averaged``: the endmembers
    are the mean of both.
    """

    endmembers: FloatArray
    vertex_std: FloatArray
    moments: MomentFit | None = None
    accepted: bool = False
    notes: tuple[Note, ...] = ()
    apart: FloatArray | None = None
    averaged: bool = False

    @property
    def found(self) -> MomentsFound | None:
        """What the run keeps of the moments; None where there are none."""
        if self.moments is None:
            return None
        use: Literal["refused", "refined", "averaged"] = (
            "averaged" if self.averaged else "refined" if self.accepted else "refused"
        )
        return MomentsFound(use=use, relative_error=self.moments.relative_error, misfit=self.moments.misfit)


def refine_by_regions(
    spectra: FloatArray,
    regions: IntArray,
    valid: BoolArray,
    found: Found,
    inversion: Inversion,
    still: BoolArray | None = None,
    direction: FloatArray | None = None,
) -> Refined:
    """Fit region moments from the endmembers found, and accept them or not.

    ``spectra`` (N, B) are the pixels where ``valid`` (H, W), in row-major order; ``regions`` (N,) is painted, 0 = none. The endmembers that
    stand ``still`` (P,) are known, and keep their place. Where the ``direction`` (B,) in which the scene's pixels spread most is known,
    painted pixels are enough (without free light).
    """
    held = Refined(found.endmembers, np.zeros(len(found.endmembers)))
    if not regions.any() or (still is not None and still.all()):
        return held
    if not found.linear_to_noise(inversion):
        why = "Painted regions sharpen the abundances only: their moments need spectra that vary no more than noise"
        why += (
            "."
            if inversion.free_light
            else " and abundances that sum to one; with light and shade, free the illumination."
        )
        return replace(held, notes=(Note(NoteKind.REGIONS, why),))
    fit, usable = _fit(spectra, regions, valid, found, inversion, still, direction)
    if fit is None:
        few = f"{usable} painted region{'s have' if usable != 1 else ' has'} enough pixels: from three on, regions can refine the endmembers."
        return replace(held, notes=(Note(NoteKind.REGIONS, few),))
    refined = _judged(fit, replace(held, endmembers=_shaped(found.endmembers, inversion)), found.pure)
    if still is None:
        return refined
    kept = np.where(still[:, None], _shaped(found.endmembers, inversion), refined.endmembers)
    return replace(refined, endmembers=kept)


def _shaped(endmembers: FloatArray, inversion: Inversion) -> FloatArray:
    """Where brightness is free only the shape of (P, B) endmembers is known, written with maximum 1; else they are as they are."""
    return inversion.written(endmembers) if inversion.free_light else endmembers


def _fit(
    spectra: FloatArray,
    regions: IntArray,
    valid: BoolArray,
    found: Found,
    inversion: Inversion,
    still: BoolArray | None,
    direction: FloatArray | None,
) -> tuple[MomentFit | None, int]:
    """The moments' fit, or None with the number of usable regions."""
    current, fit = _shaped(found.endmembers, inversion), None
    for _ in range(_LIT_ROUNDS if inversion.free_light else 1):
        # Free illumination: divide each pixel by the brightness that the endmembers so far give it, then again by the better one's.
        lit = without_brightness(spectra, regions, found.noise, current, inversion)
        moments = painted_moments(*lit, valid, len(current), direction)
        if moments is None or moments.regions < FEWEST_REGIONS:
            return None, 0 if moments is None else moments.regions
        centre = current.mean(axis=0)
        starts = [centre + growth * (current - centre) for growth in (1.0, 0.8, 1.3)]
        if still is not None:
            starts = [np.where(still[:, None], current, start) for start in starts]
        fit = fit_region_moments(moments, starts, held=still)
        current = _shaped(fit.endmembers, inversion)
    return fit, 0


def without_brightness(
    spectra: FloatArray, regions: IntArray, noise: float, endmembers: FloatArray, inversion: Inversion
) -> tuple[FloatArray, IntArray, float]:
    """Spectra (N, B) divided by the brightness that ``endmembers`` (P, B) give them, regions (N,) of the pixels bright enough, and the noise left."""
    light = inversion.invert(spectra, endmembers).illumination if inversion.free_light else None
    even = inversion.evenly_lit(spectra, light)
    return even.spectra, np.where(even.bright, regions, 0), noise * even.noise_factor


def painted_moments(
    spectra: FloatArray,
    regions: IntArray,
    noise: float,
    valid: BoolArray,
    count: int,
    direction: FloatArray | None = None,
) -> RegionMoments | None:
    """Moments of the painted pixels (regions > 0) for P = ``count`` endmembers, neighbours that are alike counting less; None without any."""
    painted = regions > 0
    if not painted.any():
        return None
    redundancy = spatial_redundancy(spectra, regions, valid, direction)
    return region_moments(spectra[painted], regions[painted], count, noise, redundancy)


def spatial_redundancy(
    spectra: FloatArray, regions: IntArray, valid: BoolArray, direction: FloatArray | None = None
) -> float:
    """How many neighbouring pixels say what one independent pixel would, about a region's covariance.

    From the correlation ρ of neighbours along rows and columns within regions, as for a Gaussian-shaped correlation: Σ_k ρ(k)² is
    √(π / (−2 ln ρ)) along each axis, and one where neighbours are independent. Along ``direction`` (B,), or the pixels' first.
    """
    score = spectra @ (first_direction(spectra) if direction is None else direction)
    total = np.bincount(regions, weights=score)
    score = score - (total / np.maximum(np.bincount(regions), 1))[regions]
    image, labels = np.zeros(valid.shape), np.zeros(valid.shape, dtype=int)
    image[valid], labels[valid] = score, regions
    redundancy = 1.0
    for axis in (0, 1):
        first, second = (np.moveaxis(image, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        left, right = (np.moveaxis(labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        pairs = (left == right) & (left > 0)
        spread = np.sqrt((first[pairs] ** 2).sum() * (second[pairs] ** 2).sum())
        correlation = float((first[pairs] * second[pairs]).sum() / spread) if spread > 0 else 0.0
        correlation = float(np.clip(correlation, 1e-6, 0.999))
        redundancy *= max(1.0, float(np.sqrt(np.pi / (-2 * np.log(correlation)))))
    return redundancy


def first_direction(spectra: FloatArray) -> FloatArray:
    """(B,) in which spectra (N, B) spread most, by some of them."""
    some = spectra[:: max(1, len(spectra) // _FOR_DIRECTION)]
    return np.asarray(np.linalg.svd(some - spectra.mean(axis=0, dtype=np.float64), full_matrices=False)[2][0])


def _judged(fit: MomentFit, held: Refined, pure: bool) -> Refined:
    order = match_endmembers(fit.endmembers, held.endmembers)
    moved = np.degrees(spectral_angle(fit.endmembers[order], held.endmembers))
    limit = MOST_MOVED_PURE if pure else MOST_MOVED
    lowest = float(fit.endmembers.min() / max(float(np.abs(held.endmembers).mean()), 1e-12))
    apart = fit.endmembers[order] - held.endmembers
    most = most_misfit(fit.freedom)
    reasons = []
    if fit.misfit > most:
        reasons.append(f"their moments do not fit a Dirichlet mixture ({fit.misfit:.1f}, at most {most:.1f} expected)")
    if moved.max() > limit:
        reasons.append(f"they would move an endmember by {moved.max():.0f}° (at most {limit:.0f}°)")
    if lowest < -0.05:
        reasons.append("an endmember would become negative")
    if not np.isfinite(fit.relative_error) or fit.relative_error > POORLY_DETERMINED:
        reasons.append("they do not differ enough")
    if reasons:
        refused = Note(NoteKind.REGIONS, f"Painted regions did not refine the endmembers: {'; '.join(reasons)}.")
        return Refined(held.endmembers, held.vertex_std, fit, notes=(refused,), apart=apart)
    endmembers, how = fit.endmembers[order], "by their means and covariances"
    averaged = bool(not pure and moved.max() <= AVERAGED_WITHIN)
    if averaged:
        endmembers = 0.5 * (endmembers + held.endmembers)
        how += ", averaged with minimum volume"
    said = f"Painted regions refined the endmembers {how} ({len(fit.means)} regions, the two estimates {moved.mean():.1f}° apart on average)."
    notes = (Note(NoteKind.REGIONS, said),)
    return Refined(np.maximum(endmembers, 0.0), fit.vertex_std[order], fit, True, notes, apart, averaged)


def most_misfit(freedom: int) -> float:
    """The reduced χ² up to which the regions' moments may follow a Dirichlet."""
    from scipy.stats import chi2

    return max(MOST_MISFIT, float(chi2.ppf(1 - _BY_CHANCE, freedom)) / freedom) if freedom > 0 else MOST_MISFIT
