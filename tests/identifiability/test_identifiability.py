"""Every check passes where its condition holds and fails where it is broken; the verdict never claims more than they show."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube
from napari_unmix.findings import Findings, MixingFound, MomentsFound, Redraw, RestartsFound
from napari_unmix.geometry.recipes import (
    Corners,
    FacetEdges,
    MinimumVolume,
    PlaneArchetypes,
    SphereArchetypes,
    VertexPicks,
)
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.again.stages import refit
from napari_unmix.identifiability.again.twins import simulated_moments
from napari_unmix.identifiability.checks import (
    all_checks,
    different_enough,
    every_material_varies,
    geometry,
    injective_mixing,
    model_fits,
    rank_of_alpha,
    side_information,
    simulated_twin,
    stable,
)
from napari_unmix.identifiability.checks.side_information import likelihood_gain, residuals_know
from napari_unmix.identifiability.concentrations import rank_test, varying
from napari_unmix.identifiability.confirming import unconfirmed
from napari_unmix.identifiability.errors import expected_abundance_rmse, expected_angle, noise_rmse
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.identifiability.subject import MOST_PIXELS, Subject, gather
from napari_unmix.identifiability.verdict import Circumstances, verdict
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import SumToOne
from napari_unmix.rows.metrics import rmse, spectral_angle
from napari_unmix.synthetic import Scene, blind_scene, region_scene

IN_ORDER = (
    "enough regions",
    "different enough",
    "simulated twin",
    "every material varies",
    "rank of α(u)",
    "model fits",
    "injective mixing",
    "stable",
    "side information",
)


@pytest.fixture(scope="module")
def painted() -> Scene:
    return region_scene(31, materials=3, regions=12, painted=0.9, size=48)


@pytest.fixture(scope="module")
def result(painted: Scene) -> Unmixing:
    return run(painted, painted.annotation)


@pytest.fixture(scope="module")
def report(painted: Scene, result: Unmixing) -> Report:
    return drain(assess(painted.cube, result))


@pytest.fixture(scope="module")
def subject(painted: Scene, result: Unmixing) -> Subject:
    return gather(painted.cube, result)


@pytest.fixture(scope="module")
def refits(subject: Subject) -> Refits:
    return drain(refit(subject))


def run(scene: Scene, annotation: Annotation | None, method: str = "ivae") -> Unmixing:
    spec = spec_class(method)(method=method, endmembers=len(scene.endmembers), illumination=scene.scaled, seed=0)
    return drain(unmix(scene.cube, spec, annotation))


def with_regions(result: Unmixing, labels: np.ndarray) -> Unmixing:
    """The same answer, had these regions been painted."""
    return found(replace(result, regions=labels), declared_regions=int(labels.max()))


def found(result: Unmixing, **changes: object) -> Unmixing:
    """The same answer, had it come about otherwise."""
    return replace(result, findings=result.findings.model_copy(update=changes))


def subject_found(subject: Subject, **changes: object) -> Subject:
    return replace(subject, result=found(subject.result, **changes))


# The verdict


def test_different_regions_identify(report: Report, result: Unmixing) -> None:
    assert report.verdict == "identified"
    assert "if the assumptions" in report.summary
    assert report.check("enough regions").value == 12
    assert result.findings.by_regions


def test_all_nine_checks_are_there_in_order_and_second_opinions_come_last(report: Report) -> None:
    numbered = [check for check in report.checks if check.number is not None]
    assert [check.number for check in numbered] == list(range(1, 10))
    assert tuple(check.name for check in numbered) == IN_ORDER
    assert report.checks[: len(numbered)] == tuple(numbered)
    assert [check.name for check in report.checks] == [one.condition.name for one in all_checks()]
    assert report.check("geometry").role == "informs"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_below_three_regions_nothing_is_identified(
    painted: Scene, result: Unmixing, refits: Refits, count: int
) -> None:
    few = np.where(painted.annotation.labels <= count, painted.annotation.labels, 0)
    seen = gather(painted.cube, with_regions(result, few))
    checks = [one.make(seen, refits) for one in all_checks()]
    claimed, summary = verdict(Circumstances(confirmed=True), checks)
    assert claimed != "identified"
    assert summary.endswith(".")
    first = checks[0]
    assert (first.name, first.status, first.value, first.threshold) == ("enough regions", "fail", count, 7)
    assert f"Paint {7 - count} more regions" in first.remedy


@pytest.mark.slow
def test_shuffled_regions_do_not_identify(painted: Scene, result: Unmixing) -> None:
    shuffled = np.random.default_rng(0).permutation(painted.annotation.labels.ravel()).reshape(48, 48)
    report = drain(assess(painted.cube, with_regions(result, shuffled)))
    assert report.verdict == "partly"
    assert report.check("different enough").status == "fail"
    assert report.check("side information").status == "fail"
    assert "no better than chance" in report.summary


@pytest.mark.slow
def test_a_vae_is_never_identified(painted: Scene, result: Unmixing) -> None:
    spec = spec_class("vae")(method="vae", endmembers=3, seed=0)
    report = drain(assess(painted.cube, replace(result, spec=spec)))
    assert (report.verdict, "Locatello" in report.summary) == ("not identified", True)


@pytest.mark.slow
def test_without_paint_nothing_is_claimed_from_superpixels(painted: Scene) -> None:
    report = drain(assess(painted.cube, run(painted, None)))
    assert report.verdict == "partly"
    assert "no claim about endmembers rests on it" in report.check("enough regions").sentence
    assert "look at the spectra" in report.check("side information").sentence


@pytest.mark.slow
def test_variability_beyond_the_linear_model_is_not_identified() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="tilt", decibels=40, size=48)
    report = drain(assess(scene.cube, run(scene, None)))
    assert report.check("model fits").status == "fail"
    assert report.verdict == "not identified"


# Each check


def test_a_material_whose_evidence_is_constant_is_named(subject: Subject, refits: Refits) -> None:
    assert every_material_varies.check(subject, refits).status == "pass"
    assert subject.alpha is not None
    alpha = subject.alpha.copy()
    alpha[:, 1] = alpha[:, 1].mean() * (1 + 0.02 * np.random.default_rng(0).normal(size=len(alpha)))
    check = every_material_varies.check(replace(subject, alpha=alpha), refits)
    assert check.status == "fail"
    assert subject.result.names[1] in check.sentence
    assert subject.result.names[1] in check.remedy
    assert subject.result.names[0] not in check.sentence


def test_a_result_without_alpha_is_tested_by_its_regions_moments(subject: Subject, refits: Refits) -> None:
    without = replace(subject, alpha=None)
    assert every_material_varies.check(without, refits).status == "pass"
    assert every_material_varies.check(without, Refits()).status == "not applicable"


def test_columns_that_do_not_vary_have_a_chi_square_of_their_freedom() -> None:
    """Under a constant column, χ² of maximum-likelihood estimates averages its degrees of freedom."""
    generator, alpha = np.random.default_rng(4), np.tile([2.0, 4.0, 6.0], (12, 1))
    counts = np.full(12, 400.0)
    from scipy.special import polygamma

    information = 400 * (np.diag(polygamma(1, alpha[0])) - polygamma(1, 12.0))
    root = np.linalg.cholesky(np.linalg.inv(information))
    drawn = [varying(alpha + generator.normal(size=(12, 3)) @ root.T, counts) for _ in range(200)]
    np.testing.assert_allclose(np.mean([chi for chi, _, _ in drawn], axis=0), 11, rtol=0.1)
    assert drawn[0][1] == 11


def test_rank_is_asked_of_nonlinear_mixing_only(subject: Subject, refits: Refits) -> None:
    assert rank_of_alpha.check(subject, refits).status == "not applicable"
    bent = subject_found(subject, mixing=MixingFound(kept="fan"))
    assert rank_of_alpha.check(bent, refits).status == "pass"
    assert subject.alpha is not None
    shared = subject.alpha / subject.alpha.sum(axis=1, keepdims=True) * 12.0  # equal concentrations: one direction less
    assert rank_of_alpha.check(replace(bent, alpha=shared), refits).status == "fail"
    few = replace(bent, regions=np.where(bent.regions <= 3, bent.regions, 0))
    check = rank_of_alpha.check(few, refits)
    assert (check.status, "needs 4 regions" in check.sentence) == ("fail", True)


def test_the_rank_tests_p_value_is_uniform_where_the_rank_is_missed() -> None:
    from scipy.special import polygamma

    generator = np.random.default_rng(0)
    alpha = generator.dirichlet(np.ones(3), size=20) * 6 + 3.0  # all concentrations 15: affinely dependent
    counts = np.full(20, 500.0)
    roots = [
        np.linalg.cholesky(np.linalg.inv(500 * (np.diag(polygamma(1, row)) - polygamma(1, row.sum())))) for row in alpha
    ]
    values = []
    for _ in range(200):
        noisy = alpha + np.array([root @ generator.normal(size=3) for root in roots])
        values.append(rank_test(noisy, counts)[1])
    assert 0.02 < np.mean(np.array(values) < 0.1) < 0.25


def test_structure_in_the_residual_is_seen(painted: Scene, subject: Subject, refits: Refits) -> None:
    assert model_fits.check(subject, refits).status == "pass"
    wave = np.sin(np.linspace(0, 9, painted.cube.shape[2]))
    field = np.random.default_rng(0).normal(size=(48, 48, 1)) * 0.02  # a missing material
    bent = Cube(painted.cube.spectra + (field * wave).astype(np.float32), painted.cube.wavelengths)
    check = model_fits.check(gather(bent, subject.result), refits)
    assert check.status != "pass"
    assert "structure" in check.sentence


def test_twin_endmembers_are_named(painted: Scene, result: Unmixing, refits: Refits) -> None:
    twins = result.endmembers.copy()
    twins[1] = twins[0] * (1 + 1e-6 * np.arange(twins.shape[1]))
    check = injective_mixing.check(gather(painted.cube, replace(result, endmembers=twins)), refits)
    assert check.status == "fail"
    assert "endmember 1 and endmember 2" in check.sentence


def test_one_endmember_too_many_has_no_signal(painted: Scene, subject: Subject, refits: Refits) -> None:
    assert injective_mixing.check(subject, refits).status == "pass"
    more = np.vstack([subject.endmembers, subject.endmembers[0] + 0.2 * np.sin(np.arange(subject.endmembers.shape[1]))])
    names = (*subject.result.names, "endmember 4")
    four = replace(subject, endmembers=more, result=replace(subject.result, names=names))
    check = injective_mixing.check(four, refits)
    assert check.status == "fail"
    assert "hardly rises over the noise" in check.sentence


def test_a_mixing_that_folds_is_not_injective(subject: Subject, refits: Refits) -> None:
    folded = subject_found(subject, mixing=MixingFound(kept="fan", smallest_slope=0.0))
    assert injective_mixing.check(folded, refits).status == "fail"


def test_regions_that_are_alike_are_not_different_enough(subject: Subject, refits: Refits) -> None:
    assert different_enough.check(subject, refits).status == "pass"
    assert refits.moment_fit is not None
    for value, status in ((0.15, "doubtful"), (0.5, "fail"), (math.inf, "fail")):
        alike = replace(refits, moment_fit=replace(refits.moment_fit, relative_error=value))
        assert different_enough.check(subject, alike).status == status
    assert different_enough.check(subject, Refits()).value is None


def test_twins_predict_the_error_of_this_scene(painted: Scene, report: Report, result: Unmixing) -> None:
    from napari_unmix.rows.alignment import match_endmembers

    order = match_endmembers(result.endmembers, painted.endmembers)
    real = rmse(result.abundances[..., order], painted.abundances)
    assert report.expected_abundance_rmse is not None
    assert report.expected_angle_degrees is not None
    assert 0.5 < report.expected_abundance_rmse / real < 2
    angle = float(np.degrees(spectral_angle(result.endmembers[order], painted.endmembers)).mean())
    assert 1 / 4 < report.expected_angle_degrees / angle < 4


def test_twins_far_away_fail(subject: Subject, refits: Refits) -> None:
    assert simulated_twin.check(subject, refits).status == "pass"
    bent = subject.endmembers + 0.3 * subject.endmembers.mean() * np.sin(np.arange(subject.endmembers.shape[1]))
    far = tuple(replace(twin, endmembers=bent, abundance_rmse=0.2) for twin in refits.twins)
    assert simulated_twin.check(subject, replace(refits, twins=far)).status == "fail"
    # With the regions that were left out, which stay, twins count half.
    alone = replace(refits, twins=far, parts=(), without_regions=False)
    assert expected_abundance_rmse(subject, alone) > 0.2
    assert simulated_twin.check(subject, Refits()).status == "not applicable"


def test_the_regions_other_opinions_count_by_their_distance(subject: Subject, refits: Refits) -> None:
    """Without twins the expected angle is the disputed share alone: half, or by both opinions where no Dirichlet fits."""
    assert refits.moment_fit is not None
    still = tuple(replace(twin, endmembers=subject.endmembers) for twin in refits.twins)
    quiet = replace(refits, twins=still, parts=(), without_regions=False, contrastive_error=math.inf)
    there, mean = subject.endmembers, subject.endmembers.mean(axis=0)
    for share in (0.05, 0.1):
        moved = there + share * (mean - there)
        apart = float(np.degrees(spectral_angle(moved, there)).mean())
        fit = replace(refits.moment_fit, endmembers=moved, misfit=1.0)
        follows = replace(quiet, moment_fit=fit)
        assert expected_angle(subject, follows) == pytest.approx(0.5 * apart)
        strange = replace(follows, moment_fit=replace(fit, misfit=9.0), contrastive=None)
        assert expected_angle(subject, strange) == pytest.approx(0.85 * apart)
        further = there + 2 * share * (mean - there)
        both = float(np.sqrt(apart * np.degrees(spectral_angle(further, there)).mean()))
        assert expected_angle(subject, replace(strange, contrastive=further)) == pytest.approx(0.85 * both)
        silent = replace(strange, moment_fit=replace(fit, relative_error=1.0))
        assert expected_angle(subject, silent) == pytest.approx(0, abs=1e-5)


def test_extrapolated_endmembers_need_both_opinions_of_the_regions(subject: Subject, refits: Refits) -> None:
    assert refits.moment_fit is not None
    near, far = subject.endmembers, np.roll(subject.endmembers, 9, axis=1)
    for pure, moments, contrastive, right in (
        (True, far, near, True),
        (False, far, near, False),
        (False, near, near, True),
        (True, near, far, False),
        (False, near, None, True),
    ):
        recipe = PlaneArchetypes(space="affine") if pure else MinimumVolume(space="affine")
        refused = MomentsFound(use="refused", relative_error=0.1, misfit=1.0)
        seen = subject_found(subject, recipe=recipe, moments=refused)
        fit = replace(refits.moment_fit, endmembers=moments, misfit=1.0)
        made = replace(refits, moment_fit=fit, contrastive=contrastive, twins=())
        assert (not unconfirmed(seen, made)) is right


def test_parts_and_restarts_that_differ_are_not_stable(subject: Subject, refits: Refits) -> None:
    check = stable.check(subject, refits)
    assert check.status != "fail"
    assert "not correctness" in check.sentence
    assert refits.without_regions
    far = tuple(np.roll(part, 7, axis=1) for part in refits.parts)
    assert stable.check(subject, replace(refits, parts=far)).status == "fail"
    for evidence_of_second, apart, status in ((1.0, 0.2, "doubtful"), (0.5, 0.2, "pass"), (1.0, 0.01, "pass")):
        restarts = RestartsFound(
            starts=("a", "b"), evidence=(1.0, evidence_of_second), chosen="a", abundance_rms_to_chosen=(0.0, apart)
        )
        close = replace(refits, parts=tuple(subject.endmembers for _ in refits.parts))
        assert stable.check(subject_found(subject, restarts=restarts), close).status == status
    without = replace(subject, result=replace(subject.result, findings=Findings()))
    assert stable.check(without, Refits()).status == "not applicable"


def test_regions_that_follow_the_noise_are_found(
    painted: Scene, result: Unmixing, subject: Subject, refits: Refits
) -> None:
    assert side_information.check(subject, refits).status == "pass"
    band = painted.cube.spectra[..., 40] - (painted.abundances @ painted.endmembers)[..., 40]
    labels = np.searchsorted(np.quantile(band, np.linspace(0, 1, 9)[1:-1]), band) + 1
    check = side_information.check(gather(painted.cube, with_regions(result, labels)), refits)
    assert check.status == "fail"
    assert "residuals depend on it" in check.sentence


@pytest.mark.parametrize("seed", range(8))
def test_labels_that_know_nothing_gain_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores, labels = generator.normal(size=(600, 3)), generator.integers(0, 6, size=600)
    gain, p_value = likelihood_gain(scores, labels, generator)
    assert abs(gain) < 0.05
    assert 0 < p_value <= 1
    assert abs(residuals_know(generator.normal(size=(600, 30)), labels)) < 6
    gain, p_value = likelihood_gain(scores + labels[:, None], labels, generator)
    assert (gain > 0.3, p_value) == (True, 0.02)
    assert residuals_know(scores + labels[:, None], labels) > 20


def test_geometry_wants_pure_pixels(subject: Subject, refits: Refits) -> None:
    assert geometry.check(subject, refits).status == "doubtful"
    pure = subject.abundances.copy()
    pure[:9] = np.repeat(np.eye(3), 3, axis=0)
    assert geometry.check(replace(subject, abundances=pure), refits).status == "pass"
    apart = replace(refits, searched=np.roll(subject.endmembers, 9, axis=1))
    assert "disagrees" in geometry.check(replace(subject, abundances=pure), apart).sentence


# Estimates behind the checks


def test_noise_error_is_that_of_a_linear_gaussian_posterior(subject: Subject) -> None:
    """Abundances drawn from one Gaussian inside the simplex, observed with noise: the formula is the best estimator's error."""
    generator = np.random.default_rng(2)
    spread = 0.03 * (np.eye(3) - 1 / 3)
    drawn = 1 / 3 + generator.normal(size=(2000, 3)) @ spread * 2
    noise = 0.008 * float(np.linalg.norm(subject.endmembers[0] - subject.endmembers[1]))
    spectra = drawn @ subject.endmembers + noise * generator.normal(size=(2000, subject.endmembers.shape[1]))
    seen = replace(
        subject, spectra=spectra, abundances=drawn, illumination=np.ones(2000), regions=np.ones(2000, int), noise=noise
    )
    inverse = np.linalg.pinv(subject.endmembers[:-1] - subject.endmembers[-1])
    estimate = (spectra - subject.endmembers[-1]) @ inverse
    slope = np.linalg.lstsq(estimate - estimate.mean(axis=0), drawn[:, :2] - drawn[:, :2].mean(axis=0), rcond=None)[0]
    best = drawn[:, :2].mean(axis=0) + (estimate - estimate.mean(axis=0)) @ slope
    full = np.column_stack([best, 1 - best.sum(axis=1)])
    np.testing.assert_allclose(noise_rmse(seen), rmse(full, drawn), rtol=0.1)


