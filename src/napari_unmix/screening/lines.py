"""Detector elements that fail: columns (or lines) that hold one number, or stand off from their neighbours along the whole image.

A pushbroom camera sees each column of the image with elements of its own, one a band. A dead element holds one number; one of another
offset or gain makes a stripe. A real structure that runs through the whole image along one column is told from it by its spectrum:
it is a mixture of what the other columns hold, a stripe is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.screening.blocks import Float32, Unusable
from napari_unmix.screening.medians import medians, running_median
from napari_unmix.screening.spikes import Usual, steps

_SHORTEST = 24  # pixels along a column: below, a small target may fill it
_NARROWEST = 12  # columns side by side: below, none stands out
_DEVIATIONS = 8.0  # of a column, in the spread of all columns
_NOISES = 3.0  # of a column, in the noise of one pixel: a fainter stripe disturbs less than the noise
_LONE_NOISES = 10.0  # the same for a single element: it disturbs one band only
_FAINT = 0.01  # of a band's spread over the scene: what counts as noise at least
_LONE = 0.25  # of a band's spread: a single element that stands off by less does no harm
_SHARPER = 1.5  # times what the spectra of the scene bend by there
_LOUDER = 3.0  # times what the column stands off by in other bands
_FEWEST_BANDS = 10  # below, a band may stand off from those beside it
_STRIPED = 0.05  # of the bands: a column that stands off in fewer is mended there, in more it is left out
_OUTSHONE = 0.3  # of the square by which a column beside it stands off
_UNEXPLAINED = 0.5  # of a stripe's size, by what the other columns hold
_ALONG = 48  # rows that the search for stripes reads
_BLOCK = 250_000  # numbers at a time
_DEAD_SHARE = 0.2  # of all columns: more hold one number where the scene itself does
_DEAD_RUN = 3  # columns side by side: more do where something dark fills them
_LEVELS = 12  # steps of a quantised band that a live column spans, else it may hold one number by chance


@dataclass(frozen=True, eq=False)
class Elements:
    """Detector elements (columns or lines × bands) that failed: those to mend from their neighbours, and those to leave out."""

    mended: BoolArray
    left_out: BoolArray

    @property
    def failed(self) -> BoolArray:
        """Both."""
        return self.mended | self.left_out


def dead_elements(low: FloatArray, high: FloatArray, step: FloatArray) -> BoolArray:
    """(columns, B) elements that hold one number all along, where the other columns of that band vary.

    From the lowest and highest number of each, and the smallest ``step`` (B,) between two numbers of a band.
    """
    span = high - low
    held = span == 0
    live = np.where(held, np.nan, span)
    usual = np.array([np.nanmedian(column) if np.isfinite(column).any() else 0.0 for column in live.T])
    weakest = np.where(held, np.inf, span).min(axis=0)
    told = (held.mean(axis=0) <= _DEAD_SHARE) & (weakest > 0.05 * usual) & (usual > _LEVELS * step)
    beside = np.stack([_shifted(held, k) for k in range(-_DEAD_RUN, _DEAD_RUN + 1)])
    run = np.stack([beside[k : k + _DEAD_RUN + 1].all(axis=0) for k in range(_DEAD_RUN + 1)]).any(axis=0)
    return np.asarray(held & told & ~run)


def _shifted(flags: BoolArray, by: int) -> BoolArray:
    """Flags (columns, B) of the columns ``by`` further on; False beyond the edge."""
    out = np.zeros_like(flags)
    count = len(flags)
    out[max(0, -by) : count - max(0, by)] = flags[max(0, by) : count - max(0, -by)]
    return out


def jumping_elements(off: FloatArray, least: FloatArray) -> BoolArray:
    """(columns, B) elements that stand off from the neighbouring columns as the bands beside theirs do not: a material's spectrum is smoother.

    ``off`` (columns, B) is how far each stands off, ``least`` (B,) what counts.
    """
    jump = off - running_median(off)
    return np.asarray(np.abs(jump) > np.maximum(_DEVIATIONS * _spread(jump), least))


def _spread(off: FloatArray) -> FloatArray:
    """(B,) spread over the columns, whatever the few outlying ones are."""
    return np.asarray(1.4826 * medians(np.abs(off - medians(off))))


def standing_off(spectra: Float32) -> FloatArray:
    """(columns, B) how far each column of (rows, columns, B) spectra stands off from the two on either side: median along the column.

    From the median of those four: an edge of the scene stands off on few lines only. The image's first and last column have two on one
    side. NaN counts for nothing.
    """
    rows, columns, bands = spectra.shape
    padded = np.pad(spectra, ((0, 0), (2, 2), (0, 0)), mode="reflect")
    off = np.empty((columns, bands))
    step = max(1, _BLOCK // (rows * bands))
    for first in range(0, columns, step):
        count = min(step, columns - first)
        here, *around = (padded[:, first + k : first + k + count] for k in (2, 0, 1, 3, 4))
        off[first : first + count] = _median_along(here - _median_of_four(*around))
    return off


def _median_along(apart: Float32) -> FloatArray:
    """Medians along the first axis of what is a number; 0 where hardly anything is."""
    middle = medians(apart)
    if not np.isnan(apart).any():
        return middle
    return np.asarray(np.where(np.isfinite(apart).sum(axis=0) >= _SHORTEST, middle, 0))


def _median_of_four(a: Float32, b: Float32, c: Float32, d: Float32) -> Float32:
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.asarray((low + high) / np.float32(2))


def outshone(energy: FloatArray) -> BoolArray:
    """(columns,) which stand off by much less than one within two columns of them: they do so from that one."""
    padded = np.pad(energy, 2)
    beside = np.stack([padded[k : k + energy.size] for k in (0, 1, 3, 4)])
    return np.asarray(energy < _OUTSHONE * beside.max(axis=0))


def is_mixture(off: FloatArray, others: FloatArray, materials: int = 12) -> bool:
    """Whether a difference of spectra (B,) lies in the span of other spectra (N, B), as one of two materials does."""
    if len(others) <= materials or off.size <= materials:
        return True
    moment = others.T @ others
    basis = np.linalg.eigh(moment)[1][:, -materials:]
    rest = off - basis @ (basis.T @ off)
    return bool(np.linalg.norm(rest) < _UNEXPLAINED * np.linalg.norm(off))


def search(some: Float32, low: Float32, high: Float32, usual: Usual) -> Elements:
    """The failed elements of columns, from some lines (rows, W, B), NaN where there is no data, and each column's extremes (W, B).

    ``usual`` is what single pixels do, beside their neighbours in band and space.
    """
    rows, width, bands = some.shape
    nothing = np.zeros((width, bands), bool)
    if rows < _SHORTEST or width < _NARROWEST:
        return Elements(nothing, nothing)
    sample, off = _some_spectra(some, ~nothing[:, 0]), standing_off(some)
    spread = sample.std(axis=0)
    least = _NOISES * np.maximum(usual.noise, _FAINT * spread)
    held = bool((low == high).any())  # by few cameras
    dead = dead_elements(low, high, steps(sample)) & (np.abs(off) > least) if held else nothing
    if bands < _FEWEST_BANDS:
        return Elements(nothing, dead)
    most = max(1, int(_STRIPED * bands))
    striped = dead | jumping_elements(off, least)
    dying = dead.sum(axis=1) > most
    whole = dying | ((striped.sum(axis=1) > most) & ~outshone((off**2).sum(axis=1)))
    for column in np.flatnonzero(whole & ~dying):
        whole[column] = not is_mixture(off[column], _some_spectra(some, ~whole))
    harmful = np.maximum(np.maximum(_LONE_NOISES / _NOISES * least, _LONE * spread), _SHARPER * usual.sharpness)
    elsewhere = np.quantile(np.abs(off), 0.9, axis=1, keepdims=True)
    lone = dead | (jumping_elements(off, harmful) & (np.abs(off) > _LOUDER * elsewhere))
    few = (lone.sum(axis=1) <= most) & ~whole
    return Elements(lone & few[:, None], striped & whole[:, None])


def _some_spectra(lines: Float32, columns: BoolArray) -> FloatArray:
    """A few thousand whole spectra (N, B) of these columns of (rows, columns, B) lines."""
    step = max(1, len(lines) * int(columns.sum()) // 4000)
    some = lines if columns.all() else lines[:, columns]
    spectra = some.reshape(-1, lines.shape[2])[::step].astype(np.float64)
    return np.asarray(spectra[np.isfinite(spectra).all(axis=1)])


def some_lines(spectra: Float32, usable: Unusable, good_bands: BoolArray) -> Float32:
    """About a hundred lines (rows, W, good bands) spread over a cube, NaN where there is no data."""
    step = max(1, len(spectra) // _ALONG)
    lines = usable.cleaned(spectra[::step], slice(None, None, step))
    return np.ascontiguousarray(lines if good_bands.all() else lines[:, :, good_bands])


def filled(spectra: Float32, mended: BoolArray, failed: BoolArray, along_rows: bool) -> Float32:
    """A copy of (H, W, B) spectra with ``mended`` elements (columns or lines × B) interpolated between the nearest that did not fail."""
    out = spectra.copy()
    view = out.swapaxes(0, 1) if along_rows else out
    for band in np.flatnonzero(mended.any(axis=0)):
        works = np.flatnonzero(~failed[:, band])
        if not works.size:
            continue
        for element in np.flatnonzero(mended[:, band]):
            place = int(np.searchsorted(works, element))
            left, right = int(works[max(place - 1, 0)]), int(works[min(place, works.size - 1)])
            weight = (element - left) / (right - left) if right > left else 0.0
            view[:, element, band] = (1 - weight) * view[:, left, band] + weight * view[:, right, band]
    return out
