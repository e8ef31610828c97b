"""Runs that rest: their maps are on the disk alone, until they are looked at again. Facts only, pure.

A run at rest keeps its endmembers, names, notes and error image; ``abundances``, ``abundance_std``, ``illumination``, ``regions``, the scores
of its contribution and its parameters are empty, each of as many dimensions as before, so that what was None still is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from napari_unmix.answer import Contribution, Unmixing
from napari_unmix.findings import GIVEN

Number = TypeVar("Number", bound=np.generic)

# What the runs of a window may hold together: some ten of a million pixels and six endmembers, with spread. A choice and no measurement:
# napari itself holds 300 to 400 MB, and a cube of that size 800 MB.
MOST_HELD_BYTES = 512 << 20


@dataclass(frozen=True)
class Held:
    """A run in memory: its ``number``, what it holds, when it was last looked at (a count), and whether it may rest.

    ``needed`` by what is shown or compared, of any cube; ``saved`` as it is, so that it can be read again.
    """

    number: int
    size: int
    seen: int
    needed: bool
    saved: bool


@dataclass(frozen=True)
class Waking:
    """A run that is being read again: to be shown, or (``beside``) to be compared with the one that is."""

    number: int
    title: str
    beside: bool = False


def waking_text(waking: Waking | None, *, beside: bool) -> str:
    """What is said of it where it will be seen, "" elsewhere."""
    return "" if waking is None or waking.beside != beside else f"reading {waking.title} …"


def to_rest(runs: Iterable[Held], most: int) -> tuple[int, ...]:
    """The numbers of the runs that give their maps back, so that all hold ``most`` bytes: those that were not looked at for longest."""
    known = tuple(runs)
    held, chosen = sum(run.size for run in known), []
    for run in sorted((run for run in known if run.saved and not run.needed and run.size), key=attrgetter("seen")):
        if held <= most:
            break
        held -= run.size
        chosen.append(run.number)
    return tuple(chosen)


def held_bytes(result: Unmixing) -> int:
    """What a result would give back; 0 where it rests."""
    scores = None if result.contribution is None else result.contribution.scores
    images = (result.abundances, result.abundance_std, result.illumination, result.regions, scores)
    return sum(image.nbytes for image in (*images, *_parameters(result)) if image is not None)


def _parameters(result: Unmixing) -> list[NDArray[np.generic]]:
    return [values for name, values in result.model.items() if name != GIVEN]


def rests(result: Unmixing) -> bool:
    """Whether its maps are on the disk alone."""
    return not result.abundances.size


def at_rest(result: Unmixing) -> Unmixing:
    """The result without what is on the disk."""
    contribution = result.contribution
    return replace(
        result,
        abundances=_empty(result.abundances),
        abundance_std=_empty(result.abundance_std),
        illumination=_empty(result.illumination),
        regions=_empty(result.regions),
        model={name: values for name, values in result.model.items() if name == GIVEN},
        contribution=None if contribution is None else Contribution(_empty(contribution.scores), contribution.basis),
    )


def awake(result: Unmixing, stored: Unmixing) -> Unmixing:
    """The result at rest with what its folder holds; all else is as it was."""
    return replace(
        result,
        abundances=stored.abundances,
        abundance_std=stored.abundance_std,
        illumination=stored.illumination,
        regions=stored.regions,
        model=stored.model,
        contribution=stored.contribution,
    )


def same_answer(one: Unmixing, other: Unmixing) -> bool:
    """Whether two are one result, of which either may rest: every fit makes its error image anew, and every edit its endmembers."""
    return one.endmembers is other.endmembers and one.reconstruction_error is other.reconstruction_error


@overload
def _empty(image: NDArray[Number]) -> NDArray[Number]: ...


@overload
def _empty(image: None) -> None: ...


def _empty(image: NDArray[Number] | None) -> NDArray[Number] | None:
    """(0, 0, …) of the same kind."""
    return None if image is None else np.empty((0, 0, *image.shape[2:]), image.dtype)
