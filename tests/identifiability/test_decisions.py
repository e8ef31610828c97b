"""Made-up numbers in, one word out: every threshold of the judge from both its sides, on subjects that no method fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.findings import Findings, MixingFound, MomentsFound, PriorFound, Recipe, RestartsFound, SupportFound
from napari_unmix.geometry.beside_recipes import ExtrapolatedBeside
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.recipes import FacetEdges, MinimumVolume, PlaneArchetypes, Strokes, VertexPicks
from napari_unmix.identifiability.again.refits import (
    Refits,
    Twin,
    abundance_change,
    like_the_result,
    moments_misfit,
    no_dirichlet,
    some_rows,
    traders,
)
from napari_unmix.identifiability.again.search import found_again, repeatable
from napari_unmix.identifiability.checks import (
    all_checks,
    different_enough,
    enough_regions,
    every_material_varies,
    geometry,
    injective_mixing,
    model_fits,
    rank_of_alpha,
    side_information,
    simulated_twin,
    stable,
)
from napari_unmix.identifiability.concentrations import alpha_by_region, varying
from napari_unmix.identifiability.confirming import unconfirmed
from napari_unmix.identifiability.errors import (
    expected_abundance_rmse,
    expected_angle,
    expected_map_rmse,
    noise_by_map,
    noise_rmse,
    twin_degrees,
)
from napari_unmix.identifiability.subject import Subject
from napari_unmix.identifiability.verdict import BY_GEOMETRY, CONFIRMATION
from napari_unmix.methods.registry import spec_class
from napari_unmix.progress import drain
from napari_unmix.regions.contrast import Contrast
from napari_unmix.regions.moments import MomentFit, RegionMoments
from napari_unmix.regions.third import ThirdMoments
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.subspace import Excess

BANDS, NOISE, PIXELS = 24, 0.01, 900
GENERATOR = np.random.default_rng(0)
PLACE = np.linspace(0, 1, BANDS)
ENDMEMBERS = np.array([0.2 + 0.6 * np.exp(-(((PLACE - centre) / 0.18) ** 2)) for centre in (0.15, 0.5, 0.85)])
OFF = np.cos(7 * np.pi * PLACE)  # a direction off all of them, to turn towards
OFF = OFF - OFF @ np.linalg.pinv(ENDMEMBERS) @ ENDMEMBERS
OFF = OFF / np.linalg.norm(OFF)
# α of nine regions: all materials vary, and it spans all directions.
ALPHA = 1.0 + 8.0 * np.random.default_rng(1).dirichlet(np.ones(3) * 0.7, size=9) * np.linspace(0.5, 2, 9)[:, None]
REGIONS = np.repeat(np.arange(1, 10), PIXELS // 9)
ABUNDANCES = np.vstack([GENERATOR.dirichlet(row, PIXELS // 9) for row in ALPHA])
RMS = np.sqrt((0.3**2 + 1.0) / 2)
RESIDUAL = GENERATOR.normal(size=(PIXELS, BANDS)) * np.sqrt((BANDS - 2) / BANDS)  # as a fit leaves it


def subject(
    *,
    regions: np.ndarray = REGIONS,
    residual: float = 1.0,
    light: np.ndarray | None = None,
    method: str = "ivae",
    recipe: Recipe | None = None,
    **found: object,
) -> Subject:
    """A subject that sums to one (brightness free where ``light`` is given), with ``residual`` times its noise."""
    findings = Findings(
        recipe=PlaneArchetypes(space="affine") if recipe is None else recipe,
        noise=NOISE,
        declared_regions=9,
        sources=("painted regions",),
        prior=PriorFound(chosen="dirichlet", evidence={"dirichlet": 1.0}),
    ).model_copy(update=found)
    shown = np.ones(PIXELS) if light is None else light
    result = Unmixing(
        ENDMEMBERS,
        ABUNDANCES.reshape(30, 30, 3).astype(np.float32),
        None,
        None if light is None else light.reshape(30, 30),
        np.zeros((30, 30)),
        ("rock", "soil", "tree"),
        spec_class(method)(method=method, endmembers=3, illumination=light is not None),
        findings=findings,
    )
    spectra = shown[:, None] * (ABUNDANCES @ ENDMEMBERS) + residual * NOISE * RESIDUAL
    return Subject(result, spectra, ENDMEMBERS, ABUNDANCES, shown, regions, np.ones((30, 30), bool), NOISE, ALPHA, None)


def turned(degrees: float, which: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """The endmembers, these turned by so many degrees."""
    found = ENDMEMBERS.copy()
    for k in which:
        length = np.linalg.norm(found[k])
        found[k] = np.cos(np.radians(degrees)) * found[k] + np.sin(np.radians(degrees)) * length * OFF
    return found


def twins(*degrees: float, rmse: float = 0.01) -> tuple[Twin, ...]:
    return tuple(Twin(turned(angle), rmse) for angle in degrees)


def moment_fit(**changes: object) -> Refits:
    """Moments of nine regions, and a fit to them that is the result's."""
    moments = RegionMoments(
        means=np.zeros((9, 2)),
        covariances=np.tile(np.eye(2), (9, 1, 1)),
        counts=np.full(9, 100.0),
        noise=np.full(2, 0.1),
        spread=np.ones(2),
        basis=np.eye(2, BANDS),
        origin=np.zeros(BANDS),
    )
    share = ALPHA / ALPHA.sum(axis=1, keepdims=True)
    fit = MomentFit(ENDMEMBERS, share, ALPHA.sum(axis=1), 1.0, 12, 0.05, np.full(3, 0.01))
    return Refits(moments=moments, moment_fit=replace(fit, **changes))  # type: ignore[arg-type]


