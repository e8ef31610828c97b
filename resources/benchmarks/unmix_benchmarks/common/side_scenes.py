"""Scenes of the benchmark of side information: simulated ones, whose u is known; real pixels, mixed; and three real scenes.

In ``regions`` and ``acquisitions`` no pixel is pure, and enough of them lack a material altogether: geometry finds the simplex by its facets. In
``inside`` none lacks any, so that nothing shows where the simplex ends but what regions tell. In ``varying`` each material's spectrum varies.
"""

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
from unmix_benchmarks.common.bundle_scenes import bundle_scene, bundles_of
from unmix_benchmarks.common.cases import DC1, JASPER_RIDGE, SAMSON, Case, data_folder
from unmix_benchmarks.common.side_rows import ACQUISITION, NONE, PAINTED, PAIRS, SHUFFLED

SIZE, MATERIALS, REGIONS, DECIBELS, HIGHEST = 56, 4, 24, 25.0, 0.85
_STRIP = 8  # columns of an acquisition, of which there are seven
# Of ``inside``: its size, regions, decibels; no region's mean has less of a material, and its concentration is between these.
INSIDE_SIZE, INSIDE_REGIONS, _INSIDE_DECIBELS, _LEAST, _CONCENTRATIONS = 80, 40, 30.0, 0.12, (15.0, 40.0)
_SQUARE = 4  # pixels of a side that share one spectrum of each material in ``varying``
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

    @property
    def known(self) -> bool:
        """Whether its abundances are true ones, and no other program's output."""
        return self.case is None or self.case.reference == "exact"


SCENES = {
    "regions": Kind((NONE, *_MADE, PAINTED, PAIRS)),
    "acquisitions": Kind((NONE, ACQUISITION, "superpixels", "blocks", PAIRS)),
    "inside": Kind((NONE, "blocks", PAINTED, SHUFFLED)),
    "varying": Kind((NONE, PAIRS)),
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
    if scene == "varying":
        return _varying(seed, data)
    generator = np.random.default_rng(seed)
    if scene == "inside":
        return _inside(generator)
    if scene == "regions":
        labels = voronoi_regions(SIZE, SIZE, REGIONS, generator)
        made = simulated(labels, generator)
        return replace(made, annotation=Annotation(labels))
    strips = np.broadcast_to(1 + np.arange(SIZE) // _STRIP, (SIZE, SIZE)).astype(np.int32)
    made = simulated(strips, generator)
    return replace(made, cube=replace(made.cube, acquisitions=strips))


def _inside(generator: np.random.Generator) -> Subject:
    """Independent pixels, Dirichlet in each region, every material in all: every α is above one, so that the density vanishes at all facets."""
    labels = voronoi_regions(INSIDE_SIZE, INSIDE_SIZE, INSIDE_REGIONS, generator)
    wavelengths, endmembers, _ = random_materials(MATERIALS, generator)
    means = _LEAST + (1 - MATERIALS * _LEAST) * generator.dirichlet(np.ones(MATERIALS), INSIDE_REGIONS)
    alpha = means * generator.uniform(*_CONCENTRATIONS, (INSIDE_REGIONS, 1))
    abundances = np.empty((*labels.shape, MATERIALS))
    for region, parameters in enumerate(alpha, 1):
        here = labels == region
        abundances[here] = generator.dirichlet(parameters, int(here.sum()))
    made = _noisy(abundances, endmembers, wavelengths, _INSIDE_DECIBELS, generator)
    return replace(made, annotation=Annotation(labels))


def _varying(seed: int, data: str | None) -> Subject:
    """Samson's own pure pixels, mixed by known abundances; the truth's endmembers are their means."""
    made = bundle_scene(bundles_of(SAMSON, data_folder(data)), _SQUARE, seed)
    return Subject(made.cube, made.bundles.means, made.abundances)


def shuffled(annotation: Annotation) -> Annotation:
    """The same labels, each at another pixel."""
    labels = np.random.default_rng(0).permutation(annotation.labels.ravel())
    return Annotation(labels.reshape(annotation.labels.shape))


def simulated(labels: IntArray, generator: np.random.Generator) -> Subject:
    """Dirichlet abundances, each label with a law of its own, neighbours alike, none above 0.85: no pure pixels."""
    wavelengths, endmembers, _ = random_materials(MATERIALS, generator)
    alpha = region_parameters(int(labels.max()), MATERIALS, generator)
    abundances = capped(smooth_dirichlet(alpha, labels, generator, smoothness=1.5), HIGHEST)
    return _noisy(abundances, endmembers, wavelengths, DECIBELS, generator)


def _noisy(
    abundances: FloatArray,
    endmembers: FloatArray,
    wavelengths: FloatArray,
    decibels: float,
    generator: np.random.Generator,
) -> Subject:
    clean = abundances @ endmembers
    sigma = np.sqrt((clean**2).mean() * 10 ** (-decibels / 10))
    noisy = clean + sigma * generator.normal(size=clean.shape)
    return Subject(Cube(noisy.astype(np.float32), wavelengths), endmembers, abundances)
