"""Endmembers that are known before a fit: from a library, a pin, a region, or an answer that is trained on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.cube import BoolArray, Cube, FloatArray
from napari_unmix.sentences import UnmixError

# Two shapes nearer than this (degrees) are one spectrum: no pixel could tell their shares apart.
SAME_DEGREES = 1e-3


@dataclass(frozen=True, eq=False)
class Given:
    """Q endmembers that lead the answer, in their order.

    Where all are held and no more are asked for, they are known spectra: a fit only infers abundances.

    Attributes
    ----------
    spectra : (Q, B) in the units of the cube; NaN is allowed in excluded bands. With free illumination only their shapes count
    held : (Q,) True where the answer has this very spectrum; False where the search starts from it and may move it
    names : (Q,) distinct
    sources : (Q,) where each is from, as in "rock (from the library)"; "" where there is nothing to say

    Raises
    ------
    UnmixError : where the lengths differ, there is none, or two have one name
    """

    spectra: FloatArray
    held: BoolArray
    names: tuple[str, ...]
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        spectra = np.atleast_2d(np.asarray(self.spectra, dtype=np.float64))
        names = tuple(self.names)
        sources = tuple(self.sources) or ("",) * len(names)
        held = np.asarray(self.held, dtype=bool)
        count = len(spectra)
        if not count:
            raise UnmixError("No spectrum is given: give at least one, or leave them out.")
        if (len(names), held.shape, len(sources)) != (count, (count,), count):
            raise UnmixError(
                f"{count} spectra are given with {len(names)} names, {held.size} of held or not, {len(sources)} sources: give one of each."
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UnmixError(f"Two of the given spectra are called {twice[0]}: give each a name of its own.")
        for name, value in (("spectra", spectra), ("held", held), ("names", names), ("sources", sources)):
            object.__setattr__(self, name, value)

    @classmethod
    def known(cls, spectra: FloatArray, names: Sequence[str], source: str = "") -> Given:
        """Spectra (Q, B) that are all held, for instance of a library, resampled to the cube's bands."""
        count = len(names)
        return cls(spectra, np.ones(count, bool), tuple(names), (source,) * count)

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, which: Sequence[int]) -> Given:
        """Some of them, in this order."""
        rows = list(which)
        names, sources = (tuple(values[k] for k in rows) for values in (self.names, self.sources))
        return Given(self.spectra[rows], self.held[rows], names, sources)

    def within(self, good_bands: BoolArray) -> Given:
        """In the good bands alone: (Q, B) -> (Q, B_good)."""
        return replace(self, spectra=self.spectra[:, good_bands])

    def check_against(self, cube: Cube) -> None:
        """Raise UnmixError where they are no endmembers of this cube: other bands, gaps, nothing but zeros, two that are one."""
        bands = cube.shape[2]
        if self.spectra.shape[1] != bands:
            raise UnmixError(
                f"The given spectra have {self.spectra.shape[1]} bands but the cube has {bands}: resample them to the cube's wavelengths."
            )
        good = self.spectra[:, cube.good_bands]
        gaps = ~np.isfinite(good)
        if gaps.any():
            k = int(gaps.any(axis=1).argmax())
            raise UnmixError(
                f"{self.names[k]} has no value in {int(gaps[k].sum())} of the cube's {good.shape[1]} good bands: "
                "exclude these bands, or give a spectrum that covers them."
            )
        positive = np.maximum(good, 0.0)
        empty = ~positive.any(axis=1)
        if empty.any():
            raise UnmixError(
                f"{self.names[int(empty.argmax())]} is nowhere above zero: give a spectrum in the cube's units."
            )
        self._check_apart(positive)

    def _check_apart(self, spectra: FloatArray) -> None:
        unit = spectra / np.linalg.norm(spectra, axis=1, keepdims=True)
        for k in range(1, len(unit)):
            chords = np.linalg.norm(unit[:k] - unit[k], axis=1)  # of small angles
            if np.degrees(chords.min()) < SAME_DEGREES:
                one = self.names[int(chords.argmin())]
                raise UnmixError(
                    f"{one} and {self.names[k]} are the same spectrum but for brightness: give one of them."
                )

    def said(self) -> str:
        """What is held, for the user: "Held as given: rock (from the library) and soil."; "" where nothing is."""
        return f"Held as given: {self.listed(np.flatnonzero(self.held).tolist())}." if self.held.any() else ""

    def listed(self, which: Sequence[int]) -> str:
        """Some of them by name and source, as in "rock (from the library) and soil"."""
        names = [f"{self.names[k]} ({self.sources[k]})" if self.sources[k] else self.names[k] for k in which]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