def only(count: int) -> np.ndarray:
    return np.where(count >= REGIONS, REGIONS, 0)


# --- 1 enough, 2 different


@pytest.mark.parametrize(("usable", "word"), [(2, "fail"), (3, "doubtful"), (6, "doubtful"), (7, "pass")])
def test_three_regions_are_needed_and_two_times_the_materials_and_one_recommended(usable: int, word: str) -> None:
    check = enough_regions.check(subject(regions=only(usable)), Refits())
    assert (check.status, check.value, check.threshold) == (word, usable, 7)
    assert ("Paint" in check.remedy) is (word != "pass")
    if word == "doubtful":
        assert (check.precedence, "fewer than recommended" in check.limit) == (98, True)
    if word == "fail":
        assert check.precedence == 1


def test_a_region_of_29_pixels_does_not_count() -> None:
    labels = only(7)
    labels[np.flatnonzero(labels == 7)[29:]] = 0
    check = enough_regions.check(subject(regions=labels), Refits())
    assert (check.value, check.numbers["painted"]) == (6, 7)
    labels[np.flatnonzero(REGIONS == 7)[29]] = 7
    assert enough_regions.check(subject(regions=labels), Refits()).value == 7


@pytest.mark.parametrize(
    ("method", "sources", "words"),
    [
        ("vca-fcls", (), "no side information"),
        ("ivae", ("superpixels",), "made from superpixels"),
        ("ivae", ("acquisition",), "0 acquisitions with"),
        ("ivae", ("acquisition", "superpixels"), "0 painted regions with"),
        ("ivae", ("none",), "0 painted regions with"),
    ],
)
def test_what_the_regions_are_is_said(method: str, sources: tuple[str, ...], words: str) -> None:
    seen = subject(regions=only(0), method=method, sources=sources)
    check = enough_regions.check(seen, Refits())
    assert (check.status, words in check.sentence) == ("fail", True)
    assert ("made from" in check.sentence) is (sources not in ((), ("none",)) and method == "ivae")
    assert ("--auxiliary acquisition" in check.remedy) is (sources == ("acquisition", "superpixels"))


@pytest.mark.parametrize(
    ("error", "word"), [(0.119, "pass"), (0.12, "doubtful"), (0.2, "doubtful"), (0.201, "fail"), (np.inf, "fail")]
)
def test_vertices_known_to_an_eighth_of_the_simplex_are_different_enough(error: float, word: str) -> None:
    check = different_enough.check(subject(), moment_fit(relative_error=error))
    assert (check.status, check.holds) == (word, word == "pass")
    assert ("without bound" in check.sentence) == np.isinf(error)
    assert "can trade" in check.limit


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (subject(regions=only(2)), "three regions of 30 pixels"),
        (subject(regions=only(3)), "sum to one on the spectra"),
        (subject(), "sum to one on the spectra"),
        (subject(light=np.ones(PIXELS)), "vary more than noise"),
    ],
    ids=["few", "just enough", "sum to one", "light"],
)
def test_why_differences_were_not_measured(seen: Subject, words: str) -> None:
    check = different_enough.check(seen, Refits())
    assert (check.status, check.limit, words in check.sentence) == ("doubtful", "", True)


# --- 3 twins, 8 stable


@pytest.mark.parametrize(("degrees", "word"), [(1.49, "pass"), (1.51, "doubtful"), (1.99, "doubtful"), (2.01, "fail")])
def test_twins_may_miss_by_two_degrees(degrees: float, word: str) -> None:
    check = simulated_twin.check(subject(), Refits(twins=twins(degrees, degrees, degrees)))
    assert (check.status, check.holds) == (word, word != "fail")
    assert check.value == pytest.approx(degrees)


def test_one_twin_that_missed_its_optimum_does_not_decide() -> None:
    made = Refits(twins=twins(0.5, 0.5, 40.0))
    assert twin_degrees(subject(), made) == pytest.approx(0.5)
    assert simulated_twin.check(subject(), made).status == "pass"
    assert expected_angle(subject(), made) > 20  # what is promised is careful


