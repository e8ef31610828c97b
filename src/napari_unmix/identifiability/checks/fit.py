"""Checks of the fit: 6 the model fits, 7 mixing is injective, and the geometry as a second opinion."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.refits import Refits, accepted, angles
from napari_unmix.identifiability.report import GEOMETRY, Check, Status
from napari_unmix.identifiability.subject import Evidence
from napari_unmix.rows.metrics import angle_table

FITS, MISFITS = 1.04, 1.25
# The largest residual eigenvalue that noise alone gives, with room for its sampling error.
_EDGE = 1.25
# The moments' misfit is χ²: one scene in a thousand exceeds this by chance.
BY_CHANCE = 0.001
# The weakest material's signal over the noise variance.
_SIGNAL, _NO_SIGNAL = 4.0, 2.5
_WELL_INVERTED, _BADLY_INVERTED = 0.1, 0.3
_JACOBIAN, _NO_JACOBIAN = 1e-2, 1e-4
PURE, AGREES = 0.95, 3.0
# Standard errors of a product of two endmembers in the residual; 45 pairs of 10 endmembers reach 3.3 by chance once in twenty scenes.
_SCATTERED = 4.5


def model_fits(evidence: Evidence, made: Refits) -> Check:
    """Check 6: residual over noise (χ), the strongest direction outside the signal subspace, and the regions' moments against the prior."""
    chi, leading, edge = residual_numbers(evidence)
    status: Status = "pass" if chi <= FITS else "doubtful" if chi <= MISFITS else "fail"
    # A value that rounds to the threshold is shown to one digit more, so that the number and its mark agree.
    shown = f"{chi:.3f}" if FITS < chi < FITS + 0.005 else f"{chi:.2f}"
    sentence = f"The residual is {shown}× the noise (up to {FITS} is noise)."
    if leading > edge and evidence.linear:
        status = "doubtful" if status == "pass" else status
        sentence += (
            f" It has structure: one spectral direction holds {_times(leading)} the noise's variance "
            "(a missing material, variability, or nonlinear mixing)."
        )
    pair, scattered = strongest_product(evidence) if evidence.linear else ((0, 0), 0.0)
    # In a residual that is mostly something else, a missing material or variability, everything is significant.
    if scattered > _SCATTERED and chi <= MISFITS:
        status = "doubtful" if status == "pass" else status
        sentence += (
            f" The product of {evidence.named(pair)} is in it ({scattered:.0f} standard errors): "
            "light scattered twice, if no material is missing and spectra do not vary."
        )
    misfit, p_value = moments_misfit(made)
    if misfit is not None and p_value is not None and p_value < BY_CHANCE:
        sentence += f" The regions' means and covariances do not follow a Dirichlet (misfit {misfit:.1f}, 1 expected)"
        if accepted(evidence):
            status = "doubtful" if status == "pass" else status
            sentence += ", on which the endmembers rest."
        else:
            sentence += ": they were not used for the endmembers."
    numbers = {
        "chi": chi,
        "leading": leading,
        "edge": edge,
        "product": scattered,
        "moments_misfit": misfit,
        "moments_p_value": p_value,
    }
    remedy = (
        ""
        if status == "pass"
        else "Try one endmember more, or free the illumination; exclude noisy bands; strokes of pure material anchor endmembers under variability."
    )
    return Check("model fits", status, chi, FITS, sentence, remedy, numbers)


def _times(value: float) -> str:
    return f"{value:.0f}×" if value >= 100 else f"{value:.3g}×"


def residual_numbers(evidence: Evidence) -> tuple[float, float, float]:
    """χ of the fit, the largest eigenvalue outside the data's own signal subspace (noise variances), and what noise alone may reach."""
    pixels, bands = evidence.spectra.shape
    residual = evidence.residual
    freedom = max(bands - evidence.count + 1, 1)
    chi = float(np.sqrt((residual**2).sum() / pixels / freedom) / evidence.noise)
    left = outside_signal(evidence)[0]
    leading = float(np.linalg.eigvalsh(left.T @ left / pixels)[-1] / evidence.noise**2)
    return chi, leading, _EDGE * (1 + np.sqrt(bands / pixels)) ** 2


def outside_signal(evidence: Evidence) -> tuple[FloatArray, FloatArray]:
    """(N, B) what the best subspace of P endmembers leaves of the spectra, and its basis (B, K): affine, or linear where brightness is free."""
    spectra = evidence.spectra
    centred = spectra if evidence.illuminated else spectra - spectra.mean(axis=0)
    dimension = evidence.count if evidence.illuminated else evidence.count - 1
    basis = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dimension]
    return np.asarray(centred - (centred @ basis) @ basis.T), np.asarray(basis)


def strongest_product(evidence: Evidence) -> tuple[tuple[int, int], float]:
    """The pair of endmembers whose product m_i ∘ m_j follows a_i a_j in the residual most, and by how many standard errors.

    What linear mixing could take up is taken off first: the product of abundances is made orthogonal to the abundances, that of the
    spectra to the signal subspace. Under linear mixing each pair's number is standard normal.
    """
    left, basis = outside_signal(evidence)
    design = evidence.illumination[:, None] * evidence.abundances
    projector = np.linalg.pinv(design)
    best, most = (0, min(1, evidence.count - 1)), 0.0
    for first in range(evidence.count):
        for second in range(first + 1, evidence.count):
            shares = evidence.illumination * evidence.abundances[:, first] * evidence.abundances[:, second]
            shares = shares - design @ (projector @ shares)
            direction = evidence.endmembers[first] * evidence.endmembers[second]
            direction = direction - basis @ (basis.T @ direction)
            scale = evidence.noise * float(np.linalg.norm(shares) * np.linalg.norm(direction))
            value = abs(float(shares @ left @ direction)) / max(scale, 1e-300)
            if value > most:
                best, most = (first, second), value
    return best, most


