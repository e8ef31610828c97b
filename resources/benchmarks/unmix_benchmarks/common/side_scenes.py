"""Scenes of the benchmark of side information: two that are simulated, whose u is known, and three real ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.synthetic import (
    capped,
    random_materials,
    region_parameters,
    smooth_dirichlet,
    voronoi_regions,
)
from unmix_benchmarks.common.cases import DC1, JASPER_RIDGE, SAMSON, Case, data_folder
from unmix_benchmarks.common.side_rows import ACQUISITION, NONE, PAINTED, PAIRS

SIZE, MATERIALS, REGIONS, DECIBELS, HIGHEST = 56, 4, 24, 25.0, 0.85
_STRIP = 8  # columns of an acquisition, of which there are seven
_MADE = ("superpixels", "blocks", "position", "neighbours", "bands")


@dataclass(frozen=True)
class Kind:
    """Which sources of u a scene is asked with, and where it is from."""

    sources: tuple[str, ...]
    case: Case | None = None

    @property
    def simulated(self) -> bool:
        """Whether it is drawn by a seed."""
        return self.case is None


SCENES = {
    "regions": Kind((NONE, *_MADE, PAINTED, PAIRS)),
    "acquisitions": Kind((NONE, ACQUISITION, "superpixels", "blocks", PAIRS)),
    "dc1": Kind((NONE, *_MADE, PAIRS), DC1),
    "samson": Kind((NONE, *_MADE, PAIRS), SAMSON),
    "jasper": Kind((NONE, *_MADE, PAIRS), JASPER_RIDGE),
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A cube and its truth or reference: endmembers (P, B), abundances (H, W, P); the regions that a painter would paint, where they are known."""

    cube: Cube
    endmembers: FloatArray
    abundances: FloatArray
    illumination: bool = False
    annotation: Annotation | None = None


def subject(scene: str, seed: int, data: str | None = None) -> Subject:
    """Draw it, or read it. Raises UnmixError where the file is not there."""
    case = SCENES[scene].case
    if case is not None:
        cube, truth = case.load(data_folder(data))
        assert truth.abundances is not None
        return Subject(cube, truth.endmembers, truth.abundances, case.illumination)
    generator = np.random.default_rng(seed)
    if scene == "regions":
        labels = voronoi_regions(SIZE, SIZE, REGIONS, generator)
        made = simulated(labels, generator)
        return replace(made, annotation=Annotation(labels))
    strips = np.broadcast_to(1 + np.arange(SIZE) // _STRIP, (SIZE, SIZE)).astype(np.int32)
    made = simulated(strips, generator)
    return replace(made, cube=replace(made.cube, acquisitions=strips))


def simulated(labels: IntArray, generator: np.random.Generator) -> Subject:
    """Dirichlet abundances, each label with a law of its own, neighbours alike, none above 0.85: no pure pixels."""
    wavelengths, endmembers, _ = random_materials(MATERIALS, generator)
    alpha = region_parameters(int(labels.max()), MATERIALS, generator)
    abundances = capped(smooth_dirichlet(alpha, labels, generator, smoothness=1.5), HIGHEST)
    clean = abundances @ endmembers
    sigma = np.sqrt((clean**2).mean() * 10 ** (-DECIBELS / 10))
    noisy = clean + sigma * generator.normal(size=clean.shape)
    return Subject(Cube(noisy.astype(np.float32), wavelengths), endmembers, abundances)