@pytest.mark.parametrize(("without_regions", "factor"), [(True, 2.0), (False, 1.0)])
def test_leaving_out_regions_is_a_jackknife(without_regions: bool, factor: float) -> None:
    """Of n = 5 parts that are all θ away, the spread is √(n − 1) θ without regions, θ on other draws of pixels."""
    made = Refits(parts=tuple(turned(0.4) for _ in range(5)), without_regions=without_regions)
    assert stable.parts_degrees(subject(), made) == pytest.approx(0.4 * factor)
    assert stable.parts_degrees(subject(), Refits()) is None


@pytest.mark.parametrize(("degrees", "word"), [(0.99, "pass"), (1.01, "doubtful"), (2.99, "doubtful"), (3.01, "fail")])
def test_parts_may_move_by_three_degrees(degrees: float, word: str) -> None:
    check = stable.check(subject(), Refits(parts=(turned(degrees),)))
    assert (check.status, check.holds) == (word, word != "fail")


@pytest.mark.parametrize(
    ("second", "apart", "word"),
    [(0.981, 0.051, "doubtful"), (0.981, 0.049, "pass"), (0.979, 0.9, "pass"), (1.5, 0.9, "doubtful")],
)
def test_restarts_count_where_they_are_as_likely(second: float, apart: float, word: str) -> None:
    told = RestartsFound(starts=("a", "b"), evidence=(1.0, second), chosen="a", abundance_rms_to_chosen=(0.0, apart))
    check = stable.check(subject(restarts=told), Refits(parts=(turned(0.1),)))
    assert check.status == word
    assert stable.restarts_rmse(subject()) is None


def test_restarts_alone_are_a_check_but_not_one_of_the_endmembers() -> None:
    told = RestartsFound(starts=("a", "b"), evidence=(1.0, 1.0), chosen="a", abundance_rms_to_chosen=(0.0, 0.01))
    check = stable.check(subject(restarts=told), Refits())
    assert (check.status, "were not refitted" in check.sentence) == ("pass", True)
    assert stable.check(subject(), Refits()).status == "not applicable"


def test_the_opinion_without_a_dirichlet_is_told_beside_the_spread() -> None:
    refits = Refits(parts=(turned(0.1),), contrastive=turned(4.0), contrastive_error=0.119)
    check = stable.check(subject(), refits)
    assert check.numbers["contrastive_degrees"] == pytest.approx(4.0)
    assert check.sentence.endswith("4.0° away.")
    starved = stable.check(subject(), replace(refits, contrastive_error=0.12))
    assert starved.sentence.endswith("4.0° away, by too large a standard error of its own to count.")


# --- 4 varies, 5 rank


def test_a_spread_is_freed_of_what_sampling_makes() -> None:
    """The same estimates: of many pixels their spread is the material's own, of few it is the sampling's."""
    alpha = np.array([[2.0, 4, 6], [2.4, 4, 6], [1.6, 4, 6], [2.0, 4, 6]])
    many = varying(alpha, np.full(4, 1e7))[2]
    assert many[0] == pytest.approx(alpha[:, 0].std(ddof=1) / 2.0, rel=1e-3)
    np.testing.assert_allclose(many[1:], 0, atol=1e-9)
    assert varying(alpha, np.full(4, 20.0))[2][0] == 0
    some = varying(alpha, np.full(4, 1000.0))[2][0]
    assert 0 < some < many[0]
    chi, freedom, _ = varying(alpha, np.full(4, 1e7))
    assert (chi[0] > 1e3, chi[1] < 1e-9, freedom) == (True, True, 3)


def columns(spread: float) -> np.ndarray:
    """α of nine regions whose first column has this relative spread, the others more."""
    ramp = np.linspace(-1, 1, 9)
    ramp = ramp / ramp.std(ddof=1)
    alpha = np.column_stack([4 * (1 + spread * ramp), 5 * (1 + 0.5 * ramp[::-1]), 6 * (1 + 0.5 * np.abs(ramp))])
    return np.asarray(alpha)


@pytest.mark.parametrize(
    ("spread", "word"), [(0.181, "pass"), (0.179, "doubtful"), (0.121, "doubtful"), (0.119, "fail")]
)
def test_a_material_varies_from_eighteen_per_cent_on(spread: float, word: str) -> None:
    seen = replace(subject(), alpha=columns(spread))
    made = moment_fit()
    assert made.moments is not None
    sure = replace(made, moments=replace(made.moments, counts=np.full(9, 1e8)))
    check = every_material_varies.check(seen, sure)
    assert check.status == word
    assert ("rock" in check.sentence, "soil" in check.sentence) == (True, False)
    assert ("hardly changes" in check.limit, "does not change" in check.limit) == (word == "doubtful", word == "fail")


