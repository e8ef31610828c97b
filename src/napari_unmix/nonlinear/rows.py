"""The problem: rows x with side information u, and how they are scaled before anything learns from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.sentences import UnmixError


@dataclass(frozen=True, eq=False)
class Rows:
    """Signed data whose latents are sought.

    Attributes
    ----------
    x : (N, B) float64
    u : (N,) side information, 0 … R − 1; zeros where there is none
    latents : how many are sought, at most B
    one_scale : all channels are in one unit, and are scaled by one number, so that weak ones, which are mostly noise, stay weak
    """

    x: FloatArray
    u: IntArray
    latents: int
    one_scale: bool = False

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or not np.isfinite(self.x).all():
            raise UnmixError(f"x must be a table of finite numbers, rows by channels; it is of shape {self.x.shape}.")
        if self.u.shape != (len(self.x),) or self.u.min(initial=0) < 0:
            raise UnmixError(
                f"u must be one whole number from 0 for each of the {len(self.x)} rows; it is of shape {self.u.shape}."
            )
        if not 1 <= self.latents <= self.x.shape[1]:
            raise UnmixError(
                f"{self.latents} latents of {self.x.shape[1]} channels: choose from 1 to {self.x.shape[1]}."
            )

    @property
    def values_of_u(self) -> int:
        """R."""
        return int(self.u.max(initial=0)) + 1

    def without_u(self) -> Rows:
        """The same rows, and nothing known beside them."""
        return Rows(self.x, np.zeros(len(self.x), dtype=np.int64), self.latents, self.one_scale)

    @cached_property
    def scaling(self) -> Scaling:
        """Of these rows."""
        spread = self.x.std(axis=0)
        if self.one_scale:
            spread = np.full_like(spread, np.sqrt(np.mean(spread**2)))
        return Scaling(self.x.mean(axis=0), np.maximum(spread, 1e-12))


@dataclass(frozen=True, eq=False)
class Scaling:
    """Channels with mean 0, and standard deviation 1 each or together; ``centre`` and ``spread`` (B,)."""

    centre: FloatArray
    spread: FloatArray

    def scaled(self, x: FloatArray) -> FloatArray:
        """(N, B) in units of the channels' spread."""
        return np.asarray((x - self.centre) / self.spread)


def means_by(values: FloatArray, u: IntArray, count: int) -> FloatArray:
    """(N, n) -> (R, n) the mean of the rows of each value of u; 0 where there are none."""
    sums = np.stack([np.bincount(u, weights=column, minlength=count) for column in values.T], axis=1)
    return np.asarray(sums / np.maximum(np.bincount(u, minlength=count), 1)[:, None])
