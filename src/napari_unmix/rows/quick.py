"""Abundances for a first look: on a grid of pixels where all would take too long, and nearly least squares where exact takes too long.

Only previews are made of these; a result never is.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.simplex import FEW_ENDMEMBERS

# Pixels times what one of them costs: about a tenth of a second on one core.
_WORK = 5_000_000
_ROUNDS = 50
# The penalty of a round over the mean square of the endmembers, where most scenes settle soonest.
_PENALTY = 0.02


def grid_side(pixels: int, count: int) -> int:
    """The side of the squares of which a quick look at ``count`` endmembers inverts one pixel each; 1 where all ``pixels`` may be."""
    each = 2**count * count if count <= FEW_ENDMEMBERS else count * (count + 12)
    return int(np.ceil(np.sqrt(max(1.0, pixels * each / _WORK))))


def quick_pixels(valid: BoolArray, side: int) -> tuple[IntArray, IntArray]:
    """The valid pixels (n,) of an image (H, W) that stand for squares of ``side``, and which of them each valid pixel (N,) is shown as.

    Both count the valid pixels in row-major order.
    """
    if side == 1:
        every = np.arange(int(valid.sum()))
        return every, every
    rows, columns = np.nonzero(valid)
    squares = (rows // side) * (valid.shape[1] // side + 1) + columns // side
    _, first, shown_as = np.unique(squares, return_index=True, return_inverse=True)
    return first, shown_as


def quick_abundances(spectra: FloatArray, endmembers: FloatArray, inversion: Inversion) -> FloatArray:
    """(N, P) abundances of (N, B) spectra: exact for a few endmembers, else a few per cent from least squares.

    Alternating directions with a fixed number of rounds (SUnSAL, Bioucas-Dias & Figueiredo, WHISPERS 2010, without its sparsity).
    """
    if len(endmembers) <= FEW_ENDMEMBERS:
        return inversion.invert(spectra, endmembers).abundances
    size = len(endmembers)
    gram = endmembers @ endmembers.T
    penalty = _PENALTY * float(np.trace(gram)) / size + 1e-300
    inverse = np.linalg.inv(gram + penalty * np.eye(size)).astype(np.float32)
    pull = (spectra @ endmembers.T).astype(np.float32)
    row = inverse.sum(axis=0)
    amounts = np.full((len(spectra), size), 1 / size, np.float32)
    price = np.zeros_like(amounts)
    for _ in range(_ROUNDS):
        free = (pull + penalty * (amounts + price)) @ inverse
        if not inversion.free_light:
            free -= ((free.sum(axis=1) - 1) / row.sum())[:, None] * row
        amounts = np.maximum(free - price, 0)
        price -= free - amounts
    total = amounts.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, amounts / np.maximum(total, 1e-30), 1 / size), dtype=np.float64)
