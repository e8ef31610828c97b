"""Gradient boosted regression trees, small and exact to their definition: which code tells a factor, and how well, for DCI."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.wanted import still_wanted

# What scikit-learn's presets are (the regressor of disentanglement_lib), but for cuts at 64 quantiles instead of at every value.
ROUNDS, DEPTH, RATE = 100, 3, 0.1
_QUANTILES = 64


@dataclass(frozen=True, eq=False)
class _Tree:
    """Level by level the code and the cut of each node, then the value of each leaf."""

    codes: tuple[IntArray, ...]
    cuts: tuple[IntArray, ...]
    values: FloatArray

    def __call__(self, binned: IntArray) -> FloatArray:
        node: IntArray = np.zeros(len(binned), dtype=np.int64)
        for codes, cuts in zip(self.codes, self.cuts, strict=True):
            node = _below(binned, node, codes, cuts)
        return np.asarray(self.values[node])


@dataclass(frozen=True, eq=False)
class Boosted:
    """``importance`` (K,): each code's share of what the splits took from the squared error; zeros where nothing was taken."""

    edges: tuple[FloatArray, ...]
    mean: float
    trees: tuple[_Tree, ...]
    importance: FloatArray

    def predict(self, codes: FloatArray) -> FloatArray:
        """(N, K) -> (N,)."""
        binned = _binned(codes, self.edges)
        return np.asarray(self.mean + sum(tree(binned) for tree in self.trees))


def boosted(codes: FloatArray, factor: FloatArray) -> Boosted:
    """Fit (N,) factor by (N, K) codes (Friedman, Annals of Statistics 29, 1189, 2001, algorithm 2: squared error)."""
    places = np.linspace(0, 100, _QUANTILES + 1)[1:-1]
    edges = tuple(np.unique(np.percentile(column, places)) for column in codes.T)
    binned = _binned(codes, edges)
    mean = float(factor.mean())
    left, importance, trees = factor - mean, np.zeros(codes.shape[1]), []
    for _ in range(ROUNDS):
        still_wanted()
        tree, gained = _grown(binned, left)
        left = left - tree(binned)
        importance += gained
        trees.append(tree)
    total = importance.sum()
    return Boosted(edges, mean, tuple(trees), importance / total if total > 0 else importance)


def _binned(codes: FloatArray, edges: tuple[FloatArray, ...]) -> IntArray:
    return np.stack([np.searchsorted(cuts, column) for cuts, column in zip(edges, codes.T, strict=True)], axis=1)


def _below(binned: IntArray, node: IntArray, codes: IntArray, cuts: IntArray) -> IntArray:
    """The nodes of the next level."""
    return np.asarray(2 * node + (binned[np.arange(len(binned)), codes[node]] > cuts[node]))


def _grown(binned: IntArray, target: FloatArray) -> tuple[_Tree, FloatArray]:
    """One tree of all levels, and what each code's splits took from the sum of squares."""
    node: IntArray = np.zeros(len(binned), dtype=np.int64)
    gained = np.zeros(binned.shape[1])
    every_code, every_cut = [], []
    for level in range(DEPTH):
        codes, cuts, gains = _best_splits(binned, node, target, 2**level)
        np.add.at(gained, codes, gains)
        node = _below(binned, node, codes, cuts)
        every_code.append(codes)
        every_cut.append(cuts)
    counts = np.bincount(node, minlength=2**DEPTH)
    sums = np.bincount(node, weights=target, minlength=2**DEPTH)
    return _Tree(tuple(every_code), tuple(every_cut), RATE * sums / np.maximum(counts, 1)), gained


def _best_splits(
    binned: IntArray, node: IntArray, target: FloatArray, nodes: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """For each node the code, the cut (values up to it go left) and the gain; one without a gain sends all its rows left."""
    width = binned.shape[1]
    shape = (nodes, width, _QUANTILES)
    place = ((node[:, None] * width + np.arange(width)) * _QUANTILES + binned).ravel()
    size = nodes * width * _QUANTILES
    counts = np.bincount(place, minlength=size).reshape(shape).cumsum(axis=2)
    sums = np.bincount(place, weights=np.repeat(target, width), minlength=size).reshape(shape).cumsum(axis=2)
    total, all_sum = counts[:, :, -1:], sums[:, :, -1:]
    gain = (
        sums**2 / np.maximum(counts, 1)
        + (all_sum - sums) ** 2 / np.maximum(total - counts, 1)
        - all_sum**2 / np.maximum(total, 1)
    )
    gain = np.where((counts > 0) & (counts < total), gain, 0.0).reshape(nodes, -1)
    best = gain.argmax(axis=1)
    gains = np.maximum(gain[np.arange(nodes), best], 0.0)
    codes, cuts = best // _QUANTILES, np.where(gains > 0, best % _QUANTILES, _QUANTILES)
    return codes, cuts, gains
