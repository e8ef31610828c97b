"""From checks to one verdict and one sentence that claims no more than they show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.refits import Refits, accepted, angles
from napari_unmix.identifiability.checks.fit import BY_CHANCE, moments_misfit
from napari_unmix.identifiability.report import GEOMETRY, Check, Verdict
from napari_unmix.identifiability.subject import Evidence

# An estimate of the regions' confirms endmembers that it was not used for where it comes this close (degrees).
CONFIRMED_WITHIN = 2.0
_REQUIRED = (
    "enough regions",
    "different enough",
    "every material varies",
    "rank of α(u)",
    "model fits",
    "injective mixing",
    "side information",
)
# Noisy measures of what check 2 measures: they veto, they need not shine.
_NOT_FAILED = ("simulated twin", "stable")


def verdict(evidence: Evidence, made: Refits, checks: Mapping[str, Check]) -> tuple[Verdict, str]:
    """The verdict and its sentence.

    "identified" needs painted regions that are enough, different, used, and legitimate, endmembers that they gave or confirm, and a model
    that fits; "not identified" is what a method without assumptions, or a model that does not fit, can claim; all else is "partly".
    """
    why_not = type(evidence.result.spec).why_not_identifiable
    if why_not:
        return "not identified", f"Not identified: {why_not}."
    broken = _broken(checks)
    if broken:
        return (
            "not identified",
            f"Not identified: {broken}; the endmembers are the purest spectra found{_or_strokes(evidence)}.",
        )
    required = all(checks[name].status in ("pass", "not applicable") for name in _REQUIRED)
    vetoed = any(checks[name].status == "fail" for name in _NOT_FAILED)
    if required and not vetoed and checks["every material varies"].status == "pass" and confirmed(evidence, made):
        how = "gave" if accepted(evidence) else "confirm"
        return (
            "identified",
            f"Identified up to the order of the materials, if the assumptions of the regions, which {how} the endmembers, hold.",
        )
    return "partly", f"Partly: {_limit(evidence, made, checks)}."


def _or_strokes(evidence: Evidence) -> str:
    return ", or your strokes" if evidence.result.details.get("route") == "strokes" else ""


def confirmed(evidence: Evidence, made: Refits) -> bool:
    """Whether the painted regions gave the endmembers, or what they estimate comes within ``CONFIRMED_WITHIN``.

    Of pure pixels contrastive learning has to, which needs no Dirichlet; of extrapolated ones the moments as well, because minimum volume errs
    with the law of the abundances as they do. Where regions are too few for contrastive learning: moments that follow a Dirichlet.
    """
    if accepted(evidence):
        return True
    by_moments = made.moment_fit is not None and _near(evidence, made.moment_fit.endmembers)
    if made.contrastive is None:
        p_value = moments_misfit(made)[1]
        return by_moments and p_value is not None and p_value >= BY_CHANCE
    return _near(evidence, made.contrastive) and (by_moments or not _extrapolated(evidence, made))


def _near(evidence: Evidence, endmembers: FloatArray) -> bool:
    return bool(angles(endmembers, evidence.endmembers).mean() <= CONFIRMED_WITHIN)


def _extrapolated(evidence: Evidence, made: Refits) -> bool:
    """Whether minimum volume gave the endmembers: no pure pixels back them, and contrastive learning has not replaced them."""
    pure = evidence.result.details.get("pure", made.search is None or made.search.pure)
    return not pure and evidence.result.details.get("contrastive") is None


def _broken(checks: Mapping[str, Check]) -> str:
    if checks["model fits"].status == "fail":
        return "the model leaves more than noise"
    if checks["injective mixing"].status == "fail":
        return "two endmembers are too alike for the noise"
    return ""


def _limit(evidence: Evidence, made: Refits, checks: Mapping[str, Check]) -> str:
    """What is open, the most basic first, and which endmembers can trade."""
    status = {name: check.status for name, check in checks.items()}
    if status["enough regions"] == "fail":
        if status[GEOMETRY] == "pass":
            return "the endmembers rest on the purest pixels being pure, not on side information"
        return "no pure pixels and no regions that fix the endmembers; they are extrapolated by geometry"
    if status["model fits"] != "pass":
        return "the residual is more than noise, so regions do not settle the endmembers"
    if status["side information"] == "fail":
        return "the regions tell mixtures apart no better than chance, or residuals depend on them; the endmembers rest on geometry"
    if status["different enough"] != "pass" and made.moment_fit is not None:
        return f"the regions are too alike to fix the endmembers; {_traders(evidence, made)} can trade"
    if status["every material varies"] in ("doubtful", "fail"):
        constant = checks["every material varies"]
        return f"{_first_of(constant.sentence)}, so the other endmembers can slide towards or away from it"
    if status["rank of α(u)"] not in ("pass", "not applicable"):
        return f"the regions do not differ in enough ways for nonlinear mixing; {_traders(evidence, made)} can trade"
    if status["injective mixing"] != "pass":
        return "the weakest material hardly rises over the noise"
    if not confirmed(evidence, made):
        return "the regions do not confirm the endmembers, which rest on geometry"
    if "fail" in (status["simulated twin"], status["stable"]):
        return f"refits move too far; {_traders(evidence, made)} can trade"
    return "the regions confirm the endmembers, fewer than recommended; identified up to order if the assumptions hold"


def _first_of(sentence: str) -> str:
    words = sentence.split(":")[0]
    return words[:1].lower() + words[1:]


def _traders(evidence: Evidence, made: Refits) -> str:
    """The names of the two endmembers that move most in refits."""
    others = [twin.endmembers for twin in made.twins] or list(made.parts)
    if made.moment_fit is not None:
        others = [*others, made.moment_fit.endmembers]
    if not others:
        return "endmembers"
    moved = np.mean([angles(other, evidence.endmembers) ** 2 for other in others], axis=0)
    return evidence.named(np.sort(np.argsort(-moved)[:2]))