def test_simulated_moments_are_those_of_the_fit(refits: Refits) -> None:
    assert refits.moments is not None
    assert refits.moment_fit is not None
    many = replace(refits.moments, counts=np.full(refits.moments.regions, 20_000.0))
    drawn = simulated_moments(many, refits.moment_fit, np.random.default_rng(0))
    vertices = refits.moments.to_vertices(refits.moment_fit.endmembers)
    np.testing.assert_allclose(drawn.means, refits.moment_fit.means @ vertices, atol=0.03)
    np.testing.assert_allclose(drawn.covariances, refits.moments.covariances, atol=0.25)


@pytest.mark.parametrize(
    "recipe",
    [
        PlaneArchetypes(space="affine"),
        FacetEdges(space="affine"),
        FacetEdges(space="perspective"),
        MinimumVolume(space="affine"),
        MinimumVolume(space="affine", hinge=True),
        PlaneArchetypes(space="perspective"),
        MinimumVolume(space="perspective", hinge=True),
        SphereArchetypes(),
        SphereArchetypes(cone=True),
        VertexPicks(),
    ],
    ids=lambda recipe: f"{recipe.kind}, {recipe.route}",
)
def test_a_refit_from_the_truth_stays_there(recipe: Corners) -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="linear", decibels=40, size=32)
    spectra = scene.cube.pixels()
    redraw = Redraw(spectra, np.zeros(len(spectra), int), 1e-3, SumToOne(), np.random.default_rng(0))
    again = drain(recipe.again(redraw, scene.endmembers))
    assert np.degrees(spectral_angle(again, scene.endmembers)).max() < (6 if "sphere" in recipe.kind else 3)


