"""Which of an array's three axes holds the bands, told by the numbers where nothing else tells.

The spectra of a scene are mixtures of a few, whatever lies in the image; its rows and columns are not. So the array, unfolded along its
bands, has hardly anything outside of its first principal components, and much more when it is unfolded along rows or columns. Where noise
covers that, neighbouring bands are more alike than neighbouring pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from napari_unmix.cube import FloatArray

PLACES = ("first", "middle", "last")
LAST = 2
_COMPONENTS = 6  # more than most scenes have materials
_SHORTEST = 5  # entries: a shorter axis tells nothing
_THINNED = 64  # entries of each axis that are looked at
_CERTAIN = 10.0  # over the shortest axis: how much more lies outside along the last one; less is chance
_SMOOTHER, _CLEARLY_SMOOTHER = (
    1.5,
    4.0,
)  # of the last axis' roughness over that of another, which leaves less outside as well
_MUCH_SMOOTHER = 10.0  # where there are two axes to tell apart, both are unfolded alike: only their smoothness tells
_ROUNDING = 1e-13  # of the sum of squares, for numbers of single precision


@dataclass(frozen=True)
class Decision:
    """The axis of the bands (0, 1 or 2), whether the numbers leave no doubt of it, and a sentence for the user where it is not plainly the last."""

    axis: int
    certain: bool
    sentence: str = ""


class _Sliced(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, index: Any) -> Any: ...


def axis_of_bands(array: _Sliced) -> Decision:
    """Which axis of an array of three holds the bands: the last, unless the numbers say another.

    Looks at a part of it; ``array`` may be anything that is sliced like one. Further axes of length 1 do not count.
    """
    shape = _three(array.shape)
    told = [axis for axis in range(3) if shape[axis] >= _SHORTEST]
    if told != [LAST] and len(told) == 1 and max(shape[axis] for axis in range(3) if axis not in told) == 1:
        return _turned(told[0], shape, "the others are of length 1")
    if len(told) < 2 or LAST not in told:
        return Decision(LAST, True)
    part = _part(array, shape)
    if part is None:
        return Decision(LAST, True)
    return decide(outside(part), roughness(part), shape)


def decide(outside: FloatArray, rough: FloatArray, shape: tuple[int, int, int]) -> Decision:
    """The decision, from what each axis leaves outside of its first components (3,) and how rough it is (3,); infinite: too short to tell."""
    told = np.isfinite(outside)
    if not told[LAST] or outside[LAST] == 0:
        return Decision(LAST, True)
    if told.sum() == 2:
        other = int(np.flatnonzero(told)[0])
        turned = rough[LAST] > _MUCH_SMOOTHER * rough[other]
        return _turned(other, shape, "its neighbours are the most alike") if turned else Decision(LAST, True)
    best = int(np.argmin(outside))
    if best == LAST:
        return Decision(LAST, True)
    smoother = rough[LAST] / rough[best] if rough[best] == rough.min() else 0.0
    shortest = min(length for length, of in zip(shape, told, strict=True) if of)
    if outside[LAST] > (1 + _CERTAIN / shortest) * outside[best]:
        return _turned(best, shape, "all pixels along it are mixtures of a few")
    if smoother > _CLEARLY_SMOOTHER:
        return _turned(best, shape, "its neighbours are the most alike")
    if smoother > _SMOOTHER:
        sentence = (
            f"the {PLACES[best]} axis of {_times(shape)} may be the bands: the last was read as bands, as it is stored "
            f"(--bands-axis {PLACES[best]} reads the other)"
        )
        return Decision(LAST, False, sentence)
    return Decision(LAST, True)


def outside(part: FloatArray) -> FloatArray:
    """(3,) share of an array (any three axes) outside of the first components along each axis, per component that is left.

    Noise leaves the same along each. Entries that repeat count once.
    """
    unfolded = [_unfolded(part, axis) for axis in range(3)]
    lengths = [len(rows) for rows in unfolded if len(rows) >= _SHORTEST]
    left = np.full(3, np.inf)
    for axis, rows in enumerate(unfolded):
        if len(rows) < _SHORTEST:
            continue
        first = min(_COMPONENTS, min(lengths) - 2)
        values = np.linalg.eigvalsh(rows @ rows.T)[::-1]
        share = values[first:].sum() / values.sum()
        left[axis] = share / (1 - first / len(rows)) if share > _ROUNDING else 0.0
    return left


def roughness(part: FloatArray) -> FloatArray:
    """(3,) half the mean square difference between neighbours along each axis, over the variance along it: 1 for noise."""
    rough = np.full(3, np.inf)
    for axis in range(3):
        varying = ((part - part.mean(axis=axis, keepdims=True)) ** 2).mean()
        if part.shape[axis] >= _SHORTEST and varying > 0:
            rough[axis] = (np.diff(part, axis=axis) ** 2).mean() / 2 / varying
    return rough


def _unfolded(part: FloatArray, axis: int) -> FloatArray:
    """(n, rest) the entries along an axis, without those that repeat the one before."""
    rows = np.moveaxis(part, axis, 0).reshape(part.shape[axis], -1)
    new = np.append(True, (rows[1:] != rows[:-1]).any(axis=1))
    return np.asarray(rows[new])


def _three(lengths: Sequence[int]) -> tuple[int, int, int]:
    """The lengths of three axes: of those of length 1 the first ones are dropped."""
    kept = [int(length) for length in lengths]
    while len(kept) > 3 and 1 in kept:
        kept.remove(1)
    first, middle, last = kept
    return first, middle, last


def _part(array: _Sliced, shape: tuple[int, int, int]) -> FloatArray | None:
    """Evenly spread entries along each axis, outlying numbers drawn in; None where nothing varies."""
    steps = tuple(slice(None, None, -(-length // _THINNED)) for length in array.shape)
    part = np.asarray(array[steps], np.float64)
    part = part.reshape([-(-length // -(-length // _THINNED)) for length in shape])
    numbers = part[np.isfinite(part)]
    if not numbers.size:
        return None
    quarter, middle, three = np.quantile(numbers, [0.25, 0.5, 0.75])
    reach = 10 * max(three - quarter, 1e-9 * abs(middle))
    part = np.clip(np.where(np.isfinite(part), part, middle), middle - reach, middle + reach)
    return part if np.ptp(part) > 0 else None


def _turned(axis: int, shape: tuple[int, ...], why: str) -> Decision:
    sentence = (
        f"the {PLACES[axis]} axis of {_times(shape)} looks like the bands ({why}): read as bands "
        "(--bands-axis last reads it as stored)"
    )
    return Decision(axis, True, sentence)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
