"""A finished fit, and all that is read of it: ``Fitted``, by Laplace's posterior or by the Gaussian prior's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from napari_unmix.answer import Contribution
from napari_unmix.cube import FloatArray
from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import Posterior
from napari_unmix.model.law import smallest_singular_values
from napari_unmix.model.mixing.base import LinearMixing, Mixing
from napari_unmix.model.priors.gaussian import GaussianPosterior
from napari_unmix.model.settle import Steps, e_steps
from napari_unmix.model.spread import abundance_std, widened
from napari_unmix.model.variation import InBands, Variation

# Directions that are kept of what a nonlinear mixing adds.
_MOST_ADDED = 12


class Fitted(Protocol):
    """What is read of a finished fit, whatever its region prior is."""

    def endmembers(self) -> FloatArray:
        """(P, B), non-negative."""
        ...

    def abundances(self) -> FloatArray:
        """(N, P) of the posterior's mode."""
        ...

    def std(self, endmember_error: FloatArray) -> FloatArray:
        """(N, P) standard deviation of the abundances, the endmembers' own standard errors (P,), shares of the simplex, carried through.

        Times the fit's misfit where that is over one: noise alone would claim too much where spectra vary.
        """
        ...

    def brightness(self) -> FloatArray | None:
        """(N,) illumination, or None where it is not free."""
        ...

    def evidence(self) -> float:
        """Mean log p(x | u) of the pixels with known u, less the prior's parameters' cost (BIC), in nats per pixel."""
        ...

    def misfit(self) -> float:
        """The root of the fit's reduced χ²: rms residual over the noise, of all bands."""
        ...

    def nonlinear_contribution(self) -> Contribution | None:
        """What the mixing adds to s·aM, or None where it is linear."""
        ...

    def concentrations(self) -> FloatArray:
        """(R, P) α of every region, or of the Dirichlet that has the prior's moments."""
        ...

    def smallest_jacobian(self) -> float:
        """The smallest singular value of f's Jacobian over all pixels; f is injective where it is positive."""
        ...

    def parameters(self) -> dict[str, FloatArray]:
        """All fitted parameters by name, to be saved."""
        ...


@dataclass(frozen=True, eq=False)
class LaplaceFitted:
    """A state, and Laplace's posterior under it of every pixel, or of the pixels ``rows`` (n,) alone that judge it."""

    data: Data
    state: State
    posterior: Posterior
    rows: Tensor | None = None

    def endmembers(self) -> FloatArray:
        return self.state.endmembers(self.data)

    def abundances(self) -> FloatArray:
        return self.state.abundances()

    @cached_property
    def widening(self) -> float:
        """What the posterior's spread is times."""
        return self.state.widening(self.data)

    def std(self, endmember_error: FloatArray) -> FloatArray:
        error = torch.from_numpy(np.asarray(endmember_error, dtype=np.float64)).to(self.data.scores)
        own = np.asarray(abundance_std(self.posterior, self.state.model, error).cpu().numpy())
        return widened(own, self.widening)

    def brightness(self) -> FloatArray | None:
        return self.state.brightness()

    def evidence(self) -> float:
        model, regions, known = self.state.model, self.data.regions, self.known()
        cost = bic_cost(model.prior.parameters_per_region, torch.bincount(regions[known], minlength=1))
        noise = -0.5 * self.data.scores.shape[1] * math.log(2 * math.pi * model.variance)
        judging = known if self.rows is None else slice(None)
        return float(self.posterior.evidence[judging].mean()) + noise - cost

    def known(self) -> Tensor:
        """(N,) whether u is known; everywhere where it is nowhere."""
        known = self.data.regions > 0
        return known if bool(known.any()) else ~known

    def misfit(self) -> float:
        return self.state.misfit(self.data)

    def nonlinear_contribution(self) -> Contribution | None:
        model, latents, subspace = self.state.model, self.state.latents, self.data.subspace
        if isinstance(model.mixing, LinearMixing):
            return None
        # 1. s·aM in scores; they are affine in the spectra, so s is of what lies beyond the origin's own scores.
        corners = torch.from_numpy(subspace.scores(self.endmembers())).to(latents)
        origin = torch.from_numpy(subspace.scores(np.zeros((1, subspace.basis.shape[1])))).to(latents)
        brightness = 1.0 if model.light is None else model.brightness(latents)
        linear = origin + brightness * (model.abundances(latents) @ (corners - origin))
        # 2. The leading directions of the rest.
        added = (model.mixed(latents) - linear).cpu().numpy()
        leading = np.linalg.eigh(added.T @ added)[1][:, ::-1][:, :_MOST_ADDED]
        return Contribution(added @ leading, leading.T @ subspace.basis)

    def concentrations(self) -> FloatArray:
        return np.asarray(self.state.model.prior.concentrations().cpu().numpy())

    def smallest_jacobian(self) -> float:
        return float(smallest_singular_values(self.state.latents, self.state.model).min())

    def parameters(self) -> dict[str, FloatArray]:
        model = self.state.model
        named = {f"prior.{name}": value for name, value in model.prior.saved().items()}
        named |= {f"mixing.{name}": value for name, value in mixing_parameters(model.mixing).items()}
        if model.variation is not None:
            named |= self._varied(model.variation)
        if model.light is not None:
            named |= {"light.shape": model.light.shape, "light.mean": torch.tensor([model.light.mean])}
        return {
            **{name: value.detach().cpu().numpy().astype(np.float32) for name, value in named.items()},
            "endmembers": self.endmembers().astype(np.float32),
            "subspace.origin": self.data.subspace.origin.astype(np.float32),
            "subspace.basis": self.data.subspace.basis.astype(np.float32),
            "noise.variance": np.array([model.variance], dtype=np.float32),
            # What other pixels are inferred by beside these: ``endmembers`` above may have been cut at zero.
            "law.corners": model.mixing.endmembers.cpu().numpy().astype(np.float32),
            "law.widening": np.array([self.widening], dtype=np.float32),
        }

    def _varied(self, variation: Variation) -> dict[str, Tensor]:
        """Factors (P, R, B), the widest first, what a band varies by beyond them (P,): see ``InBands``; and the covariances in scores (P, K, K)."""
        found = variation.in_bands
        if found is None:
            basis = torch.from_numpy(self.data.subspace.basis).to(variation.factors)
            factors = variation.factors.flip(2).transpose(1, 2) @ basis
            found = InBands(factors, factors.new_zeros(len(factors)))
        return {
            "variation.factors": found.factors,
            "variation.rest": found.rest,
            "variation.covariances": variation.covariances,
        }


