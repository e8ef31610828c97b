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
    status : what may be claimed with it, one or two sentences
    reads_spectra : whether u depends on the pixel's own spectrum, and so on its noise
    make : Cube -> (H, W) int, 0 = unknown or invalid, else 1 … R without gaps
    """

    name: str
    title: str
    status: str
    reads_spectra: Literal["no", "weakly", "yes"]
    make: Callable[[Cube], IntArray]


_ALL = (
    Generator(
        "acquisition",
        "acquisitions",
        "Which cube a pixel comes from, the textbook case: the theorems apply if materials, light and calibration are the same in all "
        "of them and only the mixtures differ.",
        "no",
        acquisition,
    ),
    Generator(
        "position",
        "position",
        "Coarse strata of row and column, independent of the noise: the theorems apply if materials and light are the same everywhere "
        "and the mixtures differ between strata.",
        "no",
        position,
    ),
    Generator(
        "blocks",
        "blocks",
        "Square tiles, independent of the noise: the theorems apply if materials and light are the same everywhere and the mixtures "
        "differ between tiles.",
        "no",
        blocks,
    ),
    Generator(
        "superpixels",
        "superpixels",
        "Approximate: they are made from the cube itself, so they depend weakly on the noise. They sharpen the abundances; no claim of "
        "identifiability rests on them.",
        "weakly",
        superpixels,
    ),
    Generator(
        "neighbours",
        "neighbours",
        "The mean spectrum of a pixel's neighbours, itself left out: no guarantee, because the theorem on neighbouring pairs needs "
        "independent components, and abundances are not.",
        "weakly",
        neighbours,
    ),
    Generator(
        "bands",
        "bands",
        "Every second band as another view: two views identify the signal subspace and the number of materials, up to an invertible map "
        "(von Kügelgen et al. 2021), no more.",
        "yes",
        bands,
    ),
    Generator(
        "clusters",
        "clusters",
        "Clusters of the spectra themselves: circular, because u is then a function of the data. For exploring, no guarantee.",
        "yes",
        clusters,
    ),
    Generator(
        "none",
        "none",
        "One prior for all pixels: it adds nothing to what the geometry identifies.",
        "no",
        everywhere,
    ),
)

GENERATORS: dict[str, Generator] = {generator.name: generator for generator in _ALL}
