"""Check 8: the spread of the angle over parts of the data and restarts, and the independent opinion of contrastive learning.

Leaving out some of the regions at a time is the jackknife of the regions: its spread is √((n − 1) · mean square).
"""

from __future__ import annotations

import numpy as np

from napari_unmix.identifiability.again.refits import Refits, degrees_from, traders
from napari_unmix.identifiability.errors import contrast_counts
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject

STEADY, UNSTEADY = 1.0, 3.0  # degrees
# A noisy measure of what check 2 measures: it vetoes, it need not shine.
CONDITION = Condition(
    "stable",
    "veto",
    number=8,
    precedence=9,
    threshold=STEADY,
    title="Stable",
    told="moves by {value:.1f}° without a part of the data (good below {threshold:.0f}°)",
)
# Restarts whose evidence is as high as the best one's to this (nats per pixel) should give its abundances to this (root mean square).
_AS_LIKELY, _RESTARTS = 0.02, 0.05


def check(subject: Subject, refits: Refits) -> Check:
    """Does the answer stay where parts of the data are left out?"""
    spread = parts_degrees(subject, refits)
    restarts = restarts_rmse(subject)
    if spread is None and restarts is None:
        return CONDITION.not_applicable(
            "Not refitted: this method's fit is not repeated here, and three regions have to be left."
        )
    status: Status = "pass" if (spread or 0) < STEADY else "doubtful" if (spread or 0) <= UNSTEADY else "fail"
    if restarts is not None and restarts > _RESTARTS:
        status = "doubtful" if status == "pass" else status
    how = "Without some of the regions" if refits.without_regions else "On other draws of the pixels"
    sentence = f"{how}, endmembers move by {spread:.1f}°" if spread is not None else "The endmembers were not refitted"
    sentence += (
        "" if restarts is None else f"; restarts as likely as this one differ by {100 * restarts:.1f} % in abundances"
    )
    sentence += ". Agreement of restarts is not correctness."
    numbers: dict[str, float | None] = {"parts_degrees": spread, "restarts_rmse": restarts}
    if refits.contrastive is not None:
        apart = degrees_from(subject, refits.contrastive)
        numbers["contrastive_degrees"] = apart
        sentence += f" Telling regions apart without assuming a Dirichlet gives endmembers {apart:.1f}° away"
        sentence += "." if contrast_counts(refits) else ", by too large a standard error of its own to count."
    remedy = "" if status == "pass" else "Paint more regions, of different mixtures, and larger ones."
    limit = f"refits move too far; {traders(subject, refits)} can trade"
    measured = ""
    if restarts is not None and restarts > _RESTARTS and (spread or 0) < STEADY:
        measured = (
            f"restarts as likely differ by {100 * restarts:.0f} % in abundances (good up to {100 * _RESTARTS:.0f} %)"
        )
    return CONDITION.check(status, spread, sentence, remedy, numbers, limit=limit, measured=measured)


def parts_degrees(subject: Subject, refits: Refits) -> float | None:
    """Spread of the mean angle over the parts; None where there are none."""
    if not refits.parts:
        return None
    mean = float(np.mean([degrees_from(subject, part) ** 2 for part in refits.parts]))
    return float(np.sqrt((len(refits.parts) - 1 if refits.without_regions else 1) * mean))


def restarts_rmse(subject: Subject) -> float | None:
    """How far the method's own restarts differ in abundances from the one it kept, of those as likely; None where it made none."""
    restarts = subject.findings.restarts
    if restarts is None or len(restarts.evidence) < 2:
        return None
    likely = np.asarray(restarts.evidence) >= max(restarts.evidence) - _AS_LIKELY
    return float(np.asarray(restarts.abundance_rms_to_chosen)[likely].max())
