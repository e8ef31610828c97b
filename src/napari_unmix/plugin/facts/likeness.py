"""How like two runs are: which endmember is which, how far their maps and spectra are apart. Pure; large, so it is called in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.output.palette import rgb
from napari_unmix.plugin.facts.runs import SAME_MATERIAL_DEGREES
from napari_unmix.rows.metrics import angle_table

View = Literal["one", "difference", "flicker", "split"]

FEWEST_BANDS = 3  # in common, for an angle to say something
SAME_MAP_CORRELATION = 0.7
PAIRED_PIXELS = 40_000
FLAT = 1e-6  # standard deviation of shares below which a map does not vary
LIMIT_PERCENTILE = 99.0
SMALLEST_LIMIT = 0.1  # percentage points: below it the two maps are one


@dataclass(frozen=True)
class Comparing:
    """How the user looks at the run that is shown and the one beside it.

    Attributes
    ----------
    view : "one" shows the maps of the run alone; "difference" subtracts the other's, "flicker" shows them in turn, "split" side by side
    material : endmember of the run that is shown whose maps are subtracted
    divider : where the split is, as a share of the width
    other : whether "flicker" shows the other run just now
    paced : whether it changes by itself
    table : whether all runs of the cube are measured
    """

    view: View = "one"
    material: int = 0
    divider: float = 0.5
    other: bool = False
    paced: bool = False
    table: bool = False


@dataclass(frozen=True)
class Pair:
    """Endmember ``mine`` of the run that is shown and ``its`` of the other, which are the same material.

    ``degrees`` is the angle between them, None where their bands have nothing in common; ``difference`` the mean |difference| of their shares
    and ``correlation`` the Pearson correlation of their maps, NaN where the maps are of different pixels.
    """

    mine: int
    its: int
    degrees: float | None
    difference: float = float("nan")
    correlation: float = float("nan")


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of one run (``number``, ``result``) beside the one that was shown (``against``), and beside a reference.

    ``residual`` is the root mean square residual; ``pairs`` are empty of the run itself. ``angles`` (degrees), ``abundance_error`` and
    ``reference_correlation`` are of the ``partners`` that the reference's endmembers have in the run; None without a reference.
    ``notes`` are sentences on what could not be compared.
    """

    number: int
    result: Unmixing
    against: Unmixing
    residual: float
    pairs: tuple[Pair, ...] = ()
    angles: tuple[float, ...] | None = None
    abundance_error: float | None = None
    reference_correlation: float | None = None
    partners: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def apart(self) -> float | None:
        """Mean angle of the pairs in degrees."""
        return _mean([pair.degrees for pair in self.pairs if pair.degrees is not None])

    @property
    def difference(self) -> float | None:
        """Mean |difference| of the matched shares, 0–1."""
        return _mean([pair.difference for pair in self.pairs])

    @property
    def correlation(self) -> float | None:
        """Mean correlation of the matched maps."""
        return _mean([pair.correlation for pair in self.pairs])

    @property
    def angle(self) -> float | None:
        """Mean angle to the reference in degrees."""
        return None if self.angles is None else _mean(list(self.angles))


@dataclass(frozen=True, eq=False)
class DifferenceMap:
    """(H, W) shares of one material, the run shown minus the run beside, in percentage points, NaN where either has none; ``limit`` > 0.

    ``material`` is its number in the run shown.
    """

    plane: FloatArray
    limit: float
    material: int = 0


@dataclass(frozen=True, eq=False)
class Pictures:
    """(H, W, 3) the maps that are not hidden, added up in their colours: of the run shown, and of the run beside in the same colours."""

    shown: NDArray[np.uint8]
    beside: NDArray[np.uint8]


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None


# --- which endmember is which


def paired(result: Unmixing, other: Unmixing) -> list[Pair]:
    """The endmembers of two results that are the same material: by their spectra, or by their maps where the bands have too little in common."""
    first, second = result.endmembers, other.endmembers
    if first.shape[1] == second.shape[1] and common_bands(first, second) >= FEWEST_BANDS:
        angles = np.degrees(angle_table(first, second))
        return [Pair(mine, its, float(angles[mine, its])) for mine, its in assigned(angles, SAME_MATERIAL_DEGREES)]
    if result.abundances.shape[:2] != other.abundances.shape[:2]:
        return []
    unlike = 1 - correlations(sampled(result.abundances), sampled(other.abundances))
    return [Pair(mine, its, None) for mine, its in assigned(unlike, 1 - SAME_MAP_CORRELATION)]


