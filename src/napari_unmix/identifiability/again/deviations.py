"""How far a scene's own pixels differ from their material's endmember: what twins draw where spectra vary and the fit found no law of it.

The residual of a fit lacks what it has taken up within the endmembers' span, and that is what moves endmembers: a corner is drawn to the furthest
of a material's own spectra. So deviations are of the pixels that hold mostly one material, from its endmember alone (decision 0024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.subject import Subject

# A pixel speaks for a material that it holds so much of, and a material of which fewer pixels speak is not drawn to vary. Of .8 and .95, of single
# pixels and squares of so many, and of the pixels that hold most where these are too few: these tell wrong endmembers of real images best.
OWN, FEWEST, PATCH = 0.8, 20, 4
# Pixels under this share of the median brightness are too dark to be brought to even light.
_DARK = 0.1


@dataclass(frozen=True, eq=False)
class Deviations:
    """``spectra`` of each of P materials: (n_k, B) deviations at amount one, of mean zero; none of a material that is not drawn to vary."""

    spectra: tuple[FloatArray, ...]

    def drawn(self, amounts: FloatArray, patches: IntArray, generator: np.random.Generator) -> FloatArray:
        """(N, B) what pixels of these amounts (N, P) deviate by: each material by one of its own in every of the ``patches`` (N,), from 0."""
        found: FloatArray = np.zeros((len(amounts), self.spectra[0].shape[1]))
        for amount, own in zip(amounts.T, self.spectra, strict=True):
            if len(own):
                found += amount[:, None] * own[generator.integers(len(own), size=int(patches.max()) + 1)][patches]
        return found


def own_deviations(subject: Subject) -> Deviations:
    """Those of the scene's pixels under even light."""
    bright = subject.illumination > _DARK * float(np.median(subject.illumination))
    found = []
    for share, endmember in zip(subject.abundances.T, subject.endmembers, strict=True):
        own = np.flatnonzero((share >= OWN) & bright)
        if len(own) < FEWEST:
            own = own[:0]
        apart = subject.spectra[own] / subject.illumination[own, None] - endmember
        found.append(apart - apart.mean(axis=0) if len(own) else apart)
    return Deviations(tuple(found))