def test_one_region_or_no_dirichlet_varies_nothing() -> None:
    assert (
        every_material_varies.check(replace(subject(regions=only(1)), alpha=ALPHA), Refits()).status == "not applicable"
    )
    assert alpha_by_region(replace(subject(), alpha=None), Refits()) is None
    rows = alpha_by_region(replace(subject(), alpha=None), moment_fit())
    assert rows is not None
    np.testing.assert_allclose(rows[0], ALPHA, rtol=1e-6)
    assert (rows[1] == 100).all()


@pytest.mark.parametrize(("regions", "word"), [(3, "fail"), (4, "pass"), (9, "pass")])
def test_nonlinear_mixing_needs_one_region_more_than_materials(regions: int, word: str) -> None:
    bent = subject(regions=only(regions), mixing=MixingFound(kept="fan"))
    check = rank_of_alpha.check(bent, Refits())
    assert check.status == ("fail" if regions < 4 else check.status)
    assert ("needs 4 regions" in check.sentence) is (regions < 4)
    assert rank_of_alpha.check(subject(), Refits()).holds  # not asked of linear mixing


# --- 6 fits, 7 injective


@pytest.mark.parametrize(("times", "word"), [(1.0, "pass"), (1.1, "doubtful"), (1.2, "doubtful"), (1.35, "fail")])
def test_the_residual_may_be_noise(times: float, word: str) -> None:
    check = model_fits.check(subject(residual=times), Refits())
    assert check.status == word
    assert check.value == pytest.approx(times, abs=0.06)
    assert (check.broken != "") is (word == "fail")


@pytest.mark.parametrize(("supported", "more"), [(None, True), (2, False), (3, True)])
def test_one_endmember_more_is_no_advice_where_fewer_are_supported(supported: int | None, more: bool) -> None:
    halves = (
        None if supported is None else SupportFound(supported=supported, halves=(0, 1), apart=0.1, left=1, between=1)
    )
    check = model_fits.check(subject(residual=1.2, support=halves), Refits())
    assert check.remedy.startswith(
        "Try one endmember more, or free the illumination;" if more else "Free the illumination;"
    )


@pytest.mark.parametrize(("use", "word"), [("refined", "doubtful"), ("averaged", "doubtful"), ("refused", "pass")])
def test_moments_that_follow_no_dirichlet_count_where_the_endmembers_rest_on_them(use: str, word: str) -> None:
    seen = subject(moments=MomentsFound(use=use, relative_error=0.1, misfit=9.0))  # type: ignore[arg-type]
    check = model_fits.check(seen, moment_fit(misfit=9.0))
    assert check.status == word
    assert "do not follow a Dirichlet" in check.sentence
    assert model_fits.check(seen, moment_fit(misfit=1.0)).status == "pass"


def test_a_misfit_of_no_freedom_has_no_probability() -> None:
    assert moments_misfit(moment_fit(misfit=3.0, freedom=0)) == (3.0, None)
    assert moments_misfit(Refits()) == (None, None)
    chance = moments_misfit(moment_fit(misfit=1.0))[1]
    assert chance is not None
    assert 0.3 < chance < 0.6


@pytest.mark.parametrize(("signal", "word"), [(100.0, "pass"), (3.9, "doubtful"), (2.6, "doubtful"), (2.4, "fail")])
def test_noise_may_not_swallow_the_weakest_material(signal: float, word: str) -> None:
    centred = subject().spectra - subject().spectra.mean(axis=0)
    weakest = float(np.linalg.eigvalsh(centred.T @ centred / PIXELS)[-2])
    check = injective_mixing.check(replace(subject(), noise=np.sqrt(weakest / signal)), Refits())
    assert check.numbers["weakest_signal"] == pytest.approx(signal)
    assert check.status == word
    assert (check.broken != "") is (word == "fail")


@pytest.mark.parametrize(("share", "word"), [(0.1, "pass"), (1e-3, "doubtful"), (1e-5, "fail")])
def test_a_mixing_that_folds_is_not_injective(share: float, word: str) -> None:
    centred = ENDMEMBERS - ENDMEMBERS.mean(axis=0)
    slope = share * float(np.linalg.svd(centred, compute_uv=False)[1])
    bent = subject(mixing=MixingFound(kept="fan", smallest_slope=slope))
    assert injective_mixing.check(bent, Refits()).status == word
    assert injective_mixing.check(subject(mixing=MixingFound(smallest_slope=slope)), Refits()).status == "pass"


# --- 9 side information, the geometry


