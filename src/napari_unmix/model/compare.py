"""Region priors compete by evidence: Dirichlet, logistic-normal, and where mixing is linear and sums to one the closed-form Gaussian."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import cast

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.learn import logistic_normal_from
from napari_unmix.model.mixing.pixel import LinearMixing
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.gaussian import GaussianPosterior, gaussian_posterior
from napari_unmix.model.settle import SemiAmortised, Step, counted_steps

_MOST_LEARNED = 20_000
_ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Contest:
    """The state with the prior that won, its name, the evidence in nats per pixel of every prior that took part, and what to tell the user.

    ``gaussian`` where the Gaussian won: its abundances are used, and the state's prior is then the better of the other two.
    """

    state: SemiAmortised
    prior: str
    evidence: dict[str, float]
    gaussian: GaussianPosterior | None
    note: str


def contest(
    state: SemiAmortised, spectra: FloatArray, regions: IntArray, *, choice: str
) -> Generator[Step, None, Contest]:
    """Fit the priors that ``choice`` ("auto", "dirichlet", "logistic-normal") admits, and finish with the one of the highest evidence."""
    counter, steps = itertools.count(1), 40
    states: dict[str, SemiAmortised] = {}
    if choice != "logistic-normal":
        yield from counted_steps(state.finish(), counter, steps)
        states["dirichlet"] = state
    if choice != "dirichlet":
        other = replace(state, latents=state.latents.clone(), posterior=None)
        rows = state.learned_pixels(_MOST_LEARNED)
        moments = state.solve(rows).moments(state.model.size)
        prior = cast(RegionDirichlet, state.model.prior)
        other.model = replace(
            state.model, prior=logistic_normal_from(prior, moments, state.regions[rows], state.model.basis())
        )
        yield from counted_steps(other.settled(rows, _ROUNDS), counter, steps)
        yield from counted_steps(other.finish(), counter, steps)
        states["logistic-normal"] = other
    evidence = {name: candidate.evidence() for name, candidate in states.items()}
    best = max(evidence, key=lambda name: evidence[name])
    for name in states.keys() - {best}:
        states[name].posterior = None  # large scenes: one posterior at a time
    gaussian = None
    if choice == "auto" and state.model.light is None and isinstance(state.model.mixing, LinearMixing):
        gaussian = gaussian_posterior(spectra, state.endmembers(), regions, state.model.variance**0.5)
    if gaussian is not None:
        evidence["gaussian"] = gaussian.evidence
    won = max(evidence, key=lambda name: evidence[name])
    chosen = states[best]
    return Contest(chosen, won, evidence, gaussian if won == "gaussian" else None, _note(won, evidence, choice))


_NAMES = {"dirichlet": "Dirichlet", "logistic-normal": "logistic-normal", "gaussian": "Gaussian with full covariance"}


def _note(won: str, evidence: dict[str, float], choice: str) -> str:
    if choice != "auto":
        return f"Region prior: {_NAMES[won]}, as asked."
    others = " and ".join(
        f"{_NAMES[name]} {evidence[won] - value:.2f}" for name, value in evidence.items() if name != won
    )
    return f"Region prior: {_NAMES[won]}, by evidence (nats per pixel behind it: {others})."
