"""Do seeds agree? Variational autoencoders with a network decoder, with and without side information u, on linear, bilinear and general mixing.

After Locatello et al. (ICML 2019): models that fit as well, from other seeds, have other latents unless something tells latents apart. Here u does.
Latents are log-ratios of three materials' abundances, normal in each of the regions, so that the truth is known; every seed has four
starts, all of them random rotations, and keeps the one whose own bound is largest.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.logratio import helmert
from napari_unmix.model.threads import one_thread
from napari_unmix.nonlinear.metrics import dci, matched, mutual_information_gap
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import mixing_network
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.variational import Variational, variational
from napari_unmix.progress import drain
from unmix_benchmarks.common.kept import KEEP_HELP, before, part, write
from unmix_benchmarks.common.printed import commit
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "whether seeds agree: VAE and β-VAE with a network decoder, and the same with u"
NAME = "seeds"
MIXINGS = ("linear", "bilinear", "general")
METHODS = ("vae", "beta-vae", "ivae, shuffled u", "ivae")
MATERIALS, CHANNELS, REGIONS, NOISE, BETA = 3, 6, 40, 0.02, 4.0
STARTS = 4  # of one, the iVAE finds the latents in about half of the cases; its bound tells which
DATA_SEED = 10


class Key(NamedTuple):
    """What a row is of: of the same seeds a row is the same."""

    mixing: str
    method: str
    seeds: int


@dataclass(frozen=True)
class Agreement:
    """One method on one mixing over all seeds, on fresh rows: means of MCC, D, C and MIG against the truth, then between seeds.

    ``lowest`` is the MCC of the two seeds that agree least; ``nats`` the mean bound per row.
    """

    mixing: str
    method: str
    seeds: int
    mcc: float
    disentanglement: float
    completeness: float
    gap: float
    between: float
    lowest: float
    between_disentanglement: float
    between_gap: float
    nats: float
    commit: str

    @property
    def key(self) -> Key:
        """What it is of."""
        return Key(self.mixing, self.method, self.seeds)


@dataclass(frozen=True, eq=False)
class Scene:
    """Rows to learn from (x, u), and fresh ones with their log-ratios z."""

    x: FloatArray
    u: IntArray
    fresh: FloatArray
    z: FloatArray


def main(arguments: list[str]) -> int:
    """Run it."""
    chosen = _options().parse_args(arguments)
    rows = {row.key: row for row in before(NAME, Agreement, chosen.keep, chosen.out)}
    for mixing in MIXINGS:
        wanted = [Key(mixing, method, len(chosen.seeds)) for method in chosen.methods]
        scene = simulated(mixing, chosen.length)
        for key in wanted:
            if key in rows:
                continue
            rows[key] = agreement(mixing, key.method, scene, chosen.seeds, chosen.epochs)
            print(rows[key], file=sys.stderr, flush=True)
            if chosen.out is not None:
                write(list(rows.values()), part(NAME, chosen.out))  # a long run that is stopped leaves what it has
    ordered = sorted(rows.values(), key=_place)
    write_rows(NAME, ordered, [*table(ordered), "", *said(ordered)], chosen.out, [row.commit for row in ordered])
    if chosen.out is not None:
        part(NAME, chosen.out).unlink(missing_ok=True)
    return 0


def _options() -> argparse.ArgumentParser:
    options = parser(NAME, __doc__ or "")
    options.set_defaults(methods=list(METHODS))
    options.add_argument("--seeds", nargs="+", type=int, default=[10, 11, 12], help="of the methods (default 10 11 12)")
    options.add_argument("--epochs", type=int, default=40, help="passes (default 40)")
    options.add_argument("--length", type=int, default=150, help="rows of a region (default 150)")
    options.add_argument("--keep", nargs="*", type=Path, metavar="FOLDER", help=KEEP_HELP)
    return options


def _place(row: Agreement) -> tuple[int, int, int]:
    return MIXINGS.index(row.mixing), METHODS.index(row.method), row.seeds


def simulated(mixing: str, length: int, seed: int = DATA_SEED) -> Scene:
    """``length`` rows of each region, and as many fresh ones; endmembers are uniform in 0.1 … 0.9."""
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(0.1, 0.9, (MATERIALS, CHANNELS))
    means = generator.normal(0, 1.0, (REGIONS, MATERIALS - 1))
    spreads = generator.uniform(0.2, 1.2, (REGIONS, MATERIALS - 1))
    network = mixing_network(MATERIALS - 1, CHANNELS, 3, "xtanh", generator)
    u = np.repeat(np.arange(REGIONS), length)

    def draw() -> tuple[FloatArray, FloatArray]:
        z = means[u] + spreads[u] * generator.normal(size=(len(u), MATERIALS - 1))
        x = network(z) if mixing == "general" else mixed(z, endmembers, bilinear=mixing == "bilinear")
        return z, x + NOISE * x.std() * generator.normal(size=x.shape)

    (_, x), (z, fresh) = draw(), draw()
    return Scene(x, u, fresh, z)


def mixed(z: FloatArray, endmembers: FloatArray, *, bilinear: bool) -> FloatArray:
    """(N, P − 1) log-ratios -> (N, B) spectra: aM, and with light scattered twice Σ a_i a_j m_i ∘ m_j over i < j more (Fan et al. 2009)."""
    logits = z @ helmert(len(endmembers)).numpy().T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    x: FloatArray = shares @ endmembers
    if bilinear:
        for one, other in itertools.combinations(range(len(endmembers)), 2):
            x = x + (shares[:, one] * shares[:, other])[:, None] * endmembers[one] * endmembers[other]
    return x


def agreement(mixing: str, method: str, scene: Scene, seeds: Sequence[int], epochs: int) -> Agreement:
    """Learn from every seed, and compare."""
    codes, bounds = zip(*(learned(method, scene, seed, epochs) for seed in seeds), strict=True)
    truth = [measured(code, scene.z) for code in codes]
    pairs = [measured(one, other) for one, other in itertools.combinations(codes, 2)]
    mcc, apart, whole, gap = (statistics.fmean(values) for values in zip(*truth, strict=True))
    between, between_apart, _, between_gap = (statistics.fmean(values) for values in zip(*pairs, strict=True))
    lowest = min(pair[0] for pair in pairs)
    nats = statistics.fmean(bounds)
    return Agreement(
        mixing, method, len(seeds), mcc, apart, whole, gap, between, lowest, between_apart, between_gap, nats, commit()
    )


def learned(method: str, scene: Scene, seed: int, epochs: int) -> tuple[FloatArray, float]:
    """Latents of the fresh rows, and the bound."""
    u = np.random.default_rng(seed).permutation(scene.u) if "shuffled" in method else scene.u
    model = Variational(
        side_information=method.startswith("ivae"), means=True, beta=BETA if method == "beta-vae" else 1.0
    )
    training = Training(epochs=epochs, batch=256, starts=STARTS, seed=seed, linear_first=False)
    with one_thread():
        found = drain(variational(Rows(scene.x, u, MATERIALS - 1), model, training))
    return found.latents_of(scene.fresh), float(found.objectives[found.best])


def measured(codes: FloatArray, factors: FloatArray) -> tuple[float, float, float, float]:
    """MCC, D, C, MIG."""
    parts = dci(codes, factors)
    return (
        matched(codes, factors).correlation,
        parts.disentanglement,
        parts.completeness,
        mutual_information_gap(codes, factors),
    )


def table(rows: Sequence[Agreement]) -> list[str]:
    """Markdown, a line for each method on each mixing."""
    lines = [
        "| mixing | method | seeds | MCC | D | C | MIG | MCC between seeds | lowest | D | MIG | bound, nats |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        numbers = (
            row.mcc, row.disentanglement, row.completeness, row.gap, row.between, row.lowest,
            row.between_disentanglement, row.between_gap,
        )  # fmt: skip
        cells = " | ".join(f"{number:.3f}" for number in numbers)
        lines.append(f"| {row.mixing} | {row.method} | {row.seeds} | {cells} | {row.nats:.2f} |")
    return lines


def said(rows: Sequence[Agreement]) -> Iterator[str]:
    """On each mixing, whether u brought seeds together."""
    for mixing in MIXINGS:
        here = {row.method: row for row in rows if row.mixing == mixing}
        if {"ivae", "vae"} <= set(here):
            with_u, without = here["ivae"], here["vae"]
            yield (
                f"* {mixing}: seeds agree by {with_u.between:.3f} with u and by {without.between:.3f} without (MCC); "
                f"from the truth they are {with_u.mcc:.3f} and {without.mcc:.3f}."
            )
