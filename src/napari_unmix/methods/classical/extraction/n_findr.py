"""N-FINDR (Winter 1999, Proc. SPIE 3753): the pixels that span the largest simplex."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.picks import largest_volume
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.methods.classical.extraction.sivm import picks

_SWEEPS = 20


def find(asked: Asked) -> FloatArray:
    """From the picks of SiVM, single pixels are exchanged for others as long as the simplex grows; held corners stay."""
    first = len(asked.held)
    scores = np.vstack([asked.held_scores, asked.scores])
    return asked.of_picks(
        largest(scores, np.concatenate([np.arange(first), first + picks(asked)]), first)[first:] - first
    )


def largest(scores: FloatArray, start: IntArray, held: int = 0) -> IntArray:
    """(P,) indices of (N, P − 1) scores whose simplex no exchange of one pixel enlarges, from a start (P,) whose first ``held`` stay."""
    if not held:
        return largest_volume(scores, start, _SWEEPS)
    chosen = start.copy()
    lifted = np.column_stack([np.ones(len(scores)), scores])
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for corner in range(held, len(chosen)):
            others = np.delete(lifted[chosen], corner, axis=0)
            volume = np.abs(lifted @ np.linalg.svd(others)[2][-1])
            if volume.max() > volume[chosen[corner]] * (1 + 1e-9):
                chosen[corner] = int(volume.argmax())
        if (chosen == before).all():
            break
    return chosen
