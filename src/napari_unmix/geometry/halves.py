"""Two endmembers that are halves of one material: more were asked for than a scene supports, or a material was missed.

A search that is asked for more endmembers than rise over the noise splits a material along its own variability. The two halves look much alike,
most pixels of the material lie between them, and one spectrum in their place leaves no more of these pixels than noise and variability leave of
the rest of the scene. Two materials fail in at least one: their pixels lie at the ends, or one spectrum leaves far more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.findings import SupportFound
from napari_unmix.geometry.counting import Rising, rising
from napari_unmix.rows.inversion import FreeLight, Inversion
from napari_unmix.rows.metrics import angle_table

# Measured on at most this many pixels: more change the means by little.
_MOST_PIXELS = 6000
# Halves are closer than this (radians), and of the pairs that are, this many times P of the closest are looked at.
_ALIKE, _PAIRS = np.radians(15.0), 3
# A pixel belongs to a pair that holds this share of it, and speaks of the rest of the scene where it holds less than the other share.
_THEIRS, _OTHERS = 0.7, 0.3
# Fewer pixels than this say nothing of a material.
_FEWEST = 20
# A pixel lies between two halves where neither holds less than this share of what both hold.
_BETWEEN = 0.15
# Decide, see decision 0020: what one spectrum leaves over what is explained, and the share of the pixels that lie between.
EXPLAINED, MOSTLY_BETWEEN = 1.05, 0.4


@dataclass(frozen=True)
class Halves:
    """Two endmembers, ``first`` < ``second``, that may be halves of one material.

    ``left``: mean square that one spectrum in their place leaves of their pixels, over what noise and the variability of the rest of the scene
    explain. ``between``: share of their pixels that lie between the two. ``apart``: the angle between them, radians.
    """

    first: int
    second: int
    left: float
    between: float
    apart: float

    @property
    def of_one_material(self) -> bool:
        """Whether one spectrum does as well, and the pixels do not fall into two groups."""
        return self.left <= EXPLAINED and self.between >= MOSTLY_BETWEEN


def what_is_supported(
    spectra: FloatArray,
    endmembers: FloatArray,
    inversion: Inversion,
    noise: float,
    suggested: Callable[[], int],
    held: Collection[int] = (),
) -> SupportFound | None:
    """Two of (P, B) endmembers that are halves of one material, and how many the (N, B) spectra support; None where no two are.

    ``suggested``, what ``suggest_endmembers`` says of the spectra, is asked only where there are halves. Two endmembers that are ``held``,
    as they were given, are two.
    """
    halves = find_halves(spectra, endmembers, inversion, noise, held)
    return None if halves is None else support(rising(spectra, len(endmembers), suggested(), inversion), halves)


def support(found: Rising, halves: Halves | None) -> SupportFound | None:
    """The halves beside the number that a scene supports; None of no halves, and where nothing rises beside one spectrum, which is said elsewhere."""
    if halves is None or found.number <= 1:
        return None
    return SupportFound(
        supported=found.number,
        rises=found.rises,
        needed=found.needed,
        halves=(halves.first, halves.second),
        apart=halves.apart,
        left=halves.left,
        between=halves.between,
    )


def find_halves(
    spectra: FloatArray, endmembers: FloatArray, inversion: Inversion, noise: float, held: Collection[int] = ()
) -> Halves | None:
    """The two of (P, B) endmembers of (N, B) spectra that are halves of one material, the clearest ones; None where no two are."""
    tried = [pair for pair in pairs(spectra, endmembers, inversion, noise, held) if pair.of_one_material]
    return min(tried, key=lambda pair: pair.left, default=None)


def said_of_support(found: SupportFound, names: Sequence[str]) -> tuple[str, str]:
    """Which two of the ``names`` (P,) are one material, and that the scene supports fewer than P, or that another is missed; and what to do."""
    first, second = (names[k] for k in found.halves)
    halves = f"{first} and {second}, {np.degrees(found.apart):.1f}° apart, are halves of one material"
    if found.supported >= len(names):
        return (
            f"{halves[0].upper()}{halves[1:]}, though {found.supported} rise over noise and variability: "
            "a material may have no endmember, or spectra vary.",
            f"Merge {first} and {second}, or paint every material, also the one that is missing.",
        )
    return (
        f"The scene supports {found.supported} of {len(names)} endmembers{said_of_rises(found.rises, found.needed)}: {halves}.",
        f"Ask for {found.supported} endmembers, or merge {first} and {second}.",
    )


def why_halves(found: SupportFound) -> str:
    """What makes the two halves of one material."""
    return (
        f"One spectrum in their place leaves {found.left:.2f}× what noise and variability explain, and {100 * found.between:.0f} % of their "
        "pixels lie between the two."
    )


def said_of_rises(rises: Sequence[float], needed: float) -> str:
    """To what the endmembers after the supported ones rise, in brackets; "" where that was not measured."""
    if not rises:
        return ""
    *further, last = (f"{rise:.1f}×" for rise in rises)
    listed = f"{', '.join(further)} and {last}" if further else last
    return f" (the further {'ones rise' if further else 'one rises'} {listed} over the noise, a material {needed:.1f}×)"


def pairs(
    spectra: FloatArray, endmembers: FloatArray, inversion: Inversion, noise: float, held: Collection[int] = ()
) -> list[Halves]:
    """What is measured of all pairs of (P, B) endmembers that are alike enough to be halves, the closest first."""
    sample = spectra[:: max(1, -(-len(spectra) // _MOST_PIXELS))]
    # Brightness that sum-to-one can't follow would explain any merger: the cone has to allow it as well.
    views = [
        _View(sample, endmembers, noise, one)
        for one in ([inversion] if inversion.free_light else [FreeLight(), inversion])
    ]
    measured = [_measured(views, *pair) for pair in _alike(endmembers, held)]
    return [one for one in measured if one is not None]


def _alike(endmembers: FloatArray, held: Collection[int]) -> list[tuple[int, int, float]]:
    """(first, second, angle) of the pairs that are close, the closest first."""
    table = angle_table(endmembers, endmembers)
    rows, columns = np.triu_indices(len(endmembers), 1)
    order = np.argsort(table[rows, columns], kind="stable")[: _PAIRS * len(endmembers)]
    close = [(int(rows[k]), int(columns[k]), float(table[rows[k], columns[k]])) for k in order]
    return [pair for pair in close if pair[2] <= _ALIKE and not {pair[0], pair[1]} <= set(held)]


class _View:
    """Spectra (N, B) as one inversion sees them: amounts (N, P), and the mean square that noise leaves."""

    def __init__(self, spectra: FloatArray, endmembers: FloatArray, noise: float, inversion: Inversion) -> None:
        self.spectra, self.endmembers, self.inversion = spectra, inversion.written(endmembers), inversion
        inverted = inversion.invert(spectra, self.endmembers)
        self.shares = inverted.abundances
        light = inverted.illumination
        self.amounts = self.shares if light is None else light[:, None] * self.shares
        self.power = (spectra**2).sum(axis=1)
        self.left = ((spectra - self.amounts @ self.endmembers) ** 2).sum(axis=1)
        self.of_noise = float(noise**2 * spectra.shape[1])

    def held(self, first: int, second: int) -> FloatArray:
        """(N,) the share of a pixel that two endmembers hold."""
        return np.asarray(self.shares[:, first] + self.shares[:, second])

    def merged(self, first: int, second: int) -> FloatArray:
        """(P − 1, B) endmembers with the mean of two, as much of each as there is, in the place of both."""
        weights = self.amounts[:, [first, second]].sum(axis=0)
        mean = weights @ self.endmembers[[first, second]] / max(float(weights.sum()), 1e-300)
        return np.vstack([np.delete(self.endmembers, [first, second], axis=0), mean])

    def explained(self, first: int, second: int, theirs: BoolArray) -> float:
        """What one spectrum in the place of two leaves of ``their`` pixels, over noise and the variability of pixels that hold little of either."""
        merged, pixels = self.merged(first, second), self.spectra[theirs]
        inverted = self.inversion.invert(pixels, merged)
        light = 1.0 if inverted.illumination is None else inverted.illumination[:, None]
        left = ((pixels - light * inverted.abundances @ merged) ** 2).sum(axis=1).mean()
        expected = self.of_noise + self._variability(first, second) * self.power[theirs].mean()
        return float(left / max(expected, 1e-300))

    def _variability(self, first: int, second: int) -> float:
        """What is left over noise of pixels that hold little of the two, over their power."""
        others = self.held(first, second) < _OTHERS
        if others.sum() < _FEWEST:
            return 0.0
        over = max(float(self.left[others].mean()) - self.of_noise, 0.0)
        return over / max(float(self.power[others].mean()), 1e-300)


def _measured(views: list[_View], first: int, second: int, apart: float) -> Halves | None:
    """How much two endmembers are halves of one material; None where too few pixels hold them. The first view tells whose a pixel is."""
    held = views[0].held(first, second)
    theirs = held > _THEIRS
    if theirs.sum() < _FEWEST:
        return None
    part = views[0].shares[theirs, first] / held[theirs]
    between = float(((part > _BETWEEN) & (part < 1 - _BETWEEN)).mean())
    everywhere = held > _OTHERS
    left = max(view.explained(first, second, where) for view in views for where in (theirs, everywhere))
    return Halves(first, second, left, between, apart)
