"""Coordinates in which linear mixing is a simplex: affine (abundances sum to one) or perspective (gains and illumination divide out)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.geometry.archetypes import brightness_of_closest, purest_mean
from napari_unmix.geometry.picks import unit_length
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.subspace import Subspace, affine_subspace, linear_subspace
from napari_unmix.sentences import UnmixError

# A pixel whose depth along the mean direction is under this share of the median one is too dark to divide by it.
_DARK = 0.1
# The brightness of a look on the way is measured on about this many pixels.
_LOOKED_AT = 4_000


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

    def vertices(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) -> (P, P−1), the inverse of ``to_spectra`` for spectra in its span (others are projected on it)."""
        size = self.scores.shape[1]
        origin = self.to_spectra(np.zeros((1, size)))[0]
        basis = self.to_spectra(np.eye(size)) - origin
        if self.affine:
            return np.asarray((endmembers - origin) @ np.linalg.pinv(basis))
        amounts = endmembers @ np.linalg.pinv(np.vstack([origin, basis]))
        return np.asarray(amounts[:, 1:] / np.where(np.abs(amounts[:, :1]) > 1e-9, amounts[:, :1], 1e-9))


@dataclass(frozen=True, eq=False)
class Sphere:
    """Unit-length spectra in their own subspace, where gains do not matter.

    Attributes
    ----------
    unit : (N, B) spectra of length one
    lengths : (N,) what they were divided by
    weights : (N,) lengths over their mean
    subspace : of P + 2 dimensions
    scores : (N, P + 2)
    """

    unit: FloatArray
    lengths: FloatArray
    weights: FloatArray
    subspace: Subspace
    scores: FloatArray

    @classmethod
    def of(cls, spectra: FloatArray, count: int) -> Sphere:
        """(N, B) spectra on the sphere, for P = ``count`` endmembers."""
        unit, lengths = unit_length(spectra)
        weights = lengths / lengths.mean()
        subspace = linear_subspace(unit, min(count + 2, spectra.shape[1]), weights)
        return cls(unit, lengths, weights, subspace, subspace.scores(unit))

    def place(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) -> (P, K) scores of their directions."""
        return self.subspace.scores(unit_length(endmembers)[0])

    def purest(self, abundances: FloatArray) -> FloatArray:
        """(P, B) mean directions of the pixels that (N, P) abundances call pure."""
        return purest_mean(self.unit, abundances)

    def seen(self, corners: FloatArray, inversion: Inversion) -> FloatArray:
        """(P, K) corners as spectra (P, B) for a look on the way: with the brightness of the closest pixels, where it counts."""
        directions = self.subspace.spectra(corners)
        if inversion.free_light:
            return directions
        sample = slice(None, None, max(1, len(self.unit) // _LOOKED_AT))
        unit = self.unit[sample]
        alike = np.full((len(unit), len(corners)), 1 / len(corners))
        return brightness_of_closest(unit, self.lengths[sample], directions, alike)

    def with_brightness(self, directions: FloatArray, abundances: FloatArray) -> FloatArray:
        """(P, B) directions with the brightness of the pixels closest in angle."""
        return brightness_of_closest(self.unit, self.lengths, directions, abundances)


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
    """P uncentred scores divided by their depth along the mean: exact whatever the brightness of each pixel and endmember.

    Raises UnmixError where half of the pixels have none.
    """
    subspace = linear_subspace(spectra, endmembers)
    scores = subspace.scores(spectra)
    forward = scores.mean(axis=0)
    forward = forward / np.linalg.norm(forward)
    depth = scores @ forward
    floor = _DARK * float(np.median(depth))
    if not floor > 0:
        raise UnmixError(
            "Half of the pixels have no brightness along the mean spectrum, so nothing tells which are dark: "
            "leave out pixels that hold no data (--no-data VALUE, or the cube's valid_pixels)."
        )
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
