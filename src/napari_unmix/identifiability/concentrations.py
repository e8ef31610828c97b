"""What the painted regions' Dirichlet parameters α(u) say: do they vary, and in how many directions?"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.subject import Subject

# Probabilities by chance below which a test is sure, and below which it is likely.
SURE, LIKELY = 0.001, 0.05
_LEAST_SHARE = 0.01


def alpha_by_region(subject: Subject, refits: Refits) -> tuple[FloatArray, FloatArray] | None:
    """α (R, P) of the usable painted regions, of the result or else of their moments, and their independent pixels (R,)."""
    usable = subject.usable_regions
    counts = subject.pixels_by_region[usable].astype(float)
    if refits.moments is not None and refits.moments.regions == len(usable):
        counts = refits.moments.counts
    if subject.alpha is not None and len(subject.alpha) >= usable.max(initial=0):
        return subject.alpha[usable - 1], counts
    fit = refits.moment_fit
    if fit is None or len(fit.means) != len(usable):
        return None
    shares = np.clip(fit.means, _LEAST_SHARE, None)
    return shares / shares.sum(axis=1, keepdims=True) * fit.concentrations[:, None], counts


def varying(alpha: FloatArray, counts: FloatArray) -> tuple[FloatArray, int, FloatArray]:
    """χ² (P,) of each column of α (R, P) being constant, its degrees of freedom, and the columns' relative spread beyond sampling (P,)."""
    variances = np.array([np.diag(np.linalg.inv(_information(a, n))) for a, n in zip(alpha, counts, strict=True)])
    weights = 1 / variances
    centre = (weights * alpha).sum(axis=0) / weights.sum(axis=0)
    chi = (weights * (alpha - centre) ** 2).sum(axis=0)
    beyond = np.maximum(alpha.var(axis=0, ddof=1) - variances.mean(axis=0), 0.0)
    return chi, len(alpha) - 1, np.sqrt(beyond) / np.maximum(alpha.mean(axis=0), 1e-12)


def rank_test(alpha: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Smallest whitened singular value of the centred α (R, P), and the p-value of its square under rank deficiency (theory §5)."""
    from scipy.stats import chi2

    regions, count = alpha.shape
    covariance = np.mean([np.linalg.inv(_information(a, n)) for a, n in zip(alpha, counts, strict=True)], axis=0)
    whitener = np.linalg.cholesky(np.linalg.inv(covariance))
    smallest = float(np.linalg.svd((alpha - alpha.mean(axis=0)) @ whitener, compute_uv=False)[count - 1])
    return smallest, float(chi2.sf(smallest**2, max(regions - count, 1)))


def _information(alpha: FloatArray, count: float) -> FloatArray:
    """(P, P) Fisher information of n draws about α: n (diag ψ′(α) − ψ′(Σα))."""
    from scipy.special import polygamma

    return np.asarray(count * (np.diag(polygamma(1, alpha)) - polygamma(1, alpha.sum())))
