"""The errors to expect of an answer, if its model holds: by noise, by the endmembers' error in twins, by what the regions dispute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from napari_unmix.answer import mixed
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.again.refits import (
    BY_CHANCE,
    Refits,
    abundance_change,
    abundance_changes,
    angles,
    degrees_from,
    moments_misfit,
    no_dirichlet,
    some_rows,
)
from napari_unmix.identifiability.subject import Subject
from napari_unmix.identifiability.variation import Variation
from napari_unmix.regions.acceptance import POORLY_DETERMINED, WELL_DETERMINED

# The result's own error, as a share of what the regions' estimates would change: half, where the moments follow a Dirichlet; most, where they do not.
_SHARED, _RESULTS_SHARE = 0.5, 0.85
_AT_ONCE = 5_000

Measured = TypeVar("Measured", float, FloatArray)


def twin_degrees(subject: Subject, refits: Refits) -> float:
    """Median over the twins of the mean angle between what was simulated and what came back: one refit may miss its optimum."""
    return float(np.median([degrees_from(subject, twin.endmembers) for twin in refits.twins]))


def expected_angle(subject: Subject, refits: Refits) -> float:
    """Mean spectral angle to expect between the result's endmembers and the truth, in degrees."""
    apart = partial(degrees_from, subject)
    by_twins = [apart(twin.endmembers) for twin in refits.twins]
    return float(np.sqrt(_sampled(subject, refits, by_twins, apart) + _disputed(subject, refits, apart) ** 2))


def expected_square(subject: Subject, refits: Refits) -> tuple[float, float]:
    """The square of the same, and its standard error, as far as it is that of few twins (two or more)."""
    square = expected_angle(subject, refits) ** 2
    by_twins = np.square([degrees_from(subject, twin.endmembers) for twin in refits.twins])
    share = 0.5 if refits.without_regions and subject.findings.by_regions else 1.0
    return square, float(share * by_twins.std(ddof=1) / np.sqrt(len(by_twins)))


def disputed_angles(subject: Subject, refits: Refits) -> FloatArray:
    """(P,) the part of the same that the regions' estimates dispute, of each endmember."""
    return np.broadcast_to(_disputed(subject, refits, partial(_angles, subject)), subject.count)


def _angles(subject: Subject, found: FloatArray) -> FloatArray:
    return angles(found, subject.endmembers)


def expected_abundance_rmse(subject: Subject, refits: Refits) -> float:
    """Root mean square error of the abundances to expect, over pixels and endmembers."""
    rows = some_rows(len(subject.spectra), np.random.default_rng(0))
    by_twins = [twin.abundance_rmse for twin in refits.twins]
    changed = partial(_change, abundance_change, subject, rows)
    by_endmembers = _sampled(subject, refits, by_twins, changed) + _disputed(subject, refits, changed) ** 2
    return float(np.sqrt(noise_rmse(subject) ** 2 + by_endmembers))


def expected_map_rmse(subject: Subject, refits: Refits) -> FloatArray:
    """(P,) root mean square error of each endmember's abundances to expect, over pixels: ``expected_abundance_rmse`` for one map at a time."""
    rows = some_rows(len(subject.spectra), np.random.default_rng(0))
    changed = partial(_change, abundance_changes, subject, rows)
    by_twins = [changed(twin.endmembers) for twin in refits.twins]
    by_endmembers = _sampled(subject, refits, by_twins, changed) + _disputed(subject, refits, changed) ** 2
    return np.asarray(np.sqrt(noise_by_map(subject) ** 2 + by_endmembers))


def _change(
    measure: Callable[[Subject, IntArray, FloatArray], Measured], subject: Subject, rows: IntArray, found: FloatArray
) -> Measured:
    """How abundances change with the endmembers ``found`` (P, B), without what is negative in these."""
    return measure(subject, rows, np.maximum(found, 0.0))


