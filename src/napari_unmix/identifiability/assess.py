"""The judge: refits of a result, all checks of the identifiability report on them (theory §5), and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.geometry.counting import one_material
from napari_unmix.identifiability.again.refits import BY_CHANCE, Refits, degrees_from, moments_misfit
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.again.stages import refit
from napari_unmix.identifiability.checks import all_checks, geometry, model_fits, simulated_twin
from napari_unmix.identifiability.decided import strokes_said
from napari_unmix.identifiability.errors import expected_abundance_rmse, expected_angle
from napari_unmix.identifiability.grading import grades, headline
from napari_unmix.identifiability.report import Check, Grade, Report
from napari_unmix.identifiability.subject import Subject, gather
from napari_unmix.identifiability.verdict import Circumstances, helpful, verdict
from napari_unmix.progress import Fit, Progress, meanwhile

# An estimate of the regions' confirms endmembers that it was not used for where it comes this close (degrees).
CONFIRMED_WITHIN = 2.0


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


def _circumstances(subject: Subject, refits: Refits, given: Sequence[Grade]) -> Circumstances:
    regions = subject.findings.by_regions or subject.recipe.reads_regions
    return Circumstances(
        why_not=_nothing_to_unmix(subject) or _all_given(subject) or type(subject.result.spec).why_not_identifiable,
        held="" if not subject.searched.any() else subject.held,
        by_regions=subject.findings.by_regions,
        confirmed=confirmed(subject, refits),
        count=subject.count,
        strokes=strokes_said(subject.findings),
        geometry=geometry.backs(subject, refits),
        graded=headline(given, "By your regions" if regions else "By geometry"),
    )


def confirmed(subject: Subject, refits: Refits) -> bool:
    """Whether the painted regions gave the endmembers, or what they estimate comes within ``CONFIRMED_WITHIN``.

    Of pure pixels contrastive learning has to, which needs no Dirichlet; of extrapolated ones the moments as well, because minimum volume errs
    with the law of the abundances as they do. Where regions are too few for contrastive learning: moments that follow a Dirichlet.
    """
    if subject.findings.by_regions:
        return True
    by_moments = refits.moment_fit is not None and _near(subject, refits.moment_fit.endmembers)
    if refits.contrastive is None:
        p_value = moments_misfit(refits)[1]
        return by_moments and p_value is not None and p_value >= BY_CHANCE
    return _near(subject, refits.contrastive) and (by_moments or not _extrapolated(subject, refits))


def _near(subject: Subject, endmembers: FloatArray) -> bool:
    return degrees_from(subject, endmembers) <= CONFIRMED_WITHIN


def _extrapolated(subject: Subject, refits: Refits) -> bool:
    """Whether minimum volume gave the endmembers; where the method does not say, whether a search of the geometry's would have."""
    said = subject.recipe.extrapolated
    return refits.search is not None and not refits.search.pure if said is None else said
