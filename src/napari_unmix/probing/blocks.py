"""Folds by place: painted pixels are divided into square blocks, and a block is tested on what was learned a margin away from it.

Neighbouring pixels share light, mixture and noise: a classifier that is tested beside the pixels it learned from is tested on what it knows
(Roberts et al. 2017, doi 10.1111/ecog.02881).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, IntArray
from napari_unmix.sentences import UnmixError, shown

FOLDS = 5
# Blocks have the largest of these sides (pixels) with which every class is in as many blocks as there are folds; set by hand.
SIDES = (32, 24, 16, 12, 8, 6, 4)
# Pixels nearer than this (rows and columns) to a tested one are not learned from.
MARGIN = 2


@dataclass(frozen=True, eq=False)
class Folds:
    """Which fold (N,) tests each painted pixel, and for each fold the pixels (N,) that it may learn from.

    ``side`` is the blocks' side in pixels, ``left_out`` the share of pixels that the margin keeps from learning, mean over folds.
    """

    tested_in: IntArray
    learned_from: tuple[BoolArray, ...]
    side: int
    left_out: float

    def __len__(self) -> int:
        return len(self.learned_from)


def folds_of(rows: IntArray, columns: IntArray, classes: IntArray, names: Sequence[str], folds: int = FOLDS) -> Folds:
    """Folds of painted pixels at ``rows`` and ``columns`` (N,) with ``classes`` (N,) from 0, called by their ``names``.

    Raises UnmixError where there are fewer than two classes, or one is in fewer than ``folds`` blocks of the smallest side.
    """
    if len(names) < 2:
        said = f"only {shown(names[0])} is painted" if names else "nothing is painted"
        raise UnmixError(f"A classifier tells two classes or more apart, and {said}: paint another class.")
    side = next((side for side in SIDES if _fewest(rows, columns, classes, side, len(names))[0] >= folds), None)
    if side is None:
        blocks, rarest = _fewest(rows, columns, classes, SIDES[-1], len(names))
        raise UnmixError(
            f"{shown(names[rarest])} is painted in {blocks} block{'' if blocks == 1 else 's'} of {SIDES[-1]} × {SIDES[-1]} pixels, "
            f"and testing apart from learning needs {folds} of each class: paint more of it, in other places."
        )
    tested_in = _dealt(_numbers(rows, columns, side), classes, len(names), folds)
    learned = tuple(_apart(rows, columns, tested_in == fold) for fold in range(folds))
    for one in learned:
        missing = np.setdiff1d(np.arange(len(names)), classes[one])
        if missing.size:
            raise UnmixError(
                f"{shown(names[int(missing[0])])} is painted in places so near to each other that nothing of it is left to learn from "
                f"{MARGIN} pixels away: paint more of it, in other places."
            )
    left = [1 - (one | (tested_in == fold)).mean() for fold, one in enumerate(learned)]
    return Folds(tested_in, learned, side, float(np.mean(left)))


def _numbers(rows: IntArray, columns: IntArray, side: int) -> IntArray:
    """(N,) the number of each pixel's block, from 0."""
    pairs = np.stack([rows // side, columns // side], axis=1)
    return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1]).reshape(-1)


def _fewest(rows: IntArray, columns: IntArray, classes: IntArray, side: int, count: int) -> tuple[int, int]:
    """In how many blocks the class is that is in fewest, and which that is."""
    blocks = _numbers(rows, columns, side)
    found = [len(np.unique(blocks[classes == one])) for one in range(count)]
    return min(found), int(np.argmin(found))


def _dealt(blocks: IntArray, classes: IntArray, count: int, folds: int) -> IntArray:
    """(N,) the fold of each pixel: blocks are dealt from the largest on, each to the fold that has least of the rarest class in it."""
    table = np.zeros((int(blocks.max()) + 1, count))
    np.add.at(table, (blocks, classes), 1)
    in_blocks = (table > 0).sum(axis=0)
    # The classes that are in few blocks are dealt first, as they can't be evened out later.
    led = np.array([min(np.flatnonzero(row), key=lambda one: in_blocks[one]) for row in table])
    order = sorted(range(len(table)), key=lambda block: (in_blocks[led[block]], -table[block, led[block]], block))
    held, fold_of = np.zeros((folds, count)), np.zeros(len(table), dtype=np.int64)
    for block in order:
        fold = min(range(folds), key=lambda one: (held[one, led[block]], held[one].sum(), one))
        fold_of[block] = fold
        held[fold] += table[block]
    return np.asarray(fold_of[blocks])


def _apart(rows: IntArray, columns: IntArray, tested: BoolArray) -> BoolArray:
    """(N,) the pixels that are none of the tested ones, nor within the margin of one."""
    from scipy.ndimage import maximum_filter

    picture = np.zeros((int(rows.max()) + 1, int(columns.max()) + 1), dtype=bool)
    picture[rows[tested], columns[tested]] = True
    near = maximum_filter(picture, size=2 * MARGIN + 1, mode="constant")
    return np.asarray(~near[rows, columns])
