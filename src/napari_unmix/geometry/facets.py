"""Where the facets of a simplex stand: at the edge of the pixels, as noise has smoothed it. No pure pixel and no weight is asked for.

Near facet k pixels hold nothing of material k, or little, and noise gives both a coordinate below zero. Counted in noise standard deviations,
r = a_k / (s |q_k|) (``volume``), their density is

    w φ(r − o) + (1 − w) Φ(r − o),

pixels on the facet and pixels spread evenly behind it, φ and Φ the normal density and distribution function. The edge o is zero where the facet
is right, negative where it stands too far in, and does not depend on how many pixels lie on the facet (w is averaged over), on which the right
weight of a volume does. Measured once for each corner of a facet, pixels weighted by what they hold of its material, it says how far the facet
is to be moved and turned.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cache

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.geometry.seen import NO_LOSS
from napari_unmix.progress import meanwhile
from napari_unmix.wanted import still_wanted

# Of a normal distribution below −2 over that within (−1, 0).
_BEYOND = 0.0228 / 0.3413
COLLAPSED = (
    "Pixels lie outside the endmembers found, but the signal is too weak to tell where a simplex around them ends: "
    "endmembers stay at the data's corners."
)
# An edge is read from pixels up to here, in noise deviations from the facet: further in, the shape of the abundances counts. 0, 0.25, 0.5, 0.75
# and 1 were tried (decision 0018).
_READ_TO = 0.25
# Edges are sought this far from a facet, and pixels further out count as if they were at ``_FURTHEST``.
_SOUGHT, _FURTHEST, _BIN = 4.0, -8.0, 0.1
# Shares w of pixels on the facet that are averaged over; of pixels that are none of both.
_SHARES, _STRAY = np.linspace(0, 1, 6), 0.002
# An edge is known no better than this: its bins.
_LEAST_ERROR = 0.05
# Each round moves a facet by a part of its edge, less where few pixels tell of it (``_BELIEVED`` over it and its error, squared), so that those
# which pixels determine go first. Rounds end before the edges of weak signals are followed into their noise.
_ROUNDS, _PART, _BELIEVED = 8, 0.4, 0.5
# Archetypes have no pure pixels where the second largest tail of their facets is over this: a corner that stands too far in has P − 1 facets through
# it. Means of pixels stand a little inside by themselves, which shows in the tails where the simplex is nowhere lower than so many noise
# deviations; there the distance to the hull tells. Of 17 lower scenes without variability the tails of ten with pure pixels were at most 1.1, of
# five of seven without 2.8 and more; of 26 higher ones, all with pure pixels, five were over 2.5 (decision 0018).
_TAILS, _BLURRED = 2.5, 40.0
# Lower simplices than this, in noise deviations, are noise: the volume has collapsed. Right ones of 60 scenes were 9 and higher, collapsed ones 0.
_LOWEST = 3.0
# Errors of endmembers over what the edges' standard errors give: the 68th percentile of 218 endmembers of 49 simulated scenes (decision 0018).
_TIMES = 2.7


@dataclass(frozen=True, eq=False)
class Edges:
    """Of the (P, P) corners of facets, number k at material j, in noise deviations: where pixels end, negative is outside, and standard errors.

    The diagonal is zero: no facet has its own material's corner.
    """

    offsets: FloatArray
    errors: FloatArray


@dataclass(frozen=True, eq=False)
class Facets:
    """Pixels as a simplex (P, P−1) sees them.

    Attributes
    ----------
    inverse : (P, P) takes homogeneous scores (…, 1) to barycentric coordinates
    amounts : (N, P) these
    ratios : (N, P) in standard deviations of their noise
    deviations : (P,) the median pixel's noise in coordinate k
    """

    inverse: FloatArray
    amounts: FloatArray
    ratios: FloatArray
    deviations: FloatArray

    @classmethod
    def of(cls, vertices: FloatArray, scores: FloatArray, noise: FloatArray) -> Facets:
        """Of vertices (P, P−1), which enclose a volume, for scores (N, P−1) with noise (N,)."""
        inverse = np.linalg.inv(np.vstack([vertices.T, np.ones(len(vertices))]))
        amounts = np.column_stack([scores, np.ones(len(scores))]) @ inverse.T
        across = np.sqrt((inverse[:, :-1] ** 2).sum(axis=1))
        return cls(inverse, amounts, amounts / (noise[:, None] * across), np.median(noise) * across)

    @property
    def heights(self) -> FloatArray:
        """(P,) from each facet to its vertex, in noise deviations."""
        return 1 / self.deviations

    def tails(self) -> FloatArray:
        """(P,) pixels beyond two noise deviations outside each facet, over what those within one allow, in standard errors.

        Of pixels on a facet 2.28 % are there and 34.13 % between; of pixels behind it fewer are there. So it is near zero, or below, where the
        facet is right or too far out, and grows where it is too far in.
        """
        far, near = (self.ratios < -2).sum(axis=0), ((self.ratios < 0) & (self.ratios > -1)).sum(axis=0)
        allowed = _BEYOND * near
        return np.asarray((far - allowed) / np.sqrt(allowed + 1 + _BEYOND**2 * near))

    def edges(self) -> Edges:
        """Where the pixels end at each corner of each facet."""
        count = len(self.inverse)
        offsets, errors = np.zeros((count, count)), np.zeros((count, count))
        held = np.maximum(self.amounts, 0)
        for k in range(count):
            still_wanted()
            near = self.ratios[:, k] <= _READ_TO
            others = np.delete(held[near], k, axis=1)
            weights = others / np.maximum(others.sum(axis=1, keepdims=True), 1e-9)
            rest = np.arange(count) != k
            offsets[k, rest], errors[k, rest] = edge(self.ratios[near, k], weights)
        return Edges(offsets, errors)

    def moved(self, edges: Edges, held: BoolArray | None) -> FloatArray | None:
        """Vertices (P, P−1) whose facets stand nearer to the edges, through the vertices that are ``held`` (P,); None where they enclose nothing."""
        believed = _BELIEVED**2 / (_BELIEVED**2 + edges.errors**2)
        turn = -np.clip(_PART * edges.offsets * believed, -1, 1) * self.deviations[:, None]
        if held is not None:
            turn[:, held] = 0  # vertex h stays where every facet through it does
        return _vertices((np.eye(len(turn)) + turn) @ self.inverse)


def edge(ratios: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Posterior mean (J,) of the edge, and its standard deviation, for ratios (N,) up to ``_READ_TO`` that count by weights (N, J).

    Every edge within ``_SOUGHT`` and every share of pixels on the facet is as likely beforehand.
    """
    offsets, log_density = _densities()
    bins = log_density.shape[2]
    which = np.clip(((ratios - _FURTHEST) / _BIN).astype(int), 0, bins - 1)
    counts = np.stack([np.bincount(which, weights=column, minlength=bins) for column in weights.T])  # (J, bins)
    likelihood = log_density @ counts.T  # (offsets, shares, J)
    density = np.exp(likelihood - likelihood.max(axis=(0, 1))).sum(axis=1)
    density /= density.sum(axis=0)
    mean = offsets @ density
    variance = ((offsets[:, None] - mean) ** 2 * density).sum(axis=0)
    return mean, np.sqrt(variance + _LEAST_ERROR**2)


