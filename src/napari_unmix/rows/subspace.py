"""Noise and signal subspace of a cube's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.noise import alike_noise, independent_share, left_by_components
from napari_unmix.rows.repeats import counted_once

# Pixels that the regression of the noise reads: more change its answer by less than a per cent.
_NOISE_PIXELS = 6000
# Cubes are single precision: below this share of the signal a noise level is rounding, not noise.
ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class Subspace:
    """An affine or linear subspace of spectra: ``origin`` (B,) and orthonormal rows ``basis`` (K, B)."""

    origin: FloatArray
    basis: FloatArray

    def scores(self, spectra: FloatArray) -> FloatArray:
        """(N, B) -> (N, K) coordinates."""
        return np.asarray((spectra - self.origin) @ self.basis.T)

    def spectra(self, scores: FloatArray) -> FloatArray:
        """(N, K) coordinates -> (N, B)."""
        return np.asarray(scores @ self.basis + self.origin)


def noise_per_band(spectra: FloatArray) -> FloatArray:
    """(B,) noise standard deviation: what the other bands can't predict, within 20 % from N/B = 0.1 on; repeated spectra count once.

    From two pixels a band on, all other bands predict (HySime, Bioucas-Dias & Nascimento 2008, eq. 5–7), and the regression's degrees of
    freedom are taken off, so that white noise is recovered without bias. Below one pixel a band there are none left: the leading
    components of other bands predict instead. Between, the two variances are mixed. Noise that is alike in neighbouring bands would
    be predicted with the signal: where ``alike_noise`` finds it, it is measured there.
    """
    spectra = counted_once(spectra)
    alike = alike_noise(spectra)
    return _of_its_own(spectra) if alike is None else alike.per_band


def noise_level(spectra: FloatArray, endmembers: int = 0) -> float:
    """White noise level s. With P endmembers the regression leaves (1 + P/B) s², which is taken off (calibrated: χ = 1 on exact models)."""
    once = counted_once(spectra)
    alike = alike_noise(once)
    if alike is not None:
        variance = float(np.mean(alike.per_band**2))
    else:
        variance = float(np.mean(_of_its_own(once) ** 2)) / (1 + endmembers / spectra.shape[1])
    rounding = ROUNDING * float(np.sqrt(np.mean(spectra**2)))
    return float(max(np.sqrt(variance), rounding, 1e-12))


def independent_pixels(spectra: FloatArray) -> float:
    """How many pixels (N, B) spectra in raster order are worth: a copy is none, and interpolated ones count for those that were measured."""
    once = counted_once(spectra)
    return len(once) * independent_share(once)


def said_of_noise(spectra: FloatArray) -> tuple[str, ...]:
    """What to tell of the noise of (N, B) spectra beyond its level: copies, interpolated pixels, neighbouring bands that share it."""
    once = counted_once(spectra)
    said = []
    if once is not spectra:
        times = f"Every spectrum occurs {len(spectra) / len(once):.3g} times on average"
        said.append(f"{times} ({len(once)} different ones): counted once in the noise and in the number of endmembers.")
    if (share := independent_share(once)) < 1:
        said.append(
            f"Neighbouring pixels share their noise, as interpolation makes them: {len(once)} pixels count as {share * len(once):.0f}."
        )
    if (alike := alike_noise(once)) is not None:
        said.append(
            f"The noise is alike in neighbouring bands (correlation {alike.correlation:.1f}), as smoothing makes it: it was measured with that."
        )
    return tuple(said)


def _of_its_own(spectra: FloatArray) -> FloatArray:
    """(B,) standard deviation of noise that is independent from band to band."""
    count, bands = spectra.shape
    share = independent_share(spectra)
    if count > _NOISE_PIXELS:
        spectra = spectra[np.random.default_rng(0).choice(count, _NOISE_PIXELS, replace=False)]
        share = min(1.0, share * count / _NOISE_PIXELS)  # those of a sample lie further apart
    scarce = float(np.clip(2 - share * len(spectra) / bands, 0, 1))  # 0 from N = 2B on, 1 below N = B
    if scarce == 0:
        return _left_by_other_bands(spectra, share)
    if scarce == 1:
        return left_by_components(spectra, share)
    few, many = left_by_components(spectra, share), _left_by_other_bands(spectra, share)
    return np.asarray(np.sqrt(scarce * few**2 + (1 - scarce) * many**2))


def _left_by_other_bands(spectra: FloatArray, share: float) -> FloatArray:
    """(B,) standard deviation that a regression on all other bands leaves: each residual is a column of Y R⁻¹ / diag(R⁻¹)."""
    bands = spectra.shape[1]
    gram = spectra.T @ spectra
    gram += (1e-8 * np.trace(gram) / bands + 1e-300) * np.eye(bands)
    inverse = np.linalg.inv(gram)
    residual = (spectra @ inverse) / np.diag(inverse)
    freedom = max(len(spectra) - (bands - 1) / share, 0.1 * len(spectra))
    return np.asarray(np.sqrt((residual**2).sum(axis=0) / freedom))


def affine_subspace(spectra: FloatArray, dimension: int) -> Subspace:
    """The affine subspace of largest variance (centred principal components)."""
    origin = spectra.mean(axis=0)
    centred = spectra - origin
    return Subspace(origin, _signed(principal(centred, dimension)[1]))


def linear_subspace(spectra: FloatArray, dimension: int, weights: FloatArray | None = None) -> Subspace:
    """The linear subspace (through zero) of largest second moment, pixels weighted by ``weights`` (N,) where given."""
    return Subspace(np.zeros(spectra.shape[1]), _signed(principal(spectra, dimension, weights=weights)[1]))


def principal(
    spectra: FloatArray, most: int, *, weights: FloatArray | None = None, per: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """The ``most`` largest eigenvalues (K,) of Σ w x xᵀ / ``per`` over (N, B) spectra, descending, and orthonormal directions (K, B).

    Where there are fewer pixels than bands, of the pixels' own Gram matrix: the same, in the time that N × N takes. Signs are LAPACK's.
    """
    count, bands = spectra.shape
    if count >= bands:
        weighted = spectra if weights is None else spectra * weights[:, None]
        values, vectors = np.linalg.eigh(weighted.T @ spectra / per)
        return values[::-1][:most], vectors[:, ::-1][:, :most].T
    rooted = spectra if weights is None else spectra * np.sqrt(weights)[:, None]
    values, vectors = np.linalg.eigh(rooted @ rooted.T / per)
    # Xᵀu is a direction times its length. QR makes those whose length is rounding orthogonal as well, and any where pixels are too few.
    beyond = max(min(most, bands) - count, 0)
    found = np.column_stack([rooted.T @ vectors[:, ::-1][:, :most], np.eye(bands, beyond)])
    return np.append(values[::-1][:most], np.zeros(beyond)), np.linalg.qr(found)[0].T


def _signed(vectors: FloatArray) -> FloatArray:
    # Signs are a convention: the same data give the same basis on every machine.
    signs = np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])
    return np.ascontiguousarray(vectors * signs[:, None])


def directions(spectra: FloatArray) -> tuple[int, int]:
    """Number of directions over rounding in which (N, B) spectra vary: about their mean (affine), and from zero (linear)."""
    sample = spectra[:: max(1, len(spectra) // 20_000)]
    total = float((sample**2).sum())
    if total == 0:
        return 0, 0
    centred = sample - sample.mean(axis=0)
    fewer = len(sample) < sample.shape[1]
    affine, linear = (
        np.linalg.eigvalsh(part @ part.T if fewer else part.T @ part) > (ROUNDING**2) * total
        for part in (centred, sample)
    )
    return int(affine.sum()), int(linear.sum())


def eigenvalues(spectra: FloatArray) -> FloatArray:
    """(B,) eigenvalues of the second moment of (N, B) spectra, descending; of the smaller Gram matrix where there are fewer pixels than bands."""
    count, bands = spectra.shape
    if count >= bands:
        return np.linalg.eigvalsh(spectra.T @ spectra / count)[::-1]
    return np.concatenate([np.linalg.eigvalsh(spectra @ spectra.T / count)[::-1], np.zeros(bands - count)])


@dataclass(frozen=True, eq=False)
class Excess:
    """Residual to the best subspaces of P endmembers over the noise: 1 where the linear model is exact.

    ``affine`` and ``linear`` are χ_aff and χ_lin; the eigenvalues are in noise variances, descending.
    """

    affine: float
    linear: float
    affine_eigenvalues: FloatArray
    linear_eigenvalues: FloatArray


def subspace_excess(spectra: FloatArray, endmembers: int, noise: float) -> Excess:
    """Compare the residual of the affine (P−1)- and the linear P-dimensional subspace with the noise level."""
    bands = spectra.shape[1]
    affine = eigenvalues(spectra - spectra.mean(axis=0)) / noise**2
    linear = eigenvalues(spectra) / noise**2
    return Excess(
        float(np.sqrt(max(affine[endmembers - 1 :].sum(), 0) / (bands - endmembers + 1))),
        float(np.sqrt(max(linear[endmembers:].sum(), 0) / max(bands - endmembers, 1))),
        affine,
        linear,
    )
