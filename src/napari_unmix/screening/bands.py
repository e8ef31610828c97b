"""Bands that are worth less than they cost: with holes, without variation, or of noise alone.

A hole in one band costs the pixel in all bands. Holes are met where it is cheaper: bands and pixels are left out so that as many numbers
as possible stay, which keeps a scene with two holed bands and a scene with a border alike.

Noisy bands are left out, not weighted. In 30 simulated scenes with 1 to 20 bands of 3 to 250 times the noise (VCA + FCLS; 16 by the iVAE),
whitening the fit by each band's noise gave the same abundance error to the per cent from ten times the noise on; below, weighting
is better by 1 % (VCA) and 8 % (iVAE) in the median, which would change the answer of every scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.rows.subspace import noise_per_band
from napari_unmix.screening.blocks import row_blocks
from napari_unmix.screening.spikes import steps

_NOISIER = 3.5  # than the median band: below, a band tells more than it disturbs
_DROWNED = 4.0  # signal over noise of a band, which real noisy bands exceed
_CLEARER = 12.0  # the same for a single band that stands apart from the others in noise
_APART = 2.5  # factor between the noise of bands that stand apart and the highest of the others
_MOST = 1 / 3  # of the bands: more of them are a detector of its own
_TOLD, _MOST_TOLD = 0.5, 0.6  # of a band's noise by regression, and in what share of the bands
_JUMP = 1.2  # times the noise, what a number of noise jumps by beside its neighbours in band and space
_FEW_BANDS = 10  # below, a band's own signal is not told from noise by the other bands
_STUCK = 0.5  # of the pixels with one and the same number, where the median band has hardly any
_LEAST_PIXELS = 50  # below, neither noise nor a repeated number is told

Missing = Callable[[slice], BoolArray]  # rows -> (rows, W, B), True where a number stands for nothing


@dataclass(frozen=True, eq=False)
class Holes:
    """What is left out for numbers that are missing: bands (B,) and pixels (H, W); ``missing`` (B,) counts the pixels that miss each band."""

    bands: BoolArray
    pixels: BoolArray
    missing: IntArray


def bands_to_leave(worst: IntArray, count: int) -> int:
    """How many bands to leave out, those with most holes first, so that bands × pixels is largest.

    ``worst`` (N,) is how many would have to go to make each pixel whole, of ``count``.
    """
    whole = np.cumsum(np.bincount(worst, minlength=count + 1))  # pixels, once 0, 1, … bands are left out
    return int(np.argmax(whole * np.arange(count, -1, -1)))


def holes(good_bands: BoolArray, valid_pixels: BoolArray, missing: Missing, bands_too: bool = True) -> Holes | None:
    """Bands (where ``bands_too``) and pixels to leave out where numbers are missing among good bands and valid pixels; None where none is."""
    shape = (*valid_pixels.shape, good_bands.size)
    counts = np.zeros(good_bands.size, np.int64)
    for part in row_blocks(shape):
        counts += (missing(part) & valid_pixels[part, :, None]).sum(axis=(0, 1))
    counts *= good_bands
    if not counts.any():
        return None
    order = np.argsort(np.where(good_bands, -counts, 1), kind="stable")
    rank = np.zeros(good_bands.size, np.int32)
    rank[order] = np.arange(1, rank.size + 1)
    rank[~good_bands] = 0
    worst = np.zeros(valid_pixels.shape, np.int32)
    for part in row_blocks(shape):
        np.max(missing(part) * rank, axis=2, out=worst[part])
    left = bands_to_leave(worst[valid_pixels], int(good_bands.sum())) if bands_too else 0
    return Holes(good_bands & (rank <= left), valid_pixels & (worst > left), counts)


def stuck_bands(sample: FloatArray) -> BoolArray:
    """(B,) bands in which most of (N, B) spectra hold one and the same number, where the others do not."""
    if len(sample) < _LEAST_PIXELS:
        return np.zeros(sample.shape[1], bool)
    share = (sample == np.quantile(sample, 0.5, axis=0, method="lower")).mean(axis=0)
    return np.asarray((share > _STUCK) & (share > 10 * np.median(share)))


@dataclass(frozen=True, eq=False)
class BandNoise:
    """Noise over that of the median band (B,), and signal over noise (B,)."""

    ratio: FloatArray
    clarity: FloatArray


def band_noise(first: FloatArray, second: FloatArray, jumps: FloatArray) -> BandNoise | None:
    """The noise of each band, from spectra (N, B), those of their neighbours (N, B) and their usual ``jumps`` (B,); None where there are too few.

    It is what neither the other bands nor the neighbours tell: a band with a signal of its own is not noisy, nor is one with a few spikes.
    """
    spectra = np.vstack([first, second])
    spread = spectra.std(axis=0)
    if len(first) < _LEAST_PIXELS or spectra.shape[1] < 3 or not spread.any():
        return None
    beside = np.sqrt(((first - second) ** 2).mean(axis=0) / 2)
    if spectra.shape[1] < _FEW_BANDS and np.median(beside / np.maximum(spread, 1e-30)) > 0.5:
        return None  # neither tells
    noise = regressed = noise_per_band(spectra)
    for told in (beside, jumps / _JUMP):
        if np.mean(told > _TOLD * regressed) > _MOST_TOLD:  # else pixels repeat, and neighbours tell nothing
            noise = np.minimum(noise, told)
    noise = np.maximum(noise, np.maximum(steps(spectra) / np.sqrt(12), 1e-12 * spread.max()))
    return BandNoise(noise / np.median(noise), np.sqrt(np.maximum((spread / noise) ** 2 - 1, 0)))


def noisy_bands(noise: BandNoise) -> BoolArray:
    """(B,) bands that are mostly noise beside the others.

    Many times the median noise, and either drowned in it or apart from all other bands: noise that rises smoothly belongs to the
    instrument, and strong noise under a strong signal is that of counting.
    """
    noisier = (noise.ratio > _NOISIER) & (noise.clarity < np.median(noise.clarity) / _NOISIER)
    drowned = noisier & (noise.clarity < _DROWNED) & (noise.ratio > _APART * np.quantile(noise.ratio, 0.75))
    order = np.sort(noise.ratio)
    gaps = np.append(order[1:] / order[:-1], 1.0)
    quiet = np.flatnonzero((gaps > _APART) & (order < _NOISIER))  # the noisiest of the bands below a gap
    apart = noise.ratio > (order[quiet[-1]] if quiet.size else np.inf)
    single = apart.sum() == 1 and noise.clarity[apart].min() > _CLEARER
    if not noisier[apart].any() or single or np.median(noise.clarity[apart]) > np.median(noise.clarity) / _APART:
        return np.asarray(drowned)
    return np.asarray(drowned | apart)


def a_few(bands: BoolArray, good_bands: BoolArray) -> bool:
    """Whether these are few enough to be faults, not a detector."""
    return bool(bands.sum() <= _MOST * good_bands.sum())
