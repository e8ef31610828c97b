"""Simplex volume maximisation (SiVM, Thurau, Kersting & Bauckhage 2010, CIKM; Thurau et al. 2012)."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.picks import simplex_volume
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.wanted import still_wanted


def find(asked: Asked) -> FloatArray:
    """The pixel furthest from the mean, then always the one that makes the largest simplex with those picked."""
    return asked.of_picks(picks(asked))


def picks(asked: Asked) -> IntArray:
    """(P − H,) indices among the pixels that are bright enough; the simplex begins with the held ones."""
    if not len(asked.held):
        return simplex_volume(asked.scores, asked.count)
    return furthest(asked.scores, asked.count - len(asked.held), asked.held_scores)


def furthest(scores: FloatArray, count: int, begun: FloatArray) -> IntArray:
    """(count,) indices of (N, K) scores, each the furthest from the affine span of those before and of ``begun`` (H, K), H ≥ 1."""
    corners, picked = list(begun), list[int]()
    for _ in range(count):
        still_wanted()
        residual = scores - corners[0]
        if len(corners) > 1:
            basis = np.linalg.qr((np.array(corners[1:]) - corners[0]).T)[0]
            residual = residual - (residual @ basis) @ basis.T
        picked.append(int((residual**2).sum(axis=1).argmax()))
        corners.append(scores[picked[-1]])
    return np.array(picked, dtype=int)
