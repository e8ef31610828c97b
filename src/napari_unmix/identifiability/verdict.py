"""From checks to one verdict and one sentence that claims no more than they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unmix.identifiability.report import Check, Verdict

# Between the limits of checks of a lower and of a higher precedence, the verdict tells that the regions do not confirm the endmembers.
CONFIRMATION = 8


@dataclass(frozen=True)
class Circumstances:
    """What the verdict reads beside the checks.

    Attributes
    ----------
    why_not : why no assumption makes the method's answer unique; "" where one does
    by_regions : whether the painted regions' moments gave the endmembers
    by_strokes : whether painted strokes led to them
    confirmed : whether the painted regions gave them, or estimate the same ones
    held : the endmembers that are as they were given, beside others, of which nothing is claimed; "" where there are none
    """

    why_not: str = ""
    by_regions: bool = False
    by_strokes: bool = False
    confirmed: bool = False
    held: str = ""


def verdict(circumstances: Circumstances, checks: Sequence[Check]) -> tuple[Verdict, str]:
    """The verdict and its sentence; of what is held as it was given it says that nothing is claimed.

    "identified" needs every check to hold by its role, and endmembers that the painted regions gave or confirm; "not identified" is what a
    method without assumptions, or a model that does not fit, can claim; all else is "partly". Nothing here knows a check by its name.
    """
    claimed, sentence = _verdict(circumstances, checks)
    if circumstances.held:
        sentence += f" Nothing is claimed of what was given: {circumstances.held}."
    return claimed, sentence


def _verdict(circumstances: Circumstances, checks: Sequence[Check]) -> tuple[Verdict, str]:
    if circumstances.why_not:
        return "not identified", f"Not identified: {circumstances.why_not}."
    broken = next((check.broken for check in checks if check.broken), "")
    if broken:
        strokes = ", or your strokes" if circumstances.by_strokes else ""
        return "not identified", f"Not identified: {broken}; the endmembers are the purest spectra found{strokes}."
    open_ones = [check for check in checks if not check.holds]
    if not open_ones and circumstances.confirmed:
        how = "gave" if circumstances.by_regions else "confirm"
        sentence = f"Identified up to the order of the materials, if the assumptions of the regions, which {how} the endmembers, hold."
        return "identified", sentence
    return "partly", f"Partly: {_limit(circumstances, open_ones)}."


def _limit(circumstances: Circumstances, open_ones: Sequence[Check]) -> str:
    """What is open, the most basic first."""
    limits = [(check.precedence, check.limit) for check in open_ones if check.limit]
    if not circumstances.confirmed:
        limits.append((CONFIRMATION, "the regions do not confirm the endmembers, which rest on geometry"))
    if limits:
        return min(limits, key=lambda limit: limit[0])[1]
    named = " and ".join(f"“{check.name}”" for check in open_ones)
    return f"the regions confirm the endmembers, but {named} is open; identified up to order if the assumptions hold"
