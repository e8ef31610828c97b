"""Picks that keep rare materials: extreme pixels that rise over their own noise and that others stand by.

Mean square criteria give up a target of ten pixels for a percent of a meadow's variability. The largest residual does not (Kuybeda, Malah & Barzohar
2007 count the rank of rare vectors so), but on real scenes it falls for single dark or damaged pixels. So a pick counts in multiples of
its pixel's noise, and needs neighbours in the spectral space, within their noise, that leave the hull in the same direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.picks import unit_length
from napari_unmix.rows.simplex import non_negative

# A material rises over the noise by this much; fewer are dark pixels and variability (4.1 on Samson and Jasper Ridge, after the last material).
RISES = 4.4
# Below this a pixel's place is noise, and it is not looked at.
_PLACED = 3.0
_FEWEST_BACKERS = 3
# Pixels are alike within twice their common angular noise, and always within this angle (radians).
_ALIKE = np.radians(1.0)
_SAME_DIRECTION = 0.5
_TRIES = 25
# A pick this many times further from the endmembers' cone than the worst hundredth of the pixels is another material.
_STANDS_OUT = 2.0


@dataclass(frozen=True, eq=False)
class Supported:
    """``groups``: indices of the pixels that back each pick, in the order found; ``rises`` (Q,): each pick's residual over its noise."""

    groups: list[IntArray]
    rises: FloatArray

    def means(self, spectra: FloatArray) -> FloatArray:
        """(Q, B) mean spectrum of every pick, with its own brightness."""
        return np.array([spectra[group].mean(axis=0) for group in self.groups])


def supported_picks(
    spectra: FloatArray, noise: float, most: int, *, rises: float = RISES, first: list[IntArray] | None = None
) -> Supported:
    """Pick up to ``most`` materials of (N, B) spectra with white ``noise``, each the furthest from the affine hull of those so far.

    Distances are angles on the sphere. The search ends where the furthest supported pixel rises less than ``rises`` times its noise.
    ``first`` are groups of pixels that are given.
    """
    unit, lengths = unit_length(spectra)
    angular_noise = noise * np.sqrt(spectra.shape[1]) / lengths
    groups, found_rises = list(first or []), [np.inf] * len(first or [])
    while len(groups) < most:
        residual = _off_hull(unit, [unit[group].mean(axis=0) for group in groups])
        found = _furthest(unit, residual, angular_noise)
        if found is None or found[1] < rises:
            break
        groups.append(found[0])
        found_rises.append(found[1])
    return Supported(groups, np.array(found_rises))


def missed_materials(spectra: FloatArray, endmembers: FloatArray, noise: float) -> Supported | None:
    """As many supported picks as there are ``endmembers`` (P, B), where one of them is no mixture of the endmembers; else None.

    No mixture: its angle to their cone is well beyond what variability gives the worst hundredth of the pixels.
    """
    picks = supported_picks(spectra, noise, len(endmembers))
    if len(picks.groups) < len(endmembers):
        return None
    usual = float(np.quantile(off_cone(spectra, endmembers), 0.99))
    return picks if off_cone(picks.means(spectra), endmembers).max() > _STANDS_OUT * usual else None


def off_cone(spectra: FloatArray, endmembers: FloatArray) -> FloatArray:
    """(N,) sine of the angle between spectra and the cone of the endmembers."""
    rest = spectra - non_negative(spectra, endmembers) @ endmembers
    return np.asarray(np.linalg.norm(rest, axis=1) / np.maximum(np.linalg.norm(spectra, axis=1), 1e-12))


def _off_hull(unit: FloatArray, corners: list[FloatArray]) -> FloatArray:
    """(N, B) what the affine span of the corners leaves of every pixel; without corners, the difference to the mean."""
    if not corners:
        return np.asarray(unit - unit.mean(axis=0))
    residual = unit - corners[0]
    if len(corners) > 1:
        basis = np.linalg.qr((np.array(corners[1:]) - corners[0]).T)[0]
        residual = residual - (residual @ basis) @ basis.T
    return np.asarray(residual)


def _furthest(unit: FloatArray, residual: FloatArray, angular_noise: FloatArray) -> tuple[IntArray, float] | None:
    """The backers of the furthest supported pixel and its rise over the noise, or None."""
    distance = np.sqrt((residual**2).sum(axis=1))
    score = np.where(distance >= _PLACED * angular_noise, distance, 0.0)
    for index in np.argsort(-score)[:_TRIES]:
        if score[index] == 0:
            return None
        angle = np.arccos(np.clip(unit @ unit[index], -1, 1))
        alike = np.flatnonzero(angle < np.maximum(_ALIKE, 2 * np.hypot(angular_noise, angular_noise[index])))
        along = residual[alike] @ residual[index] > _SAME_DIRECTION * distance[index] ** 2
        if along.sum() >= _FEWEST_BACKERS:
            return alike[along], float(distance[index] / angular_noise[index])
    return None
