"""All checks of the identifiability report (theory §5), on the result and its refits."""

from __future__ import annotations

from collections.abc import Callable

from napari_unmix.answer import Fit, Progress, Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.again.stages import refit
from napari_unmix.identifiability.checks.fit import geometry, injective, model_fits
from napari_unmix.identifiability.checks.refits import side_information, simulated_twin, stable
from napari_unmix.identifiability.checks.regions import (
    different_enough,
    enough_regions,
    every_material_varies,
    rank_of_alpha,
)
from napari_unmix.identifiability.errors import expected_abundance_rmse, expected_angle
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.identifiability.subject import Evidence, gather
from napari_unmix.identifiability.verdict import verdict

CHECKS: tuple[Callable[[Evidence, Refits], Check], ...] = (
    enough_regions,
    different_enough,
    simulated_twin,
    every_material_varies,
    rank_of_alpha,
    model_fits,
    injective,
    stable,
    side_information,
    geometry,
)


def assess_solution(cube: Cube, result: Unmixing) -> Fit[Report]:
    """Refit what has to be refitted, then run all checks; yields at every step of a refit and before each check."""
    yield Progress("checking what may be claimed", 0, 0, 0.0)
    evidence = gather(cube, result)
    made = yield from refit(evidence)
    checks: list[Check] = []
    for number, check in enumerate(CHECKS):
        yield Progress("checking what may be claimed", number, len(CHECKS), 0.9 + 0.1 * number / len(CHECKS))
        checks.append(check(evidence, made))
    claimed, summary = verdict(evidence, made, {check.name: check for check in checks})
    twins = bool(made.twins)
    return Report(
        claimed,
        summary,
        tuple(checks),
        expected_angle(evidence, made) if twins else None,
        expected_abundance_rmse(evidence, made) if twins else None,
    )
