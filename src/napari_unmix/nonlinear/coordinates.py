"""What a general network sees of spectra: scores in the subspace of largest variance, with brightness taken out where it is free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.subspace import affine_subspace

PREFIX = "coordinates."


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Scores (N, K) of spectra (N, B) are (x/light − ``origin``) · ``basis``ᵀ; light is 1, or the multiple of ``mean`` (B,) nearest to x."""

    origin: FloatArray
    basis: FloatArray
    mean: FloatArray | None = None

    @classmethod
    def of(cls, spectra: FloatArray, dimension: int, *, free_light: bool) -> Coordinates:
        """Of (N, B) spectra, with K = ``dimension``."""
        mean = spectra.mean(axis=0) if free_light else None
        bare = cls(spectra[:0].sum(axis=0), spectra[:0], mean)
        subspace = affine_subspace(bare.unlit(spectra), dimension)
        return cls(subspace.origin, subspace.basis, mean)

    def light(self, spectra: FloatArray) -> FloatArray:
        """(N,) above zero; ones where brightness is no part of the answer's freedom."""
        if self.mean is None:
            return np.ones(len(spectra))
        light = spectra @ self.mean / max(float(self.mean @ self.mean), 1e-300)
        return np.maximum(light, 1e-3)  # a shadow's noise is not blown up without bound

    def unlit(self, spectra: FloatArray) -> FloatArray:
        """(N, B) spectra over their light."""
        return spectra if self.mean is None else spectra / self.light(spectra)[:, None]

    def scores(self, spectra: FloatArray) -> FloatArray:
        """(N, B) -> (N, K)."""
        return np.asarray((self.unlit(spectra) - self.origin) @ self.basis.T)

    def spectra(self, scores: FloatArray) -> FloatArray:
        """(N, K) -> (N, B) at light 1."""
        return np.asarray(scores @ self.basis + self.origin)

    def arrays(self) -> dict[str, FloatArray]:
        """By name, in single precision."""
        named = {"origin": self.origin, "basis": self.basis} | ({} if self.mean is None else {"mean": self.mean})
        return {PREFIX + name: value.astype(np.float32) for name, value in named.items()}

    @classmethod
    def of_arrays(cls, named: Mapping[str, FloatArray]) -> Coordinates:
        """What ``arrays`` made. Raises KeyError where one is missing."""
        own = {name.removeprefix(PREFIX): np.asarray(value, np.float64) for name, value in named.items()}
        return cls(own["origin"], own["basis"], own.get("mean"))
