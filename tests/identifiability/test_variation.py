"""What a result carries of its materials' variability: χ takes it for noise, twins draw it, and the errors to expect know it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.findings import Findings, PriorFound
from napari_unmix.geometry.recipes import PlaneArchetypes
from napari_unmix.identifiability.again.deviations import FEWEST, OWN, Deviations, own_deviations
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.again.twins import simulate_twins
from napari_unmix.identifiability.checks import model_fits
from napari_unmix.identifiability.errors import noise_rmse
from napari_unmix.identifiability.subject import Subject
from napari_unmix.identifiability.variation import SAVED_AS, Variation, patch_side, variation_of
from napari_unmix.methods.registry import spec_class
from napari_unmix.progress import drain

BANDS, NOISE, SIDE = 30, 0.004, 40
PLACE = np.linspace(0, 1, BANDS)
ENDMEMBERS = np.array([0.2 + 0.6 * np.exp(-(((PLACE - centre) / 0.18) ** 2)) for centre in (0.15, 0.5, 0.85)])
FACTORS = np.array([[0.15 * m, 0.05 * np.cos(3 * np.pi * (PLACE + k))] for k, m in enumerate(ENDMEMBERS)])
EVERY = np.arange(SIDE * SIDE)


@dataclass(frozen=True, eq=False)
class Made:
    """Spectra (N, B) of materials that vary from patch to patch, and the abundances (N, P) that they were mixed with."""

    spectra: np.ndarray
    abundances: np.ndarray


def made(seed: int, patch: int, light: np.ndarray | float = 1.0, *, even: bool = False) -> Made:
    """Each pixel has abundances of its own, or where ``even`` each patch."""
    generator = np.random.default_rng(seed)
    abundances = generator.dirichlet(np.full(3, 0.8), SIDE * SIDE)
    row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
    patches = np.unique(row // patch * SIDE + column // patch, return_inverse=True)[1]
    abundances = abundances[patches] if even else abundances
    varied = Variation(FACTORS, np.zeros(3)).drawn(abundances, patches, generator)
    noise = NOISE * generator.normal(size=varied.shape)
    return Made(np.reshape(light, (-1, 1)) * (abundances @ ENDMEMBERS + varied) + noise, abundances)


def subject(scene: Made, *, knows: bool, light: np.ndarray | None = None) -> Subject:
    """The truth as a result, that ``knows`` how spectra vary or does not."""
    findings = Findings(
        recipe=PlaneArchetypes(space="affine"),
        noise=NOISE,
        prior=PriorFound(chosen="dirichlet", evidence={"dirichlet": 1.0}),
    )
    shown = np.ones(SIDE * SIDE) if light is None else light
    saved = {"endmembers": ENDMEMBERS.astype(np.float32), SAVED_AS: FACTORS.astype(np.float32)} if knows else {}
    result = Unmixing(
        ENDMEMBERS,
        scene.abundances.reshape(SIDE, SIDE, 3).astype(np.float32),
        None,
        None if light is None else light.reshape(SIDE, SIDE),
        np.zeros((SIDE, SIDE)),
        ("rock", "soil", "tree"),
        spec_class("ivae")(method="ivae", endmembers=3, illumination=light is not None),
        findings=findings,
        model=saved,
    )
    valid, regions = np.ones((SIDE, SIDE), bool), np.zeros(SIDE * SIDE, dtype=int)
    return Subject(
        result,
        scene.spectra,
        ENDMEMBERS,
        scene.abundances,
        shown,
        regions,
        valid,
        NOISE,
        None,
        variation=variation_of(saved, ENDMEMBERS),
    )


def test_what_the_fit_found_is_read_in_the_units_that_endmembers_are_shown_in() -> None:
    saved = {"endmembers": ENDMEMBERS, SAVED_AS: FACTORS.astype(np.float32)}
    peaks = np.array([1.0, 2.0, 0.5])
    for scale in (np.ones(3), peaks):
        found = variation_of(saved, scale[:, None] * ENDMEMBERS)
        assert found is not None
        np.testing.assert_allclose(found.factors, scale[:, None, None] * FACTORS, rtol=1e-5, atol=1e-7)


def test_what_is_of_other_endmembers_or_not_there_is_not_read() -> None:
    saved = {"endmembers": ENDMEMBERS, SAVED_AS: FACTORS}
    assert variation_of({"endmembers": ENDMEMBERS}, ENDMEMBERS) is None
    assert variation_of(saved, ENDMEMBERS[:2]) is None
    assert variation_of(saved | {SAVED_AS: FACTORS[..., 1:]}, ENDMEMBERS) is None


@pytest.mark.parametrize("light", [None, np.random.default_rng(5).uniform(0.5, 1.5, SIDE * SIDE)])
def test_whitened_residuals_are_standard_normal_with_the_law_and_nothing_of_the_kind_without(
    light: np.ndarray | None,
) -> None:
    scene = made(1, 1, 1.0 if light is None else light)
    left = subject(scene, knows=True, light=light).unexplained(EVERY)
    assert np.mean(left**2) == pytest.approx(1.0, abs=0.02)
    assert np.linalg.eigvalsh(left.T @ left / len(left))[-1] < 1.35
    assert np.mean(subject(scene, knows=False, light=light).unexplained(EVERY) ** 2) > 4


def test_the_model_fits_where_the_law_explains_what_is_left() -> None:
    """The truth leaves all of its noise, a fit a little less: bands less P − 1."""
    scene = made(2, 4)
    shrunk = replace(scene, spectra=_with_noise_of_a_fit(scene))
    told, not_told = (model_fits.check(subject(shrunk, knows=knows), Refits()) for knows in (True, False))
    assert told.status == "pass"
    assert "the noise and the materials' variability (up to 1.04 is noise)" in told.sentence
    assert not_told.status == "fail"
    assert "variability (up to" not in not_told.sentence


def _with_noise_of_a_fit(scene: Made) -> np.ndarray:
    """Spectra whose noise lacks what P − 1 abundances take up."""
    share = np.sqrt((BANDS - 2) / BANDS)
    return np.asarray(scene.abundances @ ENDMEMBERS + share * (scene.spectra - scene.abundances @ ENDMEMBERS))


@pytest.mark.parametrize("patch", [1, 4])
def test_a_product_of_two_materials_is_not_seen_in_what_they_vary_by(patch: int) -> None:
    """Without the law anything is significant in a residual that is variability; what neighbours share is one piece of evidence."""
    numbers = []
    for knows in (True, False):
        each = [
            model_fits.strongest_product(subject(made(seed, patch, even=True), knows=knows))[1] for seed in range(6)
        ]
        numbers.append(np.sqrt(np.mean(np.square(each))))
    assert numbers[0] < 2.5
    assert numbers[1] > 9


@pytest.mark.parametrize("patch", [1, 4, 8])
def test_the_size_of_patches_is_measured(patch: int) -> None:
    one = subject(made(4, patch), knows=True)
    assert one.variation is not None
    found = patch_side(one.variation, one.residual, one.amounts, one.valid, one.noise)
    assert patch / 1.7 <= found <= 1.7 * patch


def test_nothing_that_varies_has_patches_of_one_pixel() -> None:
    one = subject(made(4, 8), knows=True)
    assert one.variation is not None
    noise = NOISE * np.random.default_rng(0).normal(size=one.spectra.shape)
    assert patch_side(one.variation, noise, one.amounts, one.valid, NOISE) == 1


def test_what_varies_beyond_the_factors_is_noise_of_its_own() -> None:
    """Eight directions hold what is wide; the rest is drawn, whitened and expected in every band alike."""
    law, generator = Variation(0.5 * FACTORS, np.array([0.03, 0.01, 0.02]) ** 2), np.random.default_rng(9)
    amounts = generator.dirichlet(np.ones(3), 20_000)
    drawn = law.drawn(amounts, np.arange(20_000), generator) + NOISE * generator.normal(size=(20_000, BANDS))
    white = law.whitened(drawn, amounts, NOISE)
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(BANDS), atol=0.05)
    expected = law.variances(PLACE, amounts).mean()
    assert np.mean((drawn @ PLACE) ** 2) == pytest.approx(expected + NOISE**2 * PLACE @ PLACE, rel=0.05)


def test_drawn_spectra_have_the_covariance_of_the_law_and_are_alike_within_a_patch() -> None:
    law, generator = Variation(FACTORS, np.zeros(3)), np.random.default_rng(6)
    amounts = np.tile([0.2, 0.5, 0.3], (40_000, 1))
    drawn = law.drawn(amounts, np.repeat(np.arange(20_000), 2), generator)
    expected = np.einsum("p,prb,prc->bc", amounts[0] ** 2, FACTORS, FACTORS)
    np.testing.assert_allclose(drawn.T @ drawn / len(drawn), expected, atol=0.03 * expected.max())
    np.testing.assert_array_equal(drawn[::2], drawn[1::2])
    np.testing.assert_allclose(law.variances(PLACE, amounts[:1]), PLACE @ expected @ PLACE)


def test_twins_vary_as_the_scene_does() -> None:
    """Endmembers come back farther off from twins that vary than from twins of noise alone."""
    varied = made(7, 4)
    clean = varied.abundances @ ENDMEMBERS
    even = replace(varied, spectra=clean + NOISE * np.random.default_rng(1).normal(size=clean.shape))
    apart = []
    for one in (subject(varied, knows=True), subject(even, knows=False)):
        refits = drain(simulate_twins(one, Refits(), np.random.default_rng(0)))
        assert refits.twins
        apart.append(np.mean([np.linalg.norm(twin.endmembers - ENDMEMBERS) for twin in refits.twins]))
    assert apart[0] > 2 * apart[1]


def test_a_material_deviates_as_its_own_pixels_do() -> None:
    """Mean zero and their covariance, the same within a patch; what the fit has taken up within the endmembers' span is in it."""
    one = subject(made(3, 1), knows=False)
    own = own_deviations(one)
    patches, generator = np.repeat(np.arange(20_000), 2), np.random.default_rng(0)
    for material, spectra in enumerate(own.spectra):
        assert len(spectra) == (one.abundances[:, material] >= OWN).sum()
        drawn = own.drawn(np.tile(np.eye(3)[material], (40_000, 1)), patches, generator)
        expected = spectra.T @ spectra / len(spectra)
        np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.03 * np.sqrt(expected.max()))
        np.testing.assert_allclose(drawn.T @ drawn / len(drawn), expected, atol=0.05 * expected.max())
        np.testing.assert_array_equal(drawn[::2], drawn[1::2])
        along = ENDMEMBERS[material] / np.linalg.norm(ENDMEMBERS[material])
        assert along @ expected @ along > 0.5 * np.linalg.norm(0.15 * ENDMEMBERS[material]) ** 2


