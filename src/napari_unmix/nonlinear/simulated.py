"""Data whose sources are known: nonstationary sources with segment labels, or sources that depend on their own past, mixed by a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from napari_unmix.cube import FloatArray, IntArray

Activation = Literal["leaky", "xtanh"]
Law = Literal["gauss", "laplace"]
# Slope of the activation: leaky ReLU as in the code of Hyvärinen & Morioka 2016, tanh x plus a slope as in that of Khemakhem et al. 2020.
SLOPES: dict[Activation, float] = {"leaky": 0.2, "xtanh": 0.1}
# Range of the standard deviations of the sources in a segment (Khemakhem et al. 2020), and how well matrices are conditioned: as the best quarter of
# 10,000 drawn ones (both).
DEVIATIONS = (0.5, 3.0)
_DRAWN, _BEST = 10_000, 25.0
# Of sources that depend on their past (Hyvärinen & Morioka 2017).
CORRELATION = 0.7


@dataclass(frozen=True, eq=False)
class Draw:
    """Sources (N, n), what is seen of them (N, B), segments (N,)."""

    sources: FloatArray
    x: FloatArray
    u: IntArray


@dataclass(frozen=True, eq=False)
class Simulated:
    """Rows to learn from, and fresh ones from the same laws and mixing."""

    seen: Draw
    fresh: Draw


@dataclass(frozen=True, eq=False)
class Mixing:
    """Matrices with an activation between each two."""

    matrices: tuple[FloatArray, ...]
    activation: Activation

    def __call__(self, sources: FloatArray) -> FloatArray:
        """(N, n) -> (N, B)."""
        x = sources @ self.matrices[0]
        for matrix in self.matrices[1:]:
            x = bent(x, self.activation) @ matrix
        return np.asarray(x)


def bent(x: FloatArray, activation: Activation) -> FloatArray:
    """Leaky ReLU, or tanh x plus a slope."""
    sloped = SLOPES[activation] * x
    return np.asarray(np.where(x > 0, x, sloped) if activation == "leaky" else np.tanh(x) + sloped)


def mixing_network(
    sources: int, channels: int, layers: int, activation: Activation, generator: np.random.Generator
) -> Mixing:
    """``layers`` matrices: the first (n, B), others (B, B).

    With leaky ReLU every layer has its own (Hyvärinen & Morioka 2016, code), with xtanh the second one is repeated, or the first where it is
    square (Khemakhem et al. 2020, code).
    """
    first = _conditioned(sources, channels, generator)
    if activation == "leaky":
        return Mixing((first, *(_conditioned(channels, channels, generator) for _ in range(layers - 1))), activation)
    again = first if sources == channels or layers == 1 else _conditioned(channels, channels, generator)
    return Mixing((first, *[again] * (layers - 1)), activation)


def _conditioned(rows: int, columns: int, generator: np.random.Generator) -> FloatArray:
    """(rows, columns) uniform in [−1, 1], columns of length one, condition number below the first quartile of such matrices."""
    while True:
        matrix: FloatArray = _drawn(1, rows, columns, generator)[0]
        if np.linalg.cond(matrix) <= _quartile(rows, columns):
            return matrix


@cache
def _quartile(rows: int, columns: int) -> float:
    drawn = _drawn(_DRAWN, rows, columns, np.random.default_rng(0))
    return float(np.percentile(np.linalg.cond(drawn), _BEST))


def _drawn(count: int, rows: int, columns: int, generator: np.random.Generator) -> FloatArray:
    matrices = generator.uniform(-1.0, 1.0, (count, rows, columns))
    return np.asarray(matrices / np.linalg.norm(matrices, axis=1, keepdims=True))


def nonstationary(
    seed: int,
    sources: int,
    channels: int,
    layers: int,
    activation: Activation,
    *,
    segments: int = 40,
    length: int = 1000,
    fresh: int = 250,
    law: Law = "gauss",
) -> Simulated:
    """Sources of mean zero whose standard deviation in each segment is uniform in ``DEVIATIONS`` (Hyvärinen & Morioka 2016; Khemakhem et al. 2020).

    ``length`` rows of each segment, ``fresh`` more of each beside them; no noise.
    """
    generator = np.random.default_rng(seed)
    deviations = generator.uniform(*DEVIATIONS, (segments, sources))
    mixing = mixing_network(sources, channels, layers, activation, generator)

    def draw(rows: int) -> Draw:
        u = np.repeat(np.arange(segments), rows)
        return _seen(_standard(law, (len(u), sources), generator) * deviations[u], u, mixing)

    return Simulated(draw(length), draw(fresh))


def temporal(
    seed: int,
    sources: int,
    channels: int,
    layers: int,
    activation: Activation,
    *,
    length: int = 40_000,
    fresh: int = 10_000,
    law: Law = "laplace",
) -> Simulated:
    """Stationary sources, each 0.7 times its own past plus an innovation of ``law`` (Hyvärinen & Morioka 2017); rows are in time, u is zero.

    Innovations that are Gaussian break the conditions of their theorem.
    """
    generator = np.random.default_rng(seed)
    mixing = mixing_network(sources, channels, layers, activation, generator)

    def draw(rows: int) -> Draw:
        innovations = _standard(law, (rows, sources), generator) * np.sqrt(1 - CORRELATION**2)
        return _seen(_accumulated(innovations), np.zeros(rows, dtype=np.int64), mixing)

    return Simulated(draw(length), draw(fresh))


def _seen(sources: FloatArray, u: IntArray, mixing: Callable[[FloatArray], FloatArray]) -> Draw:
    return Draw(sources, mixing(sources), u)


def _standard(law: Law, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
    """Mean 0, variance 1."""
    if law == "laplace":
        return generator.laplace(0.0, np.sqrt(0.5), shape)
    return generator.standard_normal(shape)


def _accumulated(innovations: FloatArray) -> FloatArray:
    """s(t) = 0.7 s(t − 1) + innovation, along the first axis."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([1.0], [1.0, -CORRELATION], innovations, axis=0))
