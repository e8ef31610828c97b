"""Permutation-contrastive learning over a cube: pairs of pixels side by side against pairs put together at random."""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_unmix.cube import BoolArray, IntArray
from napari_unmix.methods.coded import Coded, coded, read_real, training_of
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.pcl.spec import PclSpec
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.nonlinear.neighbours import pcl
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import Learning
from napari_unmix.progress import Fit
from napari_unmix.sentences import UnmixError

# At most so many pairs, in equal distances, are learned from.
_MOST_PAIRS = 40_000
_CAVEAT = (
    "Experimental, and without a guarantee: its theorem asks for sources that are stationary and independent, "
    "and abundances of neighbouring pixels, which sum to one, are neither."
)


@steps_on_one_thread
def fit(problem: Problem[PclSpec]) -> Fit[Solution]:
    """Hyvärinen & Morioka, AISTATS 2017, with neighbours in the image for neighbours in time; see the card."""
    spec = problem.spec

    def learn(seen: Coded, training: Training) -> Learning:
        pairs = neighbouring(problem.cube.valid_pixels)
        if len(pairs) < 2:
            raise UnmixError(
                f"{spec.title} learns from neighbouring pixels, and the cube has {len(pairs)} pairs of them."
            )
        return (yield from pcl(seen.rows(np.arange(len(seen.scores))), pairs, training))

    return (yield from coded(problem, learn, partial(read_real, spec.read_by), _CAVEAT, training_of(spec)))


def neighbouring(valid: BoolArray) -> IntArray:
    """(M, 2) numbers of valid pixels (H, W) that touch by a side, at most ``_MOST_PAIRS`` pairs."""
    numbers = np.full(valid.shape, -1)
    numbers[valid] = np.arange(int(valid.sum()))
    beside = [(numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])]
    pairs = np.concatenate([np.stack([one.ravel(), other.ravel()], axis=1) for one, other in beside])
    pairs = pairs[(pairs >= 0).all(axis=1)]
    return pairs[:: max(1, -(-len(pairs) // _MOST_PAIRS))]
