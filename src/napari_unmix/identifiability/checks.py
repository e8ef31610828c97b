"""The checks of the identifiability report, each a number against a threshold (theory §5; numbered as there).

1 enough regions, 2 different enough, 6 the model fits, 7 injective mixing, and the geometry as a second opinion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.identifiability.report import Check, Report, Status
from napari_unmix.identifiability.verdict import verdict
from napari_unmix.metrics import angle_table
from napari_unmix.subspace import noise_level
from napari_unmix.unmixing import Fit, Progress, Unmixing

# Below three painted regions no claim rests on them; from 2P + 1 on, the estimate was as good as it gets (theory §1).
FEWEST_REGIONS = 3
FEWEST_PIXELS = 30
WELL_DETERMINED, POORLY_DETERMINED = 0.1, 0.2
FITS, MISFITS = 1.04, 1.25
# The largest residual eigenvalue that noise alone gives, with room for its sampling error.
_EDGE = 1.5


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the checks read: the result and its cube's valid pixels, prepared once."""

    result: Unmixing
    spectra: FloatArray  # (N, B_good)
    endmembers: FloatArray  # (P, B_good)
    abundances: FloatArray  # (N, P)
    residual: FloatArray  # (N, B_good)
    noise: float

    @property
    def count(self) -> int:
        """P."""
        return len(self.endmembers)


def assess_solution(cube: Cube, result: Unmixing) -> Fit[Report]:
    """Run all checks that apply to this result; yields after each."""
    evidence = _gather(cube, result)
    checks: list[Check] = []
    for number, check in enumerate(CHECKS):
        yield Progress("checking what may be claimed", number, len(CHECKS), number / len(CHECKS))
        checks.append(check(evidence))
    return verdict(result, tuple(checks))


def _gather(cube: Cube, result: Unmixing) -> Evidence:
    valid = cube.valid_pixels & np.isfinite(result.abundances).all(axis=2)
    spectra = cube.spectra[valid][:, cube.good_bands].astype(np.float64)
    abundances = result.abundances[valid].astype(np.float64)
    endmembers = result.endmembers[:, cube.good_bands]
    scale = 1.0 if result.illumination is None else result.illumination[valid].astype(np.float64)[:, None]
    noise = float(result.details.get("noise") or noise_level(spectra, len(endmembers)))
    return Evidence(result, spectra, endmembers, abundances, spectra - scale * (abundances @ endmembers), noise)


def enough_regions(evidence: Evidence) -> Check:
    """Check 1: painted regions with enough pixels, against 3 and 2P + 1 (theory §1). Necessary only."""
    recommended = 2 * evidence.count + 1
    details = evidence.result.details
    painted = int(details.get("painted_regions", 0))
    sizes = np.asarray(details.get("region_pixels", np.zeros(0)))[:painted]
    usable = int((sizes >= FEWEST_PIXELS).sum())
    status: Status = "fail" if usable < FEWEST_REGIONS else "doubtful" if usable < recommended else "pass"
    sentence = (
        f"{usable} painted region{'' if usable == 1 else 's'} with {FEWEST_PIXELS} pixels or more; "
        f"at least {FEWEST_REGIONS} are needed, {recommended} recommended."
    )
    source = details.get("source")
    if not painted and source in ("superpixels", "blocks"):
        sentence += f" Automatic {source} sharpen abundances; no claim about endmembers rests on them."
    remedy = (
        ""
        if status == "pass"
        else f"Paint {max(recommended, FEWEST_REGIONS) - usable} more regions where the mixture looks different."
    )
    return Check("enough regions", status, float(usable), float(recommended), sentence, remedy)


def different_enough(evidence: Evidence) -> Check:
    """Check 2: standard error of the vertices over the simplex's size, from the profile Hessian of the region moments."""
    moments = evidence.result.details.get("moments")
    if moments is None:
        return Check(
            "different enough",
            "doubtful",
            None,
            WELL_DETERMINED,
            "Not measured: it needs three painted regions, and spectra that vary no more than noise (with light and shade, free illumination).",
            "Paint regions of different mixtures; where brightness varies, tick illumination.",
        )
    value = float(moments[0])
    status: Status = "pass" if value < WELL_DETERMINED else "doubtful" if value <= POORLY_DETERMINED else "fail"
    said = {
        "pass": "the regions differ enough to fix the endmembers",
        "doubtful": "the regions differ, but leave the endmembers uncertain by about 2°",
        "fail": "the regions are too alike to fix the endmembers",
    }[status]
    shown = f"{100 * value:.0f} %" if np.isfinite(value) else "without bound"
    return Check(
        "different enough",
        status,
        value if np.isfinite(value) else None,
        WELL_DETERMINED,
        f"The endmembers' standard error is {shown} of the simplex's size: {said}.",
        "" if status == "pass" else "Paint regions where single materials are rare or frequent.",
    )


