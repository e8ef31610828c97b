"""Are the regions' abundances skewed as a Dirichlet's are? Means and covariances were fitted to one, third moments were not, so they can disagree.

A Dirichlet with mean p and concentration c has third central moments κ_k = 2 p_k (1 − p_k)(1 − 2 p_k) / ((c + 1)(c + 2)): the multinomial's
cumulants times 2 / ((c + 1)(c + 2)). Gaussian noise has none. Logistic-normal abundances of the same means and variances have half to four
fifths of them, and fewer beside endmembers that make a Dirichlet's covariances of theirs, which are off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import FloatArray, IntArray

# Concentrations of regions that hardly vary are no larger.
_MOST_CONCENTRATED = 200.0


@dataclass(frozen=True)
class ThirdMoments:
    """The regions' third moments beside those of Dirichlets of the same means and variances.

    Attributes
    ----------
    share : how much of the Dirichlet's there is, by weighted least squares over regions and materials; 1 where it holds
    share_error : standard error of that
    misfit : mean squared difference in units of its sampling variance; about 1 where it holds
    """

    share: float
    share_error: float
    misfit: float


def third_moments(
    spectra: FloatArray, regions: IntArray, endmembers: FloatArray, noise: float, redundancy: float = 1.0
) -> ThirdMoments | None:
    """Compare them, in the abundances that endmembers (P, B) give spectra (N, B) by least squares that sum to one.

    ``regions`` (N,) are painted, 0 = none; ``noise`` is its level in a band; ``redundancy`` neighbouring pixels count as one. None where no region
    has enough pixels, or all are even.
    """
    abundances, noise_variances = _abundances(spectra, endmembers, noise)
    counts = np.bincount(regions)
    kept = [label for label in range(1, len(counts)) if counts[label] >= FEWEST_PIXELS_OF_A_REGION]
    if not kept:
        return None
    groups = [abundances[regions == label] for label in kept]
    means = np.array([group.mean(axis=0) for group in groups])  # (R, P)
    total = np.array([group.var(axis=0).sum() for group in groups]) - noise_variances.sum()
    shares, concentration = _dirichlets(means, total)
    expected = 2 * shares * (1 - shares) * (1 - 2 * shares) / ((concentration + 1) * (concentration + 2))
    found = np.array([_third(group) for group in groups])
    # The third moment of n draws near a normal scatters by √(6 σ⁶ / n). σ² is the Dirichlet's and the noise's: the sample's own is large where the
    # sample is skewed by chance, which would count these least.
    variances = shares * (1 - shares) / (concentration + 1) + noise_variances
    precision = counts[kept][:, None] / redundancy / (6 * np.maximum(variances, 1e-12) ** 3)
    weight = float((precision * expected**2).sum())
    if not np.isfinite(weight) or weight <= 0:
        return None
    share = float((precision * expected * found).sum()) / weight
    # Regions differ by more than such sampling, so they tell the error of the share themselves; few of them may agree by chance.
    each = (precision * expected * (found - share * expected)).sum(axis=1)
    among = float((each**2).sum()) * len(kept) / max(len(kept) - 1, 1) / weight**2
    return ThirdMoments(
        share=share,
        share_error=max(among, 1 / weight) ** 0.5,
        misfit=float((precision * (found - expected) ** 2).mean()),
    )


def _third(group: FloatArray) -> FloatArray:
    """(P,) unbiased third central moments of (n, P) draws."""
    count = len(group)
    return np.asarray(count / (count - 1) / (count - 2) * ((group - group.mean(axis=0)) ** 3).sum(axis=0))


def _abundances(spectra: FloatArray, endmembers: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """(N, P) least-squares abundances that sum to one and may be negative, and the (P,) variances that noise gives them."""
    inverse = np.linalg.pinv(endmembers[:-1] - endmembers[-1])  # (B, P - 1)
    inverse = np.hstack([inverse, -inverse.sum(axis=1, keepdims=True)])
    shares = (spectra - endmembers[-1]) @ inverse
    shares[:, -1] += 1.0
    return shares, noise**2 * (inverse**2).sum(axis=0)


def _dirichlets(means: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(R, P) means on the simplex and (R, 1) concentrations of Dirichlets of these (R, P) means and (R,) variances summed over the materials."""
    means = np.clip(means, 0.0, 1.0)
    means = means / means.sum(axis=1, keepdims=True)
    concentration = (1 - (means**2).sum(axis=1)) / np.maximum(total, 1e-12) - 1
    return means, np.clip(concentration, 0.0, _MOST_CONCENTRATED)[:, None]