def test_regions_that_know_nothing_fail_and_regions_that_know_the_noise_fail() -> None:
    assert side_information.check(subject(), Refits()).status == "pass"
    shuffled = np.random.default_rng(0).permutation(REGIONS)
    blind = side_information.check(subject(regions=shuffled), Refits())
    assert (blind.status, "no better than shuffled" in blind.sentence) == ("fail", True)
    tied = replace(subject(), spectra=subject().spectra + 0.02 * REGIONS[:, None] * OFF)
    noisy = side_information.check(tied, Refits())
    assert (noisy.status, "residuals depend on it" in noisy.sentence) == ("fail", True)


@pytest.mark.parametrize(
    ("sources", "words"), [(("superpixels",), "look at the spectra"), (("position",), "No two regions are painted")]
)
def test_without_regions_it_is_said_where_u_comes_from(sources: tuple[str, ...], words: str) -> None:
    check = side_information.check(subject(regions=only(1), sources=sources), Refits())
    assert (check.status, check.holds, words in check.sentence) == ("not applicable", True, True)


@pytest.mark.parametrize(
    ("purest", "degrees", "word"),
    [(0.951, 2.99, "pass"), (0.949, 0.0, "doubtful"), (1.0, 3.01, "doubtful"), (1.0, None, "pass")],
)
def test_the_geometry_backs_pure_pixels_that_a_new_search_finds(
    purest: float, degrees: float | None, word: str
) -> None:
    shares = ABUNDANCES.copy() * 0.5 / ABUNDANCES.max()
    shares[:9] = np.repeat((1 - purest) / 2 + (1.5 * purest - 0.5) * np.eye(3), 3, axis=0)
    seen = replace(subject(), abundances=shares)
    made = Refits(searched=None if degrees is None else turned(degrees))
    check = geometry.check(seen, made)
    assert (check.status, check.holds, geometry.backs(seen, made)) == (word, True, word == "pass")


def test_one_impure_endmember_is_enough_to_doubt_the_geometry() -> None:
    shares = ABUNDANCES * 0.5 / ABUNDANCES.max()
    shares[:6] = np.repeat(np.eye(3)[:2], 3, axis=0)
    seen = replace(subject(), abundances=shares)
    check = geometry.check(seen, Refits())
    assert (check.status, geometry.backs(seen, Refits()), "tree" in check.sentence) == ("doubtful", False, True)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (FacetEdges(space="affine"), True),
        (FacetEdges(space="perspective"), True),
        (MinimumVolume(space="affine", hinge=True), True),
        (ExtrapolatedBeside(by="edges", space="affine"), True),
        (PlaneArchetypes(space="affine"), False),
        (VertexPicks(), False),
    ],
    ids=lambda value: value.kind if isinstance(value, Recipe) else "",
)
def test_pixels_beyond_the_faces_are_told_of_where_endmembers_are_extrapolated(recipe: Recipe, told: bool) -> None:
    check = geometry.check(subject(recipe=recipe), Refits())
    assert ("than noise explains (at most" in check.sentence) is told
    assert ("facet_tail" in check.numbers) is told


@pytest.mark.parametrize(("inside", "word"), [(0.0, "than noise explains (at most"), (0.1, "Where there is no tree")])
def test_a_face_that_stands_too_far_in_is_named_by_the_material_it_lacks(inside: float, word: str) -> None:
    seen = subject(recipe=FacetEdges(space="affine"))
    # The face without "tree" is that of the other two: both move towards it.
    moved = ENDMEMBERS + inside * (ENDMEMBERS[2] - ENDMEMBERS)
    check = geometry.check(replace(seen, endmembers=moved), Refits())
    assert word in check.sentence
    assert (check.numbers["facet_tail"] > geometry.EXPLAINED) is (inside > 0)


@pytest.mark.parametrize(
    ("errors", "word"), [(3.0, "at most 3.0 standard errors"), (3.1, "3.1 standard errors, up to 3 is chance")]
)
def test_three_standard_errors_are_chance(errors: float, word: str) -> None:
    assert word in geometry._beyond(subject(), np.array([-1.0, errors, 0.5]))


def test_the_most_basic_limit_is_told_first() -> None:
    """What the verdict names where several conditions are open, from the most basic on."""
    places = {one.condition.name: one.condition.precedence for one in all_checks()}
    order = (
        "enough regions",
        "model fits",
        "side information",
        "different enough",
        "every material varies",
        "rank of α(u)",
        "injective mixing",
    )
    assert [places[name] for name in order] == [1, 2, 3, 4, 5, 6, 7]
    assert places["simulated twin"] == places["stable"] == CONFIRMATION + 1


# --- confirmed, and what may be repeated


def searched(*, pure: bool) -> Found:
    recipe = PlaneArchetypes(space="affine") if pure else MinimumVolume(space="affine")
    return Found(ENDMEMBERS, recipe, NOISE, Excess(1, 1, np.zeros(3), np.zeros(3)))


