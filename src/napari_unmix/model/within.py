"""Pixels of one painted region as pairs of each other, where pixels have too few neighbours (theory: "Pairs within a region").

They are exchangeable: which one lies beside which says nothing. Of n pixels all pairs together say what the n deviations from their mean say.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.pairs import ALIKE, PairedSpectra


def of_one_composition(abundances: FloatArray, regions: IntArray) -> IntArray:
    """(N,) the ``regions``, 0 = none, less the pixels whose abundances (N, P) differ by more than ``ALIKE`` in sum from their region's median.

    What is left alone in its region is in none.
    """
    kept = np.zeros_like(regions)
    for region in np.unique(regions[regions > 0]):
        here = np.flatnonzero(regions == region)
        apart = np.abs(abundances[here] - np.median(abundances[here], axis=0)).sum(axis=1)
        alike = here[apart <= ALIKE]
        if len(alike) > 1:
            kept[alike] = region
    return kept


def differences_within(regions: IntArray) -> int:
    """How many independent differences the pixels of ``regions`` (N,), 0 = none, have: one less than pixels in each."""
    counts = np.bincount(regions[regions > 0])
    return int(np.maximum(counts - 1, 0).sum())


def paired_within(
    spectra: FloatArray, abundances: FloatArray, regions: IntArray, endmembers: FloatArray
) -> PairedSpectra:
    """The pixels of (N, B) spectra that are in one of ``regions`` (N,), of two pixels and more each, as pairs of all others there.

    The change of composition is taken off by the pixels' own abundances (N, P): pixels of a region are further apart than neighbours, and what is
    smooth around each is not the same once they change places. A pixel's deviation from the mean of n is stretched by √(2n/(n − 1)): the sum over
    them of d dᵀ/2 is then that of all pairs of different pixels over (n − 1)/2.
    """
    left = spectra - abundances @ endmembers
    squares = abundances**2
    differences, expected = [], []
    for region in np.unique(regions[regions > 0]):
        here = np.flatnonzero(regions == region)
        count = len(here)
        differences.append((left[here] - left[here].mean(axis=0)) * np.sqrt(2 * count / (count - 1)))
        # The covariance of a deviation holds (n − 2)/n of the pixel's own and 1/n of the mean one, which the stretch divides by (n − 1)/n.
        expected.append(((count - 2) * squares[here] + squares[here].mean(axis=0)) / (count - 1))
    return PairedSpectra(np.concatenate(differences), np.concatenate(expected))