# Properties


def permuted(subject: Subject, refits: Refits, order: list[int]) -> tuple[Subject, Refits]:
    result = subject.result
    names = tuple(result.names[k] for k in order)
    assert subject.alpha is not None
    assert refits.moment_fit is not None
    moved = replace(
        subject,
        result=replace(result, names=names),
        endmembers=subject.endmembers[order],
        abundances=subject.abundances[:, order],
        alpha=subject.alpha[:, order],
    )
    fit = replace(refits.moment_fit, endmembers=refits.moment_fit.endmembers[order])
    twins = tuple(replace(twin, endmembers=twin.endmembers[order]) for twin in refits.twins)
    searched = None if refits.searched is None else refits.searched[order]
    parts = tuple(part[order] for part in refits.parts)
    return moved, replace(refits, moment_fit=fit, twins=twins, parts=parts, searched=searched, contrastive=None)


@given(order=st.permutations([0, 1, 2]))
@settings(max_examples=6, deadline=None)
def test_the_order_of_endmembers_changes_names_only(subject: Subject, refits: Refits, order: list[int]) -> None:
    moved, remade = permuted(subject, refits, order)
    for one in all_checks():
        before, after = one.make(subject, replace(refits, contrastive=None)), one.make(moved, remade)
        assert (before.status, before.name) == (after.status, after.name)
        if before.value is not None:
            assert after.value == pytest.approx(before.value, rel=1e-6)
        # The closest pair is named in the order of the endmembers.
        assert sorted(before.sentence.split()) == sorted(after.sentence.split()) or before.name == "injective mixing"