def model_fits(evidence: Evidence) -> Check:
    """Check 6: residual over noise (χ), the residual covariance's leading eigenvalue, and the region moments' misfit."""
    pixels, bands = evidence.residual.shape
    freedom = max(bands - evidence.count + 1, 1)
    chi = float(np.sqrt((evidence.residual**2).sum() / pixels / freedom) / evidence.noise)
    leading = float(np.linalg.eigvalsh(evidence.residual.T @ evidence.residual / pixels)[-1] / evidence.noise**2)
    edge = _EDGE * (1 + np.sqrt(bands / pixels)) ** 2
    status: Status = "pass" if chi <= FITS else "doubtful" if chi <= MISFITS else "fail"
    sentence = f"The residual is {chi:.2f}× the noise (up to {FITS} is noise)."
    if status == "pass" and leading > edge:
        status = "doubtful"
    if leading > edge:
        sentence += (
            f" It has structure: one spectral direction holds {leading:.0f}× the noise's variance "
            "(a missing material, variability, or nonlinear mixing)."
        )
    moments = evidence.result.details.get("moments")
    if moments is not None and moments[1] > 1.3:
        status = "doubtful" if status == "pass" else status
        sentence += f" The regions' moments do not follow a Dirichlet (misfit {moments[1]:.1f}, 1 expected)."
    remedy = (
        ""
        if status == "pass"
        else "Try one endmember more, or free the illumination; exclude noisy bands; strokes of pure material anchor endmembers under variability."
    )
    return Check("model fits", status, chi, FITS, sentence, remedy)


def injective(evidence: Evidence) -> Check:
    """Check 7: the abundance error that noise alone gives in the worst direction, against the abundances' own spread."""
    centred = evidence.endmembers - evidence.endmembers.mean(axis=0)
    smallest = float(np.linalg.svd(centred, compute_uv=False)[evidence.count - 2])
    error = evidence.noise / max(smallest, 1e-300)
    angles = np.degrees(angle_table(evidence.endmembers, evidence.endmembers)) + 360 * np.eye(evidence.count)
    first, second = np.unravel_index(int(angles.argmin()), angles.shape)
    status: Status = "pass" if error < 0.1 else "doubtful" if error < 0.3 else "fail"
    names = evidence.result.names
    sentence = (
        f"Noise moves a single pixel's abundances by at most {100 * min(error, 1):.2g} %; "
        f"the closest endmembers, {names[first]} and {names[second]}, are "
        f"{angles.min():.1f}° apart."
    )
    return Check(
        "injective mixing",
        status,
        float(min(error, 1e6)),
        0.1,
        sentence,
        "" if status == "pass" else "Ask for one endmember fewer, or smooth the cube.",
    )


def geometry(evidence: Evidence) -> Check:
    """Second opinion: are there pixels of nearly one material for every endmember?"""
    purest = np.sort(evidence.abundances, axis=0)[-max(3, len(evidence.abundances) // 1000) :].mean(axis=0)
    lowest = float(purest.min())
    name = evidence.result.names[int(purest.argmin())]
    status: Status = "pass" if lowest > 0.95 else "doubtful"
    sentence = (
        "Every endmember has pixels of (as fitted) at least 95 % of its material: the geometry supports it, if they are pure."
        if status == "pass"
        else f"The purest pixels of {name} hold {100 * lowest:.0f} % of it: no pure pixels back it."
    )
    return Check(
        "geometry",
        status,
        lowest,
        0.95,
        sentence,
        "" if status == "pass" else f"Paint regions, or a stroke of pure {name}, to confirm it.",
    )


CHECKS: tuple[Callable[[Evidence], Check], ...] = (enough_regions, different_enough, model_fits, injective, geometry)