@pytest.mark.parametrize(("pixels", "varies"), [(FEWEST - 1, False), (FEWEST, True)])
def test_a_material_of_too_few_pixels_is_not_drawn_to_vary(pixels: int, varies: bool) -> None:
    scene = made(3, 1)
    abundances = 0.5 * scene.abundances + 0.5 * np.array([0.0, 0.5, 0.5])
    abundances[:pixels] = [1.0, 0.0, 0.0]
    own = own_deviations(subject(replace(scene, abundances=abundances), knows=False))
    assert bool(len(own.spectra[0])) is varies
    drawn = own.drawn(np.tile([1.0, 0.0, 0.0], (50, 1)), np.arange(50), np.random.default_rng(0))
    assert bool(np.any(drawn)) is varies


def test_twins_vary_only_where_more_than_white_noise_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endmembers come back farther off then; where the residual is noise, twins are what they were."""
    varied = made(7, 4)
    clean = varied.abundances @ ENDMEMBERS
    white = replace(varied, spectra=clean + NOISE * np.random.default_rng(1).normal(size=clean.shape))
    asked, apart = [], []

    def watched(one: Subject) -> Deviations:
        asked.append(one)
        return own_deviations(one)

    monkeypatch.setattr("napari_unmix.identifiability.again.twins.own_deviations", watched)
    for scene in (varied, white):
        refits = drain(simulate_twins(subject(scene, knows=False), Refits(), np.random.default_rng(0)))
        apart.append(np.mean([np.linalg.norm(twin.endmembers - ENDMEMBERS) for twin in refits.twins]))
    assert len(asked) == 3
    assert all(one.spectra is varied.spectra for one in asked)
    assert apart[0] > 2 * apart[1]


@pytest.mark.parametrize("light", [None, np.random.default_rng(5).uniform(0.5, 1.5, SIDE * SIDE)])
def test_the_error_to_expect_is_that_of_generalised_least_squares(light: np.ndarray | None) -> None:
    """The error of least squares with each pixel's own covariance, less what the region's prior takes off where it overshoots."""
    scene = made(8, 1, 1.0 if light is None else light)
    expected = noise_rmse(subject(scene, knows=True, light=light))
    shown = np.ones(len(scene.spectra)) if light is None else light
    errors = []
    for spectrum, abundances, scale in zip(scene.spectra, scene.abundances, shown, strict=True):
        total = np.einsum("p,prb,prc->bc", (scale * abundances) ** 2, FACTORS, FACTORS) + NOISE**2 * np.eye(BANDS)
        edges, origin = (ENDMEMBERS[:-1] - ENDMEMBERS[-1], ENDMEMBERS[-1]) if light is None else (ENDMEMBERS, 0.0)
        weighed = np.linalg.solve(total, edges.T)
        amounts = (spectrum - origin) @ weighed @ np.linalg.inv(edges @ weighed)
        found = np.append(amounts, 1 - amounts.sum()) if light is None else amounts / amounts.sum()
        errors.append(found - abundances)
    measured = float(np.sqrt(np.mean(np.square(errors))))
    assert 0.7 * measured < expected < 1.1 * measured
    assert expected > 2 * noise_rmse(subject(scene, knows=False, light=light))
