"""What every method of the registry must keep: found by its spec, so a new method is tested without being named here."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from pydantic import ValidationError

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import Progress, drain
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec
from napari_unmix.synthetic import Scene, blind_scene

QUICK = {"epochs": 2, "batch": 256}


def quick(method: str, **changes: object) -> MethodSpec:
    fields = spec_class(method).model_fields
    return spec_class(method)(**{**{k: v for k, v in QUICK.items() if k in fields}, "endmembers": 3, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=[False, True], ids=["sum to one", "illumination"])
def lit(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def scene() -> Scene:
    made = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=32)
    spectra = made.cube.spectra.copy()
    spectra[3, 4] = np.nan  # an invalid pixel
    good = np.ones(spectra.shape[2], bool)
    good[[5, 6, 90]] = False  # excluded bands, filled with nonsense
    spectra[:, :, ~good] = 1e6
    return replace(made, cube=Cube(spectra, made.cube.wavelengths, good))


@pytest.fixture(scope="module", params=list(method_specs()))
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def result(scene: Scene, method: str, lit: bool) -> Unmixing:
    return drain(unmix(scene.cube, quick(method, illumination=lit)))


def test_result_has_the_promised_shapes_and_bounds(scene: Scene, result: Unmixing, lit: bool) -> None:
    height, width, bands = scene.cube.shape
    assert result.endmembers.shape == (3, bands)
    assert result.abundances.shape == (height, width, 3)
    assert result.abundances.dtype == np.float32
    assert result.reconstruction_error.shape == (height, width)
    assert len(result.names) == 3
    np.testing.assert_array_equal(np.isnan(result.endmembers).all(axis=0), ~scene.cube.good_bands)
    assert np.nanmin(result.endmembers) >= 0
    valid = scene.cube.valid_pixels
    assert np.isnan(result.abundances[~valid]).all()
    assert result.abundances[valid].min() >= 0
    np.testing.assert_allclose(result.abundances[valid].sum(axis=1), 1, atol=1e-5)
    assert (result.illumination is not None) is lit
    if lit:
        np.testing.assert_allclose(np.nanmax(result.endmembers, axis=1), 1, atol=1e-6)
    if result.abundance_std is not None:
        assert (result.abundance_std[valid] >= 0).all()
        assert np.isnan(result.abundance_std[~valid]).all()
    assert result.spec.endmembers == 3
    assert result.model
    assert result.seconds > 0


def test_reconstruction_and_its_error_agree(scene: Scene, result: Unmixing) -> None:
    good = scene.cube.good_bands
    for row, column in ((0, 0), (10, 20), (31, 31)):
        residual = scene.cube.spectra[row, column] - result.reconstruction(row, column)
        np.testing.assert_allclose(
            np.sqrt(np.mean(residual[good] ** 2)), result.reconstruction_error[row, column], rtol=1e-3
        )


def test_same_seed_same_answer(scene: Scene, method: str, lit: bool, result: Unmixing) -> None:
    again = drain(unmix(scene.cube, quick(method, illumination=lit)))
    np.testing.assert_allclose(again.endmembers, result.endmembers, rtol=1e-6)
    np.testing.assert_allclose(again.abundances, result.abundances, atol=1e-5)


def test_progress_never_runs_back_and_previews_have_the_cubes_shape(scene: Scene, method: str) -> None:
    events: list[Progress] = []
    previews = []

    def watch(event: Progress) -> None:
        events.append(event)
        if event.snapshot is not None and len(events) % 5 == 0:
            previews.append(event.snapshot())

    drain(unmix(scene.cube, quick(method), None), watch)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1
    assert all(event.stage for event in events)
    for preview in previews:
        assert preview.abundances.shape == (*scene.cube.shape[:2], 3)
        assert preview.endmembers.shape == (3, scene.cube.shape[2])
        np.testing.assert_allclose(preview.abundances[scene.cube.valid_pixels].sum(axis=1), 1, atol=1e-4)


def test_cancel_is_honoured_at_every_yield(method: str) -> None:
    small = blind_scene(8, materials=3, pure=False, kind="linear", decibels=30, size=16).cube
    total = 0
    for _ in unmix(small, quick(method, epochs=1) if "epochs" in spec_class(method).model_fields else quick(method)):
        total += 1
    # Every stage's first and last yields, and some between: closing must end the generator there and then.
    for stop in sorted({1, 2, 3, total // 4, total // 2, 3 * total // 4, total - 1}):
        fit = unmix(small, quick(method))
        for _ in range(max(1, stop)):
            next(fit)
        fit.close()
        with pytest.raises(StopIteration):
            next(fit)


def test_a_report_can_be_made_and_survives_json(scene: Scene, result: Unmixing) -> None:
    report = drain(assess(scene.cube, result))
    assert report.verdict in ("identified", "partly", "not identified")
    assert report.summary.endswith(".")
    ruled_out = any(check.broken for check in report.checks)  # then only what helps all the same has a remedy
    for check in report.checks:
        fine = check.status in ("pass", "not applicable")
        assert check.sentence.endswith(".")
        assert not (fine and check.remedy)
        assert fine or check.remedy or ruled_out
    assert Report.from_json(report.as_json()) == report


def test_too_few_bands_or_pixels_is_one_sentence(method: str) -> None:
    for spectra, sentence in (
        (
            np.random.default_rng(0).uniform(size=(9, 9, 3)),
            "3 endmembers need more than 3 bands, the cube has 3 good ones",
        ),
        (
            np.random.default_rng(0).uniform(size=(2, 2, 30)),
            "3 endmembers need at least 9 valid pixels, the cube has 4",
        ),
    ):
        with pytest.raises(UnmixError, match=sentence):
            drain(unmix(Cube(spectra), quick(method)))


@pytest.mark.parametrize(
    "spectra",
    [
        np.full((12, 12, 20), 0.3),
        np.zeros((12, 12, 20)),
        np.where(np.arange(12)[:, None, None] < 6, 0.2, 0.7) * np.ones((12, 12, 20)),
        np.random.default_rng(0).uniform(size=(12, 12, 1)) * np.linspace(0.1, 1, 20),
    ],
    ids=["constant", "zero", "two flat fields", "one material in varying light"],
)
def test_degenerate_cubes_give_finite_answers_or_one_sentence(method: str, spectra: np.ndarray, lit: bool) -> None:
    result = None
    with contextlib.suppress(UnmixError):
        result = drain(unmix(Cube(spectra), quick(method, illumination=lit)))
    if result is None:
        with pytest.raises(UnmixError, match=r"\.$"):
            drain(unmix(Cube(spectra), quick(method, illumination=lit)))
        return
    assert np.isfinite(result.endmembers).all()
    assert np.isfinite(result.abundances).all()


def test_every_method_has_a_card_that_says_what_is_identifiable(method: str) -> None:
    card = (files("napari_unmix") / "methods" / method.replace("-", "_") / "card.md").read_text(encoding="utf-8")
    for part in ("**Model.**", "**What it does.**", "**Identifiable", "**Limits.**", "**References.**"):
        assert part in card


def test_specs_are_frozen_and_refuse_what_they_do_not_know(method: str) -> None:
    spec = spec_class(method)()
    with pytest.raises(ValidationError):
        spec.endmembers = 4  # type: ignore[misc]
    for wrong in ({"endmembers": 1}, {"colour": "red"}, {"seed": -1}):
        with pytest.raises(ValidationError):
            spec_class(method)(**wrong)
    assert spec_class(method).model_validate_json(spec.model_dump_json()) == spec


def test_methods_that_do_not_use_paint_say_so(scene: Scene, method: str) -> None:
    labels = np.zeros(scene.cube.shape[:2], dtype=np.int32)
    labels[:8], labels[20:24, :10] = 1, 2
    annotation = Annotation(labels, {2: Meaning("material", "rock")})
    result = drain(unmix(scene.cube, quick(method), annotation))
    if spec_class(method).uses_paint:
        assert result.names[0] == "rock"
    else:
        assert any("does not use painting" in str(note) for note in result.notes)


def test_ignored_pixels_take_no_part(scene: Scene, method: str) -> None:
    labels = np.zeros(scene.cube.shape[:2], dtype=np.int32)
    labels[:5] = 4
    result = drain(unmix(scene.cube, quick(method), Annotation(labels, {4: Meaning("ignore")})))
    assert np.isnan(result.abundances[:5]).all()
    assert np.isfinite(result.abundances[5:][scene.cube.valid_pixels[5:]]).all()


def test_two_strokes_of_one_name_are_one_material(scene: Scene) -> None:
    labels = np.zeros(scene.cube.shape[:2], dtype=np.int32)
    labels[20:24, :10], labels[26:30, :10] = 2, 3
    annotation = Annotation(labels, {2: Meaning("material", "rock"), 3: Meaning("material", "rock")})
    result = drain(unmix(scene.cube, quick("ivae"), annotation))
    assert [name for name in result.names if name == "rock"] == ["rock"]
