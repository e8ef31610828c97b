"""How the checks behind a verdict are told: in which order, in which words, and which of them the verdict does not rest on. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from napari_unmix.identifiability.report import Check, Report

Weight = Literal["open", "holds", "beside"]
NO_WEIGHT = "does not change the verdict"
_ORDER: tuple[Weight, ...] = ("open", "holds", "beside")
_URGENCY = ("fail", "doubtful", "pass", "not applicable")
_WORDS = {"fail": "failed", "doubtful": "doubtful", "pass": "passed", "not applicable": "not applicable"}


def weight(check: Check) -> Weight:
    """ "open": it stands in the way of the verdict; "holds": it passed; "beside": it did not pass, and the verdict is the same."""
    if not check.holds:
        return "open"
    return "holds" if check.status == "pass" else "beside"


def in_order(checks: Sequence[Check]) -> list[Check]:
    """What stands in the way first, then what passed, then what does not change the verdict; what rules out any claim and the gravest before."""
    return sorted(checks, key=lambda one: (not one.broken, _ORDER.index(weight(one)), _URGENCY.index(one.status)))


def title(check: Check) -> str:
    """What is asked, in words that need no theory where the report has them."""
    return check.title or f"{check.name[:1].upper()}{check.name[1:]}"


def measured(check: Check) -> str:
    """ "moves by 2.4° (good below 1°)"; of a report without words its bare numbers, "" where nothing was measured."""
    if check.measured or check.value is None:
        return check.measured
    held = "" if check.threshold is None else f" (threshold {check.threshold:.3g})"
    return f"{check.value:.3g}{held}"


def unbroken(sentence: str) -> str:
    """With what stands in brackets on one line, and a number with its per cent."""
    return re.sub(r"\([^)]{1,30}\)|\d %", lambda found: found[0].replace(" ", "\u00a0"), sentence)


def no_weight(check: Check) -> str:
    """What is told beside a check that failed or is doubtful and yet leaves the verdict as it is, "" for the others."""
    return NO_WEIGHT if weight(check) == "beside" and check.status != "not applicable" else ""


def tally(report: Report) -> str:
    """How many checks of the report say what, and of which it does not matter."""
    counts = {status: sum(check.status == status for check in report.checks) for status in _URGENCY}
    said = ", ".join(f"{count} {_WORDS[status]}" for status, count in counts.items() if count)
    total = f"{len(report.checks)} check{'' if len(report.checks) == 1 else 's'}: {said}"
    idle = sum(bool(no_weight(check)) for check in report.checks)
    if not idle:
        return f"{total}."
    subject = "1 of these does" if idle == 1 else f"{idle} of these do"
    return f"{total}; {subject} not change the verdict."
