"""Noise where a regression on all other bands fails: with fewer pixels than bands, and where it is alike in neighbouring bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.wanted import still_wanted

# Bands are predicted from this many leading components of others: more than there is signal, which costs degrees of freedom only.
_COMPONENTS, _FEWEST_COMPONENTS = 15, 8
_FOLDS, _PASSES, _STEPS = 5, 2, 4


def left_by_components(spectra: FloatArray, share: float = 1.0) -> FloatArray:
    """(B,) standard deviation that the leading components of other bands leave of each band of (N, B) spectra.

    A fifth of the bands at a time is regressed on the pixels' scores in the others, whose noise is another one: what is left has exactly
    as many degrees of freedom as pixels less components, however few pixels there are. In the second pass bands are weighted by their noise.
    ``share`` of the pixels are independent.
    """
    count, bands = spectra.shape
    components = max(
        1, min(_COMPONENTS, max(count // 4, min(_FEWEST_COMPONENTS, count // 2)), bands - -(-bands // _FOLDS))
    )
    found, least = np.ones(bands), 1e-9 * float(np.sqrt(np.mean(spectra**2))) + 1e-300
    for _ in range(_PASSES):
        weighted = spectra / np.maximum(found, 1e-3 * np.median(found) + least)
        left = np.empty(bands)
        for fold in range(min(_FOLDS, bands)):
            here = np.zeros(bands, bool)
            here[fold::_FOLDS] = True
            scores = leading_scores(weighted[:, ~here], components)
            residual = spectra[:, here] - scores @ (scores.T @ spectra[:, here])
            left[here] = (residual**2).sum(axis=0) / max(count - components / share, 0.1 * count)
        found = np.sqrt(left)
    return found


def leading_scores(spectra: FloatArray, components: int) -> FloatArray:
    """(N, K) orthonormal columns that span nearly the leading left singular vectors of (N, B) spectra (subspace iteration, Halko et al. 2011)."""
    start = np.random.default_rng(0).normal(size=(spectra.shape[1], components))
    scores = np.linalg.qr(spectra @ start)[0]
    for _ in range(_STEPS):
        still_wanted()
        scores = np.linalg.qr(spectra @ (spectra.T @ scores))[0]
    return np.asarray(scores)


# Residuals of interpolated pixels follow their neighbour's by 0.4 (enlarged 1.3 times) to 0.9 (4 times), other noise by 0.05 at most. What is left of
# variability is alike in neighbouring bands as well (0.4–0.7), noise is not.
_INTERPOLATED, _NOT_ALIKE = 0.3, 0.1
_REACH = 8


def independent_share(spectra: FloatArray) -> float:
    """The share of (N, B) pixels in raster order that their noise is worth; 1 where neighbours do not share it.

    An image that was enlarged or rectified by interpolation has more pixels than were measured. The autocorrelation r of the noise along the
    rows says how many: with n lags in both axes, one in (Σ r²)² (Bartlett 1935). Interpolation across the rows alone is not seen.
    """
    if min(spectra.shape) < _FEWEST:
        return 1.0
    sample = _contiguous(spectra)
    basis = leading_scores(sample.T, min(_MOST_SIGNALS, sample.shape[1] // 2))
    left = sample - (sample @ basis) @ basis.T
    left /= np.maximum(left.std(axis=0), 1e-300)
    in_bands, in_place = _neighbours(left)
    if in_place < _INTERPOLATED or in_bands > _NOT_ALIKE:
        return 1.0
    follows = [float(np.mean(left[lag:] * left[:-lag])) for lag in range(1, _REACH + 1)]
    return 1 / (1 + 2 * float(np.sum(np.square(follows)))) ** 2


@dataclass(frozen=True, eq=False)
class AlikeNoise:
    """Noise that is alike in neighbouring bands.

    Attributes
    ----------
    per_band : (B,) standard deviation
    correlation : of the noise of a band with its neighbour's
    strongest : variance in the spectral direction that holds most of it, over the mean of all
    signals : directions of the signal, from zero
    """

    per_band: FloatArray
    correlation: float
    strongest: float
    signals: int


# White noise has 0 ± 0.04 on 40 pixels of 20 bands; a mean over three bands gives 0.6.
_ALIKE = 0.25
# Noise does not know its neighbour in space; what spectra vary by does (0.2–0.8 on Samson, Jasper Ridge and HySU, 0.05 at most for noise).
_IN_PLACE, _PLACED = 0.1, 0.5
# Signal ends where an eigenvalue is this many times the next; then noise has many directions of about the same strength, or, where
# its place tells it from signal, of strengths that fall slowly.
_FALLS, _LEVEL, _SLOPE, _LEVEL_OF = 2.0, 1.7, 4.0, 4
_MOST_SIGNALS, _MOST_UNPLACED, _FEWEST = 12, 8, 20
_BLOCKS, _BLOCK = 8, 750


def alike_noise(spectra: FloatArray) -> AlikeNoise | None:
    """Noise of (N, B) spectra in raster order that is alike in neighbouring bands; None where it is not, or can't be told from signal.

    Smoothing along the bands leaves few signal directions, then a plateau: noise of equal strength in all directions that passed. What
    remains beside the signal is alike in neighbouring bands, but not in neighbouring pixels; variability of the spectra is alike in both, and
    its directions fall off. In the second pass bands are weighted by their noise, or those that have most of it would end the plateau.
    """
    if min(spectra.shape) < _FEWEST:
        return None
    sample = _contiguous(spectra)
    scale = np.ones(sample.shape[1])
    for _ in range(_PASSES):
        weighted = sample / scale
        values, basis = _leading_components(weighted)
        signals, slope = _signals(values, weighted @ basis)
        if signals > (_MOST_SIGNALS if slope == _SLOPE else _MOST_UNPLACED):
            return None
        left = weighted - (weighted @ basis[:, :signals]) @ basis[:, :signals].T
        noise = left.std(axis=0)
        correlation, in_place = _neighbours(left / np.maximum(noise, 1e-300))
        if correlation < _ALIKE or abs(in_place) > _IN_PLACE:
            return None
        scale = scale * np.maximum(noise, 1e-3 * np.median(noise) + 1e-300)
    level = values[signals : signals + _LEVEL_OF]
    if level[-1] <= 0 or level[0] > slope * level[-1]:
        return None
    # The signal's directions hold noise as well, as much as the strongest of the others.
    taken = float((noise**2).sum())
    whole = taken + signals * float(level.mean())
    return AlikeNoise(scale * np.sqrt(whole / taken), correlation, float(level[0]) * len(scale) / whole, signals)


def _neighbours(left: FloatArray) -> tuple[float, float]:
    """Correlation of neighbouring bands, and of neighbouring pixels, in what is left (N, B) beside the signal, each band of variance 1."""
    return float(np.mean(left[:, 1:] * left[:, :-1])), float(np.mean(left[1:] * left[:-1]))


def _leading_components(spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (K,), descending, of the second moment of (N, B) spectra, and their directions (B, K): nearly the leading ones."""
    count, bands = spectra.shape
    basis = leading_scores(spectra.T, min(_MOST_SIGNALS + 2 * _LEVEL_OF, count // 2, bands // 2))
    scores = spectra @ basis
    values, turn = np.linalg.eigh(scores.T @ scores / count)
    return values[::-1], basis @ turn[:, ::-1]


def _signals(values: FloatArray, scores: FloatArray) -> tuple[int, float]:
    """How many leading components are signal, by their scores (N, K) in place or by their eigenvalues, and what noise may fall by after them."""
    centred = scores - scores.mean(axis=0)
    in_place = (centred[1:] * centred[:-1]).mean(axis=0) / np.maximum((centred**2).mean(axis=0), 1e-300)
    placed = np.flatnonzero(in_place > max(2 * _IN_PLACE, 4 / np.sqrt(len(scores))))
    if placed.size and in_place[:2].max() > _PLACED:  # the pixels are in an order that means something
        return int(placed[-1]) + 1, _SLOPE
    last = max(len(values) - _LEVEL_OF, 1)
    falls = np.flatnonzero(values[:last] > _FALLS * values[1 : last + 1])
    return (int(falls[-1]) + 1 if falls.size else 0), _LEVEL


def _contiguous(spectra: FloatArray) -> FloatArray:
    """Rows of (N, B) spectra, at most a few thousand, neighbours beside each other."""
    if len(spectra) <= _BLOCKS * _BLOCK:
        return spectra
    starts = np.linspace(0, len(spectra) - _BLOCK, _BLOCKS).astype(int)
    return np.concatenate([spectra[start : start + _BLOCK] for start in starts])
