"""Which spectrum of a library an endmember is, by its whole shape, its absorptions and its slopes; "none of them" is an answer.

Three angles are taken, all blind to brightness. The spectral angle compares whole spectra. The angle of absorptions takes the continuum
of the endmember away, puts the library's in its place, and compares again: slopes no longer count, and dark bands count little, where
noise over a small continuum would look like an absorption. The angle of derivatives compares first derivatives: where bands begin and
end, on whatever level. A spectrum is named only where all three are small.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.library.prepared import Reference, prepared, rows_on
from napari_unmix.library.slopes import noise_angles
from napari_unmix.library.spectra import SpectralLibrary, lifted
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.sentences import UnmixError

# Degrees. Each of the 23 measured spectra that come with the package, on five other sets of bands with 30 dB of noise (20 draws), is
# within 2.7° of itself by the first two angles. That leaves 3° for an endmember's own error. See decision 0010.
WITHIN = 4.0
_DERIVATIVE = 3.75  # times ``within``: 15° at 4°; noise alone comes on top of it
_NOISE = 1.2  # times the angle that noise alone is found to make
_WEIGHT = 0.1  # of the angle of derivatives in the score: it is some ten times as large as the others
_FLAT = 3.0  # degrees from a constant; the flattest of the 23 is 3.4° from one where its bands reach the short-wave infrared
_ALIKE = 1.5  # times the score of the spectrum named: what fits up to there is told beside it

Reason = Literal["", "far", "flat", "no common bands", "given to another"]


@dataclass(frozen=True)
class Candidate:
    """A library's spectrum beside an endmember: angles in degrees, and the score by which candidates are ranked.

    ``noise_angle`` is by how much noise alone turns the endmember's derivative. ``library`` and ``row`` say where the spectrum stands.
    """

    name: str
    spectral_angle: float
    absorption_angle: float
    derivative_angle: float = 0.0
    noise_angle: float = 0.0
    library: str = ""
    row: int = -1

    @property
    def score(self) -> float:
        """Degrees; 0 is the same shape: root mean square of the first two angles, with a tenth of the derivatives'."""
        return math.hypot(self.spectral_angle, self.absorption_angle, _WEIGHT * self.derivative_angle) / math.sqrt(2)

    def fits(self, within: float) -> bool:
        """Whether all angles are small."""
        steep = math.hypot(_DERIVATIVE * within, _NOISE * self.noise_angle)
        return max(self.spectral_angle, self.absorption_angle) <= within and self.derivative_angle <= steep


@dataclass(frozen=True)
class Ranking:
    """All that libraries hold beside one endmember, the nearest first; ``flat`` is how far it is from a constant (degrees)."""

    endmember: str
    candidates: tuple[Candidate, ...]
    flat: float = 90.0

    @property
    def is_flat(self) -> bool:
        """Whether there is no shape to know it by."""
        return self.flat <= _FLAT


@dataclass(frozen=True)
class Match:
    """What a library says of one endmember.

    ``name`` is the spectrum that it is, or None, then ``reason`` is why: the nearest is too far, the endmember is too flat to tell, no
    spectrum has its bands, or (``one_to_one``) the name went to another endmember. ``best`` and ``runner_up`` are the two nearest;
    ``also`` the further names that fit about as well.
    """

    endmember: str
    name: str | None
    reason: Reason
    best: Candidate | None = None
    runner_up: Candidate | None = None
    also: tuple[str, ...] = ()


def match(endmembers: SpectralLibrary, library: SpectralLibrary, within: float = WITHIN) -> tuple[Match, ...]:
    """The library's spectrum of each endmember, both on the same bands (``library.resampled(endmembers.wavelengths)``).

    An endmember within 3° of a constant has no shape to know it by, and is not named.
    Raises UnmixError where the bands differ or ``within`` is no angle.
    """
    check_within(within)
    return tuple(decided(ranking, within) for ranking in ranked(endmembers, library))


def check_within(within: float) -> None:
    """Raise UnmixError where it is no angle to match by."""
    if not 0 < within < 90:
        raise UnmixError(f"Matching within {within:g}° is no angle to match by: give degrees between 0 and 90.")


