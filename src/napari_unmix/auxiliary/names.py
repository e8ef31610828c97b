"""The sources of the auxiliary variable u, one entry each, and how a spec writes them: "auto", "none", or names joined by +.

All else is derived from this table: what a spec accepts, the command line's help, the window's menu, what may be claimed with a source
(theory §4). A new source is one entry here, and its function.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from napari_unmix.cube import Cube, IntArray

PAINTED = "painted regions"
ACQUISITION = "acquisition"
AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class Source:
    """A source of u.

    Attributes
    ----------
    name : as a spec writes it
    title : for people
    description : what it is, one sentence
    status : what may be claimed with it, one sentence
    reads_spectra : whether u depends on the pixel's own spectrum, and so on its noise
    order : where it is written, and crossed, among the parts of a combination, ascending; None: it can't be combined
    function : ``"module:function"``, imported when it is called: Cube -> (H, W) int, 0 = unknown or invalid, else 1 … R without gaps
    """

    name: str
    title: str
    description: str
    status: str
    reads_spectra: Literal["no", "weakly", "yes"]
    order: int | None
    function: str

    def make(self, cube: Cube) -> IntArray:
        """(H, W) int, 0 = unknown or invalid, else 1 … R without gaps. Raises UnmixError where the cube can't have it."""
        module, _, name = self.function.partition(":")
        labels: IntArray = getattr(importlib.import_module(module), name)(cube)
        return labels


# What reads no spectra comes first in a combination: its cells are never mixed (``labelling.crossed``).
SOURCES = (
    Source(
        NONE,
        "none",
        "No side information.",
        "One prior for all pixels: it adds nothing to what the geometry identifies.",
        "no",
        order=None,
        function="napari_unmix.auxiliary.place:everywhere",
    ),
    Source(
        ACQUISITION,
        "acquisitions",
        "Which of the joined cubes a pixel comes from.",
        "The textbook case, from three cubes on: the theorems apply if materials, light and calibration are the same in all and mixtures differ.",
        "no",
        order=10,
        function="napari_unmix.auxiliary.place:acquisition",
    ),
    Source(
        "position",
        "position",
        "Coarse strata of row and column.",
        "Independent of the noise: the theorems apply if materials and light are the same everywhere and mixtures differ between strata.",
        "no",
        order=20,
        function="napari_unmix.auxiliary.place:position",
    ),
    Source(
        "blocks",
        "blocks",
        "Square tiles.",
        "Independent of the noise: the theorems apply if materials and light are the same everywhere and mixtures differ between tiles.",
        "no",
        order=30,
        function="napari_unmix.auxiliary.place:blocks",
    ),
    Source(
        "superpixels",
        "superpixels",
        "Small patches of similar pixels, cut on every second band.",
        "Made from the cube, so they depend weakly on its noise: they sharpen abundances, and no claim of identifiability rests on them.",
        "weakly",
        order=40,
        function="napari_unmix.auxiliary.segments:superpixels",
    ),
    Source(
        "neighbours",
        "neighbours",
        "The mean spectrum of a pixel's neighbours, itself left out.",
        "No guarantee: the theorem on neighbouring pairs needs independent components, and abundances are not independent.",
        "weakly",
        order=50,
        function="napari_unmix.auxiliary.quantised:neighbours",
    ),
    Source(
        "bands",
        "held-out bands",
        "Every second band, as another view of the pixel.",
        "Two views identify the signal subspace and the number of materials up to an invertible map (von Kügelgen et al. 2021), no more.",
        "yes",
        order=60,
        function="napari_unmix.auxiliary.quantised:bands",
    ),
    Source(
        "clusters",
        "clusters",
        "Groups of similar spectra, by k-means.",
        "Circular, because u is a function of the same spectra: for exploring, no guarantee.",
        "yes",
        order=70,
        function="napari_unmix.auxiliary.quantised:clusters",
    ),
)


def combinable(sources: Iterable[Source]) -> tuple[str, ...]:
    """Names of the sources that can be combined, in the order in which combinations are written."""
    ordered = sorted((source.order, source.name) for source in sources if source.order is not None)
    return tuple(name for _, name in ordered)


GENERATORS = {source.name: source for source in SOURCES}
GENERATOR_NAMES = combinable(SOURCES)
ALONE = (AUTO, *(source.name for source in SOURCES if source.order is None))


def generator_names(written: str) -> tuple[str, ...]:
    """``"blocks+acquisition"`` -> ``("acquisition", "blocks")``, in the order of ``GENERATOR_NAMES``; ("auto",) and ("none",) stand alone.

    Raises ValueError, one sentence that lists the names, for any other word.
    """
    words = [word.strip() for word in written.split("+")]
    names = [word for word in words if word not in ALONE]
    unknown = [word for word in names if word not in GENERATOR_NAMES]
    if unknown:
        raise ValueError(
            f"side information {unknown[0]!r} is not known: give {', '.join(ALONE)}, or {', '.join(GENERATOR_NAMES)}, several joined by +"
        )
    if len(words) > 1 and len(names) < len(words):
        alone = next(word for word in words if word in ALONE)
        raise ValueError(f"side information {alone!r} can't be combined: give it alone, or leave it out of {written!r}")
    return tuple(name for name in GENERATOR_NAMES if name in names) if names else (words[0],)


# The type of a spec's field ``auxiliary``: any order of the names is one value.
Auxiliary = Annotated[
    str,
    AfterValidator(lambda written: "+".join(generator_names(written))),
    Field(
        title="Side information",
        description="Where u comes from on unpainted pixels: auto (painted regions, or superpixels where no region is painted), none, or "
        f"{', '.join(GENERATOR_NAMES)}; several are combined by +.",
        json_schema_extra={"metavar": "NAME[+NAME…]"},
    ),
]
