"""Checks that rest on refits: 3 the simulated twin, 8 stability, 9 whether side information is used and legitimate."""

from __future__ import annotations

import numpy as np

from napari_unmix.auxiliary import GENERATORS
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.again.refits import Refits, angles, evenly_lit
from napari_unmix.identifiability.checks.fit import outside_signal
from napari_unmix.identifiability.checks.regions import not_applicable
from napari_unmix.identifiability.errors import expected_abundance_rmse, twin_degrees
from napari_unmix.identifiability.report import Check, Status
from napari_unmix.identifiability.subject import Evidence

# Degrees. An answer that its own twins miss by more than 2° is not called identified.
SMALL, LARGE = 1.5, 2.0
STEADY, UNSTEADY = 1.0, 3.0  # degrees
# Restarts whose evidence is as high as the best one's to this (nats per pixel) should give its abundances to this (root mean square).
_AS_LIKELY, _RESTARTS = 0.02, 0.05
_PERMUTATIONS = 49
_LIKELY_CHANCE = 0.05
# Standard errors by which the residuals of regions may differ.
_TIED = 6.0
_SAMPLE = 20_000


def simulated_twin(evidence: Evidence, made: Refits) -> Check:
    """Check 3: simulate scenes from the fit, refit them, compare: the errors that this answer has if its model holds."""
    name = "simulated twin"
    if not made.twins:
        return not_applicable(
            name,
            "Not simulated: this method, nonlinear mixing, or painted strokes made the answer in a way that is not repeated here.",
            SMALL,
        )
    value = twin_degrees(evidence, made)
    error = expected_abundance_rmse(evidence, made)
    status: Status = "pass" if value < SMALL else "doubtful" if value <= LARGE else "fail"
    each = np.median([angles(twin.endmembers, evidence.endmembers) for twin in made.twins], axis=0)
    worst = int(each.argmax())
    sentence = (
        f"In {len(made.twins)} scenes simulated from this answer, endmembers came back within {value:.1f}° on average "
        f"({evidence.named([worst])} within {each[worst]:.1f}°); "
        f"abundances within {100 * error:.1f} % (root mean square). Errors that such scenes share with the answer are not seen."
    )
    numbers: dict[str, float | None] = {f"degrees {k + 1}": float(angle) for k, angle in enumerate(each)}
    numbers |= {"angle_degrees": value, "abundance_rmse": error}
    remedy = "" if status == "pass" else f"Paint regions, or a stroke, where {evidence.named([worst])} is frequent."
    return Check(name, status, value, SMALL, sentence, remedy, numbers)


def stable(evidence: Evidence, made: Refits) -> Check:
    """Check 8: the spread of the angle over parts of the data and restarts, and the independent opinion of contrastive learning.

    Leaving out a fifth of the regions at a time is the jackknife of the regions: its spread is √((n − 1) · mean square).
    """
    name = "stable"
    spread = parts_degrees(evidence, made)
    restarts = restarts_rmse(evidence)
    if spread is None and restarts is None:
        return not_applicable(
            name, "Not refitted: this method's fit is not repeated here, and three regions have to be left.", STEADY
        )
    status: Status = "pass" if (spread or 0) < STEADY else "doubtful" if (spread or 0) <= UNSTEADY else "fail"
    if restarts is not None and restarts > _RESTARTS:
        status = "doubtful" if status == "pass" else status
    how = "Without a fifth of the regions" if made.without_regions else "On other draws of the pixels"
    sentence = f"{how}, endmembers move by {spread:.1f}°" if spread is not None else "The endmembers were not refitted"
    sentence += (
        "" if restarts is None else f"; restarts as likely as this one differ by {100 * restarts:.1f} % in abundances"
    )
    sentence += ". Agreement of restarts is not correctness."
    numbers: dict[str, float | None] = {"parts_degrees": spread, "restarts_rmse": restarts}
    if made.contrastive is not None:
        apart = float(angles(made.contrastive, evidence.endmembers).mean())
        numbers["contrastive_degrees"] = apart
        sentence += f" Telling regions apart without assuming a Dirichlet gives endmembers {apart:.1f}° away."
    remedy = "" if status == "pass" else "Paint more regions, of different mixtures, and larger ones."
    return Check(name, status, spread, STEADY, sentence, remedy, numbers)


def parts_degrees(evidence: Evidence, made: Refits) -> float | None:
    """Spread of the mean angle over the parts; None where there are none."""
    if not made.parts:
        return None
    mean = float(np.mean([angles(part, evidence.endmembers).mean() ** 2 for part in made.parts]))
    return float(np.sqrt((len(made.parts) - 1 if made.without_regions else 1) * mean))


def restarts_rmse(evidence: Evidence) -> float | None:
    """How far the method's own restarts differ in abundances from the one it kept, of those as likely; None where it made none."""
    told = evidence.result.details.get("restarts")
    if not isinstance(told, dict) or len(told.get("evidence", ())) < 2:
        return None
    likely = np.asarray(told["evidence"]) >= max(told["evidence"]) - _AS_LIKELY
    return float(np.asarray(told["abundance_rms_to_chosen"])[likely].max())


def side_information(evidence: Evidence, made: Refits) -> Check:
    """Check 9: do regions tell spectra apart better than permuted ones, do residuals know u, and does u read the spectra?"""
    name, generator = "side information", np.random.default_rng(0)
    spectra, regions, _ = evenly_lit(evidence)
    rows = np.flatnonzero(np.isin(regions, evidence.usable_regions))
    if len(np.unique(regions[rows])) < 2:
        return _without_paint(evidence)
    rows = rows if len(rows) <= _SAMPLE else np.sort(generator.choice(rows, _SAMPLE, replace=False))
    labels = np.unique(regions[rows], return_inverse=True)[1]
    gain, p_value = likelihood_gain(_scores(spectra[rows], evidence.count), labels, generator)
    tied = residuals_know(outside_signal(evidence)[0][rows], labels)
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
    return Check(name, status, p_value, _LIKELY_CHANCE, sentence, remedy, numbers)


def _without_paint(evidence: Evidence) -> Check:
    """Automatic side information: say whether it reads the spectra."""
    sources = evidence.result.details.get("sources") or (evidence.result.details.get("source", "none"),)
    reading = [source for source in sources if source in GENERATORS and GENERATORS[source].reads_spectra != "no"]
    sentence = "No two regions are painted: there is no side information to test."
    if reading:
        sentence = f"Side information comes from {' and '.join(reading)}, which look at the spectra: it sharpens abundances, and proves nothing."
    return not_applicable("side information", sentence, _LIKELY_CHANCE)


def _scores(spectra: FloatArray, count: int) -> FloatArray:
    centred = spectra - spectra.mean(axis=0)
    scores = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, : count - 1]
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
    covariance = np.linalg.eigvalsh(residual.T @ residual / len(residual))
    between = float((counts[:, None] * means**2).sum())
    # Under one law, Σ n |mean|² has mean (R − 1) tr C and variance 2 (R − 1) tr C².
    freedom = len(counts) - 1
    spread = np.sqrt(2 * freedom * float((covariance**2).sum()))
    return float((between - freedom * covariance.sum()) / max(spread, 1e-300))
