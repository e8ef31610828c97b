"""Bounds on an endmember's angle from scenes to choose on, by split conformal prediction (Vovk et al. 2005; Lei et al. 2018), and what they cover.

A bound holds at its rate where what is bounded is exchangeable with what it was made from: other simulated scenes are, nearly (endmembers of one
scene share its noise); real images need not be. What they cover there is measured, not promised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from napari_unmix.cube import FloatArray
from unmix_benchmarks.common.trust_rows import WORDS, Row
from unmix_benchmarks.common.trust_tables import PARTS, TITLES, values_of

RATE = 0.9
# Of the endmembers to choose on, those whose predictors are nearest: with fewer than nine there is no bound at that rate.
NEIGHBOURS = 40
_LEAST_SPREAD = 1e-9
Bound = Callable[[Row], float]


def conformal_quantile(errors: Sequence[float], rate: float = RATE) -> float:
    """The ⌈(n + 1) · rate⌉-th smallest of n errors: another one, exchangeable with them, is below it at this rate or more; ∞ where n is too small."""
    place = math.ceil((len(errors) + 1) * rate)
    return float("inf") if place > len(errors) else float(np.sort(errors)[place - 1])


def by_word(chosen: Sequence[Row]) -> Bound:
    """A bound for each word."""
    bounds = {word: conformal_quantile([row.error_degrees for row in chosen if row.word == word]) for word in WORDS}
    return lambda row: bounds.get(row.word, float("nan"))


def by_neighbours(chosen: Sequence[Row], names: Sequence[str]) -> Bound:
    """A bound from the ``NEIGHBOURS`` endmembers whose predictors, in units of their spread, are nearest; NaN where one was not measured."""
    values = _scaled(chosen, names)
    known = np.isfinite(values).all(axis=1)
    centre, spread = values[known].mean(axis=0), np.maximum(values[known].std(axis=0), _LEAST_SPREAD)
    places, errors = (values[known] - centre) / spread, np.array([row.error_degrees for row in chosen])[known]

    def bound(row: Row) -> float:
        place = (_scaled([row], names)[0] - centre) / spread
        if not np.isfinite(place).all():
            return float("nan")
        nearest = np.argsort(((places - place) ** 2).sum(axis=1), kind="stable")[:NEIGHBOURS]
        return conformal_quantile(errors[nearest].tolist())

    return bound


def _scaled(rows: Sequence[Row], names: Sequence[str]) -> FloatArray:
    """(n, K) predictors on a scale on which a factor counts alike wherever it is: they are angles, counts and shares."""
    return np.column_stack([np.log(np.maximum(values_of(rows, name), 0.0) + 0.03) for name in names])


def coverage(rows: Sequence[Row], bound: Bound) -> tuple[int, int, float]:
    """How many endmembers have a bound, how many are within it, and the median bound in degrees."""
    pairs = [(row.error_degrees, bound(row)) for row in rows]
    held = [(error, most) for error, most in pairs if not math.isnan(most)]
    median = float(np.median([most for _, most in held])) if held else float("nan")
    return len(held), sum(error <= most for error, most in held), median


def table(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Markdown: what bounds made on the part to choose on cover of the others."""
    chosen = [row for row in rows if row.part == "choose"]
    bounds = {"its word": by_word(chosen)} if any(row.word in WORDS for row in chosen) else {}
    measured = [row for row in chosen if all(row.numbers.get(name) is not None for name in names)]
    if names and len(measured) >= NEIGHBOURS:
        bounds[f"the {NEIGHBOURS} nearest by {' and '.join(names)}"] = by_neighbours(measured, names)
    lines = [f"| {100 * RATE:.0f} % bounds from | on | endmembers | covered | median bound |", "|---|---|---|---|---|"]
    for title, bound in bounds.items():
        for part in PARTS[1:]:
            count, within, median = coverage([row for row in rows if row.part == part], bound)
            if count:
                lines.append(f"| {title} | {TITLES[part]} | {count} | {100 * within / count:.0f} % | {median:.1f}° |")
    return lines if len(lines) > 2 else []
