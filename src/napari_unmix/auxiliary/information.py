"""u of every pixel: painted regions first, generators for the rest, and what may be claimed with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_unmix.auxiliary.labelling import (
    FEWEST_PIXELS_OF_A_CELL,
    FEWEST_PIXELS_OF_A_REGION,
    FEWEST_REGIONS,
    MOST_SEGMENTS,
    crossed,
    ranks,
)
from napari_unmix.auxiliary.names import ACQUISITION, AUTO, GENERATORS, NONE, PAINTED, generator_names
from napari_unmix.cube import Annotation, Cube, IntArray
from napari_unmix.progress import Fit, Progress, drain, meanwhile

HEAD = "Side information: "
_PAINTED_STATUS = "The theorems apply if materials and light are the same in every region and painting follows place, not a material's amount."
_TOO_FEW_STATUS = (
    f"Fewer than {FEWEST_REGIONS} regions of {FEWEST_PIXELS_OF_A_REGION} pixels or more are painted, so no theorem's claim is made: "
    "paint more regions, or larger ones."
)


@dataclass(frozen=True, eq=False)
class SideInformation:
    """u of every pixel.

    Attributes
    ----------
    labels : (H, W) int, 0 = unknown, else 1 … R without gaps
    sources : where it comes from: "painted regions" first where there are any, then names of generators
    painted_labels : painted label -> its u, for the regions that a user painted
    statuses : what may be claimed with it, sentences for the user
    """

    labels: IntArray
    sources: tuple[str, ...]
    painted_labels: dict[int, int]
    statuses: tuple[str, ...]

    @property
    def source(self) -> str:
        """What the claims rest on: painted regions where there are any, else the generators, joined by +."""
        return PAINTED if PAINTED in self.sources else "+".join(self.sources)

    @property
    def status(self) -> str:
        """All of ``statuses``."""
        return " ".join(self.statuses)

    @property
    def count(self) -> int:
        """R, the number of different values of u."""
        return int(self.labels.max(initial=0))

    @property
    def declared(self) -> int:
        """Labels 1 … ``declared`` were declared by a person: painted regions, and acquisitions where no other source cuts them up.

        Only in these may the spread of the mixtures be read off a region's covariance: automatic segments are too homogeneous for that.
        """
        made = set(self.sources) - {PAINTED, ACQUISITION}
        return len(self.painted_labels) if made else self.count

    @property
    def usable(self) -> int:
        """How many of the declared regions have enough pixels for the theorems."""
        return int((np.bincount(self.labels.ravel())[1 : self.declared + 1] >= FEWEST_PIXELS_OF_A_REGION).sum())


def side_information(cube: Cube, annotation: Annotation | None, choice: str) -> SideInformation:
    """Make u; see ``make_side_information``."""
    return drain(make_side_information(cube, annotation, choice))


def make_side_information(cube: Cube, annotation: Annotation | None, choice: str) -> Fit[SideInformation]:
    """Make u: a generator that yields before each part.

    ``choice`` is "auto" (painted regions where there are any, else superpixels, within each acquisition where there are several),
    "none", or names of ``GENERATORS`` joined by +. What is named explicitly labels the unpainted pixels only: painted regions win where
    they overlap. Materials are anchors, not regions. Raises UnmixError where the annotation or the choice does not fit the cube,
    ValueError for an unknown name.
    """
    painted = _painted(cube, annotation)
    regions = _regions(annotation, painted)
    names = in_use(choice, painted=bool(regions), acquisitions=_acquisitions(cube))
    free = ~np.isin(painted, regions) & cube.valid_pixels
    made = (yield from _combined(cube, names)) if names and free.any() else None
    return painted_over(cube, annotation, choice, made)


def painted_over(cube: Cube, annotation: Annotation | None, choice: str, made: IntArray | None) -> SideInformation:
    """u where paint lies over what the generators of ``choice`` have ``made`` (H, W) of the cube; None where nothing of it is in use.

    What was made does not depend on paint: who keeps it has u of other paint at once.
    """
    painted = _painted(cube, annotation)
    regions = _regions(annotation, painted)
    mapping = {label: place for place, label in enumerate(regions, start=1)}
    labels = np.zeros(cube.shape[:2], dtype=np.int32)
    for label, place in mapping.items():
        labels[painted == label] = place
    names = in_use(choice, painted=bool(regions), acquisitions=_acquisitions(cube))
    free = (labels == 0) & cube.valid_pixels
    if names and made is not None and free.any():
        free &= made > 0
        labels[free] = len(regions) + 1 + ranks(made[free])
    sources = (*([PAINTED] if regions else []), *names)
    side = SideInformation(labels, sources, mapping, ())
    said = statuses(choice, painted=bool(regions), acquisitions=_acquisitions(cube), usable=side.usable)
    return replace(side, statuses=said)


def _painted(cube: Cube, annotation: Annotation | None) -> IntArray:
    """(H, W) labels of the valid pixels; 0 without paint."""
    if annotation is None:
        return np.zeros(cube.shape[:2], np.int32)
    annotation.check_against(cube)
    return np.where(cube.valid_pixels, annotation.labels, 0)


def _regions(annotation: Annotation | None, painted: IntArray) -> list[int]:
    """The labels that are regions of valid pixels."""
    there = set(np.unique(painted).tolist())
    return [] if annotation is None else [label for label in annotation.of_kind("region") if label in there]


def _acquisitions(cube: Cube) -> int:
    return 1 if cube.acquisitions is None else int(cube.acquisitions.max(initial=0))


def _combined(cube: Cube, names: tuple[str, ...]) -> Fit[IntArray]:
    fewest = max(FEWEST_PIXELS_OF_A_CELL, int(cube.valid_pixels.sum()) // MOST_SEGMENTS)
    labels: IntArray | None = None
    for number, name in enumerate(names):
        source = GENERATORS[name]
        yield (making := Progress(f"making the side information ({source.title})", number, len(names), 0.0))
        made = yield from meanwhile(partial(source.make, cube), making)
        labels = made if labels is None else crossed(labels, made, fewest)
    assert labels is not None
    return labels


def in_use(choice: str, *, painted: bool, acquisitions: int = 1) -> tuple[str, ...]:
    """The generators that label the pixels without a painted region; none of them where painted regions are all there is."""
    names = generator_names(choice)
    if names == (NONE,) or (names == (AUTO,) and painted):
        return () if painted else (NONE,)
    if names == (AUTO,):
        return (ACQUISITION, "superpixels") if acquisitions > 1 else ("superpixels",)
    return names


@dataclass(frozen=True)
class Heads:
    """How the sentences of ``statuses`` begin: of painted regions, of the pixels beside them, of all pixels."""

    painted: str = f"{HEAD}{PAINTED}."
    unpainted: str = "Unpainted pixels: "
    all_pixels: str = HEAD


def statuses(
    choice: str, *, painted: bool, acquisitions: int = 1, usable: int = FEWEST_REGIONS, heads: Heads | None = None
) -> tuple[str, ...]:
    """What may be claimed with a choice, sentences for the user; with the reason where ``auto`` chose.

    ``usable`` is the number of declared regions with enough pixels; without it, painted regions are taken to be enough.
    """
    heads = heads or Heads()
    of_painted = _PAINTED_STATUS if usable >= FEWEST_REGIONS else _TOO_FEW_STATUS
    said = [f"{heads.painted} {of_painted}"] if painted else []
    parts = [GENERATORS[name] for name in in_use(choice, painted=painted, acquisitions=acquisitions)]
    if not parts:
        return tuple(said)
    why = ""
    if choice == AUTO:
        joined = f", {acquisitions} acquisitions are joined" if acquisitions > 1 else ""
        why = f" (auto: no region is painted{joined})"
    head = f"{heads.unpainted if painted else heads.all_pixels}{' × '.join(part.title for part in parts)}{why}."
    if len(parts) == 1:
        return (*said, f"{head} {parts[0].status}")
    together = f"{head} Together they allow no more than the weakest of them."
    return (*said, together, *(f"{part.title[:1].upper()}{part.title[1:]}: {part.status}" for part in parts))
