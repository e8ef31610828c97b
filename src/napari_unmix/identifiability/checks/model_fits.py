"""Check 6: residual over noise and what materials vary by (χ), the strongest direction that is not signal, the regions' moments against the prior."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.strokes import ANCHORED, NAMED
from napari_unmix.identifiability.again.refits import BY_CHANCE, Refits, moments_misfit, no_dirichlet, some_rows
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.subspace import eigenvalues

FITS, MISFITS = 1.04, 1.25
CONDITION = Condition(
    "model fits",
    "required",
    number=6,
    precedence=2,
    threshold=FITS,
    title="Model fits",
    serves="answer",
)
# Where it is not the residual that speaks against the model, but the law that the regions' moments were fitted by.
_FOLLOW_NONE = "the endmembers rest on abundances that follow a Dirichlet in every region, and these do not"
_OTHER_LAW = "Give a known spectrum, or paint strokes of pure material; region contrast assumes no Dirichlet."
# Standard errors of a product of two endmembers in the residual; 45 pairs of 10 endmembers reach 3.3 by chance once in twenty scenes.
_SCATTERED = 4.5


def check(subject: Subject, refits: Refits) -> Check:
    """Is what the model leaves noise, without structure?"""
    chi, leading, edge = residual_numbers(subject)
    status: Status = "pass" if chi <= FITS else "doubtful" if chi <= MISFITS else "fail"
    # A value that rounds to the threshold is shown to one digit more, so that the number and its mark agree.
    shown = f"{chi:.3f}" if FITS < chi < FITS + 0.005 else f"{chi:.2f}"
    expected = "the noise" if subject.variation is None else "the noise and the materials' variability"
    sentence = f"The residual is {shown}× {expected} (up to {FITS} is noise)."
    if subject.alike is not None:
        sentence += f" The noise is alike in neighbouring bands (correlation {subject.alike.correlation:.1f})."
    if leading > edge and subject.linear:
        status = "doubtful" if status == "pass" else status
        sentence += (
            f" It has structure: one spectral direction holds {_times(leading)} the noise's variance "
            "(a missing material, variability, or nonlinear mixing)."
        )
    pair, scattered = strongest_product(subject) if subject.linear else ((0, 0), 0.0)
    # In a residual that is mostly something else, a missing material or variability, everything is significant.
    if scattered > _SCATTERED and chi <= MISFITS:
        status = "doubtful" if status == "pass" else status
        sentence += (
            f" The product of {subject.named(pair)} is in it ({scattered:.0f} standard errors): "
            "light scattered twice, if no material is missing and spectra do not vary."
        )
    structure = ", with structure in it" if status != "pass" and chi <= FITS else ""
    misfit, p_value = moments_misfit(refits)
    law = _against_a_dirichlet(refits)
    sentence += f" {law}{_what_rests_on_it(subject)}" if law else ""
    of_law_alone = bool(law) and subject.findings.by_regions and status == "pass"
    status = "doubtful" if of_law_alone else status
    numbers = {
        "chi": chi,
        "leading": leading,
        "edge": edge,
        "product": scattered,
        "moments_misfit": misfit,
        "moments_p_value": p_value,
        "third_moments_share": None if refits.third is None else refits.third.share,
    }
    left = f"leaves {shown}× {expected}{structure} (good up to {FITS}×)"
    return CONDITION.check(
        status,
        chi,
        sentence,
        "" if status == "pass" else _OTHER_LAW if of_law_alone else _remedy(subject),
        numbers,
        limit=_FOLLOW_NONE
        if of_law_alone
        else "the residual is more than noise, so regions do not settle the endmembers",
        broken=f"the model leaves more than {expected.removeprefix('the ')}" if status == "fail" else "",
        measured=f"{left}, and the regions follow no Dirichlet" if of_law_alone else left,
    )


def _remedy(subject: Subject) -> str:
    """What could make the residual noise."""
    # Strokes are there already, or there is nothing that they could anchor: all is given.
    stroked = {NAMED, ANCHORED} & set(subject.findings.search) or not subject.searched.any()
    anchors = "." if stroked else "; strokes of pure material anchor endmembers under variability (see Where to paint)."
    return f"{_more(subject)}ree the illumination; exclude noisy bands (--bands){anchors}"


def _against_a_dirichlet(refits: Refits) -> str:
    """What of the regions' moments says that they follow no Dirichlet, as the beginning of a sentence; "" where nothing does."""
    misfit, p_value = moments_misfit(refits)
    if misfit is not None and p_value is not None and p_value < BY_CHANCE:
        return f"The regions' means and covariances do not follow a Dirichlet (misfit {misfit:.1f}, 1 expected)"
    if refits.third is not None and no_dirichlet(refits):
        share = 100 * refits.third.share
        return f"The regions' third moments are {share:.0f} % of those of a Dirichlet of the same means and variances"
    return ""


