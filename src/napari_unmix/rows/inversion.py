"""The ways from spectra to abundances: they sum to one on the spectra as given, or on spectra whose brightness is free.

With free brightness it is a convention how bright an endmember is where its abundance is one, and abundances follow from it: with the largest
value 1 they are composition, with the brightness that endmembers have under one light they estimate areas. ``meaning`` says so wherever abundances
are written, and ``one`` what the abundance of one endmember is called in the heading of a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.rows.signed import sum_to_one
from napari_unmix.rows.simplex import composition, fully_constrained, non_negative, scaled
from napari_unmix.rows.sparse import sparse_amounts
from napari_unmix.spec import Maps

# Pixels darker than this share of the median brightness are left out where brightness is divided out: their noise is not.
_DARK = 0.2


class Inverted(NamedTuple):
    """Abundances (N, P), on the simplex unless the inversion says otherwise, and the illumination (N,), None where it is not free."""

    abundances: FloatArray
    illumination: FloatArray | None


class EvenlyLit(NamedTuple):
    """Spectra (N, B) without their brightness (zero where too dark), which pixels (N,) are bright enough, and what the noise level is times."""

    spectra: FloatArray
    bright: BoolArray
    noise_factor: float


@dataclass(frozen=True)
class SumToOne:
    """x = aM: abundances sum to one on the spectra as given, so they are area fractions."""

    free_light: ClassVar[bool] = False
    meaning: ClassVar[str] = "area fractions"
    one: ClassVar[str] = "area fraction"

    def invert(self, spectra: FloatArray, endmembers: FloatArray) -> Inverted:
        """Exact constrained least squares of (N, B) spectra on (P, B) endmembers (FCLS, Heinz & Chang 2001)."""
        return Inverted(fully_constrained(spectra, endmembers), None)

    def written(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) as they are shown and saved: non-negative."""
        return np.maximum(endmembers, 0.0)

    def evenly_lit(self, spectra: FloatArray, illumination: FloatArray | None) -> EvenlyLit:
        """The spectra themselves: their brightness is part of the mixture."""
        return EvenlyLit(spectra, np.ones(len(spectra), bool), 1.0)

    def rewritten(self, endmembers: FloatArray, inverted: Inverted) -> tuple[FloatArray, Inverted]:
        """Endmembers (P, B) as written, and what is left for the pixels: nothing changes."""
        return endmembers, Inverted(inverted.abundances, None)

    def from_origin(self, spectra: FloatArray) -> FloatArray:
        """(N, B) spectra from the point that their simplex's span goes through: the mean."""
        return np.asarray(spectra - spectra.mean(axis=0))

    def dimension(self, count: int) -> int:
        """Dimension of the signal of P = ``count`` endmembers: P − 1."""
        return count - 1


@dataclass(frozen=True)
class SignedFractions(SumToOne):
    """x = aM with abundances that sum to one and may be negative: what is negative tells of a mixture that these endmembers do not make."""

    meaning: ClassVar[str] = "fractions that sum to one and may be negative"
    one: ClassVar[str] = "signed fraction"

    def invert(self, spectra: FloatArray, endmembers: FloatArray) -> Inverted:
        """Least squares of (N, B) spectra on (P, B) endmembers under the sum alone (SCLS)."""
        return Inverted(sum_to_one(spectra, endmembers), None)


@dataclass(frozen=True)
class Amounts(SumToOne):
    """x = gM with non-negative amounts of any sum: shade makes it smaller, what is missing among the endmembers as well."""

    meaning: ClassVar[str] = "amounts, not negative, whose sum is free"
    one: ClassVar[str] = "amount"

    def invert(self, spectra: FloatArray, endmembers: FloatArray) -> Inverted:
        """Non-negative least squares of (N, B) spectra on (P, B) endmembers (Lawson & Hanson 1974)."""
        return Inverted(non_negative(spectra, endmembers), None)

    def from_origin(self, spectra: FloatArray) -> FloatArray:
        """(N, B) spectra from the point that their cone's span goes through: zero."""
        return spectra

    def dimension(self, count: int) -> int:
        """Dimension of the signal of P = ``count`` endmembers: P."""
        return count


