"""From checks to one verdict and one sentence that claims no more than they show."""

from __future__ import annotations

from napari_unmix.identifiability.report import Check, Report, Status
from napari_unmix.unmixing import Unmixing


def verdict(result: Unmixing, checks: tuple[Check, ...]) -> Report:
    """The report of a result.

    "identified" needs painted regions that pass checks 1 and 2, were used, and a model that fits; "not identified" is what a method
    without assumptions, or a model that does not fit, can claim; all else is "partly", and says on what it rests.
    """
    status = {check.name: check.status for check in checks}
    method = result.spec.method
    if method == "vae":
        return Report(
            "not identified",
            "Not identified: without side information a VAE's answer is not unique, whatever its fit (Locatello et al. 2019).",
            checks,
        )
    if status["model fits"] == "fail" or status["injective mixing"] == "fail":
        reason = (
            "the linear model leaves more than noise"
            if status["model fits"] == "fail"
            else "two endmembers are too alike for the noise"
        )
        return Report(
            "not identified",
            f"Not identified: {reason}; the endmembers are the purest spectra found, or your strokes.",
            checks,
        )
    decided = ("enough regions", "different enough", "model fits", "injective mixing")
    if all(status[name] == "pass" for name in decided) and result.details.get("moments_accepted"):
        return Report(
            "identified",
            "Identified up to the order of the materials, if the assumptions of the painted regions hold.",
            checks,
        )
    return Report("partly", _partly(result, status), checks)


def _partly(result: Unmixing, status: dict[str, Status]) -> str:
    if status["enough regions"] != "fail" and status["different enough"] == "fail":
        return "Partly: the painted regions are too alike to fix the endmembers; abundances follow from the endmembers found."
    if status["enough regions"] == "doubtful":
        return "Partly: painted regions confirm the endmembers, fewer than recommended; identified up to order if the assumptions hold."
    if status["geometry"] == "pass":
        return "Partly: the endmembers rest on the purest pixels being pure, not on side information."
    return "Partly: no pure pixels and no painted regions that fix the endmembers; they are extrapolated by geometry."