def moments_misfit(made: Refits) -> tuple[float | None, float | None]:
    """J over its degrees of freedom, and the probability of more by chance: the posterior predictive check of the regions' moments."""
    from scipy.stats import chi2

    if made.moments is None or made.moment_fit is None:
        return None, None
    misfit, freedom = made.moment_fit.misfit, made.moment_fit.freedom
    return misfit, float(chi2.sf(misfit * freedom, freedom)) if freedom > 0 else None


def injective(evidence: Evidence, made: Refits) -> Check:
    """Check 7: noise in the worst direction against the abundances' spread; the weakest material's signal; for nonlinear mixing its Jacobian."""
    centred = evidence.endmembers - evidence.endmembers.mean(axis=0)
    smallest = float(np.linalg.svd(centred, compute_uv=False)[evidence.count - 2])
    error = min(evidence.noise / max(smallest, 1e-300), 1e6)
    signal = _weakest_signal(evidence)
    status = _worse(
        "pass" if error < _WELL_INVERTED else "doubtful" if error < _BADLY_INVERTED else "fail",
        "pass" if signal > _SIGNAL else "doubtful" if signal > _NO_SIGNAL else "fail",
    )
    table = np.degrees(angle_table(evidence.endmembers, evidence.endmembers)) + 360 * np.eye(evidence.count)
    first, second = sorted(int(k) for k in np.unravel_index(int(table.argmin()), table.shape))
    names = evidence.result.names
    sentence = (
        f"Noise moves a single pixel's abundances by at most {100 * min(error, 1):.2g} %; "
        f"the closest endmembers, {names[first]} and {names[second]}, are {table.min():.1f}° apart."
    )
    if signal <= _SIGNAL:
        sentence += (
            f" The weakest of {evidence.count} materials hardly rises over the noise ({signal:.1f}× its variance)."
        )
    numbers: dict[str, float | None] = {
        "abundance_error": error,
        "weakest_signal": signal,
        "closest_degrees": float(table.min()),
    }
    jacobian = evidence.result.details.get("jacobian_smallest")
    if jacobian is not None and not evidence.linear:
        numbers["jacobian_smallest"] = float(jacobian)
        level = float(jacobian) / max(smallest, 1e-300)
        status = _worse(status, "pass" if level > _JACOBIAN else "doubtful" if level > _NO_JACOBIAN else "fail")
        sentence += f" The mixing's smallest slope on the simplex is {level:.2g} of linear mixing's (0: two mixtures look the same)."
    remedy = "" if status == "pass" else "Ask for one endmember fewer, or smooth the cube."
    return Check("injective mixing", status, float(error), _WELL_INVERTED, sentence, remedy, numbers)


_ORDER: tuple[Status, ...] = ("pass", "doubtful", "fail")


def _worse(first: Status, second: Status) -> Status:
    return max(first, second, key=_ORDER.index)


def _weakest_signal(evidence: Evidence) -> float:
    """Variance over the noise's in the last direction that P endmembers need."""
    spectra = evidence.spectra if evidence.illuminated else evidence.spectra - evidence.spectra.mean(axis=0)
    values = np.linalg.eigvalsh(spectra.T @ spectra / len(spectra))[::-1] / evidence.noise**2
    return float(values[evidence.count - 1 if evidence.illuminated else evidence.count - 2])


def geometry(evidence: Evidence, made: Refits) -> Check:
    """Second opinion: pure pixels of every endmember? pixels that lack each? does a new search without regions agree?"""
    few = max(3, len(evidence.abundances) // 1000)
    purest = np.sort(evidence.abundances, axis=0)[-few:].mean(axis=0)
    lowest, least = float(purest.min()), int(purest.argmin())
    lacking = (evidence.abundances < 0.02).mean(axis=0)
    apart = None if made.searched is None else float(angles(made.searched, evidence.endmembers).mean())
    pure, agrees = lowest > PURE, apart is None or apart <= AGREES
    status: Status = "pass" if pure and agrees else "doubtful"
    name = evidence.named([least])
    sentence = (
        "Every endmember has pixels of (as fitted) at least 95 % of its material: the geometry supports it, if they are pure."
        if pure
        else f"The purest pixels of {name} consist of it to {100 * lowest:.0f} %: no pure pixels back it."
    )
    if not pure:
        sentence += _scattered(evidence, lacking)
    if apart is not None:
        sentence += f" A new search by geometry alone {'agrees' if agrees else 'disagrees'} ({apart:.1f}° on average)."
    numbers = {"purest": lowest, "least_lacking": float(lacking.min()), "search_degrees": apart}
    remedy = "" if status == "pass" else f"Paint regions, or a stroke of pure {name}, to confirm it."
    return Check(GEOMETRY, status, lowest, PURE, sentence, remedy, numbers)


def _scattered(evidence: Evidence, lacking: FloatArray) -> str:
    """Minimum volume needs pixels on every face of the simplex: P − 1 independent ones that lack each material (necessary, not sufficient)."""
    needed = (evidence.count - 1) / len(evidence.abundances)
    bare = np.flatnonzero(lacking < needed)
    if bare.size:
        return f" No pixels lack {evidence.named(bare)}: minimum volume is not determined there either."
    return " Pixels that lack each material exist, as minimum volume needs."
