"""Check 3: simulate scenes from the fit, refit them, compare: the errors that this answer has if its model holds."""

from __future__ import annotations

import numpy as np

from napari_unmix.identifiability.again.refits import Refits, angles, traders
from napari_unmix.identifiability.errors import expected_abundance_rmse, twin_degrees
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject

# Degrees. An answer that its own twins miss by more than 2° is not called identified.
SMALL, LARGE = 1.5, 2.0
# A noisy measure of what check 2 measures: it vetoes, it need not shine.
CONDITION = Condition(
    "simulated twin",
    "veto",
    number=3,
    precedence=9,
    threshold=SMALL,
    title="Found again in simulated scenes",
    told="within {value:.1f}° (good below {threshold:.1f}°)",
)


def withheld(made: Check) -> Check:
    """The check where the model does not fit: how well its own scenes are refitted says nothing of this one, so no degrees are told."""
    if made.status == "not applicable":
        return made
    return CONDITION.not_applicable(
        "Not told: the model does not fit this scene, so the errors of scenes simulated from it would be far too small."
    )


def check(subject: Subject, refits: Refits) -> Check:
    """Do the endmembers come back?"""
    if not refits.twins:
        return CONDITION.not_applicable(
            "Not simulated: this method, nonlinear mixing, or painted strokes made the answer in a way that is not repeated here."
        )
    value = twin_degrees(subject, refits)
    error = expected_abundance_rmse(subject, refits)
    status: Status = "pass" if value < SMALL else "doubtful" if value <= LARGE else "fail"
    each = np.median([angles(twin.endmembers, subject.endmembers) for twin in refits.twins], axis=0)
    worst = int(each.argmax())
    sentence = (
        f"In {len(refits.twins)} scenes simulated from this answer, endmembers came back within {value:.1f}° on average "
        f"({subject.named([worst])} within {each[worst]:.1f}°); "
        f"abundances within {100 * error:.1f} % (root mean square). Errors that such scenes share with the answer are not seen."
    )
    if not subject.searched.any():
        sentence = (
            f"In {len(refits.twins)} scenes simulated from this answer, abundances came back within {100 * error:.1f} % "
            "(root mean square); endmembers are as given."
        )
    numbers: dict[str, float | None] = {f"degrees {k + 1}": float(angle) for k, angle in enumerate(each)}
    numbers |= {"angle_degrees": value, "abundance_rmse": error}
    open_one = status != "pass" and bool(subject.searched.any())
    remedy = f"Paint regions, or a stroke, where {subject.named([worst])} is frequent." if open_one else ""
    limit = f"refits move too far; {traders(subject, refits)} can trade"
    return CONDITION.check(status, value, sentence, remedy, numbers, limit=limit)