def common_bands(first: FloatArray, second: FloatArray) -> int:
    """How many bands two sets of endmembers (P, B), (Q, B) have both."""
    return int((np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)).sum())


def assigned(table: FloatArray, most: float) -> list[tuple[int, int]]:
    """Places (row, column) of a table of distances (P, Q), each row and column once, of the least sum; those below ``most`` alone.

    Hungarian assignment (Kuhn 1955). What is farther counts as ``most``, so that no good pair is given up for a hopeless one.
    """
    from scipy.optimize import linear_sum_assignment

    costs = np.minimum(np.nan_to_num(table, nan=most), most)
    return [(int(k), int(j)) for k, j in zip(*linear_sum_assignment(costs), strict=True) if costs[k, j] < most]


def sampled(abundances: FloatArray) -> FloatArray:
    """(N, P) evenly spread pixels of (H, W, P)."""
    height, width, count = abundances.shape
    step = max(1, int(np.ceil(np.sqrt(height * width / PAIRED_PIXELS))))
    return abundances[::step, ::step].reshape(-1, count).astype(np.float64)


def correlations(first: FloatArray, second: FloatArray) -> FloatArray:
    """(N, P), (N, Q) -> (P, Q) Pearson correlations over the rows that are finite in both; 0 where a column does not vary."""
    good = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    if not good.any():
        return np.zeros((first.shape[1], second.shape[1]))
    one, two = (values[good] - values[good].mean(axis=0) for values in (first, second))
    size = np.outer(np.linalg.norm(one, axis=0), np.linalg.norm(two, axis=0))
    varies = size > FLAT**2 * good.sum()
    return np.asarray(np.where(varies, (one.T @ two) / np.where(varies, size, 1.0), 0.0))


# --- how far apart


def with_maps(pair: Pair, result: Unmixing, other: Unmixing) -> Pair:
    """A pair with the difference and the correlation of its maps (of the same pixels)."""
    first, second = result.abundances[:, :, pair.mine].ravel(), other.abundances[:, :, pair.its].ravel()
    good = np.isfinite(first) & np.isfinite(second)
    if not good.any():
        return pair
    first, second = first[good], second[good]
    difference = float(np.mean(np.abs(first - second), dtype=np.float64))
    one, two = first - first.mean(dtype=np.float64), second - second.mean(dtype=np.float64)
    size = float(np.linalg.norm(one)) * float(np.linalg.norm(two))
    correlation = float(one @ two) / size if size > FLAT**2 * len(one) else float("nan")
    return Pair(pair.mine, pair.its, pair.degrees, difference, correlation)


def subtracted(result: Unmixing, mine: int, other: Unmixing, its: int) -> DifferenceMap:
    """The difference of two maps of the same pixels; its limit is the 99th percentile of its size."""
    plane = 100 * (result.abundances[:, :, mine] - other.abundances[:, :, its]).astype(np.float32)
    sizes = np.abs(plane[np.isfinite(plane)])
    limit = float(np.percentile(sizes, LIMIT_PERCENTILE)) if sizes.size else 0.0
    return DifferenceMap(plane, max(limit, SMALLEST_LIMIT), mine)


def added_up(abundances: FloatArray, colours: Sequence[str], hidden: frozenset[int]) -> NDArray[np.uint8]:
    """(H, W, 3) maps (H, W, P) over each other in their colours, as additive layers show them."""
    height, width, count = abundances.shape
    light = np.zeros((3, height, width), np.float32)
    for k in sorted(set(range(count)) - hidden):
        plane = np.nan_to_num(np.ascontiguousarray(abundances[:, :, k], dtype=np.float32), nan=0.0)
        for channel, strength in enumerate(rgb(colours[k])):
            light[channel] += strength * plane
    np.clip(light, 0.0, 1.0, out=light)
    light *= 255
    return np.ascontiguousarray(np.moveaxis(light.astype(np.uint8), 0, 2))


def split(pictures: Pictures, divider: float) -> NDArray[np.uint8]:
    """(H, W, 3) the run shown left of the divider (0–1 of the width), the run beside right of it, a line between."""
    width = pictures.shown.shape[1]
    column = round(divider * width)
    picture = np.concatenate([pictures.shown[:, :column], pictures.beside[:, column:]], axis=1)
    thick = max(1, width // 400)
    left = min(max(column - thick // 2, 0), width - thick)
    picture[:, left : left + thick] = 255
    return picture