@dataclass(frozen=True, eq=False)
class GaussianFitted:
    """Abundances, their spread and the evidence under the Gaussian region prior; all else of the ``laplace`` fit that it was compared with.

    The Gaussian has no α, and its mixing is the other's: linear, on the same endmembers.
    """

    gaussian: GaussianPosterior
    laplace: LaplaceFitted

    def endmembers(self) -> FloatArray:
        return self.laplace.endmembers()

    def abundances(self) -> FloatArray:
        return self.gaussian.abundances

    def std(self, endmember_error: FloatArray) -> FloatArray:
        return widened(self.gaussian.std_with(endmember_error), self.misfit())

    def brightness(self) -> FloatArray | None:
        return None

    def evidence(self) -> float:
        return gaussian_evidence(self.gaussian.evidence, self.laplace)

    def misfit(self) -> float:
        """Of its own abundances: where it won, no other posterior of all pixels is there."""
        data, state = self.laplace.data, self.laplace.state
        mixed = torch.from_numpy(self.gaussian.abundances).to(data.scores) @ state.model.mixing.endmembers
        squares = ((data.scores - mixed) ** 2).sum(dim=1) + data.outside
        return float((squares.mean() / data.freedom / state.model.variance).sqrt())

    def nonlinear_contribution(self) -> Contribution | None:
        return None

    def concentrations(self) -> FloatArray:
        return self.laplace.concentrations()

    def smallest_jacobian(self) -> float:
        return self.laplace.smallest_jacobian()

    def parameters(self) -> dict[str, FloatArray]:
        regions = {f"gaussian.{name}": values for name, values in self.gaussian.regions.saved().items()}
        saved = {name: values.astype(np.float32) for name, values in regions.items()}
        return {**self.laplace.parameters(), **saved, "law.widening": np.array([self.misfit()], dtype=np.float32)}


def gaussian_evidence(evidence: float, laplace: LaplaceFitted) -> float:
    """The Gaussian's ``evidence`` in the coordinates of the fit that it is compared with.

    Its own are the endmembers' plane: what lies beyond it is noise alone.
    """
    scores = laplace.data.scores
    extra = scores.shape[1] - laplace.state.model.size
    if not extra:
        return evidence
    corners = torch.from_numpy(laplace.data.subspace.scores(laplace.endmembers())).to(scores)
    plane = torch.linalg.qr((corners[:-1] - corners[-1]).T)[0]
    centred = scores[laplace.known()] - corners[-1]
    beyond = float((centred.square().sum(dim=1) - (centred @ plane).square().sum(dim=1)).mean())
    variance = laplace.state.model.variance
    return evidence - 0.5 * (beyond / variance + extra * math.log(2 * math.pi * variance))


def judged(state: State, data: Data, most: int) -> Steps[LaplaceFitted]:
    """The posterior of at most ``most`` pixels that say how good a law is; of all where there are no more, which is a finished fit."""
    rows = data.judging_pixels(most)
    if rows is None:
        return (yield from finish(state, data))
    posterior = yield from e_steps(state, data, rows)
    return LaplaceFitted(data, state.with_latents(rows, posterior.latents), posterior, rows)


def finish(state: State, data: Data) -> Steps[LaplaceFitted]:
    """The posterior of every pixel under the state's law."""
    everything = data.everything()
    posterior = yield from e_steps(state, data, everything)
    return LaplaceFitted(data, state.with_latents(everything, posterior.latents), posterior)


def bic_cost(parameters_per_region: int, pixels: Tensor) -> float:
    """Nats per pixel that the regions' parameters cost, for regions of ``pixels`` (R,): ½ Σ_u k log n_u / Σ_u n_u over those that have any."""
    counts = pixels.double()
    used = counts[counts > 0].clamp_min(2.0)
    return 0.5 * parameters_per_region * float(used.log().sum()) / int(pixels.sum())


def mixing_parameters(mixing: Mixing) -> dict[str, Tensor]:
    """The tensors and numbers that a mixing function holds beside its endmembers, by name."""
    found: dict[str, Tensor] = {}
    for name, value in vars(mixing).items():
        if name in ("endmembers", "basis", "products", "linear"):
            continue
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, float):
            found[name] = torch.tensor([value])
        elif isinstance(value, tuple):
            found |= {f"{name}.{k}": part for k, part in enumerate(value)}
        else:
            found |= mixing_parameters(value)
    return found
