"""Where the bands of a network lie, how they form groups, and how cubes of other bands are brought to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import AxisKind, BoolArray, Cube, FloatArray, IntArray
from napari_unmix.sentences import UnmixError, shown

# A band is interpolated between two bands of another cube that lie within this many steps of the common grid (the median distance of two
# neighbouring bands): further apart, there is a gap that nothing was measured in.
TOLERANCE = 2.0
# A common grid of fewer of the first cube's bands than this share is no common grid.
_LEAST_COMMON = 0.5
# Groups that a spectrum has at least, where it has as many bands: with fewer there is nothing to hide.
_FEWEST_GROUPS = 4


@dataclass(frozen=True, eq=False)
class Grid:
    """Places of bands (B,) on an axis of one kind, in the cube's order: wavelengths in nm, shifts, energies, or numbers."""

    kind: AxisKind
    places: FloatArray

    @property
    def step(self) -> float:
        """The median distance between neighbouring bands; 1 of a single band."""
        steps = np.diff(np.sort(self.places))
        steps = steps[steps > 0]
        return float(np.median(steps)) if steps.size else 1.0

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last place."""
        return float(self.places.min()), float(self.places.max())

    def same(self, other: Grid) -> bool:
        """Whether both have the same bands, to a thousandth of a step."""
        return (
            self.kind == other.kind
            and self.places.shape == other.places.shape
            and bool(np.allclose(self.places, other.places, rtol=0, atol=1e-3 * self.step))
        )


@dataclass(frozen=True, eq=False)
class Groups:
    """Bands in groups of neighbours: ``bands`` (G, patch) are their indices, ``weight`` (G, patch) 0 where the last group is filled up."""

    bands: IntArray
    weight: FloatArray
    places: FloatArray  # (G,) the middle of each


def grid_of(cube: Cube) -> Grid:
    """The good bands of a cube."""
    axis = cube.spectral_axis
    return Grid(axis.kind, np.asarray(axis.values[cube.good_bands], dtype=np.float64))


def grouped(grid: Grid, patch: int) -> Groups:
    """Groups of ``patch`` bands each, smaller where there would be fewer than four."""
    count = grid.places.size
    size = max(1, min(patch, count // _FEWEST_GROUPS))
    groups = -(-count // size)
    bands = np.minimum(np.arange(groups * size), count - 1).reshape(groups, size)
    weight = (np.arange(groups * size) < count).astype(np.float64).reshape(groups, size)
    places = (grid.places[bands] * weight).sum(axis=1) / weight.sum(axis=1)
    return Groups(bands, weight, places)


def interpolation(source: Grid, target: Grid, tolerance: float = TOLERANCE) -> tuple[FloatArray, BoolArray]:
    """Weights (B', B) that bring spectra on ``source`` to ``target``, and which of its bands (B',) have neighbours near enough.

    Between two bands by straight lines. Both neighbours lie within ``tolerance`` steps of the target, or one is in the same place.
    """
    order = np.argsort(source.places, kind="stable")
    places, most = source.places[order], tolerance * target.step
    above = np.clip(np.searchsorted(places, target.places), 1, max(len(places) - 1, 1))
    above = np.minimum(above, len(places) - 1)
    below = np.maximum(above - 1, 0)
    room = places[above] - places[below]
    share = np.clip((target.places - places[below]) / np.where(room > 0, room, 1.0), 0.0, 1.0)
    near = np.maximum(np.abs(target.places - places[below]), np.abs(target.places - places[above])) <= most
    same = (
        np.minimum(np.abs(target.places - places[below]), np.abs(target.places - places[above])) <= 1e-3 * target.step
    )
    inside = (target.places >= places[0]) & (target.places <= places[-1])
    weights = np.zeros((target.places.size, source.places.size))
    rows = np.arange(target.places.size)
    np.add.at(weights, (rows, order[below]), 1 - share)
    np.add.at(weights, (rows, order[above]), share)
    return weights, np.asarray((near & inside) | same)


def common_grid(cubes: Sequence[Cube], tolerance: float = TOLERANCE) -> tuple[Grid, list[FloatArray]]:
    """The bands of the first cube that all cubes cover, and for each cube the weights (B', B_good) that bring its good bands there.

    Raises UnmixError where axes are of different kinds, bands are only numbered and their numbers differ, or too little is in common.
    """
    first = cubes[0].spectral_axis.kind
    for cube in cubes[1:]:
        _check_kinds(cubes[0], cube)
    if first == "index" or any(cube.spectral_axis.kind == "index" for cube in cubes):
        return _numbered(cubes)
    grids = [grid_of(cube) for cube in cubes]
    found = [interpolation(grid, grids[0], tolerance) for grid in grids]
    covered = np.logical_and.reduce([near for _, near in found])
    _check_common(cubes, grids[0], [near for _, near in found], tolerance)
    return Grid(grids[0].kind, grids[0].places[covered]), [weights[covered] for weights, _ in found]


def _check_kinds(one: Cube, other: Cube) -> None:
    kinds = one.spectral_axis.kind, other.spectral_axis.kind
    if kinds[0] == kinds[1] or (one.shape[2] == other.shape[2] and "index" in kinds):
        return
    if "index" in kinds:
        raise UnmixError(
            f"{shown(one.name)} has {one.shape[2]} bands and {shown(other.name)} has {other.shape[2]}, and one of them says no "
            "wavelengths: give cubes with wavelengths, or with the same number of bands."
        )
    raise UnmixError(
        f"{shown(one.name)} lies by {kinds[0]} and {shown(other.name)} by {kinds[1]}: give cubes of the same kind of axis."
    )


def _numbered(cubes: Sequence[Cube]) -> tuple[Grid, list[FloatArray]]:
    """Bands by their numbers: those that are good in all cubes, which have as many."""
    counts = {cube.shape[2] for cube in cubes}
    if len(counts) > 1:
        said = ", ".join(f"{shown(cube.name)} has {cube.shape[2]}" for cube in cubes)
        raise UnmixError(
            f"Bands are only numbered, and their numbers differ ({said}): give cubes with wavelengths, or with the same number of bands."
        )
    good = np.logical_and.reduce([cube.good_bands for cube in cubes])
    if not good.any():
        raise UnmixError("No band is good in all cubes: choose bands with --bands, or give other cubes.")
    kept = np.flatnonzero(good)
    weights: list[FloatArray] = [np.eye(cube.shape[2])[kept][:, cube.good_bands] for cube in cubes]
    return Grid("index", kept + 1.0), weights


def _check_common(cubes: Sequence[Cube], grid: Grid, near: Sequence[BoolArray], tolerance: float) -> None:
    count = grid.places.size
    common = int(np.logical_and.reduce(near).sum())
    if common >= max(2, _LEAST_COMMON * count):
        return
    worst = min(range(len(cubes)), key=lambda place: int(near[place].sum()))
    reach = f"{tolerance * grid.step:.3g} {cubes[0].spectral_axis.unit}"
    raise UnmixError(
        f"Only {common} of the {count} bands of {shown(cubes[0].name)} have neighbours within {reach} in all cubes "
        f"({int(near[worst].sum())} in {shown(cubes[worst].name)}): give cubes of the same range, or pretrain on each."
    )
