"""The second look: pixels whose residual no pixel of the sample has, and of which several are alike, are of a material that it did not hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.large.sampling import MOST_ADDED

# A pixel stands out where its residual is so many times what all but a thousandth of the sample's pixels stay below. Of white noise in fifty
# bands or more, 1.5 times that quantile lies over ten standard deviations beyond: no pixel of a hundred million gets there.
STANDS_OUT, QUANTILE = 1.5, 0.999
# Residuals are of one material where the cosine of their angle is at least so large; so many pixels alike are no fault of a detector.
_ALIKE, FEWEST = 0.8, 2
_MOST_MATERIALS = 4


def line_of(errors: FloatArray) -> float:
    """What a pixel's residual has to pass to stand out, from those of the sample's pixels (n,)."""
    return STANDS_OUT * float(np.quantile(errors[np.isfinite(errors)], QUANTILE))


class StandingOut:
    """The pixels whose residual is largest, over a ``line``; the same whatever the order in which pixels come."""

    def __init__(self, line: float) -> None:
        self.line = line
        self.places: IntArray = np.zeros(0, np.intp)
        self.errors: FloatArray = np.zeros(0)
        self.spectra: FloatArray = np.zeros((0, 0))
        self.count = 0

    def look(self, places: IntArray, errors: FloatArray, spectra: FloatArray) -> None:
        """Of pixels at ``places`` (n,), residuals (n,) and spectra (n, B)."""
        out = np.flatnonzero(errors > self.line)
        self.count += len(out)
        if not len(out):
            return
        found, errors = np.concatenate([self.places, places[out]]), np.concatenate([self.errors, errors[out]])
        both = np.concatenate([self.spectra.reshape(-1, spectra.shape[1]), spectra[out]])
        kept = np.lexsort((found, -errors))[:MOST_ADDED]
        self.places, self.errors, self.spectra = found[kept], errors[kept], both[kept]


@dataclass(frozen=True, eq=False)
class Lacking:
    """Materials that an answer lacks: ``groups`` of indices, each of pixels alike, and the ``places`` (n,) of all of them in the whole."""

    groups: tuple[IntArray, ...]
    places: IntArray

    @property
    def pixels(self) -> int:
        """How many."""
        return len(self.places)


def lacking(places: IntArray, residual: FloatArray) -> Lacking:
    """Which of the pixels that stand out, the furthest first, are alike: their places (n,) and residuals (n, B)."""
    unit = residual / np.maximum(np.linalg.norm(residual, axis=1, keepdims=True), 1e-300)
    left, groups = np.ones(len(places), bool), list[IntArray]()
    for index in range(len(places)):
        if not left[index] or len(groups) == _MOST_MATERIALS:
            continue
        alike = np.flatnonzero(left & (unit @ unit[index] >= _ALIKE))
        left[alike] = False
        if len(alike) >= FEWEST:
            groups.append(alike)
    chosen = np.concatenate(groups) if groups else np.zeros(0, np.intp)
    return Lacking(tuple(groups), places[chosen])
