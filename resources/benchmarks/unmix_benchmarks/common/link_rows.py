"""Rows of the benchmark of the link and their grid: one thing is changed at a time, of cubes and of rows with a network between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.sentences import UnmixError

# What region contrast is called in tables.
REGION_CONTRAST = "region-contrast"
CUBES, ROWS = "cubes", "rows"
# An error from which an answer has failed: degrees of cubes (what the report calls wrong), 1 − MCC of rows.
FAILED = {CUBES: 2.5, ROWS: 0.1}


class Key(NamedTuple):
    """What a row is of: cubes or rows, what is changed and to what, and the seed."""

    kind: str
    varied: str
    value: str
    seed: int


# In the middle of the grid: 12 regions of 200 pixels at 30 dB; 20 segments of 200 rows, two layers, no noise. First come the middle's.
GRID: dict[str, dict[str, tuple[str, ...]]] = {
    CUBES: {
        "regions": ("12", "2", "3", "5", "9", "24", "40"),
        "pixels": ("40", "400"),
        "noise": ("20 dB", "none"),
        "law": ("logistic-normal", "logistic-normal, spreads differ", "u shuffled"),
        "mixing": ("bilinear",),
    },
    ROWS: {
        "segments": ("20", "2", "3", "5", "40"),
        "length": ("50",),
        "noise": ("0.3",),
        "layers": ("1", "4"),
        "law": ("Laplace", "u shuffled"),
    },
}


@dataclass(frozen=True)
class Row:
    """Two opinions on one problem, by the same u.

    Errors are degrees of cubes and 1 − MCC of rows, ``apart`` what lies between the two. ``scores`` is the correlation of the two models' centred
    λ(u)ᵀT, ``scores_ivae`` and ``scores_contrast`` of each with the truth's. ``general`` of the networks' exponential form on cubes, None of rows.
    ``contrast_from_ivae``, ``ivae_from_contrast``: errors where one begins from the other.
    """

    kind: str
    varied: str
    value: str
    seed: int
    ivae: float
    contrast: float
    apart: float
    scores: float
    scores_ivae: float
    scores_contrast: float
    general: float | None
    contrast_from_ivae: float
    ivae_from_contrast: float
    seconds: float
    commit: str

    @property
    def key(self) -> Key:
        """What it is of."""
        return Key(self.kind, self.varied, self.value, self.seed)

    @property
    def who_failed(self) -> str:
        """``neither``, ``both``, ``iVAE alone`` or ``contrast alone``."""
        return who_failed(self.ivae, self.contrast, FAILED[self.kind])

    @property
    def seen(self) -> bool:
        """Whether the two answers are further apart than what is called a failure: the warning that a second opinion gives."""
        return self.apart > FAILED[self.kind]


def who_failed(ivae: float, contrast: float, line: float) -> str:
    """Which of two errors are above a line."""
    return {(False, False): "neither", (True, True): "both", (True, False): "iVAE alone"}.get(
        (ivae > line, contrast > line), "contrast alone"
    )


def grid(kinds: Sequence[str], varied: Sequence[str] | None, seeds: Sequence[int]) -> Iterator[Key]:
    """What is to be run. Raises UnmixError for what cannot be varied."""
    known = sorted({name for kind in kinds for name in GRID[kind]})
    unknown = sorted(set(varied or ()) - set(known))
    if unknown:
        raise UnmixError(f"{', '.join(unknown)} can't be varied here: choose from {', '.join(known)}.")
    for kind in kinds:
        for name, values in GRID[kind].items():
            if varied is None or name in varied:
                yield from (Key(kind, name, value, seed) for value in values for seed in seeds)


def centred(scores: FloatArray) -> FloatArray:
    """(N, R) scores without what belongs to a row alone (a(x), the evidence) and to a value of u alone (b(u), normalisers)."""
    by_row = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(by_row - by_row.mean(axis=0))


def agreement(first: FloatArray, second: FloatArray) -> float:
    """Correlation of two centred scores over all rows and values of u: 1 where they say the same, 0 where nothing is common or one says nothing."""
    a, b = centred(first), centred(second)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / size if size > 0 else 0.0
