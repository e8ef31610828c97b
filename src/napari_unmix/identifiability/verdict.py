"""From checks to one verdict and one sentence that claims no more than they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from napari_unmix.identifiability.report import Check, Serves, Verdict

# Between the limits of checks of a lower and of a higher precedence, the verdict tells that the regions do not confirm the endmembers.
CONFIRMATION = 8
# What it tells where no more is known of why.
BY_GEOMETRY = "the regions do not confirm the endmembers, which rest on geometry"


@dataclass(frozen=True)
class StrokesSay:
    """How many painted materials name an endmember of the search, are confirmed by it (None where that was not asked), or stand for one."""

    named: int = 0
    confirmed: int | None = None
    anchored: int = 0


@dataclass(frozen=True)
class Circumstances:
    """What the verdict reads beside the checks.

    Attributes
    ----------
    why_not : why no assumption makes the method's answer unique; "" where one does
    by_regions : whether the painted regions' moments gave the endmembers
    confirmed : whether the painted regions gave them and nothing speaks against it, or estimate the same ones
    against : why they are not confirmed, as a clause, where it is not that they rest on geometry
    held : the endmembers that are as they were given, beside others, of which nothing is claimed; "" where there are none
    count : the number of endmembers
    strokes : what painted strokes of materials say of them
    geometry : whether pure pixels and a second search support them
    graded : how far each endmember can be believed, as one sentence; "" where they have no grades
    steady : whether all can
    """

    why_not: str = ""
    by_regions: bool = False
    confirmed: bool = False
    against: str = ""
    held: str = ""
    count: int = 0
    strokes: StrokesSay = StrokesSay()
    geometry: bool = False
    graded: str = ""
    steady: bool = False


def verdict(circumstances: Circumstances, checks: Sequence[Check]) -> tuple[Verdict, str]:
    """The verdict and its sentence; of what is held as it was given it says that nothing is claimed.

    "identified" needs every check to hold by its role, and endmembers that the painted regions gave or confirm; "not identified" is what a
    method without assumptions, or a model that does not fit, can claim; all else is "partly". Nothing here knows a check by its name.
    """
    claimed, sentence = _verdict(circumstances, checks)
    doubted = claimed != "identified" or not circumstances.steady
    if circumstances.graded and doubted and not circumstances.why_not:
        sentence += f" {circumstances.graded}"
    if circumstances.held:
        sentence += f" Nothing is claimed of what was given: {circumstances.held}."
    return claimed, sentence


def _verdict(circumstances: Circumstances, checks: Sequence[Check]) -> tuple[Verdict, str]:
    if circumstances.why_not:
        return "not identified", f"Not identified: {circumstances.why_not}."
    broken = next((check.broken for check in checks if check.broken), "")
    if broken:
        return "not identified", _without_claim(circumstances, broken)
    open_ones = [check for check in checks if not check.holds]
    if not open_ones and circumstances.confirmed:
        how = "gave" if circumstances.by_regions else "confirm"
        sentence = f"Identified up to the order of the materials, if the assumptions of the regions, which {how} the endmembers, hold."
        return "identified", sentence
    said = circumstances.strokes
    strokes = f"; {_lower(supported(circumstances))}" if said.named or said.anchored else ""
    return "partly", f"Partly: {_limit(circumstances, open_ones)}{strokes}."


def _without_claim(circumstances: Circumstances, broken: str) -> str:
    """Why nothing can be claimed, after what strokes support; what geometry does is in the grades, where there are any."""
    strokes = circumstances.strokes
    if circumstances.graded and not (strokes.named or strokes.anchored):
        return f"Not identified by side information: {broken}."
    return f"{supported(circumstances)}; no claim of identifiability: {broken}."


def _limit(circumstances: Circumstances, open_ones: Sequence[Check]) -> str:
    """What is open, the most basic first."""
    limits = [(check.precedence, check.limit) for check in open_ones if check.limit]
    if not circumstances.confirmed:
        limits.append((CONFIRMATION, circumstances.against or BY_GEOMETRY))
    if limits:
        return min(limits, key=lambda limit: limit[0])[1]
    named = " and ".join(f"“{check.name}”" for check in open_ones)
    return f"the regions confirm the endmembers, but {named} is open; identified up to order if the assumptions hold"


def supported(circumstances: Circumstances) -> str:
    """What strokes and geometry say for the endmembers where no theorem does, as the beginning of a sentence."""
    strokes, count = circumstances.strokes, circumstances.count
    if strokes.anchored:
        return f"Your strokes stand for {_of(strokes.anchored, count)}{_others(count - strokes.anchored)}"
    if not strokes.named:
        again = ", and a second search finds them again" if circumstances.geometry else ""
        return f"The endmembers are the purest spectra found{again}"
    name = f"Your strokes name {_of(strokes.named, count)}"
    if strokes.confirmed == strokes.named:
        name = f"Your strokes name and confirm {_of(strokes.named, count)}"
    elif strokes.confirmed is not None:
        name = f"{name} and confirm {strokes.confirmed or 'none'} of them"
    return f"{name}{_others(count - strokes.named)}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _of(some: int, count: int) -> str:
    return f"{some} of {count} endmembers"


def _others(left: int) -> str:
    """What the endmembers are that no stroke speaks of."""
    if left <= 0:
        return ""
    return "; the others are the purest spectra found" if left > 1 else "; the other one is the purest spectrum left"


def helpful(checks: Sequence[Check], serves: Mapping[str, Serves]) -> tuple[Check, ...]:
    """The checks without the remedies that can't help: where one rules every claim out, those of checks that serve the claim alone.

    ``serves`` tells by the check's name whom its remedy serves; one that is not named there keeps it.
    """
    if not any(check.broken for check in checks):
        return tuple(checks)
    return tuple(replace(check, remedy="") if serves.get(check.name) == "claim" else check for check in checks)
