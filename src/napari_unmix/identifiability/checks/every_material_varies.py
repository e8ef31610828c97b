"""Check 4: is α_j the same in all regions? χ² of its estimates around their mean, whitened by the Dirichlet's information.

Theorem B needs two values of every α_j; if one is constant, the other endmembers may slide on the lines towards it.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.concentrations import LIKELY, SURE, alpha_by_region, varying
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject

# Spread of a material's α between regions over its mean, beyond what sampling makes: below, it is as good as constant.
VARIES, BARELY_VARIES = 0.18, 0.12
CONDITION = Condition(
    "every material varies",
    "required",
    number=4,
    precedence=5,
    threshold=VARIES,
    title="Every material varies between regions",
    told="the least by {share:.0f} % (good from {limit:.0f} %)",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Does the evidence about every material change between regions?"""
    rows = alpha_by_region(subject, refits)
    if rows is None or len(rows[0]) < 2:
        return CONDITION.not_applicable("Not tested: it needs two regions, and a Dirichlet fitted to each.")
    from scipy.stats import chi2

    chi, freedom, spread = varying(*rows)
    unlikely = chi2.sf(chi, freedom)
    varies, barely = (spread >= VARIES) & (unlikely < SURE), (spread >= BARELY_VARIES) & (unlikely < LIKELY)
    status: Status = "pass" if varies.all() else "doubtful" if barely.all() else "fail"
    least = int(spread.argmin())
    numbers = {f"spread {k + 1}": float(value) for k, value in enumerate(spread)} | {"p_value": float(unlikely[least])}
    if status == "pass":
        sentence = f"The evidence about every material changes between regions, least for {subject.named([least])} (by {100 * spread[least]:.0f} %)."
        return CONDITION.check(status, float(spread[least]), sentence, "", numbers)
    constant = np.flatnonzero(~varies)
    shown, one = subject.named(constant), len(constant) == 1
    changes = "hardly changes" if status == "doubtful" else "does not change"
    return CONDITION.check(
        status,
        float(spread[least]),
        f"The evidence about {shown} {changes} between regions: the other spectra can slide towards or away from {'it' if one else 'them'}.",
        f"Paint a region where {shown} {'is' if one else 'are'} rare or frequent.",
        numbers,
        limit=f"the evidence about {shown} {changes} between regions, so the other endmembers can slide towards or away from it",
    )
