"""The second look: pixels that no endmember explains at any brightness, and of which several are alike, are of a material that was not read.

A search reads a part of a large scene, so a target of a few pixels may have no part in it. What stands out is looked at pixel by pixel: a single band
that is off is a fault of the detector, a pixel of zeros holds nothing, and one alone may be either; two that are alike are no chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.large.sampling import MOST_ADDED
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.simplex import non_negative

# A pixel stands out where its residual is so many times what all but a thousandth of the sample's pixels stay below. Of white noise in fifty
# bands or more, 1.5 times that quantile lies over ten standard deviations beyond: no pixel of a hundred million gets there.
STANDS_OUT, QUANTILE = 1.5, 0.999
# Residuals are of one material where the cosine of their angle is at least so large; so many pixels alike are no fault of a detector.
_ALIKE, FEWEST = 0.8, 2
_MOST_MATERIALS = 4
# A band is off where it alone has this share of what a pixel leaves beyond the ordinary. Of a line two bands wide at half height it is two thirds.
ONE_BAND = 0.8
# An asked number has room for what was lacking where it may take the place of some endmember and the other pixels leave at most so much more
# (mean square): an endmember that only fits noise is worth one part in as many as there are bands, a common material far more (decision 0051).
GIVEN_UP = 1.1


def line_of(errors: FloatArray) -> float:
    """What a pixel's residual has to pass to stand out, from those of the sample's pixels (n,)."""
    return STANDS_OUT * float(np.quantile(errors[np.isfinite(errors)], QUANTILE))


@dataclass(frozen=True)
class Faults:
    """Pixels that stand out and are no material: of ``zeros``, off in ``one_band``, and ``alone`` of those that were kept."""

    zeros: int = 0
    one_band: int = 0
    alone: int = 0


class StandingOut:
    """The pixels whose residual is largest, over a ``line``, whatever the brightness; the same whatever the order in which pixels come.

    ``endmembers`` (P, B), and the residual (root mean square) of an ``ordinary`` pixel.
    """

    def __init__(self, line: float, endmembers: FloatArray, ordinary: float) -> None:
        self.line, self._endmembers, self._ordinary = line, endmembers, ordinary
        self.places: IntArray = np.zeros(0, np.intp)
        self.errors: FloatArray = np.zeros(0)
        self.residual: FloatArray = np.zeros((0, endmembers.shape[1]))
        self.zeros = self.one_band = 0

    @classmethod
    def of(cls, errors: FloatArray, endmembers: FloatArray) -> StandingOut:
        """Beyond the residuals (n,) of a sample under (P, B) endmembers, NaN in bands that take no part."""
        good = ~np.isnan(endmembers).all(axis=0)
        known = errors[np.isfinite(errors)]
        return cls(line_of(known), np.maximum(endmembers[:, good], 0.0), float(np.median(known)))

    def look(self, places: IntArray, errors: FloatArray, spectra: FloatArray) -> None:
        """Of pixels at ``places`` (n,), residuals (n,) and spectra (n, B)."""
        out = np.flatnonzero(errors > self.line)
        if not len(out):
            return
        beyond = np.asarray(spectra[out], np.float64)
        residual = beyond - non_negative(beyond, self._endmembers) @ self._endmembers
        left = np.sqrt(np.mean(residual**2, axis=1))
        zero = ~beyond.any(axis=1)
        unexplained = ~zero & (left > self.line)
        in_one = unexplained & in_one_band(residual, self._ordinary)
        self.zeros, self.one_band = self.zeros + int(zero.sum()), self.one_band + int(in_one.sum())
        self._keep(places[out], left, residual, unexplained & ~in_one)

    def _keep(self, places: IntArray, errors: FloatArray, residual: FloatArray, which: BoolArray) -> None:
        found, left = np.append(self.places, places[which]), np.append(self.errors, errors[which])
        both = np.concatenate([self.residual, residual[which]])
        kept = np.lexsort((found, -left))[:MOST_ADDED]
        self.places, self.errors, self.residual = found[kept], left[kept], both[kept]


def in_one_band(residual: FloatArray, ordinary: float) -> BoolArray:
    """Which of the residuals (n, B) beyond an ``ordinary`` one (root mean square) are of one band."""
    squares = residual**2
    beyond = squares.sum(axis=1) - residual.shape[1] * ordinary**2
    return np.asarray(squares.max(axis=1) >= ONE_BAND * beyond)


@dataclass(frozen=True, eq=False)
class Lacking:
    """Materials that an answer lacks: ``groups`` of indices, each of pixels alike, and the ``places`` (n,) of all of them in the whole."""

    groups: tuple[IntArray, ...]
    places: IntArray
    faults: Faults = Faults()

    @property
    def pixels(self) -> int:
        """How many."""
        return len(self.places)


def lacking(out: StandingOut) -> Lacking:
    """Which of the pixels that stand out are alike."""
    found = groups_of(out.residual)
    chosen = np.concatenate(found) if found else np.zeros(0, np.intp)
    faults = Faults(out.zeros, out.one_band, len(out.places) - len(chosen))
    groups = tuple(np.arange(begin, end) for begin, end in pairwise(np.cumsum([0, *map(len, found)])))
    return Lacking(groups, out.places[chosen], faults)


def groups_of(residual: FloatArray) -> list[IntArray]:
    """Indices of the residuals (n, B), the furthest first, that are alike, by material."""
    unit = residual / np.maximum(np.linalg.norm(residual, axis=1, keepdims=True), 1e-300)
    left, groups = np.ones(len(residual), bool), list[IntArray]()
    for index in range(len(residual)):
        if not left[index] or len(groups) == _MOST_MATERIALS:
            continue
        alike = np.flatnonzero(left & (unit @ unit[index] >= _ALIKE))
        left[alike] = False
        if len(alike) >= FEWEST:
            groups.append(alike)
    return groups


def left_of(spectra: FloatArray, endmembers: FloatArray, inversion: Inversion) -> float:
    """Mean square that least squares on (P, B) endmembers leave of (n, B) spectra."""
    abundances, light = inversion.invert(spectra, endmembers)
    amounts = abundances if light is None else light[:, None] * abundances
    return float(np.mean((spectra - amounts @ endmembers) ** 2))


def has_room(spectra: FloatArray, endmembers: FloatArray, newcomers: FloatArray, inversion: Inversion) -> bool:
    """Whether one of the ``newcomers`` (Q, B) may take the place of one of (P, B) endmembers, by what (n, B) ordinary spectra then leave."""
    most = GIVEN_UP * left_of(spectra, endmembers, inversion)
    return any(
        left_of(spectra, np.vstack([np.delete(endmembers, k, axis=0), one]), inversion) <= most
        for k in range(len(endmembers))
        for one in newcomers
    )