@cache
def _densities() -> tuple[FloatArray, FloatArray]:
    """Offsets (O,), and the logarithm of a pixel's density in each bin, given that it is read, for every offset and share (O, S, bins)."""
    from scipy.special import ndtr

    offsets = np.linspace(-_SOUGHT, _SOUGHT, 81)
    centres = np.arange(_FURTHEST + _BIN / 2, _READ_TO, _BIN)
    away, last = centres - offsets[:, None], _READ_TO - offsets
    on_facet = _normal(away) / ndtr(last)[:, None]
    behind = ndtr(away) / (last * ndtr(last) + _normal(last))[:, None]
    share = _SHARES[:, None]
    density = share * on_facet[:, None] + (1 - share) * behind[:, None]
    return offsets, np.log((1 - _STRAY) * density + _STRAY / (_READ_TO - _FURTHEST))


def _normal(values: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * values**2) / np.sqrt(2 * np.pi))


def _vertices(inverse: FloatArray) -> FloatArray | None:
    """(P, P−1) corners of the simplex whose barycentric coordinates, up to a factor each, are (P, P) ``inverse``; None where there is none."""
    sign, _ = np.linalg.slogdet(inverse)
    if sign == 0 or not np.isfinite(inverse).all():
        return None
    corners = np.linalg.inv(inverse)
    if not (corners[-1] > 0).all():
        return None  # a corner went through infinity
    return np.asarray((corners[:-1] / corners[-1]).T)