def _sampled(
    subject: Subject, refits: Refits, by_twins: Sequence[Measured], measure: Callable[[FloatArray], Measured]
) -> FloatArray:
    """The endmembers' squared error by which pixels and regions there happened to be, in ``measure``: as in the twins, and in the jackknife.

    The mean square: the median would be more robust and is too small (18 of 25 scenes within a factor of 1.5 against 22). Twins follow the law that
    was fitted. Where the endmembers rest on the regions, leaving some out shows as well what the law does not say: the mean of both (decision 0026).
    """
    by_law = np.asarray(np.mean(np.asarray(by_twins) ** 2, axis=0))
    if not (refits.without_regions and subject.findings.by_regions):
        return by_law
    moved = np.asarray([measure(part) for part in refits.parts])
    return np.asarray((by_law + (len(moved) - 1) * np.mean(moved**2, axis=0)) / 2)


def contrast_counts(refits: Refits) -> bool:
    """Whether contrastive learning's endmembers are known well enough to speak against others: its own standard error says so."""
    return refits.contrastive is not None and refits.contrastive_error < WELL_DETERMINED


def _disputed(subject: Subject, refits: Refits, measure: Callable[[FloatArray], Measured]) -> FloatArray:
    """The result's error by what painted regions say against it, in ``measure`` of the distance to endmembers (P, B); 0 where they say nothing.

    Half of the distance to the moments' estimate where these follow a Dirichlet; where they gave the endmembers, of the root mean square of that and
    the distance to contrastive learning's, if its own standard error is small. Where they do not follow one, both the moments' estimate and that of
    contrastive learning, which needs none, are as far from the result as the result from the truth, each to a factor: their geometric mean. Where the
    moments gave the endmembers and their third ones follow none, the whole distance to contrastive learning's: moments can't say what is wrong then.
    """
    if refits.moment_fit is None or refits.moment_fit.relative_error > POORLY_DETERMINED:
        return np.zeros(())
    by_moments, p_value = np.asarray(measure(refits.moment_fit.endmembers)), moments_misfit(refits)[1]
    by_contrast = by_moments if refits.contrastive is None else np.asarray(measure(refits.contrastive))
    if subject.findings.by_regions and no_dirichlet(refits):
        return by_contrast
    if p_value is not None and p_value < BY_CHANCE:
        return np.asarray(_RESULTS_SHARE * np.sqrt(by_moments * by_contrast))
    if subject.findings.by_regions and contrast_counts(refits):
        return np.asarray(_SHARED * np.sqrt((by_moments**2 + by_contrast**2) / 2))
    return np.asarray(_SHARED * by_moments)


def noise_rmse(subject: Subject) -> float:
    """Error of the abundances by noise alone, the endmembers being exact: root mean square over pixels and endmembers.

    With a region prior, the trace of its linear-Gaussian posterior covariance S − S (S + C)⁻¹ S, with S the region's covariance of
    abundances and C that of the unconstrained estimate's noise; without one, least squares simulated.
    """
    if subject.findings.prior is None:
        return float(np.sqrt(np.mean(_simulated_noise(subject) ** 2)))
    # The last abundance is one minus the others.
    total = sum(pixels * float(np.trace(left) + left.sum()) for pixels, left in _left_by_noise(subject))
    return float(np.sqrt(total / len(subject.spectra) / subject.count))


def noise_by_map(subject: Subject) -> FloatArray:
    """(P,) the same of each map, over pixels."""
    if subject.findings.prior is None:
        return np.asarray(np.sqrt(np.mean(_simulated_noise(subject) ** 2, axis=0)))
    total = sum(pixels * np.append(np.diag(left), left.sum()) for pixels, left in _left_by_noise(subject))
    return np.asarray(np.sqrt(total / len(subject.spectra)))


def _left_by_noise(subject: Subject) -> Iterator[tuple[int, FloatArray]]:
    """Each region's number of pixels, and the posterior covariance (P−1, P−1) of their abundances but the last one."""
    for label in np.unique(subject.regions):
        rows = np.flatnonzero(subject.regions == label)
        estimates, noise = _unconstrained(subject, rows)
        spread = np.atleast_2d(np.cov(estimates.T)) if len(rows) > subject.count else np.zeros_like(noise)
        signal = _beyond(spread, noise)
        yield len(rows), signal - signal @ np.linalg.pinv(signal + noise) @ signal


