"""A trained encoder as arrays by name, and the codes that it gives rows, without torch: what is kept of a run is all that is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.nonlinear.rows import Scaling
from napari_unmix.wanted import still_wanted

PREFIX = "encoder."
_CHUNK = 16_384


@dataclass(frozen=True, eq=False)
class Encoder:
    """One start's encoder: a linear part plus hidden layers of SiLU units; its first ``latents`` values are the code.

    ``layers`` are weights (I, W) and shifts (W,); ``straight`` (B, O), ``offset`` (O,), ``last`` (W, O).
    """

    scaling: Scaling
    straight: FloatArray
    offset: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    last: FloatArray
    latents: int

    def codes(self, x: FloatArray) -> FloatArray:
        """(N, B) -> (N, n)."""
        parts = []
        for start in range(0, len(x), _CHUNK):
            still_wanted()
            hidden = scaled = self.scaling.scaled(x[start : start + _CHUNK])
            for weights, shifts in self.layers:
                hidden = _silu(hidden @ weights + shifts)
            values = scaled @ self.straight + self.offset + hidden @ self.last
            parts.append(values[:, : self.latents])
        return np.concatenate(parts) if parts else np.empty((0, self.latents))

    def arrays(self) -> dict[str, FloatArray]:
        """By name, in single precision."""
        named = {
            "centre": self.scaling.centre,
            "spread": self.scaling.spread,
            "straight": self.straight,
            "offset": self.offset,
            "last": self.last,
            "latents": np.array([self.latents]),
        }
        for number, (weights, shifts) in enumerate(self.layers):
            named |= {f"layers.{number}.weight": weights, f"layers.{number}.shift": shifts}
        return {PREFIX + name: value.astype(np.float32) for name, value in named.items()}

    @classmethod
    def of_arrays(cls, named: Mapping[str, FloatArray]) -> Encoder:
        """What ``arrays`` made. Raises KeyError where one is missing."""
        own = {name.removeprefix(PREFIX): np.asarray(value, np.float64) for name, value in named.items()}
        count = sum(name.startswith("layers.") and name.endswith(".weight") for name in own)
        layers = tuple((own[f"layers.{number}.weight"], own[f"layers.{number}.shift"]) for number in range(count))
        scaling = Scaling(own["centre"], own["spread"])
        return cls(scaling, own["straight"], own["offset"], layers, own["last"], int(own["latents"][0]))


def _silu(values: FloatArray) -> FloatArray:
    return np.asarray(values / (1 + np.exp(-np.clip(values, -500, 500))))
