"""Scattering or variability: whether what linear mixing leaves follows from composition alone (theory: "Variability from pairs").

Light that is scattered twice, a curve of the sensor, an intimate mixture: each makes of one composition one spectrum, always the same, so what
linear mixing leaves of it is a function of the abundances. What materials vary by has no mean at any composition.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray

# Singular values under this share of the largest are rounding.
_RANK = 1e-9


def off_the_plane(spectra: FloatArray, endmembers: FloatArray, *, free_light: bool) -> tuple[FloatArray, int]:
    """(N, B) spectra without what abundances can change, and how many of B directions are left.

    Without free light that is the affine plane of endmembers (P, B), with it their linear span: what sticks out of the simplex within the plane
    follows from the estimated abundances whatever the reason, so it tells nothing.
    """
    directions = endmembers if free_light else endmembers[:-1] - endmembers[-1]
    basis = np.linalg.qr(directions.T)[0]  # (B, P) or (B, P − 1)
    beyond = spectra - (0.0 if free_light else endmembers[-1])
    return beyond - (beyond @ basis) @ basis.T, spectra.shape[1] - basis.shape[1]


def composed_share(
    left: FloatArray, amounts: FloatArray, abundances: FloatArray, variance: float, freedom: int
) -> float:
    """The share, 0 to 1, of what is ``left`` (N, B) beyond noise that products of abundances explain; 1 where noise is all there is.

    What is linear in the ``amounts`` s·a (N, P) is taken off first: endmembers that are a little wrong explain that. ``variance`` σ² is expected in
    each of ``freedom`` directions.
    """
    linear = _explained(left, amounts)
    pairs = combinations(range(abundances.shape[1]), 2)
    products = np.stack([amounts[:, i] * abundances[:, j] for i, j in pairs], axis=1)
    both = _explained(left, np.hstack([amounts, products]))
    noise = variance * freedom
    rest = float((left**2).sum()) - linear.energy - (len(left) - linear.rank) * noise
    found = both.energy - linear.energy - (both.rank - linear.rank) * noise
    return 1.0 if rest <= 0 else float(np.clip(found / rest, 0.0, 1.0))


def one_is_missing(left: FloatArray, endmembers: FloatArray, variance: float, freedom: int, tolerated: float) -> bool:
    """Whether what is ``left`` (N, B) in ``freedom`` directions is noise but for one, which is not in the span of endmembers (P, B).

    That is what one missing material leaves. Spectra that vary need more directions, or within the span one: their brightness. Noise is what is at
    most ``tolerated`` times σ, root mean square.
    """
    values, vectors = np.linalg.eigh(left.T @ left)
    noise = variance * tolerated**2 * len(left)
    basis = np.linalg.qr(endmembers.T)[0]  # (B, P)
    beyond = float(values[-1]) * (1 - float(((vectors[:, -1] @ basis) ** 2).sum()))
    rest = float(values[:-1].sum())
    return rest <= noise * (freedom - 1) and rest + beyond > noise * freedom


class _Explained(NamedTuple):
    energy: float
    rank: int


def _explained(left: FloatArray, design: FloatArray) -> _Explained:
    """The squared norm of what a regression on the columns of ``design`` (N, C) explains of (N, B), and the rank it takes."""
    rows, values = np.linalg.svd(design, full_matrices=False)[:2]
    kept = rows[:, values > _RANK * values[0]]
    return _Explained(float(((kept.T @ left) ** 2).sum()), kept.shape[1])
