"""From the bands of another cube to those of a run: the same sensor, or one whose bands lie near enough to interpolate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray, SpectralAxis
from napari_unmix.sentences import UnmixError

# Bands of two grids that are no further apart than this share of their spacing are the same band.
_SAME = 1e-3
# A band may be made of two neighbours where the nearest is closer than this share of the run's spacing there: what lies further was not measured.
NEAR = 0.5


@dataclass(frozen=True, eq=False)
class Bands:
    """How the run's (K,) bands come from a cube's: ``share`` of band ``upper`` and the rest of band ``lower``.

    ``moved`` is the largest distance from one of the run's bands to the nearest of the cube's, in the axis' unit: 0 where all are the same.
    """

    lower: IntArray
    upper: IntArray
    share: FloatArray
    moved: float

    def of(self, spectra: FloatArray) -> FloatArray:
        """(n, B) -> (n, K), in double precision."""
        low = spectra[:, self.lower].astype(np.float64)
        if not self.share.any():
            return low
        return np.asarray(low + self.share * (spectra[:, self.upper] - low))


def bands_for(
    run: SpectralAxis,
    good: BoolArray,
    cube: SpectralAxis,
    usable: BoolArray,
    whose: tuple[str, str] = ("The run", "the cube"),
) -> Bands:
    """How the ``good`` (B,) bands of a run come from a cube's, of which those that are ``usable`` may be interpolated.

    An error says ``whose`` bands are wanted, and of whom. Raises UnmixError where one of them is too far from all of the cube's, or nobody can tell.
    """
    wanted, there = in_one_unit(run, cube)
    if wanted is None or there is None:
        if run.values.size != cube.values.size:
            raise UnmixError(
                f"The cube has {cube.values.size} bands and the run {run.values.size}, and their places can't be compared "
                f"({run.title} and {cube.title}): apply the run to a cube of the same bands."
            )
        return _as_they_are(good)
    spacing = _spacing(wanted)
    if wanted.size == there.size and bool((np.abs(there - wanted) <= _SAME * spacing)[good].all()):
        return _as_they_are(good)
    return _interpolated(wanted[good], spacing[good], there, usable, run.unit, whose)


def in_one_unit(run: SpectralAxis, cube: SpectralAxis) -> tuple[FloatArray | None, FloatArray | None]:
    """Both axes' values in one quantity, None where they have none in common."""
    if run.kind == cube.kind:
        return (run.values, cube.values) if run.unit else (None, None)
    return run.nanometres, cube.nanometres


def _as_they_are(good: BoolArray) -> Bands:
    places = np.flatnonzero(good)
    return Bands(places, places, np.zeros(len(places)), 0.0)


def _spacing(values: FloatArray) -> FloatArray:
    """(B,) the distance to the nearer neighbour; of one band nothing is far."""
    if values.size < 2:
        return np.full(values.size, np.inf)
    order = np.argsort(values)
    steps = np.diff(values[order])
    nearer = np.minimum(np.append(steps, np.inf), np.append(np.inf, steps))
    spacing = np.empty(values.size)
    spacing[order] = nearer
    return spacing


def _interpolated(
    wanted: FloatArray, spacing: FloatArray, there: FloatArray, usable: BoolArray, unit: str, whose: tuple[str, str]
) -> Bands:
    """Each of the ``wanted`` (K,) places on the straight line between its neighbours; at the ends, the nearest band itself."""
    bands = np.flatnonzero(usable & np.isfinite(there))
    bands = bands[np.argsort(there[bands], kind="stable")]
    places = there[bands]
    if not bands.size:
        raise UnmixError("The cube has no band that may be used: read it with --bands all.")
    after = np.clip(np.searchsorted(places, wanted), 1, max(len(places) - 1, 1)) if len(places) > 1 else None
    if after is None:
        lower = upper = np.zeros(len(wanted), dtype=np.intp)
    else:
        lower, upper = after - 1, after
    width = np.where(places[upper] > places[lower], places[upper] - places[lower], 1.0)
    share = np.clip((wanted - places[lower]) / width, 0.0, 1.0)
    away = np.minimum(np.abs(places[lower] - wanted), np.abs(places[upper] - wanted))
    farthest = int(np.argmax(away / spacing))
    if away[farthest] >= NEAR * spacing[farthest]:
        raise UnmixError(
            f"{whose[0]} needs a band at {wanted[farthest]:g} {unit}, {whose[1]}'s nearest lies {away[farthest]:.3g} {unit} from it, and half the "
            f"spacing there is {NEAR * spacing[farthest]:.3g} {unit}: take a cube of the same sensor, or resample the cube first."
        )
    return Bands(bands[lower], bands[upper], share, float(away.max()))
