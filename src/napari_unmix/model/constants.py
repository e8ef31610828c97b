"""The constants of a whole scene that a nonlinear mixing brings: a curve's slopes, the endmembers' brightness, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import e_step
from napari_unmix.model.law import Model
from napari_unmix.model.mixing.base import Mixing

# Pixels at once, and by what difference slopes are taken.
_BATCH, _NUDGE = 250, 1e-4
_LONGEST, _BRIGHTNESS, _FARTHEST, _MOST_ERRORS = 0.5, 0.3, 0.03, 2.0


@dataclass(frozen=True, eq=False)
class SceneConstants:
    """The scene's numbers as one vector θ ``values`` (T,), and the Gaussian N(0, precision⁻¹) that they have a priori.

    The mixing's ``own`` numbers, with unit variance and differences of variance ¼; the log ``brightness`` of every endmember where it is free
    (else 0 of them), with standard deviation 0.3; and where each endmember stands within its standard error β, ``reach`` (P,):
    m_k = anchor_k + β_k Σ_j ξ_kj (anchor_j − mean). Endmembers that are free beyond that run away while the evidence rises.
    ``endmembers_move``: whether ξ is free as well.
    """

    anchor: Tensor
    reach: Tensor
    own: int
    brightness: int
    precision: Tensor
    values: Tensor
    endmembers_move: bool = False

    @classmethod
    def of(cls, mixing: Mixing, endmember_error: FloatArray, *, brightness_free: bool) -> SceneConstants:
        """At zero, where the mixing has the parameters that it starts with; ``endmember_error`` (P,) as shares of the simplex."""
        anchor, size = mixing.endmembers, len(mixing.endmembers)
        own, brightness = len(mixing.parameters), size if brightness_free else 0
        difference = torch.eye(own).diff(dim=0)
        blocks = [torch.eye(own) + 4 * difference.T @ difference]
        blocks += [torch.eye(brightness) / _BRIGHTNESS**2, torch.eye(size * size)]
        precision = torch.block_diag(*blocks).to(anchor)  # type: ignore[no-untyped-call]
        reach = torch.from_numpy(endmember_error).to(anchor).clamp_max(_FARTHEST)
        return cls(anchor, reach, own, brightness, precision, torch.zeros(len(precision)).to(anchor))

    def written(self, mixing: Mixing) -> Mixing:
        """The mixing that has θ."""
        size, end = len(self.anchor), self.own + self.brightness
        shifts = self.values[end:].reshape(size, size) @ (self.anchor - self.anchor.mean(dim=0))
        endmembers = self.anchor + self.reach[:, None] * shifts
        if self.brightness:
            endmembers = self.values[self.own : end].exp()[:, None] * endmembers
        return mixing.with_endmembers(endmembers).with_parameters(self.values[: self.own])

    def step(self, state: State, data: Data, rows: Tensor, damping: float) -> Stepped:
        """One Gauss–Newton step of θ from the pixels ``rows``, their latents eliminated (Schur complement).

        Alternating θ with the latents creeps along the valley between them; eliminating them does not.
        """
        model, latents = state.model, []
        # 1. Normal equations of θ: the prior's, and every pixel's with its own latents eliminated.
        normal, gradient = self.precision.clone(), self.precision @ self.values
        for batch in torch.split(rows, _BATCH):
            posterior = e_step(model, state.latents, data, batch)
            latents.append(posterior.latents)
            slope = model.seen(posterior.latents, model.slopes(posterior.latents).slope)
            along = self._slopes(model, posterior.latents)  # (T, n, K)
            along = model.seen(posterior.latents, along.transpose(0, 1)).transpose(0, 1)
            cross = torch.einsum("ndk,tnk->ndt", slope, along) / model.variance
            flat, left = along.flatten(1), model.left(posterior.latents, data.scores[batch])
            eliminated = torch.einsum("nds,ndt->st", cross, torch.linalg.solve(posterior.hessian, cross))
            normal = normal + flat @ flat.T / model.variance - eliminated
            gradient = gradient - flat @ left.flatten() / model.variance
        # 2. The step of what is free, none of the scene's own numbers further than the longest.
        end = self.own + self.brightness
        free = len(self.values) if self.endmembers_move else end
        step = torch.zeros_like(self.values)
        step[:free] = damping * torch.linalg.solve(normal[:free, :free], gradient[:free])
        largest = step[:end].abs().amax() if end else step.new_zeros(())
        values = self.values - step * min(1.0, _LONGEST / max(float(largest), 1e-12))
        # 3. Endmembers stay within two standard errors.
        values[end:] = values[end:].clamp(-_MOST_ERRORS, _MOST_ERRORS)
        moved = replace(self, values=values)
        return Stepped(
            moved,
            replace(
                state.with_latents(rows, torch.cat(latents)), model=replace(model, mixing=moved.written(model.mixing))
            ),
        )

    def _slopes(self, model: Model, latents: Tensor) -> Tensor:
        """(T, n, K) slope of the noise-free scores along θ, by central differences."""
        rows = []
        for nudge in _NUDGE * torch.eye(len(self.values)).to(self.values):
            up, down = (
                replace(model, mixing=replace(self, values=self.values + sign * nudge).written(model.mixing)).mixed(
                    latents
                )
                for sign in (1.0, -1.0)
            )
            rows.append((up - down) / (2 * _NUDGE))
        return torch.stack(rows)


class Stepped(NamedTuple):
    """Constants after a step, and the state that has them."""

    constants: SceneConstants
    state: State