@pytest.mark.parametrize(
    ("recipe", "use", "moments", "contrast", "misfit", "right"),
    [
        (PlaneArchetypes(space="affine"), "refused", 9.0, 1.99, 1.0, True),
        (PlaneArchetypes(space="affine"), "refused", 1.0, 2.01, 1.0, False),
        (MinimumVolume(space="affine"), "refused", 9.0, 1.0, 1.0, False),
        (MinimumVolume(space="affine"), "refused", 1.0, 1.0, 1.0, True),
        (MinimumVolume(space="affine"), "averaged", 9.0, 9.0, 1.0, True),
        (MinimumVolume(space="affine"), "refined", 0.0, 1.99, 1.0, True),
        (MinimumVolume(space="affine"), "refined", 0.0, 2.01, 1.0, False),
        (MinimumVolume(space="affine"), "refined", 0.0, None, 1.0, True),
        (PlaneArchetypes(space="affine"), "refined", 0.0, 9.0, 1.0, True),
        (Contrast(), "refused", 9.0, 1.0, 1.0, True),
        (MinimumVolume(space="affine"), "refused", 1.99, None, 1.0, True),
        (MinimumVolume(space="affine"), "refused", 2.01, None, 1.0, False),
        (MinimumVolume(space="affine"), "refused", 1.0, None, 9.0, False),
    ],
)
def test_regions_confirm_what_they_estimate_within_two_degrees(
    recipe: Recipe, use: str, moments: float, contrast: float | None, misfit: float, right: bool
) -> None:
    seen = subject(recipe=recipe, moments=MomentsFound(use=use, relative_error=0.1, misfit=1.0))  # type: ignore[arg-type]
    made = moment_fit(endmembers=turned(moments), misfit=misfit)
    opinion = None if contrast is None else turned(contrast)
    assert (not unconfirmed(seen, replace(made, contrastive=opinion, contrastive_error=0.119))) is right
    if use == "refined":  # an opinion that is not determined speaks against nothing
        assert not unconfirmed(seen, replace(made, contrastive=opinion, contrastive_error=0.12))


def test_what_speaks_against_the_moments_is_told_with_its_number() -> None:
    moments = MomentsFound(use="refined", relative_error=0.1, misfit=1.0)
    seen = subject(recipe=FacetEdges(space="affine"), moments=moments)
    told = unconfirmed(seen, replace(moment_fit(), contrastive=turned(3.1), contrastive_error=0.05))
    assert told.endswith(
        "telling the regions apart, which assumes no Dirichlet, gives others 3.1° away (up to 2° confirms)"
    )


SKEWED = (  # share of a Dirichlet's third moments, its standard error, and whether that denies the law
    (1.0, 0.01, False),
    (0.81, 0.01, False),
    (0.79, 0.01, True),
    (0.7, 0.14, True),
    (0.7, 0.16, False),
    (-0.2, 0.1, True),
)


@pytest.mark.parametrize(("share", "error", "denied"), SKEWED)
def test_third_moments_deny_a_dirichlet_by_their_size_and_beyond_chance(
    share: float, error: float, denied: bool
) -> None:
    made = replace(moment_fit(), third=ThirdMoments(share, error, 1.0))
    assert no_dirichlet(made) is denied
    assert not no_dirichlet(Refits())
    by_regions = subject(moments=MomentsFound(use="refined", relative_error=0.1, misfit=1.0))
    check = model_fits.check(by_regions, made)
    assert (check.status, check.numbers["third_moments_share"]) == ("doubtful" if denied else "pass", share)
    said = f"third moments are {100 * share:.0f} % of those of a Dirichlet"
    assert (f"{said} of the same means and variances, on which the endmembers rest." in check.sentence) is denied
    assert ("follow no Dirichlet" in check.measured, "assumes no Dirichlet" in check.remedy) == (denied, denied)
    assert ("follow a Dirichlet in every region, and these do not" in check.limit) is denied
    # The geometry assumes no law, so its answer is told of it and not denied.
    other = model_fits.check(subject(), made)
    assert (other.status, "were not used for the endmembers" in other.sentence) == ("pass", denied)


def test_a_residual_that_is_more_than_noise_is_what_is_open_and_not_the_law() -> None:
    made = replace(moment_fit(), third=ThirdMoments(0.5, 0.05, 9.0))
    moments = MomentsFound(use="refined", relative_error=0.1, misfit=1.0)
    check = model_fits.check(subject(residual=1.1, moments=moments), made)
    assert check.status == "doubtful"
    assert "residual is more than noise" in check.limit
    assert "on which the endmembers rest" in check.sentence
    assert "assumes no Dirichlet" not in check.remedy


