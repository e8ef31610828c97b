"""Check 9: do regions tell spectra apart better than permuted ones, do residuals know u, and does u read the spectra?"""

from __future__ import annotations

import numpy as np

from napari_unmix.auxiliary import GENERATORS
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.again.refits import Refits, evenly_lit
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.subspace import eigenvalues, principal

_PERMUTATIONS = 49
_LIKELY_CHANCE = 0.05
# Standard errors by which the residuals of regions may differ.
_TIED = 6.0
_SAMPLE = 20_000
CONDITION = Condition(
    "side information",
    "where it applies",
    number=9,
    precedence=3,
    threshold=_LIKELY_CHANCE,
    title="Regions tell spectra apart",
    told="{share:.0f} % of shuffled regions do as well (good up to {limit:.0f} %)",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Are the regions used, and legitimate?"""
    generator = np.random.default_rng(0)
    spectra, regions, _ = evenly_lit(subject)
    rows = np.flatnonzero(np.isin(regions, subject.usable_regions))
    if len(np.unique(regions[rows])) < 2:
        return _without_paint(subject)
    rows = rows if len(rows) <= _SAMPLE else np.sort(generator.choice(rows, _SAMPLE, replace=False))
    labels = np.unique(regions[rows], return_inverse=True)[1]
    gain, p_value = likelihood_gain(_scores(spectra[rows], subject.count), labels, generator)
    tied = residuals_know(subject.outside_signal()[0][rows], labels)
    used, legitimate = p_value <= _LIKELY_CHANCE and gain > 0, tied < _TIED
    status: Status = "pass" if used and legitimate else "fail"
    sentence = (
        f"Knowing the region makes a spectrum {gain:.2f} nats likelier than chance (p = {p_value:.2f})"
        if used
        else f"Regions tell spectra apart no better than shuffled ones (p = {p_value:.2f}): they add nothing"
    )
    sentence += (
        "; residuals do not depend on it."
        if legitimate
        else f"; residuals depend on it ({tied:.0f} standard errors): regions follow the noise, or mixing differs between them."
    )
    numbers = {"gain_nats": gain, "p_value": p_value, "residual_deviations": tied}
    remedy = "" if status == "pass" else "Paint by place, where mixtures differ, and not by what the spectra look like."
    limit = "the regions tell mixtures apart no better than chance, or residuals depend on them; the endmembers rest on geometry"
    measured = "" if legitimate else "but what the model leaves depends on the region, and should not"
    return CONDITION.check(status, p_value, sentence, remedy, numbers, limit=limit, measured=measured)


def _without_paint(subject: Subject) -> Check:
    """Automatic side information: say whether it reads the spectra."""
    sources = subject.findings.sources
    reading = [source for source in sources if source in GENERATORS and GENERATORS[source].reads_spectra != "no"]
    sentence = "No two regions are painted: there is no side information to test."
    if reading:
        sentence = f"Side information comes from {' and '.join(reading)}, which look at the spectra: it sharpens abundances, and proves nothing."
    return CONDITION.not_applicable(sentence)


def _scores(spectra: FloatArray, count: int) -> FloatArray:
    centred = spectra - spectra.mean(axis=0)
    scores = centred @ principal(centred, count - 1)[1].T
    return np.asarray(scores / np.maximum(scores.std(axis=0), 1e-12))


def likelihood_gain(scores: FloatArray, labels: IntArray, generator: np.random.Generator) -> tuple[float, float]:
    """Gain in nats per pixel of one Gaussian per region over the same for permuted labels, and its p-value."""
    observed = _separation(scores, labels)
    permuted = np.array([_separation(scores, generator.permutation(labels)) for _ in range(_PERMUTATIONS)])
    return float(observed - permuted.mean()), float((1 + (permuted >= observed).sum()) / (1 + _PERMUTATIONS))


def _separation(scores: FloatArray, labels: IntArray) -> float:
    """−½ Σ_r (n_r/N) log|S_r|: the log-likelihood of one Gaussian per region, up to what permuting leaves."""
    pixels, dimension = scores.shape
    counts = np.bincount(labels).astype(float)
    products = np.concatenate([scores, (scores[:, :, None] * scores[:, None, :]).reshape(pixels, -1)], axis=1)
    sums = np.stack([np.bincount(labels, weights=column) for column in products.T], axis=1) / counts[:, None]
    means, seconds = sums[:, :dimension], sums[:, dimension:].reshape(-1, dimension, dimension)
    covariances = seconds - means[:, :, None] * means[:, None, :] + 1e-9 * np.eye(dimension)
    return float(-0.5 * (counts / pixels) @ np.linalg.slogdet(covariances)[1])


def residuals_know(residual: FloatArray, labels: IntArray) -> float:
    """By how many standard errors the regions' mean residuals (N, B) differ more than pixels of one law would."""
    counts = np.bincount(labels).astype(float)
    residual = residual - residual.mean(axis=0)
    means = np.stack([np.bincount(labels, weights=band) for band in residual.T], axis=1) / counts[:, None]
    covariance = eigenvalues(residual)[::-1]
    between = float((counts[:, None] * means**2).sum())
    # Under one law, Σ n |mean|² has mean (R − 1) tr C and variance 2 (R − 1) tr C².
    freedom = len(counts) - 1
    spread = np.sqrt(2 * freedom * float((covariance**2).sum()))
    return float((between - freedom * covariance.sum()) / max(spread, 1e-300))