def _what_rests_on_it(subject: Subject) -> str:
    if subject.findings.by_regions:
        return ", on which the endmembers rest."
    return ": they were not used for the endmembers."


def _more(subject: Subject) -> str:
    """One endmember more, unless the scene supports fewer than there are."""
    support = subject.findings.support
    return "F" if support is not None and support.supported < subject.count else "Try one endmember more, or f"


def _times(value: float) -> str:
    return f"{value:.0f}×" if value >= 100 else f"{value:.3g}×"


def residual_numbers(subject: Subject) -> tuple[float, float, float]:
    """χ of the fit, the largest eigenvalue of what is not signal (noise variances), and what noise alone may reach.

    Signal is the data's own subspace of P endmembers; where the fit found how spectra vary, what it explains.
    """
    pixels, bands = subject.spectra.shape
    freedom = max(bands - subject.count + 1, 1)
    if subject.variation is not None:
        left = subject.unexplained(some_rows(pixels, np.random.default_rng(0)))
        return float(np.sqrt((left**2).sum() / len(left) / freedom)), float(eigenvalues(left)[0]), subject.noise_edge
    residual = subject.residual
    chi = float(np.sqrt((residual**2).sum() / pixels / freedom) / subject.noise)
    left = subject.outside_signal()[0]
    leading = float(eigenvalues(left)[0] / subject.noise**2)
    return chi, leading, subject.noise_edge


def strongest_product(subject: Subject) -> tuple[tuple[int, int], float]:
    """The pair of endmembers whose product m_i ∘ m_j follows a_i a_j in the residual most, and by how many standard errors.

    What linear mixing could take up is taken off first: the product of abundances is made orthogonal to the abundances, that of the
    spectra to the signal subspace. Under linear mixing each pair's number is standard normal.
    """
    left, basis = subject.outside_signal()
    design = subject.illumination[:, None] * subject.abundances
    projector = np.linalg.pinv(design)
    best, most, side = (0, min(1, subject.count - 1)), 0.0, subject.patch_side
    for first in range(subject.count):
        for second in range(first + 1, subject.count):
            shares = subject.illumination * subject.abundances[:, first] * subject.abundances[:, second]
            shares = shares - design @ (projector @ shares)
            direction = subject.endmembers[first] * subject.endmembers[second]
            direction = direction - basis @ (basis.T @ direction)
            scale = _by_chance(subject, shares, direction, side)
            value = abs(float(shares @ left @ direction)) / max(scale, 1e-300)
            if value > most:
                best, most = (first, second), value
    return best, most


def _by_chance(subject: Subject, shares: FloatArray, direction: FloatArray, side: int) -> float:
    """Standard deviation of Σ_n shares_n x_n·direction by noise, and by what materials vary by, alike in squares of that ``side``."""
    if subject.variation is None:
        return subject.noise_in_plane * float(np.linalg.norm(shares) * np.linalg.norm(direction))
    varied = side**2 * subject.variation.variances(direction, subject.amounts)
    return float(np.sqrt(shares**2 @ (varied + (subject.noise_in_plane * np.linalg.norm(direction)) ** 2)))
