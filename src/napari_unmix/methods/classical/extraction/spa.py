"""Successive projections (SPA, Araújo et al. 2001; Gillis & Vavasis 2014, IEEE TPAMI 36(4), algorithm 1)."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.picks import successive_projection
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.rows.subspace import linear_subspace


def find(asked: Asked) -> FloatArray:
    """The longest pixel, then always the longest of what is left beside those picked, in the P directions of most signal.

    Where brightness is free, of spectra over their sum, which lie on a simplex then.
    """
    spectra, held = asked.spectra[asked.plane.kept], asked.held
    if asked.free_light:
        spectra, held = (rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-300) for rows in (spectra, held))
    subspace = linear_subspace(spectra, asked.count)
    return asked.of_picks(longest(subspace.scores(spectra), asked.count - len(held), subspace.scores(held)))


def longest(vectors: FloatArray, count: int, begun: FloatArray) -> IntArray:
    """(count,) indices of (N, K) vectors: the longest beside the span of ``begun`` (H, K), which is taken out, and so on."""
    if len(begun):
        basis = np.linalg.qr(begun.T)[0]
        vectors = vectors - (vectors @ basis) @ basis.T
    return successive_projection(vectors, count)