@given(
    value=st.one_of(st.none(), st.floats()),
    numbers=st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.floats())),
    status=st.sampled_from(["pass", "doubtful", "fail", "not applicable"]),
)
@settings(deadline=None)
def test_a_report_survives_json(value: float | None, numbers: dict[str, float | None], status: str) -> None:
    check = Check("stable", status, value, 1.0, "Sentence <&>.", "Do.", numbers, role="veto", number=8)  # type: ignore[arg-type]
    report = Report("partly", "Partly: so.", (check,), value, None)
    text = json.dumps(report.as_json(), allow_nan=False)
    assert repr(Report.from_json(json.loads(text))) == repr(report)


def test_a_check_without_a_role_is_refused() -> None:
    stored = {"name": "geometry", "status": "pass", "value": 1, "threshold": 0.95, "sentence": "So.", "remedy": ""}
    with pytest.raises(ValidationError, match="role"):
        Report.from_json({"verdict": "partly", "summary": "Partly: so.", "checks": [stored]})
    report = Report.from_json({"verdict": "partly", "summary": "So.", "checks": [{**stored, "role": "informs"}]})
    assert (report.check("geometry").value, report.expected_angle_degrees) == (1.0, None)
    with pytest.raises(KeyError):
        report.check("stable")


@pytest.mark.slow
def test_cancel_at_any_yield(painted: Scene, result: Unmixing) -> None:
    events = []
    drain(assess(painted.cube, result), events.append)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1
    assert len(events) > 30
    for stop in (1, 2, 5, len(events) // 2, len(events) - 1):
        steps = assess(painted.cube, result)
        for _ in range(stop):
            next(steps)
        steps.close()
        with pytest.raises(StopIteration):
            next(steps)


# Degenerate input


@pytest.mark.parametrize("shape", [(2, 2), (3, 1)])
def test_a_handful_of_pixels_gets_a_report(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    cube = Cube(generator.uniform(0.1, 0.9, size=(*shape, 20)))
    abundances = generator.dirichlet(np.ones(2), size=shape).astype(np.float32)
    endmembers = generator.uniform(0.1, 0.9, size=(2, 20))
    spec = spec_class("vca-fcls")(method="vca-fcls", endmembers=2, seed=0)
    bare = Unmixing(endmembers, abundances, None, None, np.zeros(shape), ("a", "b"), spec)
    report = drain(assess(cube, bare))
    assert report.verdict != "identified"
    assert all(check.sentence for check in report.checks)


@pytest.mark.slow
def test_flat_abundances_and_invalid_pixels_get_a_report(painted: Scene, result: Unmixing) -> None:
    flat = np.full_like(result.abundances, 1 / 3)
    flat[0] = np.nan
    report = drain(assess(painted.cube, replace(result, abundances=flat)))
    assert report.verdict == "not identified"
    assert math.isfinite(report.check("model fits").value or math.nan)


def test_of_a_large_scene_painted_pixels_are_read_first() -> None:
    labels = np.zeros((300, 400), dtype=int)
    labels[100:110, 50:80] = 1
    cube = Cube(np.ones((300, 400, 4), np.float32))
    spec = spec_class("vca-fcls")(method="vca-fcls", endmembers=2, seed=0)
    shares = np.full((300, 400, 2), 0.5, np.float32)
    findings = Findings(noise=1.0, declared_regions=1)
    seen = gather(
        cube,
        Unmixing(
            np.eye(2, 4), shares, None, None, np.zeros((300, 400)), ("a", "b"), spec, findings=findings, regions=labels
        ),
    )
    assert len(seen.spectra) == seen.valid.sum() == MOST_PIXELS
    assert (seen.regions == 1).sum() == 300
