"""Patches of an image that a hand can paint: connected pixels that are alike, in a small window, and no line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, BoolArray, Cube, FloatArray, IntArray

# A patch lies in a window of so many pixels across, and has at least so many pixels, or it is a speck.
WINDOW, FEWEST = 7, 6
# It is looked for around so many of the best pixels, which are no neighbours.
_TRIED = 24
# A pixel belongs to a patch with this part of its middle's score, and within this multiple of the middle's own spread of angles.
_PART, _ALIKE = 0.75, 2.5
_LEAST_ANGLE = np.radians(0.5)


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels (n,), and the mean share of what was looked for in them."""

    rows: IntArray
    columns: IntArray
    share: float


@dataclass(frozen=True, eq=False)
class Ground:
    """Where can be painted, and what is known there.

    Attributes
    ----------
    cube, result : of which this is
    abundances : (H, W, P), zero where there is no answer
    error : (H, W) root mean square that the result leaves of a pixel, zero where there is no answer
    answered : (H, W) valid pixels with an answer
    free : (H, W) those of them that are not painted
    """

    cube: Cube
    result: Unmixing
    abundances: FloatArray
    error: FloatArray
    answered: BoolArray
    free: BoolArray

    @classmethod
    def of(cls, cube: Cube, result: Unmixing, annotation: Annotation | None) -> Ground:
        """Of a cube and its result, and what is painted on it."""
        answered = cube.valid_pixels & np.isfinite(result.abundances).all(axis=2)
        declared = result.findings.declared_regions
        free = answered.copy()
        if annotation is not None:
            free &= annotation.labels == 0
        elif result.regions is not None and declared:
            free &= (result.regions == 0) | (result.regions > declared)
        return cls(
            cube,
            result,
            np.where(answered[..., None], result.abundances, 0.0).astype(np.float64),
            np.where(answered, result.reconstruction_error, 0.0).astype(np.float64),
            answered,
            free,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self.free.shape[0]), int(self.free.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """One per endmember."""
        return self.result.names

    @property
    def noise(self) -> float:
        """Level of the noise in a band; zero where the method has none."""
        return self.result.findings.noise or 0.0

    def of_pixels(self, patch: Patch) -> FloatArray:
        """(n, B_good) spectra of a patch."""
        return self.cube.spectra[patch.rows, patch.columns][:, self.cube.good_bands].astype(np.float64)

    def left_of(self, patch: Patch) -> FloatArray:
        """(n, B_good) what the result leaves of a patch's pixels."""
        inside = np.zeros(self.shape, bool)
        inside[patch.rows, patch.columns] = True
        return self.result.residual(self.cube, inside)

    def squares(self, fewest: int) -> tuple[int, BoolArray, IntArray, FloatArray]:
        """Squares of ``fewest`` free pixels or more: their side, where is free (H, W), upper left corners (n, 2), mean abundances (n, P)."""
        height, width = self.shape
        side = min(max(int(np.ceil(np.sqrt(1.3 * fewest))), min(height, width) // 12), height, width)
        step = max(1, side // 2)
        rows, columns = np.meshgrid(
            np.arange(0, height - side + 1, step), np.arange(0, width - side + 1, step), indexing="ij"
        )
        corners = np.stack([rows.ravel(), columns.ravel()], axis=1)
        counts = _sums(self.free.astype(float), corners, side)
        enough = counts >= max(fewest, side**2 / 2)
        corners, counts = corners[enough], counts[enough]
        masked = np.where(self.free[..., None], self.abundances, 0.0)
        return side, self.free, corners, _sums(masked, corners, side) / counts[:, None]


def _sums(values: FloatArray, corners: IntArray, side: int) -> FloatArray:
    """(n, …) sums of (H, W, …) over squares, by a table of cumulative sums."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1, *values.shape[2:]))
    table[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    top, left = corners.T
    low, right = top + side, left + side
    return np.asarray(table[low, right] - table[top, right] - table[low, left] + table[top, left])


def smoothed(values: FloatArray, free: BoolArray) -> FloatArray:
    """(H, W) mean of the 3 × 3 pixels around each, those that are not free as zeros; zero where it is not free itself."""
    from scipy.ndimage import uniform_filter

    return np.where(free, uniform_filter(np.where(free, values, 0.0), 3, mode="constant"), 0.0)


def best_pixels(scores: FloatArray) -> IntArray:
    """(n, 2) the pixels of the highest scores (H, W) that are the highest around themselves, the best first; ties in raster order."""
    from scipy.ndimage import maximum_filter

    peaks = np.argwhere((scores > 0) & (scores == maximum_filter(scores, WINDOW // 2 * 2 + 1, mode="constant")))
    order = np.argsort(-scores[tuple(peaks.T)], kind="stable")
    return np.asarray(peaks[order][:_TRIED])


def purest_patch(ground: Ground, shares: FloatArray) -> Patch | None:
    """The patch with most of (H, W) shares whose spectra are alike: mean share times the part of a full patch that it is; None where none is."""
    found = [patch_around(ground, shares, centre) for centre in best_pixels(smoothed(shares, ground.free))]
    patches = [patch for patch in found if patch is not None]
    return max(patches, key=lambda patch: patch.share * min(1.0, len(patch.rows) / WINDOW**2) ** 0.25, default=None)


def patch_around(ground: Ground, scores: FloatArray, centre: IntArray) -> Patch | None:
    """The free pixels around a centre with nearly its score (H, W) and its spectrum, connected; None where they are few or a line."""
    half = WINDOW // 2
    top, left = np.maximum(centre - half, 0)
    window = (slice(top, centre[0] + half + 1), slice(left, centre[1] + half + 1))
    near, middle = scores[window], centre - (top, left)
    core = np.zeros(near.shape, bool)
    core[max(middle[0] - 1, 0) : middle[0] + 2, max(middle[1] - 1, 0) : middle[1] + 2] = True
    core &= ground.free[window]
    wanted = ground.free[window] & (near >= _PART * near[core].mean())
    angles = _angles(ground, window, core)
    wanted &= angles <= max(_ALIKE * float(np.median(angles[core])), _LEAST_ANGLE)
    kept = _around(wanted, middle)
    if kept is None:
        return None
    rows, columns = np.nonzero(kept)
    return Patch(rows + top, columns + left, float(near[kept].mean()))


def _angles(ground: Ground, window: tuple[slice, slice], core: BoolArray) -> FloatArray:
    """(h, w) angles in radians to the mean direction of the core."""
    spectra = ground.cube.spectra[window][..., ground.cube.good_bands].astype(np.float64)
    unit = spectra / np.maximum(np.linalg.norm(spectra, axis=-1, keepdims=True), 1e-12)
    mean = unit[core].mean(axis=0)
    cosines = unit @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
    return np.asarray(np.arccos(np.clip(cosines, -1.0, 1.0)))


def _around(wanted: BoolArray, middle: IntArray) -> BoolArray | None:
    """(h, w) what is connected with the middle after lines were taken off (opening by 2 × 2); None where less than ``FEWEST`` is left."""
    from scipy.ndimage import binary_opening, label

    parts, count = label(binary_opening(wanted, np.ones((2, 2), bool)))
    if not count:
        return None
    here = parts[tuple(middle)]
    kept = parts == (here if here else 1 + int(np.bincount(parts.ravel())[1:].argmax()))
    return kept if kept.sum() >= FEWEST else None


def where(patch: Patch, shape: tuple[int, int]) -> str:
    """ "at the upper left": in which third of the image, both ways."""
    down = ("upper", "", "lower")[min(2, int(3 * patch.rows.mean() / shape[0]))]
    across = ("left", "", "right")[min(2, int(3 * patch.columns.mean() / shape[1]))]
    if not across:
        return f"in the {down} middle".replace("  ", " ")
    return f"at the {down} {across}".replace("  ", " ")
