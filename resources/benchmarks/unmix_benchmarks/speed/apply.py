"""How many pixels a second of processor time a run is applied to, on one thread: least squares, and posteriors of 1 to 64 components and all regions.

A drawn scene of 4 endmembers in 120 smooth bands at 30 dB; 400 regions with Dirichlets, and with logistic-normals, of their own, whose abundances a
sixteenth of them share but for a spread. ``rms`` is of abundances to those of the mixture over all regions, on fewer pixels.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_unmix.answer import Unmixing
from napari_unmix.applying.tile import Applied
from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, PriorFound
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.data import Data, State
from napari_unmix.model.fitted import LaplaceFitted
from napari_unmix.model.infer import e_step
from napari_unmix.model.law import Model
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.priors.base import RegionPrior
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.start import endmember_span
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "pixels a second that a run is applied to"
_ENDMEMBERS, _BANDS, _REGIONS, _KINDS, _NOISE, _SEED = 4, 120, 400, 16, 0.012, 0
_COMPONENTS = (1, 8, 16, 64)
_GOAL = 150.0
_COMPARED = 1_000


@dataclass(frozen=True)
class Rate:
    """Thousand pixels a second of processor time, and how far abundances are from those of all regions (root mean square)."""

    prior: str
    how: str
    reached: float
    rms: float


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("speed apply", __doc__ or "")
    options.add_argument("--pixels", type=int, default=65_536, help="of a scene, in units of 16,384")
    options.add_argument("--repeats", type=int, default=3, help="of which the median counts")
    chosen = options.parse_args(arguments)
    rows = [rate for prior in ("dirichlet", "logistic-normal") for rate in rates(prior, chosen.pixels, chosen.repeats)]
    write_rows("speed-apply", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def rates(prior: str, count: int, repeats: int) -> Iterator[Rate]:
    """Of a drawn run with this prior."""
    result, spectra = drawn_run(prior, count)
    few = spectra[:_COMPARED]
    every = Applied.of(result, components=_REGIONS)
    expected = every.maps(few).abundances
    plain = Applied.of(replace(result, findings=Findings()))
    ways = {"least squares": plain, **{f"{k} components": Applied.of(result, components=k) for k in _COMPONENTS}}
    taken: dict[str, list[float]] = {how: [] for how in ways}
    for _ in range(repeats):
        for how, applied in ways.items():
            taken[how].append(_seconds(applied, spectra))
    for how, applied in ways.items():
        yield Rate(
            prior, how, count / statistics.median(taken[how]) / 1e3, _rms(applied.maps(few).abundances - expected)
        )
    yield Rate(prior, f"all {_REGIONS} regions", len(few) / _seconds(every, few) / 1e3, 0.0)


def _seconds(applied: Applied, spectra: FloatArray) -> float:
    """Of the processor, unit by unit as a scene is worked through."""
    begun = time.process_time()
    for first in range(0, len(spectra), 16_384):
        applied.packed(spectra[first : first + 16_384])
    return max(time.process_time() - begun, 1e-9)


def _rms(difference: FloatArray) -> float:
    return float(np.sqrt(np.mean(difference.astype(np.float64) ** 2)))


def drawn_run(prior: str, count: int) -> tuple[Unmixing, FloatArray]:
    """A run whose law was drawn and not trained, and (N, B) float32 spectra of pixels from any of its regions."""
    generator = np.random.default_rng(_SEED)
    x = np.linspace(0, 1, _BANDS)
    waves = generator.uniform(0.5, 2.5, (_ENDMEMBERS, 1)) * x + generator.uniform(size=(_ENDMEMBERS, 1))
    endmembers = 0.4 + 0.25 * np.sin(2 * np.pi * waves) + 0.1 * generator.uniform(-1, 1, (_ENDMEMBERS, 1))
    kinds = generator.gamma(1.0, 1.0, (_KINDS, _ENDMEMBERS)) + 0.15
    alpha = kinds[generator.integers(0, _KINDS, _REGIONS)] * np.exp(
        0.2 * generator.normal(size=(_REGIONS, _ENDMEMBERS))
    )
    drawn = generator.gamma(alpha[generator.integers(0, _REGIONS, count)])
    abundances = drawn / drawn.sum(axis=1, keepdims=True)
    spectra = abundances @ endmembers + _NOISE * generator.normal(size=(count, _BANDS))
    span = endmember_span(endmembers, affine=True)
    corners = torch.from_numpy(span.scores(endmembers))
    model = Model(_prior(prior, torch.from_numpy(alpha)), LinearMixing(corners), _NOISE**2)
    return _run(prior, model, Data(
        span, torch.from_numpy(span.scores(spectra[:2])), torch.zeros(2).double(), torch.ones(2, dtype=torch.int64), corners,
        torch.zeros(_ENDMEMBERS).double(), _BANDS,
    )), spectra.astype(np.float32)  # fmt: skip


def _prior(name: str, alpha: torch.Tensor) -> RegionPrior:
    weights = torch.full((len(alpha),), -float(np.log(len(alpha))), dtype=torch.float64)
    dirichlet = RegionDirichlet(alpha.log(), weights)
    if name == "dirichlet":
        return dirichlet
    # The logistic-normal of the same mean and variance of log-ratios: ψ(α) and ψ′(α).
    from napari_unmix.model.logratio import helmert

    basis = helmert(alpha.shape[1])
    mean = torch.digamma(alpha) @ basis
    covariance = basis.T @ torch.diag_embed(torch.polygamma(1, alpha)) @ basis
    return RegionLogisticNormal(mean, covariance, weights, torch.zeros_like(mean), torch.zeros_like(weights))


def _run(prior: str, model: Model, data: Data) -> Unmixing:
    """As ``unmix`` returns it, but for its maps, which nobody reads here."""
    latents = torch.zeros(2, model.dimension, dtype=torch.float64)
    fitted = LaplaceFitted(data, State(model, latents), e_step(model, latents, data, data.everything(), 1))
    maps = np.zeros((1, 2, _ENDMEMBERS), np.float32)
    return Unmixing(
        endmembers=fitted.endmembers(),
        abundances=maps,
        abundance_std=maps,
        illumination=None,
        reconstruction_error=maps[:, :, 0],
        names=tuple(f"endmember {k + 1}" for k in range(_ENDMEMBERS)),
        spec=IvaeSpec.model_validate({}),
        findings=Findings(prior=PriorFound(chosen=prior, evidence={}), endmember_error=(0.01,) * _ENDMEMBERS),
        model=fitted.parameters(),
    )


def table(rows: Sequence[Rate]) -> list[str]:
    """Markdown."""
    lines = ["| prior of the run | p(a) | thousand pixels / s | rms to all regions |", "|---|---|---|---|"]
    return lines + [f"| {row.prior} | {row.how} | {row.reached:.3g} | {row.rms:.1e} |" for row in rows]


def summary(rows: Sequence[Rate]) -> str:
    """Whether the goal is reached on this machine, under its load, and what holds on any."""
    asked = [row for row in rows if row.how == "16 components"]
    whole = {row.prior: row.reached for row in rows if row.how.startswith("all")}
    least = min(row.reached / whole[row.prior] for row in asked)
    reached = sum(row.reached >= _GOAL for row in asked)
    return (
        f"The goal of {_GOAL:.0f} with 16 components is reached by {reached} of {len(asked)} priors on this machine, under its load, one thread. "
        f"16 components are at least {least:.0f} times as fast as all regions, and at most {max(row.rms for row in asked):.0e} (rms) from them."
    )
