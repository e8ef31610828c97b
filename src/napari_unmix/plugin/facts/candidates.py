"""Naming by spectral libraries: what is asked, from which libraries, and what they answered. Facts only, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.library.matching import WITHIN, Candidate, Match, Ranking
from napari_unmix.library.spectra import SpectralLibrary

Place = tuple[int, int]


@dataclass(frozen=True)
class Subject:
    """What is to be named: an endmember of what is shown, by its ``index`` from 0; a pin, by its ``place`` (row, column); or all endmembers."""

    kind: Literal["endmember", "pin", "all"]
    index: int = -1
    place: Place = (-1, -1)


EVERY = Subject("all")


@dataclass(frozen=True)
class LibraryChoice:
    """A library that the user knows, by its path (None: the built-in one), and whether it is asked."""

    path: Path | None
    chosen: bool = True


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked, fixed while it is answered.

    Attributes
    ----------
    cube : on whose bands
    endmembers : (P, B) of what was shown, None where there were none
    subjects : the endmembers, then the pins
    names : what they are called so far
    spectra : (S, B) theirs, NaN in bands that do not count
    paths : of the libraries
    within : degrees up to which a spectrum matches
    averaging : pixels across of the window that a pin is the mean of
    """

    cube: Cube
    endmembers: FloatArray | None
    subjects: tuple[Subject, ...]
    names: tuple[str, ...]
    spectra: FloatArray
    paths: tuple[Path | None, ...]
    within: float
    averaging: int = 1


@dataclass(frozen=True, eq=False)
class Answered:
    """What the libraries answered.

    Attributes
    ----------
    question : to what
    rankings, matches : one for each subject, all candidates and what they say; none where nothing came of it, then ``trouble`` says why
    proposals : one for each endmember, no spectrum for two; None where nothing fits
    libraries : by name, on the cube's bands
    refused : a sentence for each library that could not be asked
    notes : what libraries lack
    """

    question: Question
    rankings: tuple[Ranking, ...] = ()
    matches: tuple[Match, ...] = ()
    proposals: tuple[Candidate | None, ...] = ()
    libraries: Mapping[str, SpectralLibrary] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, eq=False)
class Naming:
    """Where the naming stands.

    ``subject`` is what the user looks at; ``asked`` counts how often naming was asked for, so that its dock comes forward each time;
    ``doing`` says what is being done, "" for nothing.
    """

    libraries: tuple[LibraryChoice, ...] = (LibraryChoice(None),)
    within: float = WITHIN
    subject: Subject = EVERY
    asked: int = 0
    doing: str = ""
    answered: Answered | None = None
