"""Check 2: standard error of the vertices over the simplex's size, from the profile Hessian of the region moments."""

from __future__ import annotations

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.identifiability.again.refits import Refits, traders
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject
from napari_unmix.regions.acceptance import POORLY_DETERMINED, WELL_DETERMINED

CONDITION = Condition(
    "different enough",
    "required",
    number=2,
    precedence=4,
    threshold=WELL_DETERMINED,
    title="Regions differ enough",
    told="they leave the endmembers uncertain by {share:.2g} % of the way between them (good below {limit:.0f} %)",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Do the regions differ enough to fix the endmembers?"""
    if refits.moment_fit is None:
        return CONDITION.check("doubtful", None, *_why_not_measured(subject))
    value = refits.moment_fit.relative_error
    status: Status = "pass" if value < WELL_DETERMINED else "doubtful" if value <= POORLY_DETERMINED else "fail"
    said = {
        "pass": "the regions differ enough to fix the endmembers",
        "doubtful": "the regions differ, but leave the endmembers uncertain by about 2°",
        "fail": "the regions are too alike to fix the endmembers",
    }[status]
    shown = f"{100 * value:.0f} % of the simplex's size" if value < 10 else "without bound"
    return CONDITION.check(
        status,
        value if np.isfinite(value) else None,
        f"The endmembers' standard error is {shown}: {said}.",
        "" if status == "pass" else "Paint regions where single materials are rare or frequent.",
        {"relative_error": value},
        limit=f"the regions are too alike to fix the endmembers; {traders(subject, refits)} can trade",
    )


def _why_not_measured(subject: Subject) -> tuple[str, str]:
    """Why the regions' moments were not fitted, and what would help."""
    if len(subject.usable_regions) < FEWEST_REGIONS:
        return "Not measured: it needs three regions of 30 pixels or more.", "Paint regions of different mixtures."
    if subject.inversion.free_light:
        return (
            "Not measured: spectra vary more than noise, so the regions' covariances are not those of mixing.",
            "Exclude noisy bands, or ask for one endmember more.",
        )
    return (
        "Not measured: it needs abundances that sum to one on the spectra, and these vary in brightness or more than noise.",
        "Where brightness varies, free the illumination.",
    )