@pytest.mark.parametrize(("share", "expected"), [(0.81, 0.5 * 3 / np.sqrt(2)), (0.79, 3.0)])
def test_where_the_law_is_denied_the_whole_distance_to_contrastive_learning_is_expected(
    share: float, expected: float
) -> None:
    """The moments gave the endmembers, contrastive learning's are 3° away; of the geometry's answer nothing changes."""
    moments = MomentsFound(use="refined", relative_error=0.1, misfit=1.0)
    made = replace(moment_fit(), twins=twins(0.0), contrastive=turned(3.0), contrastive_error=0.1)
    made = replace(made, third=ThirdMoments(share, 0.01, 1.0))
    assert expected_angle(subject(moments=moments), made) == pytest.approx(expected, abs=1e-5)
    assert expected_angle(subject(), made) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(("share", "right"), [(0.81, True), (0.79, False)])
def test_moments_of_another_law_confirm_nothing_where_regions_are_too_few_for_a_third_opinion(
    share: float, right: bool
) -> None:
    made = replace(moment_fit(), third=ThirdMoments(share, 0.01, 1.0))
    assert (not unconfirmed(subject(recipe=MinimumVolume(space="affine")), made)) is right


@pytest.mark.parametrize("use", ["refused", "averaged", "refined"])
@pytest.mark.parametrize(("degrees", "right"), [(1.99, True), (2.01, False)])
def test_an_answer_that_is_expected_to_be_wrong_is_not_confirmed(use: str, degrees: float, right: bool) -> None:
    seen = subject(moments=MomentsFound(use=use, relative_error=0.1, misfit=1.0))  # type: ignore[arg-type]
    made = replace(moment_fit(), contrastive=ENDMEMBERS, twins=twins(degrees, degrees, degrees))
    told = unconfirmed(seen, made)
    assert (not told) is right
    assert right or told == (
        "the endmembers are expected to be off by 2.0° on average, and 2° is the most that is called identified"
    )


@pytest.mark.parametrize(("pure", "right"), [(True, True), (False, False)])
def test_where_a_method_does_not_say_the_judges_own_search_does(pure: bool, right: bool) -> None:
    made = replace(moment_fit(endmembers=turned(9.0)), contrastive=turned(1.0), search=searched(pure=pure))
    assert (not unconfirmed(subject(recipe=VertexPicks()), made)) is right


def test_without_moments_nothing_is_confirmed() -> None:
    assert unconfirmed(subject(), Refits()) == BY_GEOMETRY


@pytest.mark.parametrize(
    ("recipe", "mixing", "right"),
    [
        (VertexPicks(), "linear", True),
        (VertexPicks(), "fan", False),
        (Strokes(), "linear", False),
        (Contrast(), "linear", True),
    ],
)
def test_what_can_be_repeated(recipe: Recipe, mixing: str, right: bool) -> None:
    assert repeatable(subject(recipe=recipe, mixing=MixingFound(kept=mixing))) is right


@pytest.mark.parametrize("regions", [1, 0])
def test_a_refit_that_can_tell_nothing_apart_is_none(regions: int) -> None:
    """Of a redraw too few regions may be left: that ends the refit, and not the report."""
    seen = subject(recipe=Contrast())
    assert drain(found_again(seen, seen.spectra, only(regions), np.random.default_rng(0))) is None


def test_contrast_is_repeated_on_spectra_without_their_brightness() -> None:
    light = np.random.default_rng(3).uniform(0.5, 2.0, PIXELS)
    seen = subject(recipe=Contrast(), light=light)
    found = drain(found_again(seen, seen.spectra, seen.regions, np.random.default_rng(0)))
    assert found is not None
    assert np.degrees(spectral_angle(found, ENDMEMBERS)).mean() < 3


# --- small things that numbers rest on


def test_traders_are_the_two_that_move_most() -> None:
    made = Refits(twins=(Twin(turned(5.0, (0, 2)), 0.1),))
    assert traders(subject(), made) == "rock and tree"
    assert traders(subject(), Refits(parts=(turned(5.0, (1, 2)),))) == "soil and tree"
    assert traders(subject(), Refits()) == "endmembers"


def test_a_refit_is_as_bright_as_the_result_only_where_brightness_is_free() -> None:
    np.testing.assert_allclose(like_the_result(subject(light=np.ones(PIXELS)), 3 * ENDMEMBERS), ENDMEMBERS)
    np.testing.assert_allclose(like_the_result(subject(), 3 * ENDMEMBERS), 3 * ENDMEMBERS)


def test_the_same_endmembers_change_no_abundance() -> None:
    rows = np.arange(200)
    assert abundance_change(subject(), rows, ENDMEMBERS) < 1e-9
    assert abundance_change(subject(), rows, turned(0.0)[[1, 0, 2]]) > 0.1


def test_expected_errors_are_root_sums_of_squares() -> None:
    made = Refits(twins=twins(3.0, 3.0, 3.0, rmse=0.2))
    assert expected_angle(subject(), made) == pytest.approx(3.0)
    whole = expected_abundance_rmse(subject(), made)
    assert whole == pytest.approx(np.hypot(0.2, noise_rmse(subject())))
    disputed = replace(moment_fit(endmembers=turned(4.0)), twins=made.twins)
    assert expected_angle(subject(), disputed) == pytest.approx(np.hypot(3.0, 2.0))


