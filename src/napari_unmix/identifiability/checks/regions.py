"""Checks of the painted regions: 1 enough, 2 different enough, 4 every material varies, 5 rank of α(u)."""

from __future__ import annotations

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION, FEWEST_REGIONS
from napari_unmix.auxiliary.names import ACQUISITION, NONE, PAINTED
from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.report import Check, Status
from napari_unmix.identifiability.subject import Evidence
from napari_unmix.regions.acceptance import POORLY_DETERMINED

WELL_DETERMINED = 0.12
# Spread of a material's α between regions over its mean, beyond what sampling makes: below, it is as good as constant.
VARIES, BARELY_VARIES = 0.18, 0.12
SURE, LIKELY = 0.001, 0.05
_LEAST_SHARE = 0.01


def _kind(evidence: Evidence) -> str:
    """What the regions are: painted, or the acquisitions that the cube was joined from."""
    sources = evidence.result.details.get("sources", ())
    return "acquisition" if ACQUISITION in sources and PAINTED not in sources else "painted region"


def enough_regions(evidence: Evidence, made: Refits) -> Check:
    """Check 1: painted regions with enough pixels, against 3 and 2P + 1 (theory §1). Necessary only.

    Below three no claim rests on them; from 2P + 1 on, the estimate was as good as it gets.
    """
    recommended = 2 * evidence.count + 1
    usable = len(evidence.usable_regions)
    status: Status = "fail" if usable < FEWEST_REGIONS else "doubtful" if usable < recommended else "pass"
    sentence = (
        f"{usable} {_kind(evidence)}{'' if usable == 1 else 's'} with {FEWEST_PIXELS_OF_A_REGION} pixels or more; "
        f"at least {FEWEST_REGIONS} are needed, {recommended} recommended."
    )
    if not type(evidence.result.spec).uses_paint:
        nothing = "This method uses no side information."
        return Check(
            "enough regions",
            "fail",
            0.0,
            float(recommended),
            nothing,
            "Choose one that does: iVAE, or contrastive learning.",
        )
    source = evidence.result.details.get("source")
    if not evidence.regions.any() and source not in (None, NONE, PAINTED):
        sentence += f" Side information made from {source} sharpens abundances; no claim about endmembers rests on it."
    remedy = "" if status == "pass" else _paint_more(max(recommended, FEWEST_REGIONS) - usable)
    numbers = {"painted": float(len(evidence.pixels_by_region) - 1), "usable": float(usable)}
    return Check("enough regions", status, float(usable), float(recommended), sentence, remedy, numbers)


def _paint_more(number: int) -> str:
    return f"Paint {number} more region{'' if number == 1 else 's'} where the mixture looks different."


def different_enough(evidence: Evidence, made: Refits) -> Check:
    """Check 2: standard error of the vertices over the simplex's size, from the profile Hessian of the region moments."""
    name = "different enough"
    if made.moment_fit is None:
        return Check(
            name,
            "doubtful",
            None,
            WELL_DETERMINED,
            *_why_not_measured(evidence),
        )
    value = made.moment_fit.relative_error
    status: Status = "pass" if value < WELL_DETERMINED else "doubtful" if value <= POORLY_DETERMINED else "fail"
    said = {
        "pass": "the regions differ enough to fix the endmembers",
        "doubtful": "the regions differ, but leave the endmembers uncertain by about 2°",
        "fail": "the regions are too alike to fix the endmembers",
    }[status]
    shown = f"{100 * value:.0f} % of the simplex's size" if value < 10 else "without bound"
    return Check(
        name,
        status,
        value if np.isfinite(value) else None,
        WELL_DETERMINED,
        f"The endmembers' standard error is {shown}: {said}.",
        "" if status == "pass" else "Paint regions where single materials are rare or frequent.",
        {"relative_error": value},
    )


def _why_not_measured(evidence: Evidence) -> tuple[str, str]:
    """Why the regions' moments were not fitted, and what would help."""
    if len(evidence.usable_regions) < FEWEST_REGIONS:
        return "Not measured: it needs three regions of 30 pixels or more.", "Paint regions of different mixtures."
    if evidence.illuminated:
        return (
            "Not measured: spectra vary more than noise, so the regions' covariances are not those of mixing.",
            "Exclude noisy bands, or ask for one endmember more.",
        )
    return (
        "Not measured: it needs abundances that sum to one on the spectra, and these vary in brightness or more than noise.",
        "Where brightness varies, free the illumination.",
    )