@dataclass(frozen=True)
class FreeLight:
    """x = s·aM: every pixel has a brightness s of its own, so abundances are composition, tolerant of shade."""

    free_light: ClassVar[bool] = True
    meaning: ClassVar[str] = "composition, each endmember's largest value 1"
    one: ClassVar[str] = "composition"

    def invert(self, spectra: FloatArray, endmembers: FloatArray) -> Inverted:
        """Non-negative least squares, divided by its sum, which is the illumination."""
        return Inverted(*scaled(spectra, endmembers))

    def written(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) as they are shown and saved: non-negative, the largest value 1."""
        kept = np.maximum(endmembers, 0.0)
        return np.asarray(kept / np.maximum(kept.max(axis=1, keepdims=True), 1e-12))

    def evenly_lit(self, spectra: FloatArray, illumination: FloatArray | None) -> EvenlyLit:
        """Divide the illumination (N,) out; pixels under ``_DARK`` of its median are too dark for that."""
        light = np.ones(len(spectra)) if illumination is None else illumination
        bright = light > max(_DARK * float(np.median(light)), 1e-12)
        divisor = np.where(bright, light, np.inf)
        factor = float(np.sqrt(np.mean(1 / light[bright] ** 2))) if bright.any() else 1.0
        return EvenlyLit(spectra / divisor[:, None], bright, factor)

    def rewritten(self, endmembers: FloatArray, inverted: Inverted) -> tuple[FloatArray, Inverted]:
        """Endmembers (P, B) with largest value 1; the brightness they had goes into the abundances and the illumination."""
        assert inverted.illumination is not None
        peak = np.maximum(endmembers.max(axis=1), 1e-12)
        amounts = inverted.abundances * peak
        total = amounts.sum(axis=1)
        return endmembers / peak[:, None], Inverted(amounts / total[:, None], inverted.illumination * total)

    def from_origin(self, spectra: FloatArray) -> FloatArray:
        """(N, B) spectra from the point that their cone's span goes through: zero."""
        return spectra

    def dimension(self, count: int) -> int:
        """Dimension of the signal of P = ``count`` endmembers: P."""
        return count


@dataclass(frozen=True)
class OwnBrightness(FreeLight):
    """x = s·aM with endmembers M as bright as they are under one light: abundances are area fractions, as far as M's brightness is right."""

    meaning: ClassVar[str] = "areas under uneven light, each endmember as bright as it is"
    one: ClassVar[str] = "area fraction"

    def written(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) as they are shown and saved: non-negative."""
        return np.maximum(endmembers, 0.0)

    def rewritten(self, endmembers: FloatArray, inverted: Inverted) -> tuple[FloatArray, Inverted]:
        """Endmembers (P, B) and what is left for the pixels: nothing changes."""
        return endmembers, inverted


Inversion = SumToOne | FreeLight


def shared(amounts: FloatArray, *, free_light: bool) -> Inverted:
    """Amounts (N, P) as they are, or with free brightness over their sum, which is the illumination."""
    return Inverted(composition(amounts), amounts.sum(axis=1)) if free_light else Inverted(amounts, None)


def inverted_sparsely(spectra: FloatArray, endmembers: FloatArray, sparsity: float, *, free_light: bool) -> Inverted:
    """Few of (P, B) endmembers in each of (N, B) spectra, by SUnSAL's problem (see ``sparse``)."""
    return shared(sparse_amounts(spectra, endmembers, sparsity), free_light=free_light)


_BY_MAPS: dict[Maps, SumToOne] = {
    "fractions": SumToOne(),
    "signed fractions": SignedFractions(),
    "amounts": Amounts(),
}


def inversion(*, free_light: bool, own_brightness: bool = False, maps: Maps = "fractions") -> Inversion:
    """The inversion of a spec's ``illumination``, ``brightness`` and ``maps``."""
    if not free_light:
        return _BY_MAPS[maps]
    return OwnBrightness() if own_brightness else FreeLight()


def as_bright_as(endmembers: FloatArray, inverted: Inverted, target: FloatArray) -> Inverted:
    """What pixels have of (P, B) endmembers where these are scaled to the lengths of ``target`` (P, B): the same amounts of light."""
    assert inverted.illumination is not None
    lengths, wanted = (np.linalg.norm(spectra, axis=1) for spectra in (endmembers, target))
    amounts = inverted.abundances * (lengths / np.maximum(wanted, 1e-300))
    total = amounts.sum(axis=1)
    return Inverted(amounts / np.maximum(total, 1e-300)[:, None], inverted.illumination * total)