@pytest.mark.parametrize(
    ("use", "without_regions", "expected"),
    [("refined", True, RMS), ("averaged", True, RMS), ("refused", True, 0.3), ("refined", False, 0.3)],
)
def test_leaving_out_regions_counts_where_the_endmembers_rest_on_them(
    use: str, without_regions: bool, expected: float
) -> None:
    """Twins moved by 0.3°, five parts by 0.5° each: a jackknife of 1°, and the root mean square of both."""
    seen = subject(moments=MomentsFound(use=use, relative_error=0.1, misfit=1.0))  # type: ignore[arg-type]
    parts = tuple(turned(0.5) for _ in range(5))
    made = Refits(twins=twins(0.3, 0.3, 0.3), parts=parts, without_regions=without_regions)
    assert expected_angle(seen, made) == pytest.approx(expected)
    nearer = replace(made, parts=tuple(turned(0.1) for _ in range(5)))
    assert (expected_map_rmse(seen, made) > expected_map_rmse(seen, nearer)).all() == (expected == RMS)


@pytest.mark.parametrize(
    ("use", "error", "expected"),
    [
        ("refined", 0.11, 0.5 * np.sqrt((1 + 9) / 2)),
        ("averaged", 0.119, 0.5 * np.sqrt((1 + 9) / 2)),
        ("refined", 0.12, 0.5),
        ("refused", 0.1, 0.5),
        ("refined", np.inf, 0.5),
    ],
)
def test_contrastive_learning_counts_where_the_moments_were_used_and_it_is_determined(
    use: str, error: float, expected: float
) -> None:
    """The moments' estimate 1° away, contrastive learning's 3°."""
    seen = subject(moments=MomentsFound(use=use, relative_error=0.1, misfit=1.0))  # type: ignore[arg-type]
    made = replace(moment_fit(endmembers=turned(1.0)), twins=twins(0.0), contrastive=turned(3.0))
    assert expected_angle(seen, replace(made, contrastive_error=error)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("light", [None, np.ones(PIXELS)], ids=["lit evenly", "light and shade"])
@pytest.mark.parametrize("prior", [PriorFound(chosen="dirichlet", evidence={}), None], ids=["prior", "none"])
def test_the_errors_of_the_maps_make_that_of_the_abundances(light: np.ndarray | None, prior: PriorFound | None) -> None:
    """Root mean square over the maps: by noise, by twins, and by what the regions dispute."""
    seen = subject(light=light, prior=prior)
    assert np.sqrt(np.mean(noise_by_map(seen) ** 2)) == pytest.approx(noise_rmse(seen))
    moved = turned(4.0, which=(0,)) + 0.1 * (ENDMEMBERS[[1, 2, 0]] - ENDMEMBERS)
    twin = Twin(moved, abundance_change(seen, np.arange(PIXELS), moved))
    disputed = replace(moment_fit(endmembers=ENDMEMBERS + 0.2 * (ENDMEMBERS[1] - ENDMEMBERS)), twins=(twin, twin))
    for made in (Refits(twins=(twin,)), disputed):
        maps = expected_map_rmse(seen, made)
        assert maps.shape == (3,)
        assert np.sqrt(np.mean(maps**2)) == pytest.approx(expected_abundance_rmse(seen, made))


def test_the_maps_of_endmembers_that_trade_are_less_sure_than_the_other() -> None:
    """Where "tree" trades with "soil", "rock" is moved only by pixels at the faces."""
    traded = ENDMEMBERS.copy()
    traded[2] += 0.15 * (ENDMEMBERS[1] - ENDMEMBERS[2])
    maps = expected_map_rmse(subject(), Refits(twins=(Twin(traded, 0.05),)))
    assert maps[1:].min() > 2 * maps[0]


@pytest.mark.parametrize(("noise", "larger"), [(NOISE, False), (5 * NOISE, True)])
def test_noise_alone_costs_more_where_there_is_more(noise: float, larger: bool) -> None:
    for free in (None, np.ones(PIXELS)):
        for prior in (PriorFound(chosen="dirichlet", evidence={}), None):
            before = noise_rmse(subject(light=free, prior=prior))
            after = noise_rmse(replace(subject(light=free, prior=prior), noise=noise))
            assert (after > 1.5 * before) is larger


@pytest.mark.parametrize(("count", "kept"), [(10, 10), (11, 10), (100, 10)])
def test_large_scenes_are_read_in_part_and_in_order(count: int, kept: int) -> None:
    rows = some_rows(count, np.random.default_rng(0), most=10)
    assert len(np.unique(rows)) == len(rows) == kept
    assert (np.diff(rows) > 0).all()
