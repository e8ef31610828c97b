"""Let painted regions refine the endmembers, where their moments carry them, and say when they were refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.alignment import match_endmembers
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.methods.geometry.region_moments import MomentFit, fit_region_moments, region_moments
from napari_unmix.methods.geometry.route import Found
from napari_unmix.metrics import spectral_angle

# Below three regions the moments of a Dirichlet do not identify a simplex (theory §1): the estimate is never tried.
FEWEST_REGIONS = 3
MOST_MISFIT = 1.3
# Pure pixels already fix the endmembers: moments may polish, not move them. Extrapolated ones may move as far as VCA is usually wrong.
MOST_MOVED_PURE, MOST_MOVED = 3.0, 12.0
# Minimum volume and region moments err independently: where they agree this well, their mean is better than either
# (12 scenes without pure pixels: 0.49° against 0.65° and 0.74°).
AVERAGED_WITHIN = 5.0


@dataclass(frozen=True, eq=False)
class Refined:
    """Endmembers (P, B), their standard errors (P,) in units of spectra (0 = held), the moments' fit, and what to tell the user."""

    endmembers: FloatArray
    vertex_std: FloatArray
    moments: MomentFit | None = None
    accepted: bool = False
    notes: tuple[str, ...] = ()


def refine_by_regions(spectra: FloatArray, regions: IntArray, found: Found, *, sum_to_one: bool) -> Refined:
    """Fit region moments to (N, B) spectra with painted regions (N,), 0 = none, from the endmembers found, and accept them or not."""
    held = Refined(found.endmembers, np.zeros(len(found.endmembers)))
    if not regions.any():
        return held
    moments = region_moments(spectra, regions, len(found.endmembers), found.noise)
    if moments is None or moments.regions < FEWEST_REGIONS:
        usable = 0 if moments is None else moments.regions
        note = f"{usable} painted region{'s have' if usable != 1 else ' has'} enough pixels: from three on, regions can refine the endmembers."
        return Refined(held.endmembers, held.vertex_std, notes=(note,))
    if not sum_to_one or found.route != "affine":
        note = "Painted regions sharpen the abundances only: their moments need abundances that sum to one and spectra that vary no more than noise."
        return Refined(held.endmembers, held.vertex_std, notes=(note,))
    centre = found.endmembers.mean(axis=0)
    starts = [centre + growth * (found.endmembers - centre) for growth in (1.0, 0.8, 1.3)]
    fit = fit_region_moments(moments, starts)
    return _judged(fit, found, held)


def _judged(fit: MomentFit, found: Found, held: Refined) -> Refined:
    order = match_endmembers(fit.endmembers, found.endmembers)
    moved = np.degrees(spectral_angle(fit.endmembers[order], found.endmembers))
    limit = MOST_MOVED_PURE if found.pure else MOST_MOVED
    lowest = float(fit.endmembers.min() / max(np.abs(found.endmembers).mean(), 1e-12))
    reasons = []
    if fit.misfit > MOST_MISFIT:
        reasons.append(
            f"their moments do not fit a Dirichlet mixture ({fit.misfit:.1f}, at most {MOST_MISFIT} expected)"
        )
    if moved.max() > limit:
        reasons.append(f"they would move an endmember by {moved.max():.0f}° (at most {limit:.0f}°)")
    if lowest < -0.05:
        reasons.append("an endmember would become negative")
    if not np.isfinite(fit.relative_error) or fit.relative_error > 0.2:
        reasons.append("they do not differ enough")
    if reasons:
        note = f"Painted regions did not refine the endmembers: {'; '.join(reasons)}."
        return Refined(held.endmembers, held.vertex_std, fit, notes=(note,))
    endmembers, how = fit.endmembers[order], "by their means and covariances"
    if not found.pure and moved.max() <= AVERAGED_WITHIN:
        endmembers, how = (
            0.5 * (endmembers + found.endmembers),
            "by their means and covariances, averaged with minimum volume",
        )
    note = f"Painted regions refined the endmembers {how} ({len(fit.means)} regions, the two estimates {moved.mean():.1f}° apart on average)."
    return Refined(np.maximum(endmembers, 0.0), fit.vertex_std[order], fit, True, (note,))