def _unconstrained(subject: Subject, rows: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """(n, P−1) least-squares abundances but the last one, and their noise covariance; generalised where spectra vary."""
    endmembers, spectra = subject.endmembers, subject.spectra[rows]
    if subject.variation is not None:
        return _generalised(subject, subject.variation, rows)
    if not subject.inversion.free_light:
        edges = endmembers[:-1] - endmembers[-1]
        inverse = np.linalg.pinv(edges)
        return (spectra - endmembers[-1]) @ inverse, subject.noise_in_plane**2 * inverse.T @ inverse
    inverse = np.linalg.pinv(endmembers)
    light, mean = _light(subject, rows), subject.abundances[rows].mean(axis=0)
    # a = g / Σg, so da = (I − a 1ᵀ) dg / s.
    slope = np.eye(subject.count) - np.outer(mean, np.ones(subject.count))
    noise = subject.noise_in_plane**2 * float(np.mean(1 / light**2)) * slope @ inverse.T @ inverse @ slope.T
    return (spectra / light[:, None]) @ inverse[:, :-1], noise[:-1, :-1]


def _light(subject: Subject, rows: IntArray) -> FloatArray:
    """(n,) illumination, that of the darkest raised to a twentieth of the median."""
    least = 0.05 * float(np.median(subject.illumination)) + 1e-12
    return np.asarray(np.maximum(subject.illumination[rows], least))


def _generalised(subject: Subject, variation: Variation, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """The same by generalised least squares with each pixel's own covariance, and the mean over the pixels of what they leave uncertain."""
    free, endmembers, light = subject.inversion.free_light, subject.endmembers, _light(subject, rows)
    basis = np.linalg.qr(np.vstack([endmembers, variation.span]).T)[0]
    origin = np.zeros_like(endmembers[-1]) if free else endmembers[-1]
    sides = (endmembers if free else endmembers[:-1] - origin) @ basis
    scores = (subject.spectra[rows] / light[:, None] - origin) @ basis
    estimates, total = [], np.zeros((len(sides), len(sides)))
    for some in np.array_split(np.arange(len(rows)), max(1, len(rows) // _AT_ONCE)):
        abundances = subject.abundances[rows[some]]
        noise = (subject.noise_in_plane / light[some]) ** 2
        each = variation.covariances(abundances, basis.T) + noise[:, None, None] * np.eye(basis.shape[1])
        weighed = np.linalg.solve(each, np.broadcast_to(sides.T, (len(some), *sides.T.shape)))
        covariance = np.linalg.inv(sides @ weighed)
        estimates.append((scores[some, None] @ weighed @ covariance)[:, 0])
        if free:  # a = g / Σg, so da = (I − a 1ᵀ) dg
            slope = np.eye(len(sides)) - abundances[:, :, None]
            covariance = slope @ covariance @ slope.transpose(0, 2, 1)
        total += covariance.sum(axis=0)
    kept = subject.count - 1
    return np.vstack(estimates)[:, :kept], total[:kept, :kept] / len(rows)


def _beyond(total: FloatArray, noise: FloatArray) -> FloatArray:
    """The covariance that ``total`` has beyond ``noise``, in the noise's own directions."""
    root = np.linalg.cholesky(noise + 1e-12 * np.trace(noise) * np.eye(len(noise)) + 1e-300 * np.eye(len(noise)))
    whiten = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(whiten @ total @ whiten.T)
    return np.asarray(root @ (vectors * np.maximum(values - 1, 0.0)) @ vectors.T @ root.T)


def _simulated_noise(subject: Subject) -> FloatArray:
    """(n, P) errors of some pixels' abundances by noise, drawn."""
    generator = np.random.default_rng(0)
    rows = some_rows(len(subject.spectra), generator)
    clean = mixed(subject.abundances[rows], subject.endmembers, subject.illumination[rows])
    noisy = clean + subject.noise_in_plane * generator.normal(size=clean.shape)
    inverted = subject.inversion.invert(noisy, subject.endmembers).abundances
    return np.asarray(inverted - subject.abundances[rows])
