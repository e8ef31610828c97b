"""Where the iVAE starts: painted materials as regions of their own, and the linear state of least squares."""

from __future__ import annotations

from dataclasses import dataclass

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.methods.contract import Problem
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.network import device_of
from napari_unmix.model.start import Start, start_from_least_squares
from napari_unmix.rows.inversion import Inverted


@dataclass(frozen=True, eq=False)
class StrokeRegions:
    """u (N,) with every painted material a region of its own, which regions these are, and of which α leans to its vertex: not where the stroke
    was found to be mostly background."""

    regions: IntArray
    strokes: range
    leaning: tuple[bool, ...]


def stroke_regions(problem: Problem[IvaeSpec], found: Found) -> StrokeRegions:
    """The materials' strokes as regions after those of u."""
    regions, count = problem.regions.copy(), int(problem.regions.max(initial=0))
    for material, pixels in enumerate(problem.materials.values()):
        regions[pixels] = count + 1 + material
    background = {stroke.material for stroke in found.strokes if stroke.background}
    leaning = tuple(name not in background for name in problem.materials)
    return StrokeRegions(regions, range(count + 1, count + 1 + len(problem.materials)), leaning)


def started(
    problem: Problem[IvaeSpec], endmembers: FloatArray, inverted: Inverted, vertex_std: FloatArray, found: Found
) -> Start:
    """The linear state, abundances by least squares."""
    painted = stroke_regions(problem, found)
    return start_from_least_squares(
        problem.spectra,
        painted.regions,
        endmembers,
        vertex_std,
        found.noise,
        inversion=problem.inversion,
        seed=problem.spec.seed,
        strokes=painted.strokes,
        led=problem.led,
        leaning=painted.leaning,
        painted=problem.side.declared,
        inverted=inverted,
        device=device_of(problem.spec),
    )
