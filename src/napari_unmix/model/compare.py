"""Region priors compete by evidence: Dirichlet, logistic-normal, and where mixing is linear and sums to one the closed-form Gaussian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.data import Data, State
from napari_unmix.model.fitted import Fitted, GaussianFitted, LaplaceFitted, finish, gaussian_evidence, judged
from napari_unmix.model.infer import e_step
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.priors.gaussian import GaussianLaw
from napari_unmix.model.settle import Steps, settle, without_loss

_MOST_LEARNED = 20_000
# Priors are judged on at most so many pixels of known u: their difference has a standard error of a few thousandths of a nat then (decision 0032).
MOST_JUDGED = 20_000
_ROUNDS = 4


@dataclass(frozen=True, eq=False)
class PriorChoice:
    """The fit whose prior won, that prior's name, the evidence in nats per pixel of every prior that took part, and what to tell the user."""

    fitted: Fitted
    prior: str
    evidence: Mapping[str, float]
    note: str


def choose_prior(
    data: Data, state: State, spectra: FloatArray, regions: IntArray, *, choice: str
) -> Steps[PriorChoice]:
    """Fit the priors that ``choice`` ("auto", "dirichlet", "logistic-normal") admits, and finish the one of the highest evidence.

    Of many pixels an even sample judges: it holds learned ones and others in the scene's own proportion, so it says what all would say.
    ``state`` has the Dirichlet; ``spectra`` (N, B) and ``regions`` (N,), 0 = unknown, are what the Gaussian reads.
    """
    # 1. The Dirichlet that the fit has had so far, a logistic-normal with its moments, or both, on the pixels that judge.
    if choice == "logistic-normal":
        other = yield from _as_logistic_normal(state, data)
        best, evidence = other.fitted, {"logistic-normal": other.fitted.evidence()}
    else:
        best = yield from judged(state, data, MOST_JUDGED)
        evidence = {"dirichlet": best.evidence()}
    if choice == "auto":
        other = yield from _as_logistic_normal(best.state, data)
        evidence["logistic-normal"] = other.fitted.evidence()
        # The learned pixels were solved once more for their moments: the Dirichlet's abundances are read where they came to lie.
        sharper = replace(best, state=best.state.with_latents(other.rows, other.latents))
        best = other.fitted if compare(evidence) == "logistic-normal" else sharper
    # 2. The Gaussian, in closed form: where spectra are linear mixtures that sum to one, with the same white noise in all.
    law, model = None, best.state.model
    closed_form = model.light is None and model.variation is None and isinstance(model.mixing, LinearMixing)
    if choice == "auto" and closed_form:
        law = GaussianLaw.of(spectra, best.endmembers(), regions, model.variance**0.5)
        if law is not None:
            evidence["gaussian"] = gaussian_evidence(law.evidence, best)
    # 3. Every pixel under the law that won, and under no other.
    won = compare(evidence)
    note = prior_note(evidence, choice)
    if law is not None and won == "gaussian":
        gaussian = yield from without_loss(law.posterior_steps(), best.state)
        return PriorChoice(GaussianFitted(gaussian, best), won, evidence, note)
    del law  # its pixels take room
    if best.rows is not None:
        best = yield from finish(best.state, data)
    return PriorChoice(best, won, evidence, note)


class _Other(NamedTuple):
    """The logistic-normal's fit, and the pixels whose moments it began with: where their latents (n, D) lay under the prior before."""

    fitted: LaplaceFitted
    rows: Tensor
    latents: Tensor


def _as_logistic_normal(state: State, data: Data) -> Steps[_Other]:
    """The same fit with a logistic-normal of the posterior's moments, settled and finished."""
    rows = data.learned_pixels(_MOST_LEARNED)
    posterior = e_step(state.model, state.latents, data, rows)
    law = state.model.prior.logistic_normal(posterior.moments(state.model.size), data.regions[rows])
    settled = yield from settle(replace(state, model=replace(state.model, prior=law)), data, rows, _ROUNDS)
    return _Other((yield from judged(settled.state, data, MOST_JUDGED)), rows, posterior.latents)


def compare(evidence: Mapping[str, float]) -> str:
    """The prior of the highest evidence; of equals the first."""
    return max(evidence, key=lambda name: evidence[name])


_NAMES = {"dirichlet": "Dirichlet", "logistic-normal": "logistic-normal", "gaussian": "Gaussian with full covariance"}


def prior_note(evidence: Mapping[str, float], choice: str) -> str:
    """Which prior won, and by how much."""
    won = compare(evidence)
    if choice != "auto":
        return f"Region prior: {_NAMES[won]}, as asked."
    others = " and ".join(
        f"{_NAMES[name]} {evidence[won] - value:.2f}" for name, value in evidence.items() if name != won
    )
    return f"Region prior: {_NAMES[won]}, by evidence (nats per pixel behind it: {others})."
