"""Rows of the benchmark of side information beyond paint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NONE, PAINTED, ACQUISITION, PAIRS = "none", "painted", "acquisition", "pairs as views"
# The same labels at other pixels: all of the parameters, and nothing told.
SHUFFLED = "painted, shuffled"
# Sources whose endmembers may differ from those without u: the regions' moments are read of declared ones only.
FREE = (NONE, PAINTED, SHUFFLED, ACQUISITION)
# Whose endmembers: the run's own, held at those that were found without u, held at the truth's or the reference's.
FOUND, HELD, TRUE = "found", "of no u", "true"


class Key(NamedTuple):
    """What a row is of; real scenes have seed 0."""

    scene: str
    seed: int
    source: str
    endmembers: str


@dataclass(frozen=True)
class Row:
    """One run: mean angle (degrees), abundance RMSE, share of the truth within 90 % intervals, how many endmembers have which grade."""

    scene: str
    seed: int
    source: str
    endmembers: str
    angle: float
    rmse: float
    coverage: float | None
    grades: str
    seconds: float
    commit: str

    @property
    def key(self) -> Key:
        """What it is of."""
        return Key(self.scene, self.seed, self.source, self.endmembers)


class Shares(NamedTuple):
    """What u took from the abundance RMSE of the run without it: by itself, endmembers held, and by what it did to the endmembers."""

    side_information: float
    endmembers: float


def shares(without: float, held: float, found: float) -> Shares:
    """Of the RMSE without u, with u at the same endmembers, and with u and its own: they add up to what was gained."""
    return Shares(without - held, held - found)
