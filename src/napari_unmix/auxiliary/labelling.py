"""Labels 1 … R without gaps, the sizes that all generators share, and the combination of two labellings."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, IntArray

# About this many pixels make one automatic segment: enough for a mean and a covariance of a few endmembers.
PIXELS_PER_SEGMENT = 60
FEWEST_SEGMENTS = 20
# Large scenes get larger segments: more would cost time and sharpen nothing.
MOST_SEGMENTS = 2000
# A cell of a combination with fewer pixels says next to nothing of its mixtures.
FEWEST_PIXELS_OF_A_CELL = 10
# What the theorems ask of regions that a person declares, at the least (theory §1: necessary only); region moments, contrastive learning,
# the report and the window ask for no more and no less.
FEWEST_REGIONS = 3
FEWEST_PIXELS_OF_A_REGION = 30


def numbered(raw: IntArray, known: BoolArray) -> IntArray:
    """(H, W) int32: the values of ``raw`` where ``known`` as 1 … R without gaps, ascending; 0 elsewhere."""
    labels = np.zeros(known.shape, np.int32)
    labels[known] = 1 + ranks(raw[known])
    return labels


def ranks(values: IntArray) -> IntArray:
    """(n,) which of the different values each one is, ascending from 0: counted where they are no larger than there are of them, else sorted."""
    if not values.size or values.min() < 0 or values.max() > values.size:
        return np.unique(values, return_inverse=True)[1]
    return np.asarray((np.cumsum(np.bincount(values) > 0) - 1)[values])


def crossed(first: IntArray, second: IntArray, fewest: int = FEWEST_PIXELS_OF_A_CELL) -> IntArray:
    """The cross product of two labellings (H, W), 0 = unknown in either: every pair of labels is a cell.

    Cells of fewer than ``fewest`` pixels are too small to tell anything of their mixtures: those of one label of ``first`` become one
    cell, and where even that is too small, it joins the largest cell of its label. So u stays a function of the two labels, and never
    mixes two labels of ``first``.
    """
    known = (first > 0) & (second > 0)
    outer, inner = first[known].astype(np.int64), second[known].astype(np.int64)
    if not outer.size:
        return np.zeros(first.shape, np.int32)
    cells, sizes = _cells(outer, inner)
    cells, sizes = _cells(outer, np.where(sizes[cells] < fewest, 0, inner))
    label_of_cell = np.zeros(len(sizes), np.int64)
    label_of_cell[cells] = outer
    ascending = np.argsort(sizes, kind="stable")
    largest = np.zeros(int(outer.max()) + 1, np.int64)
    largest[label_of_cell[ascending]] = ascending  # the last one written is the largest
    raw = np.zeros(first.shape, np.int64)
    raw[known] = np.where(sizes[cells] < fewest, largest[outer], cells)
    return numbered(raw, known)


def _cells(outer: IntArray, inner: IntArray) -> tuple[IntArray, IntArray]:
    """The number of each pixel's pair of labels, and how many pixels have it."""
    cells = np.unique(outer * (int(inner.max()) + 1) + inner, return_inverse=True)[1]
    return cells, np.bincount(cells)
