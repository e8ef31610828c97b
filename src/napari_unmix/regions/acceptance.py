"""Let painted regions refine the endmembers, where their moments carry them, and say when they were refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments, region_moments
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import scaled

# Below three regions the moments of a Dirichlet do not identify a simplex (theory §1): the estimate is never tried.
# Moments are refused where their reduced χ² is beyond this, and beyond what one true Dirichlet in a thousand reaches: few regions scatter more.
MOST_MISFIT, _BY_CHANCE = 1.3, 0.001
# Standard error of the vertices, as a share of the simplex's size, beyond which regions say nothing.
POORLY_DETERMINED = 0.2
# Pure pixels already fix the endmembers: moments may polish, not move them. Extrapolated ones may move as far as VCA is usually wrong.
MOST_MOVED_PURE, MOST_MOVED = 3.0, 12.0
# Minimum volume and region moments err independently: where they agree this well, their mean is better than either
# (12 scenes without pure pixels: 0.49° against 0.65° and 0.74°).
AVERAGED_WITHIN = 5.0
# Pixels darker than this share of the median brightness are left out when brightness is divided out: their noise is not.
_DARK = 0.2
_LIT_ROUNDS = 2


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
    notes: tuple[str, ...] = ()
    apart: FloatArray | None = None
    averaged: bool = False


def refine_by_regions(
    spectra: FloatArray, regions: IntArray, valid: BoolArray, found: Found, *, sum_to_one: bool
) -> Refined:
    """Fit region moments from the endmembers found, and accept them or not.

    ``spectra`` (N, B) are the pixels where ``valid`` (H, W), in row-major order; ``regions`` (N,) is painted, 0 = none.
    """
    held = Refined(found.endmembers, np.zeros(len(found.endmembers)))
    if not regions.any():
        return held
    if not found.linear_to_noise(sum_to_one=sum_to_one):
        note = "Painted regions sharpen the abundances only: their moments need spectra that vary no more than noise"
        note += " and abundances that sum to one; with light and shade, free the illumination." if sum_to_one else "."
        return Refined(held.endmembers, held.vertex_std, notes=(note,))
    fit, usable = _fit(spectra, regions, valid, found, sum_to_one)
    if fit is None:
        note = f"{usable} painted region{'s have' if usable != 1 else ' has'} enough pixels: from three on, regions can refine the endmembers."
        return Refined(held.endmembers, held.vertex_std, notes=(note,))
    start = found.endmembers if sum_to_one else _peak_one(found.endmembers)
    return _judged(fit, Refined(start, held.vertex_std), found.pure)


def _fit(
    spectra: FloatArray, regions: IntArray, valid: BoolArray, found: Found, sum_to_one: bool
) -> tuple[MomentFit | None, int]:
    """The moments' fit, or None with the number of usable regions."""
    current, fit = found.endmembers, None
    if not sum_to_one:
        current = _peak_one(current)
    for _ in range(1 if sum_to_one else _LIT_ROUNDS):
        # Free illumination: divide each pixel by the brightness that the endmembers so far give it, then again by the better one's.
        moments = _moments(spectra, regions, valid, current, found.noise, sum_to_one)
        if moments is None or moments.regions < FEWEST_REGIONS:
            return None, 0 if moments is None else moments.regions
        centre = current.mean(axis=0)
        fit = fit_region_moments(moments, [centre + growth * (current - centre) for growth in (1.0, 0.8, 1.3)])
        if not sum_to_one:
            current = _peak_one(fit.endmembers)
    return fit, 0


def _moments(
    spectra: FloatArray, regions: IntArray, valid: BoolArray, endmembers: FloatArray, noise: float, sum_to_one: bool
) -> RegionMoments | None:
    if not sum_to_one:
        brightness = scaled(spectra, endmembers)[1]
        bright = brightness > _DARK * np.median(brightness)
        brightness = np.where(bright, brightness, np.inf)
        spectra, regions = spectra / brightness[:, None], np.where(bright, regions, 0)
        noise = noise * float(np.sqrt(np.mean(1 / brightness[bright] ** 2)))
    redundancy = spatial_redundancy(spectra, regions, valid)
    painted = regions > 0
    return region_moments(spectra[painted], regions[painted], len(endmembers), noise, redundancy)


def _peak_one(endmembers: FloatArray) -> FloatArray:
    kept = np.maximum(endmembers, 0.0)
    return np.asarray(kept / np.maximum(kept.max(axis=1, keepdims=True), 1e-12))


def spatial_redundancy(spectra: FloatArray, regions: IntArray, valid: BoolArray) -> float:
    """How many neighbouring pixels say what one independent pixel would, about a region's covariance.

    From the correlation ρ of neighbours along rows and columns within regions, as for a Gaussian-shaped correlation: Σ_k ρ(k)² is
    √(π / (−2 ln ρ)) along each axis, and one where neighbours are independent.
    """
    weights = np.linalg.svd(spectra[:: max(1, len(spectra) // 5000)] - spectra.mean(axis=0), full_matrices=False)[2][0]
    score = spectra @ weights
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
        note = f"Painted regions did not refine the endmembers: {'; '.join(reasons)}."
        return Refined(held.endmembers, held.vertex_std, fit, notes=(note,), apart=apart)
    endmembers, how = fit.endmembers[order], "by their means and covariances"
    averaged = bool(not pure and moved.max() <= AVERAGED_WITHIN)
    if averaged:
        endmembers = 0.5 * (endmembers + held.endmembers)
        how += ", averaged with minimum volume"
    note = f"Painted regions refined the endmembers {how} ({len(fit.means)} regions, the two estimates {moved.mean():.1f}° apart on average)."
    return Refined(np.maximum(endmembers, 0.0), fit.vertex_std[order], fit, True, (note,), apart, averaged)


def most_misfit(freedom: int) -> float:
    """The reduced χ² up to which the regions' moments may follow a Dirichlet."""
    from scipy.stats import chi2

    return max(MOST_MISFIT, float(chi2.ppf(1 - _BY_CHANCE, freedom)) / freedom) if freedom > 0 else MOST_MISFIT
