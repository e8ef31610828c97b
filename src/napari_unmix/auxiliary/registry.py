"""All that makes u without a painter, each with what may be claimed with it (theory §4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from napari_unmix.auxiliary.place import acquisition, blocks, everywhere, position
from napari_unmix.auxiliary.quantised import bands, clusters, neighbours
from napari_unmix.auxiliary.segments import superpixels
from napari_unmix.cube import Cube, IntArray


@dataclass(frozen=True)
class Generator:
    """A source of u.

    Attributes
    ----------
    name : as a spec writes it
    title : for people
    description : what it is, one sentence
    status : what may be claimed with it, one sentence
    reads_spectra : whether u depends on the pixel's own spectrum, and so on its noise
    make : Cube -> (H, W) int, 0 = unknown or invalid, else 1 … R without gaps
    """

    name: str
    title: str
    description: str
    status: str
    reads_spectra: Literal["no", "weakly", "yes"]
    make: Callable[[Cube], IntArray]


_ALL = (
    Generator(
        "acquisition",
        "acquisitions",
        "Which of the joined cubes a pixel comes from.",
        "The textbook case, from three cubes on: the theorems apply if materials, light and calibration are the same in all and mixtures differ.",
        "no",
        acquisition,
    ),
    Generator(
        "position",
        "position",
        "Coarse strata of row and column.",
        "Independent of the noise: the theorems apply if materials and light are the same everywhere and mixtures differ between strata.",
        "no",
        position,
    ),
    Generator(
        "blocks",
        "blocks",
        "Square tiles.",
        "Independent of the noise: the theorems apply if materials and light are the same everywhere and mixtures differ between tiles.",
        "no",
        blocks,
    ),
    Generator(
        "superpixels",
        "superpixels",
        "Small patches of similar pixels, cut on every second band.",
        "Made from the cube, so they depend weakly on its noise: they sharpen abundances, and no claim of identifiability rests on them.",
        "weakly",
        superpixels,
    ),
    Generator(
        "neighbours",
        "neighbours",
        "The mean spectrum of a pixel's neighbours, itself left out.",
        "No guarantee: the theorem on neighbouring pairs needs independent components, and abundances are not independent.",
        "weakly",
        neighbours,
    ),
    Generator(
        "bands",
        "held-out bands",
        "Every second band, as another view of the pixel.",
        "Two views identify the signal subspace and the number of materials up to an invertible map (von Kügelgen et al. 2021), no more.",
        "yes",
        bands,
    ),
    Generator(
        "clusters",
        "clusters",
        "Groups of similar spectra, by k-means.",
        "Circular, because u is a function of the same spectra: for exploring, no guarantee.",
        "yes",
        clusters,
    ),
    Generator(
        "none",
        "none",
        "No side information.",
        "One prior for all pixels: it adds nothing to what the geometry identifies.",
        "no",
        everywhere,
    ),
)

GENERATORS: dict[str, Generator] = {generator.name: generator for generator in _ALL}