def every_material_varies(evidence: Evidence, made: Refits) -> Check:
    """Check 4: is α_j the same in all regions? χ² of its estimates around their mean, whitened by the Dirichlet's information.

    Theorem B needs two values of every α_j; if one is constant, the other endmembers may slide on the lines towards it.
    """
    name, rows = "every material varies", _alpha(evidence, made)
    if rows is None or len(rows[0]) < 2:
        return not_applicable(name, "Not tested: it needs two regions, and a Dirichlet fitted to each.", VARIES)
    alpha, counts = rows
    chi, freedom, spread = varying(alpha, counts)
    from scipy.stats import chi2

    unlikely = chi2.sf(chi, freedom)
    varies, barely = (spread >= VARIES) & (unlikely < SURE), (spread >= BARELY_VARIES) & (unlikely < LIKELY)
    status: Status = "pass" if varies.all() else "doubtful" if barely.all() else "fail"
    least = int(spread.argmin())
    numbers = {f"spread {k + 1}": float(value) for k, value in enumerate(spread)}
    numbers["p_value"] = float(unlikely[least])
    if status == "pass":
        sentence = f"The evidence about every material changes between regions, least for {evidence.named([least])} (by {100 * spread[least]:.0f} %)."
        return Check(name, status, float(spread[least]), VARIES, sentence, "", numbers)
    constant = np.flatnonzero(~varies)
    shown = evidence.named(constant)
    sentence = (
        f"The evidence about {shown} {'hardly changes' if status == 'doubtful' else 'does not change'} between regions: "
        f"the other spectra can slide towards or away from {'it' if len(constant) == 1 else 'them'}."
    )
    return Check(
        name,
        status,
        float(spread[least]),
        VARIES,
        sentence,
        f"Paint a region where {shown} {'is' if len(constant) == 1 else 'are'} rare or frequent.",
        numbers,
    )


def varying(alpha: FloatArray, counts: FloatArray) -> tuple[FloatArray, int, FloatArray]:
    """χ² (P,) of each column of α (R, P) being constant, its degrees of freedom, and the columns' relative spread beyond sampling (P,)."""
    variances = np.array([np.diag(np.linalg.inv(_information(a, n))) for a, n in zip(alpha, counts, strict=True)])
    weights = 1 / variances
    centre = (weights * alpha).sum(axis=0) / weights.sum(axis=0)
    chi = (weights * (alpha - centre) ** 2).sum(axis=0)
    beyond = np.maximum(alpha.var(axis=0, ddof=1) - variances.mean(axis=0), 0.0)
    return chi, len(alpha) - 1, np.sqrt(beyond) / np.maximum(alpha.mean(axis=0), 1e-12)


def _information(alpha: FloatArray, count: float) -> FloatArray:
    """(P, P) Fisher information of n draws about α: n (diag ψ′(α) − ψ′(Σα))."""
    from scipy.special import polygamma

    return np.asarray(count * (np.diag(polygamma(1, alpha)) - polygamma(1, alpha.sum())))


def _alpha(evidence: Evidence, made: Refits) -> tuple[FloatArray, FloatArray] | None:
    """α (R, P) of the usable painted regions, of the result or else of their moments, and their independent pixels (R,)."""
    usable = evidence.usable_regions
    counts = evidence.pixels_by_region[usable].astype(float)
    if made.moments is not None and made.moments.regions == len(usable):
        counts = made.moments.counts
    if evidence.alpha is not None and len(evidence.alpha) >= usable.max(initial=0):
        return evidence.alpha[usable - 1], counts
    fit = made.moment_fit
    if fit is None or len(fit.means) != len(usable):
        return None
    shares = np.clip(fit.means, _LEAST_SHARE, None)
    return shares / shares.sum(axis=1, keepdims=True) * fit.concentrations[:, None], counts


def rank_of_alpha(evidence: Evidence, made: Refits) -> Check:
    """Check 5, for nonlinear mixing: are P + 1 of the α(u) affinely independent (Theorem A)?

    With one direction missing, the square of the smallest whitened singular value is χ² with R − P degrees of freedom.
    """
    name = "rank of α(u)"
    if evidence.linear:
        return not_applicable(
            name, "Not needed: mixing is linear, for which it is enough that every material varies.", LIKELY
        )
    rows = _alpha(evidence, made)
    regions, count = (0 if rows is None else len(rows[0])), evidence.count
    needed, recommended = count + 1, 4 * count
    remedy = f"Paint at least {needed} regions of clearly different mixtures and spreads, better {recommended}."
    if rows is None or regions < needed:
        sentence = f"Nonlinear mixing needs {needed} regions with different α(u); there {'is' if regions == 1 else 'are'} {regions or 'none'}."
        return Check(name, "fail", None, SURE, sentence, remedy)
    smallest, p_value = rank_test(*rows)
    status: Status = "pass" if p_value < SURE else "doubtful" if p_value < LIKELY else "fail"
    sentence = (
        f"That α(u) of {regions} regions misses one of {count} directions has probability {p_value:.2g} "
        f"({'it spans them all' if status == 'pass' else 'it may'})."
    )
    numbers = {"smallest_singular_value": smallest, "p_value": p_value}
    return Check(name, status, p_value, SURE, sentence, "" if status == "pass" else remedy, numbers)


def rank_test(alpha: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Smallest whitened singular value of the centred α (R, P), and the p-value of its square under rank deficiency (theory §5)."""
    from scipy.stats import chi2

    regions, count = alpha.shape
    covariance = np.mean([np.linalg.inv(_information(a, n)) for a, n in zip(alpha, counts, strict=True)], axis=0)
    whitener = np.linalg.cholesky(np.linalg.inv(covariance))
    smallest = float(np.linalg.svd((alpha - alpha.mean(axis=0)) @ whitener, compute_uv=False)[count - 1])
    return smallest, float(chi2.sf(smallest**2, max(regions - count, 1)))


def not_applicable(name: str, sentence: str, threshold: float | None) -> Check:
    """A check that says why it was not made."""
    return Check(name, "not applicable", None, threshold, sentence)
