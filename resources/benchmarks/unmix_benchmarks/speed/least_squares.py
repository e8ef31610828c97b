"""How many pixels a second of processor time, on one thread, beside a goal and a peer; ratios hold on any machine, rates on this one.

Simplex least squares: scenes of 162 smooth bands at 30 dB with as many endmembers as the line says, half of which a pixel lacks (Dirichlet, 1.5 in
all). Spectra in memory count from their products with the endmembers on; a processor does no more than these products a second.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix import simplex_least_squares
from napari_unmix.cube import FloatArray
from napari_unmix.rows.least_squares import Constraint
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "pixels a second of processor time, and what a peer does"
_BANDS, _DECIBELS, _SEED = 162, 30.0, 0
# Thousand pixels a second of one idle core (decision 0028).
_GOALS = {5: 3000.0, 8: 1000.0, 12: 500.0, 20: 150.0, 30: 60.0}
_CONSTRAINTS: tuple[Constraint, ...] = ("sum-to-one", "non-negative")
_PEERS_PIXELS = 1000


@dataclass(frozen=True)
class Speed:
    """Thousand pixels a second of processor time: reached, by a peer, and where only the products with the endmembers are computed."""

    what: str
    endmembers: int
    pixels: int
    reached: float
    goal: float | None
    products_alone: float
    peer: float
    violation: float


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("speed least-squares", __doc__ or "")
    options.add_argument("--endmembers", type=int, nargs="+", default=[3, 5, 8, 12, 20, 30, 40], help="numbers to try")
    options.add_argument("--pixels", type=int, default=60_000, help="of a scene")
    options.add_argument("--repeats", type=int, default=5, help="of which the median counts")
    chosen = options.parse_args(arguments)
    rows = list(_simplex(chosen.endmembers, chosen.pixels, chosen.repeats))
    write_rows("speed-least-squares", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def _simplex(numbers: Sequence[int], count: int, repeats: int) -> Iterator[Speed]:
    for size in numbers:
        pixels, endmembers = _sparse(size, count)
        yield from (_measured(pixels, endmembers, constraint, repeats) for constraint in _CONSTRAINTS)


def _measured(pixels: FloatArray, endmembers: FloatArray, constraint: Constraint, repeats: int) -> Speed:
    few = pixels[:_PEERS_PIXELS]
    ours, products, peer = _thousands(
        [
            (len(pixels), lambda: simplex_least_squares(pixels, endmembers, constraint)),
            (len(pixels), lambda: pixels @ endmembers.T),
            (len(few), lambda: _one_by_one(few, endmembers, constraint)),
        ],
        repeats,
    )
    wrong = violation(pixels, endmembers, simplex_least_squares(pixels, endmembers, constraint), constraint)
    name, size = f"simplex least squares, {constraint}", len(endmembers)
    return Speed(name, size, len(pixels), ours, _GOALS.get(size), products, peer, wrong)


def _thousands(calls: Sequence[tuple[int, Callable[[], object]]], repeats: int) -> list[float]:
    """Thousand pixels a second of processor time of calls on so many: medians of repeats in turn, so that another load meets all of them."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for (_, call), seconds in zip(calls, taken, strict=True):
            begun = time.process_time()
            call()
            seconds.append(time.process_time() - begun)
    return [
        count / max(statistics.median(seconds), 1e-9) / 1e3 for (count, _), seconds in zip(calls, taken, strict=True)
    ]


def _sparse(size: int, count: int) -> tuple[FloatArray, FloatArray]:
    """(N, B) pixels and (P, B) endmembers."""
    generator = np.random.default_rng(_SEED)
    x = np.linspace(0, 1, _BANDS)

    def spectrum() -> FloatArray:
        wave = np.sin(2 * np.pi * (generator.uniform(0.5, 2.5) * x + generator.uniform()))
        widths = (generator.uniform(0.05, 0.3), 0.05)
        broad, narrow = (np.exp(-(((x - generator.uniform()) / width) ** 2)) for width in widths)
        return np.asarray(np.clip(0.35 + 0.25 * wave + 0.2 * broad - 0.15 * narrow, 0.02, 1))

    endmembers = np.array([spectrum() for _ in range(size)])
    clean = generator.dirichlet(np.full(size, 1.5 / size), count) @ endmembers
    noise = np.sqrt(np.mean(clean**2)) * 10 ** (-_DECIBELS / 20)
    return clean + noise * generator.standard_normal(clean.shape), endmembers


def _one_by_one(pixels: FloatArray, endmembers: FloatArray, constraint: Constraint) -> FloatArray:
    """What SciPy's solver of one pixel does in a loop, on as few rows as there are; a heavy row makes the sum one, nearly."""
    from scipy.optimize import nnls

    basis, triangle = np.linalg.qr(endmembers.T)
    targets = pixels @ basis
    if constraint == "sum-to-one":
        weight = 1e4 * np.abs(triangle).max()
        triangle = np.vstack([triangle, np.full(len(endmembers), weight)])
        targets = np.column_stack([targets, np.full(len(targets), weight)])
    return np.array([nnls(triangle, target)[0] for target in targets])


def violation(pixels: FloatArray, endmembers: FloatArray, found: FloatArray, constraint: Constraint) -> float:
    """The worst of the optimality conditions over the largest product of a pixel and an endmember."""
    gradient = (found @ endmembers - pixels) @ endmembers.T
    if constraint == "sum-to-one":
        gradient -= (found * gradient).sum(axis=1, keepdims=True)
    return float(max((-gradient).max(), np.abs(found * gradient).max(), 0.0) / np.abs(pixels @ endmembers.T).max())


def table(rows: Sequence[Speed]) -> list[str]:
    """Markdown."""
    lines = [
        "| what | endmembers | thousand pixels / s | goal | share of the products alone | times SciPy's loop | violation |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        goal = "–" if row.goal is None else f"{row.goal:.0f}"
        lines.append(
            f"| {row.what} | {row.endmembers} | {row.reached:.0f} | {goal} | {row.reached / row.products_alone:.2f} | "
            f"{row.reached / row.peer:.1f} | {row.violation:.0e} |"
        )
    return lines


def summary(rows: Sequence[Speed]) -> str:
    """How many of the goals are reached on this machine, under its load, and what holds on any."""
    asked = [row for row in rows if row.goal is not None]
    reached = sum(row.goal is not None and row.reached >= row.goal for row in asked)
    least = min(row.reached / row.peer for row in rows)
    return (
        f"{reached} of {len(asked)} goals are reached on this machine, under its load, one thread. At least {least:.1f} times SciPy's loop; "
        f"the largest violation of the optimality conditions is {max(row.violation for row in rows):.0e}."
    )
