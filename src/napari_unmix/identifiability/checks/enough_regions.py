"""Check 1: painted regions with enough pixels, against 3 and 2P + 1 (theory §1). Necessary only."""

from __future__ import annotations

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION, FEWEST_REGIONS
from napari_unmix.auxiliary.names import ACQUISITION, NONE, PAINTED
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.checks.geometry import backs
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject

CONDITION = Condition(
    "enough regions",
    "required",
    number=1,
    precedence=1,
    threshold=None,
    title="Enough regions",
    told=f"{{value:.0f}} that hold {FEWEST_PIXELS_OF_A_REGION} pixels or more (good from {{threshold:.0f}})",
)
# Told where nothing else is open.
_LAST = 98


def check(subject: Subject, refits: Refits) -> Check:
    """Below three no claim rests on them; from 2P + 1 on, the estimate was as good as it gets."""
    recommended = 2 * subject.count + 1
    usable = len(subject.usable_regions)
    limit = "" if usable >= FEWEST_REGIONS else _without_regions(subject, refits)
    if not type(subject.result.spec).uses_paint:
        nothing, remedy = (
            "This method uses no side information.",
            "Choose one that does: iVAE, or region contrast.",
        )
        return CONDITION.check("fail", 0.0, nothing, remedy, threshold=float(recommended), limit=limit)
    status: Status = "fail" if usable < FEWEST_REGIONS else "doubtful" if usable < recommended else "pass"
    sentence = (
        f"{usable} {_kind(subject)}{'' if usable == 1 else 's'} with {FEWEST_PIXELS_OF_A_REGION} pixels or more; "
        f"at least {FEWEST_REGIONS} are needed, {recommended} recommended."
    )
    made_from = "+".join(subject.findings.sources)
    if not subject.regions.any() and made_from not in ("", NONE, PAINTED):
        sentence += (
            f" Side information made from {made_from} sharpens abundances; no claim about endmembers rests on it."
        )
    few = "the regions confirm the endmembers, fewer than recommended; identified up to order if the assumptions hold"
    return CONDITION.check(
        status,
        float(usable),
        sentence,
        "" if status == "pass" else _paint_more(max(recommended, FEWEST_REGIONS) - usable) + _whole(subject),
        {"painted": float(len(subject.pixels_by_region) - 1), "usable": float(usable)},
        threshold=float(recommended),
        limit=few if status == "doubtful" else limit,
        precedence=_LAST if status == "doubtful" else None,
    )


def _without_regions(subject: Subject, refits: Refits) -> str:
    if backs(subject, refits):
        return "the endmembers rest on the purest pixels being pure, not on side information"
    return "no pure pixels and no regions that fix the endmembers; they are extrapolated by geometry"


def _kind(subject: Subject) -> str:
    """What the regions are: painted, or the acquisitions that the cube was joined from, where no other source cuts these up."""
    return "acquisition" if subject.findings.sources == (ACQUISITION,) else "painted region"


def _whole(subject: Subject) -> str:
    """What acquisitions can be that another source cuts up."""
    sources = subject.findings.sources
    if ACQUISITION not in sources or PAINTED in sources or sources == (ACQUISITION,):
        return ""
    return " Or, of three acquisitions or more, let each be a region (--auxiliary acquisition)."


def _paint_more(number: int) -> str:
    return f"Paint {number} more region{'' if number == 1 else 's'} where the mixture looks different."
