"""How many directions hold signal, by three rules of the field: second opinions beside the number that ``counting`` suggests.

They count directions that rise over noise, so that every way in which spectra vary counts as well: on real scenes they often say several times as
many as there are materials.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.repeats import counted_once
from napari_unmix.rows.subspace import ROUNDING, noise_per_band

# Chance that HFC counts a direction of noise.
FALSE_ALARM = 1e-3
# Pixels that are looked at, evenly spread.
_MOST_PIXELS = 100_000


@dataclass(frozen=True)
class SecondOpinions:
    """The number of endmembers by each rule."""

    hysime: int
    hfc: int
    eigenvalues: int
    false_alarm: float = FALSE_ALARM

    def __str__(self) -> str:
        return (
            f"HySime {self.hysime}, HFC {self.hfc} (false alarms {self.false_alarm:g}), eigenvalues {self.eigenvalues}"
        )


def second_opinions(spectra: FloatArray, false_alarm: float = FALSE_ALARM) -> SecondOpinions:
    """What the three rules say of (N, B) pixels in raster order."""
    sample = counted_once(spectra)
    sample = sample[:: max(1, -(-len(sample) // _MOST_PIXELS))]
    noise = noise_per_band(sample)
    return SecondOpinions(
        hysime(sample, noise), hfc(sample, false_alarm), singular_values_over(sample, noise), false_alarm
    )


def hysime(spectra: FloatArray, noise: FloatArray) -> int:
    """Directions in which the signal holds more than the noise would add (HySime, Bioucas-Dias & Nascimento 2008, TGRS 46(8), eq. 20).

    Of (N, B) spectra whose noise has a standard deviation (B,) in each band, measured as everywhere in this program. A direction e of the
    signal's correlation is kept where leaving it out costs more than its noise: eᵀR e > 2 eᵀN e. Of few pixels noise alone has directions of more
    than twice its variance: below 5.8 pixels a band, 2 is the edge of Marchenko & Pastur, which is ours.
    """
    correlation = spectra.T @ spectra / len(spectra)
    of_noise = np.diag(noise**2)
    directions = np.linalg.eigh(correlation - of_noise)[1]
    power, its_noise = (np.einsum("bk,bc,ck->k", directions, matrix, directions) for matrix in (correlation, of_noise))
    # Where there is no noise, directions of rounding are none of signal.
    floor = (ROUNDING**2) * float(np.trace(correlation)) / len(correlation)
    times = max(2.0, (1 + np.sqrt(spectra.shape[1] / len(spectra))) ** 2)
    return int((power > times * np.maximum(its_noise, floor)).sum())


def hfc(spectra: FloatArray, false_alarm: float = FALSE_ALARM) -> int:
    """Virtual dimensionality by Harsanyi, Farrand & Chang (Chang & Du 2004, TGRS 42(3), eq. 7–11) of (N, B) spectra.

    An eigenvalue of the correlation matrix is larger than its partner of the covariance matrix where its direction holds a mean; of noise both are
    alike, and differ by chance with a variance of 2 (λ² + κ²) / N. It is a test at the rate ``false_alarm`` for each of the B pairs.
    """
    from scipy.stats import norm

    count = len(spectra)
    centred = spectra - spectra.mean(axis=0)
    of_correlation, of_covariance = (
        np.linalg.eigvalsh(values.T @ values / count)[::-1] for values in (spectra, centred)
    )
    spread = np.sqrt(2 / count * (of_correlation**2 + of_covariance**2))
    floor = ROUNDING**2 * float(of_correlation.sum()) / len(of_correlation)
    beyond = of_correlation - of_covariance - np.maximum(norm.isf(false_alarm) * spread, floor)
    return int((beyond > 0).sum())


def singular_values_over(spectra: FloatArray, noise: FloatArray) -> int:
    """Singular values over the optimal hard threshold (Gavish & Donoho 2014, IEEE Trans. Inf. Theory 60(8), eq. 11 and § IV.A).

    Of (N, B) spectra over their noise (B,) band by band; the level that is left is taken from the median, which signal hardly moves.
    """
    floor = ROUNDING * float(np.sqrt(np.mean(spectra**2))) + 1e-300
    whitened = spectra / np.maximum(noise, floor)
    shape = min(spectra.shape) / max(spectra.shape)
    small = whitened @ whitened.T if len(spectra) < spectra.shape[1] else whitened.T @ whitened
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(small), 0.0))
    least = max(_over_median(shape) * float(np.median(values)), ROUNDING * float(values.max()))
    return int((values > least).sum())


def _over_median(shape: float) -> float:
    """The threshold over the median singular value of noise of this shape β = rows / columns ≤ 1 (eq. 11 over the root of the median μ_β)."""
    root = np.sqrt(shape**2 + 14 * shape + 1)
    return float(np.sqrt(2 * (shape + 1) + 8 * shape / (shape + 1 + root)) / np.sqrt(_median_of_noise(shape)))


@cache
def _median_of_noise(shape: float) -> float:
    """The median of the law of Marchenko & Pastur (1967), of eigenvalues of noise of variance one and this shape, by its cumulated density."""
    low, high = (1 - np.sqrt(shape)) ** 2, (1 + np.sqrt(shape)) ** 2
    # Angles instead of values: the density has an infinite slope at both ends.
    angles = np.linspace(0.0, np.pi, 20_001)[1:-1]
    values = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angles)
    density = np.sqrt((values - low) * (high - values)) / np.maximum(values, 1e-12) * np.sin(angles)
    cumulated = np.cumsum(density)
    return float(np.interp(0.5, cumulated / cumulated[-1], values))
