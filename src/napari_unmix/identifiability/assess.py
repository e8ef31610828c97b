"""The judge: refits of a result, all checks of the identifiability report on them (theory §5), and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.geometry.counting import one_material
from napari_unmix.identifiability.again.quadrants import anchored
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.again.stages import refit
from napari_unmix.identifiability.checks import all_checks, geometry, model_fits, simulated_twin
from napari_unmix.identifiability.confirming import unconfirmed
from napari_unmix.identifiability.decided import strokes_said
from napari_unmix.identifiability.errors import expected_abundance_rmse, expected_angle, expected_map_rmse
from napari_unmix.identifiability.grading import grades, headline
from napari_unmix.identifiability.report import Check, Grade, Report
from napari_unmix.identifiability.subject import Subject, gather
from napari_unmix.identifiability.verdict import Circumstances, helpful, verdict
from napari_unmix.progress import Fit, Progress, meanwhile


def assess_solution(cube: Cube, result: Unmixing, searches: Searches | None = None) -> Fit[Report]:
    """Refit what has to be refitted, then run all checks; yields at every step of a refit and before each check.

    ``searches`` of reports before, where they are kept, are not made again, and those of this one are added to them.
    """
    title, checks = "checking what may be claimed", list[Check]()
    yield (beginning := Progress(title, 0, 0, 0.0))
    subject = yield from meanwhile(lambda: gather(cube, result), beginning)
    if subject.count == 1:
        return _of_one(subject)
    refits = yield from refit(subject, searches)
    registered = all_checks()
    for number, one in enumerate(registered):
        yield (checking := Progress(title, number, len(registered), 0.9 + 0.1 * number / len(registered)))
        checks.append((yield from meanwhile(partial(one.make, subject, refits), checking)))
    return _reported(subject, refits, checks)


def _reported(subject: Subject, refits: Refits, checks: list[Check]) -> Report:
    """The verdict on the checks, the errors to expect where the model fits, and the grades."""
    fits = not any(check.broken for check in checks)
    if not fits:
        checks = [
            simulated_twin.withheld(check) if check.name == simulated_twin.CONDITION.name else check for check in checks
        ]
    given = grades(subject, refits)
    claimed, summary = verdict(_circumstances(subject, refits, given), checks)
    if claimed == "identified" and given and refits.twins:
        errors = expected_map_rmse(subject, refits)
        given = tuple(replace(grade, expected_rmse=float(error)) for grade, error in zip(given, errors, strict=True))
    return Report(
        claimed,
        summary,
        helpful(checks, {one.condition.name: one.condition.serves for one in all_checks()}),
        expected_angle(subject, refits) if refits.twins and fits else None,
        expected_abundance_rmse(subject, refits) if refits.twins and fits else None,
        given,
    )


def _of_one(subject: Subject) -> Report:
    """The report on one endmember: does it fit? All else asks for two."""
    refits = Refits()
    checks = tuple(
        one.make(subject, refits)
        if one.condition is model_fits.CONDITION
        else one.condition.not_applicable("Not asked: one material has nothing to be told apart from.")
        for one in all_checks()
    )
    what = one_material(subject.spectra)
    return Report("not identified", f"{what[0].upper()}{what[1:]}: there is nothing to unmix.", checks)


def _nothing_to_unmix(subject: Subject) -> str:
    """That the spectra are one, as a clause; "" where they are not."""
    if subject.directions > 1:
        return ""
    return f"{one_material(subject.spectra)}; nothing else tells its {subject.count} endmembers apart"


def _all_given(subject: Subject) -> str:
    """That nothing was searched, as a clause; "" where something was."""
    if subject.searched.any():
        return ""
    return f"all endmembers are as given, {subject.held}, and the abundances are right as far as these are"


def _basis(subject: Subject) -> str:
    """What the grades are by."""
    if subject.findings.by_regions or subject.recipe.reads_regions:
        return "By your regions"
    return "By your strokes and geometry" if anchored(subject) else "By geometry"


def _circumstances(subject: Subject, refits: Refits, given: Sequence[Grade]) -> Circumstances:
    return Circumstances(
        why_not=_nothing_to_unmix(subject) or _all_given(subject) or type(subject.result.spec).why_not_identifiable,
        held="" if not subject.searched.any() else subject.held,
        by_regions=subject.findings.by_regions,
        confirmed=not (against := unconfirmed(subject, refits)),
        against=against,
        count=subject.count,
        strokes=strokes_said(subject.findings),
        geometry=geometry.backs(subject, refits),
        graded=headline(given, _basis(subject)),
        steady=all(grade.word in ("steady", "given") for grade in given),
    )