def ranked(endmembers: SpectralLibrary, library: SpectralLibrary) -> tuple[Ranking, ...]:
    """All spectra of the library beside each endmember. Raises UnmixError where the bands differ."""
    if endmembers.spectra.shape[1] != library.spectra.shape[1]:
        raise UnmixError(
            f"The endmembers have {endmembers.spectra.shape[1]} bands but {library.name} has {library.spectra.shape[1]}:"
            " resample it with library.resampled(wavelengths)."
        )
    good = np.asarray(np.isfinite(endmembers.spectra).all(axis=0))
    return tuple(beside(endmembers, _ended(prepared(library, good))))


def beside(endmembers: SpectralLibrary, reference: Reference) -> tuple[Ranking, ...]:
    """The spectra of a reference beside each endmember: bands that an endmember lacks must be among those that the reference leaves out."""
    found: list[list[Candidate]] = [[] for _ in endmembers.names]
    for group in reference.groups:
        mine = rows_on(endmembers, group.bands)
        removed = mine.continuum_removed().spectra
        noise = noise_angles(mine.spectra, group.operator, group.order)
        slopes = mine.spectra @ group.operator.T
        for row, candidates in enumerate(found):  # one at a time: thirty against a thousand would be gigabytes
            dressed = group.continua * removed[row]  # (Q, bands) its absorptions under the library's continua
            angles = (
                spectral_angle(mine.spectra[row], group.spectra),
                spectral_angle(dressed, lifted(group.spectra)),
                spectral_angle(slopes[row], group.slopes),
            )
            columns = (np.degrees(angle).tolist() for angle in angles)
            candidates += [
                Candidate(reference.names[k], whole, absorptions, slope, float(noise[row]), reference.name, int(k))
                for k, whole, absorptions, slope in zip(group.rows, *columns, strict=True)
            ]
    flat = _from_constant(endmembers.spectra)
    return tuple(
        Ranking(name, _sorted(candidates), float(flat[row]))
        for row, (name, candidates) in enumerate(zip(endmembers.names, found, strict=True))
    )


def merged(rankings: Sequence[Ranking]) -> Ranking:
    """One endmember beside several libraries."""
    return replace(rankings[0], candidates=_sorted([one for ranking in rankings for one in ranking.candidates]))


def decided(ranking: Ranking, within: float = WITHIN) -> Match:
    """What the candidates say of the endmember."""
    name, candidates = ranking.endmember, ranking.candidates
    if not candidates:
        return Match(name, None, "no common bands")
    best, runner_up = candidates[0], candidates[1] if len(candidates) > 1 else None
    if ranking.is_flat:
        return Match(name, None, "flat", best, runner_up)
    fitting = [candidate for candidate in candidates if candidate.fits(within)]
    if not fitting:
        return Match(name, None, "far", best, runner_up)
    others = [candidate for candidate in candidates if candidate is not fitting[0]]
    also = tuple(candidate.name for candidate in fitting[1:] if candidate.score <= _ALIKE * fitting[0].score)
    return Match(name, fitting[0].name, "", fitting[0], others[0] if others else None, also)


def one_to_one(rankings: Sequence[Ranking], within: float = WITHIN) -> tuple[Candidate | None, ...]:
    """A candidate for each endmember that fits it, none for two: of all such choices the one that names most, and of these the best scores.

    Hungarian assignment (Kuhn 1955). Two spectra of one name are one.
    """
    fitting = [
        [] if ranking.is_flat else [one for one in ranking.candidates if one.fits(within)] for ranking in rankings
    ]
    names = list(dict.fromkeys(one.name for candidates in fitting for one in candidates))
    if not names:
        return (None,) * len(rankings)
    from scipy.optimize import linear_sum_assignment

    dearest = 1.0 + sum(max((one.score for one in candidates), default=0.0) for candidates in fitting)
    costs = np.full((len(rankings), len(names) + len(rankings)), dearest)  # the last columns: no name
    for row, candidates in enumerate(fitting):
        for one in reversed(candidates):  # the best of a name comes last, and stays
            costs[row, names.index(one.name)] = one.score
    chosen = linear_sum_assignment(costs)[1]
    return tuple(
        next((one for one in candidates if column < len(names) and one.name == names[column]), None)
        for candidates, column in zip(fitting, chosen.tolist(), strict=True)
    )


def _sorted(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda candidate: candidate.score))


def _from_constant(spectra: FloatArray) -> FloatArray:
    """(P,) degrees."""
    return np.asarray(np.degrees(spectral_angle(np.nan_to_num(spectra), np.isfinite(spectra).astype(float))))


def _ended(steps: Generator[object, None, Reference]) -> Reference:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            reference: Reference = end.value
            return reference