def too_far_in(vertices: FloatArray, scores: FloatArray, noise: FloatArray) -> bool:
    """Whether more pixels (N, P−1) lie outside the facets of archetypes (P, P−1) than noise (N,) explains, so that none of a corner's are pure."""
    if len(vertices) < 3 or too_low(vertices, noise):
        return False
    facets = Facets.of(vertices, scores, noise)
    return tails_tell(facets.tails(), facets.heights)


def tails_tell(tails: FloatArray, heights: FloatArray) -> bool:
    """Whether tails (P,) of facets with heights (P,) in noise deviations say that a corner stands too far in."""
    return bool(heights.min() < _BLURRED and np.sort(tails)[-2] > _TAILS)


def uncertain_degrees(endmembers: FloatArray, facets: Facets) -> FloatArray:
    """(P,) by how many degrees (P, B) endmembers may be off, as their facets' edges are known: two thirds of them were within.

    Facets through vertex j that are off by e_kj there move it by Σ_k e_kj (m_k − m_j), of which what is across m_j counts.
    """
    errors = facets.edges().errors * facets.deviations[:, None]  # (P, P), of amounts
    lengths = np.linalg.norm(endmembers, axis=1)
    square = ((errors**2).T[:, :, None] * _across(endmembers) ** 2).sum(axis=(1, 2))
    return np.asarray(_TIMES * np.degrees(np.sqrt(square) / lengths))


def _across(endmembers: FloatArray) -> FloatArray:
    """(P, P, B): from endmember j to k, without what is along j."""
    directions = endmembers / np.linalg.norm(endmembers, axis=1, keepdims=True)
    to = endmembers[None] - endmembers[:, None]
    return np.asarray(to - (to * directions[:, None]).sum(axis=2, keepdims=True) * directions[:, None])


def too_low(vertices: FloatArray, noise: FloatArray) -> bool:
    """Whether a simplex (P, P−1) is so flat that noise (N,) alone fills it: its volume has collapsed, and it says nothing."""
    corners = np.vstack([vertices.T, np.ones(len(vertices))])
    if np.linalg.slogdet(corners)[0] == 0 or np.linalg.cond(corners) > 1 / np.finfo(float).eps:
        return True
    across = np.sqrt((np.linalg.inv(corners)[:, :-1] ** 2).sum(axis=1))
    return bool((1 / (across * np.median(noise))).min() < _LOWEST)


def settled(
    scores: FloatArray, noise: FloatArray, vertices: FloatArray, held: BoolArray | None = None
) -> Generator[float, None, FloatArray]:
    """Vertices (P, P−1), begun from those given, whose facets stand where the pixels (N, P−1) with noise (N,) end; those ``held`` (P,) stay.

    Yields at every round; there is no loss.
    """
    for _ in range(_ROUNDS):

        def closer(begun: FloatArray = vertices) -> FloatArray | None:
            facets = Facets.of(begun, scores, noise)
            return facets.moved(facets.edges(), held)

        nearer = yield from meanwhile(closer, NO_LOSS, pixels=len(scores))
        yield NO_LOSS
        if nearer is None:
            break
        vertices = nearer
    return vertices
