"""Check 5, for nonlinear mixing: are P + 1 of the α(u) affinely independent (Theorem A)?

With one direction missing, the square of the smallest whitened singular value is χ² with R − P degrees of freedom.
"""

from __future__ import annotations

from napari_unmix.identifiability.again.refits import Refits, traders
from napari_unmix.identifiability.concentrations import LIKELY, SURE, alpha_by_region, rank_test
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject

CONDITION = Condition(
    "rank of α(u)",
    "where it applies",
    number=5,
    precedence=6,
    threshold=SURE,
    title="Regions differ in enough ways",
    told="chance that one way is missing {share:.2g} % (good below {limit:.2g} %)",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Do the regions differ in enough ways for nonlinear mixing?"""
    if subject.linear:
        return CONDITION.not_applicable(
            "Not needed: mixing is linear, for which it is enough that every material varies."
        )
    rows = alpha_by_region(subject, refits)
    regions, count = (0 if rows is None else len(rows[0])), subject.count
    needed, recommended = count + 1, 4 * count
    remedy = f"Paint at least {needed} regions of clearly different mixtures and spreads, better {recommended}."
    limit = f"the regions do not differ in enough ways for nonlinear mixing; {traders(subject, refits)} can trade"
    if rows is None or regions < needed:
        sentence = f"Nonlinear mixing needs {needed} regions with different α(u); there {'is' if regions == 1 else 'are'} {regions or 'none'}."
        return CONDITION.check("fail", None, sentence, remedy, limit=limit)
    smallest, p_value = rank_test(*rows)
    status: Status = "pass" if p_value < SURE else "doubtful" if p_value < LIKELY else "fail"
    sentence = (
        f"That α(u) of {regions} regions misses one of {count} directions has probability {p_value:.2g} "
        f"({'it spans them all' if status == 'pass' else 'it may'})."
    )
    numbers = {"smallest_singular_value": smallest, "p_value": p_value}
    return CONDITION.check(status, p_value, sentence, "" if status == "pass" else remedy, numbers, limit=limit)
