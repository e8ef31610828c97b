"""Known spectra of a cube, which the next training holds: what was chosen of which library. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.given import Given
from napari_unmix.library.known import FROM, OtherUnits
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.spec import MethodSpec


@dataclass(frozen=True, eq=False)
class HeldSpectrum:
    """One known spectrum.

    Attributes
    ----------
    name : as its endmember will be called
    source : where it is from, as in "from USGS selection"
    values : (B,) on the cube's bands, NaN where it has none
    units : set where it is in other units than the cube, and nobody said the scale
    repairs : what was assumed or is missing, for its tooltip
    """

    name: str
    source: str
    values: FloatArray
    units: OtherUnits | None = None
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Offered:
    """A library that is open to choose from, on the cube's bands; ``path`` is None of the built-in one."""

    cube: Cube
    path: Path | None
    library: SpectralLibrary


@dataclass(frozen=True, eq=False)
class Candidates:
    """All entries of a library, from which the method *Spectral library* chooses for this cube: from where, and what was assumed.

    ``units`` is set where they are in other units than the cube, and nobody said the scale.
    """

    cube: Cube
    title: str
    given: Given
    repairs: tuple[str, ...] = ()
    units: OtherUnits | None = None

    @property
    def said(self) -> str:
        """What a training will do with them, in one sentence."""
        return f"{len(self.given)} entries of {self.title}: training keeps those that the pixels need."


def held_of(given: Given | None) -> tuple[HeldSpectrum, ...]:
    """The known spectra among what was given to a run that was read."""
    if given is None:
        return ()
    rows = [k for k in range(len(given)) if given.held[k] and given.sources[k].startswith(FROM)]
    return tuple(HeldSpectrum(given.names[k], given.sources[k], given.spectra[k]) for k in rows)


def given_of(held: Sequence[HeldSpectrum]) -> Given | None:
    """Known spectra as a fit takes them; None without."""
    if not held:
        return None
    sources = tuple(one.source for one in held)
    return Given(
        np.array([one.values for one in held]), np.ones(len(held), bool), tuple(one.name for one in held), sources
    )


def why_other_units(held: Sequence[HeldSpectrum], spec: MethodSpec) -> str:
    """Why known spectra can't be held by these settings, as a sentence: their brightness counts, and is in other units; "" where they can."""
    beside = spec.endmembers == "auto" or spec.endmembers > len(held)
    if spec.illumination and not (spec.own_brightness and beside):
        return ""
    found = next((one.units for one in held if one.units is not None), None)
    return "" if found is None else found.said("remove them, and hold them again with the scale", "tick Illumination")


def said_of(held: Sequence[HeldSpectrum], spec: MethodSpec) -> str:
    """How many endmembers there will be beside the known ones, in one sentence; "" without any."""
    known = len(held)
    if not known:
        return ""
    if spec.endmembers == "auto":
        return f"{known} known; auto looks for others beside {'it' if known == 1 else 'them'}."
    others = max(0, spec.endmembers - known)
    if not others:
        return f"{known} known, and no other is looked for."
    return f"{known} known; {others} other{'s are' if others > 1 else ' is'} found beside {'it' if known == 1 else 'them'}."


def same_held(one: Sequence[HeldSpectrum], other: Sequence[HeldSpectrum]) -> bool:
    """Whether the same spectra are held."""
    return len(one) == len(other) and all(mine is its for mine, its in zip(one, other, strict=True))
