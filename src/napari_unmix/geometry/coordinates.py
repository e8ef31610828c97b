"""Coordinates in which linear mixing is a simplex: affine (abundances sum to one) or perspective (gains and illumination divide out)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.rows.subspace import affine_subspace, linear_subspace

# A pixel whose depth along the mean direction is under this share of the median one is too dark to divide by it.
_DARK = 0.1


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Pixels in P − 1 simplex coordinates.

    Attributes
    ----------
    scores : (N, P−1)
    weights : (N,), zero for pixels that are too dark to place
    noise : (N,) standard deviation of each coordinate
    kept : (N,) pixels that are bright enough
    to_spectra : (P, P−1) vertices -> (P, B)
    affine : whether abundances sum to one in these coordinates
    """

    scores: FloatArray
    weights: FloatArray
    noise: FloatArray
    kept: BoolArray
    to_spectra: Callable[[FloatArray], FloatArray]
    affine: bool


def affine_coordinates(spectra: FloatArray, endmembers: int, noise: float) -> Coordinates:
    """Centred principal components: exact for abundances that sum to one."""
    subspace = affine_subspace(spectra, endmembers - 1)
    count = len(spectra)
    return Coordinates(
        subspace.scores(spectra),
        np.ones(count),
        np.full(count, noise),
        np.ones(count, bool),
        subspace.spectra,
        affine=True,
    )


def perspective_coordinates(spectra: FloatArray, endmembers: int, noise: float) -> Coordinates:
    """P uncentred scores divided by their depth along the mean: exact whatever the brightness of each pixel and endmember."""
    subspace = linear_subspace(spectra, endmembers)
    scores = subspace.scores(spectra)
    forward = scores.mean(axis=0)
    forward = forward / np.linalg.norm(forward)
    depth = scores @ forward
    floor = _DARK * float(np.median(depth))
    kept = depth > floor
    depth = np.maximum(depth, floor)
    rays = scores / depth[:, None]
    brightness = depth / depth.mean()
    centre = brightness @ rays / brightness.sum()
    plane = np.linalg.qr(np.column_stack([forward, np.eye(endmembers)]))[0][:, 1:endmembers]
    return Coordinates(
        (rays - centre) @ plane,
        brightness**2 * kept,
        noise / depth,
        kept,
        lambda vertices: subspace.spectra(centre + vertices @ plane.T),
        affine=False,
    )
