"""From a cube, a spec and a painting to a problem, and from a solution to an answer: what is left out, named, counted and said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix import pipeline
from napari_unmix.answer import Contribution
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import Findings
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.checks import supported_number
from napari_unmix.identifiability.subject import gather
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import make_problem, unmix
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import blind_scene

error_of = pipeline._reconstruction_error
SHAPE = (16, 12)
QUICK = spec_class("vca-fcls")(endmembers=3)


def paint(**kinds: tuple[str, str, slice]) -> Annotation:
    """``label3=("material", "rock", slice(0, 2))``: rows of the small cube."""
    labels, meanings = np.zeros(SHAPE, int), {}
    for name, (kind, title, rows) in kinds.items():
        label = int(name.removeprefix("label"))
        labels[rows] = label
        meanings[label] = Meaning(kind, title)  # type: ignore[arg-type]
    return Annotation(labels, meanings)


def problem(cube: Cube, annotation: Annotation | None = None, method: str = "ivae", **changes: object) -> Problem:
    return drain(make_problem(cube, spec_class(method)(**{"endmembers": 3, **changes}), annotation))


def test_a_problem_holds_the_valid_pixels_in_the_good_bands(small_cube: Cube) -> None:
    made = problem(small_cube)
    np.testing.assert_array_equal(made.spectra, small_cube.pixels())
    assert (made.spectra.shape, made.endmember_count, made.materials) == ((191, 22), 3, {})
    assert made.regions.shape == (191,)
    np.testing.assert_array_equal(made.regions, made.side.labels[small_cube.valid_pixels])


def test_the_number_of_endmembers_is_measured_where_it_is_left_open(small_cube: Cube) -> None:
    stages = []
    spec = spec_class("vca-fcls")(endmembers="auto")
    made = drain(make_problem(small_cube, spec), lambda event: stages.append(event.stage))
    assert made.endmember_count == 3
    assert stages[0] == "measuring the noise"
    assert problem(small_cube, method="vca-fcls", endmembers=2).endmember_count == 2


def test_ignored_pixels_are_as_invalid_ones(small_cube: Cube) -> None:
    made = problem(small_cube, paint(label3=("ignore", "", slice(0, 2)), label1=("region", "", slice(2, 5))))
    assert made.spectra.shape[0] == 191 - 24
    assert not made.cube.valid_pixels[:2].any()
    assert small_cube.valid_pixels[:2].all()
    assert made.side.painted_labels == {1: 1}
    classical = problem(small_cube, paint(label3=("ignore", "", slice(0, 2))), "vca-fcls")
    assert classical.spectra.shape[0] == 191 - 24  # also for a method that reads no painting


def test_materials_are_pixels_by_name_and_two_labels_of_one_name_are_one(small_cube: Cube) -> None:
    annotation = paint(
        label2=("material", "rock", slice(0, 1)),
        label4=("material", "rock", slice(2, 3)),
        label5=("material", "", slice(5, 6)),
        label6=("region", "field", slice(8, 10)),
    )
    made = problem(small_cube, annotation)
    assert list(made.materials) == ["rock", "material 5"]
    np.testing.assert_array_equal(made.materials["rock"], [*range(12), *range(24, 36)])
    # Row 5 has an invalid pixel, which has no place among the spectra.
    np.testing.assert_array_equal(made.materials["material 5"], np.arange(60, 71))
    assert problem(small_cube, annotation, "vca-fcls").materials == {}


def test_a_material_without_a_valid_pixel_is_none(small_cube: Cube) -> None:
    cube = replace(small_cube, valid_pixels=small_cube.valid_pixels & (np.arange(16)[:, None] > 0))
    assert problem(cube, paint(label2=("material", "rock", slice(0, 1)))).materials == {}


@pytest.mark.parametrize("endmembers", [2, 3])
def test_as_many_materials_as_endmembers_may_be_painted(small_cube: Cube, endmembers: int) -> None:
    strokes = {f"label{k}": ("material", f"m{k}", slice(k, k + 1)) for k in range(1, endmembers + 1)}
    assert len(problem(small_cube, paint(**strokes), endmembers=endmembers).materials) == endmembers
    more = {**strokes, "label9": ("material", "m9", slice(9, 10))}
    with pytest.raises(
        UnmixError,
        match=f"{endmembers + 1} materials are painted but {endmembers} endmembers .* at least {endmembers + 1}",
    ):
        problem(small_cube, paint(**more), endmembers=endmembers)


def test_a_painting_of_another_size_is_refused(small_cube: Cube) -> None:
    with pytest.raises(UnmixError, match="crop to, the cube's size"):
        problem(small_cube, Annotation(np.zeros((3, 3), int)))


def test_an_answer_lies_where_the_cube_does(small_cube: Cube) -> None:
    seen = []
    result = drain(unmix(small_cube, QUICK), seen.append)
    assert (seen[0].stage, seen[0].step, seen[0].total, seen[0].fraction) == ("reading the pixels", 0, 1, 0.0)
    assert result.abundances.shape == (*SHAPE, 3)
    assert (result.abundances.dtype, result.reconstruction_error.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(np.isnan(result.abundances).any(axis=2), ~small_cube.valid_pixels)
    np.testing.assert_array_equal(np.isnan(result.endmembers).all(axis=0), ~small_cube.good_bands)
    assert result.names == ("endmember 1", "endmember 2", "endmember 3")
    assert result.spec == QUICK
    assert 0 < result.seconds < 600


@pytest.mark.parametrize("illumination", [False, True])
def test_the_error_is_that_of_the_reconstruction(small_cube: Cube, illumination: bool) -> None:
    result = drain(unmix(small_cube, spec_class("vca-fcls")(endmembers=3, illumination=illumination)))
    good = small_cube.good_bands
    for row, column in ((0, 0), (7, 3), (15, 11)):
        left = (small_cube.spectra[row, column] - result.reconstruction(row, column))[good]
        assert result.reconstruction_error[row, column] == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-3, abs=1e-6)
    assert (result.illumination is not None) is illumination
    assert result.reconstruction_rmse == pytest.approx(
        np.sqrt(np.nanmean(result.reconstruction_error.astype(float) ** 2))
    )


@pytest.mark.parametrize("pixels", [3, 50_001])
def test_the_error_is_of_all_that_was_fitted_and_of_every_pixel(pixels: int) -> None:
    endmembers, abundances = np.array([[1.0, 0, 2, 1], [0, 1, 1, 1]]), np.tile([0.25, 0.75], (pixels, 1))
    light, scores = np.linspace(1, 2, pixels), np.linspace(-1, 1, pixels)[:, None]
    bent = np.array([[0.5, 0.25, 0, 1]])
    left = np.linspace(0, 1, pixels)[:, None] * [3.0, -3, 3, 3]
    straight = abundances @ endmembers
    solved = Solution(endmembers=endmembers, abundances=abundances, findings=Findings())
    for solution, fitted in (
        (solved, straight),
        (replace(solved, illumination=light), light[:, None] * straight),
        (
            replace(solved, illumination=light, contribution=Contribution(scores, bent)),
            light[:, None] * straight + scores @ bent,
        ),
    ):
        np.testing.assert_allclose(error_of(fitted + left, solution), 3 * np.linspace(0, 1, pixels), atol=1e-9)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (None, []),
        (paint(), ["The annotation is empty"]),
        (paint(label1=("region", "", slice(0, 3))), ["does not use painting"]),
        (paint(label1=("material", "rock", slice(0, 3))), ["does not use painting"]),
        (paint(label1=("ignore", "", slice(0, 3))), []),
    ],
    ids=["none", "empty", "region", "material", "ignore"],
)
def test_what_became_of_the_painting_is_said(small_cube: Cube, annotation: Annotation | None, words: list[str]) -> None:
    notes = [str(note) for note in drain(unmix(small_cube, QUICK, annotation)).notes]
    said = [note for note in notes if "annotation" in note or "painting" in note]
    assert len(said) == len(words)
    assert all(word in note for word, note in zip(words, said, strict=True))


# --- what the scene supports


@pytest.mark.parametrize(("asked", "halves"), [(3, False), (4, True)])
def test_two_halves_of_one_material_are_told_with_what_the_scene_supports(asked: int, halves: bool) -> None:
    scene = blind_scene(430016, materials=3, pure=True, kind="linear", decibels=25, size=32)
    result = drain(unmix(scene.cube, spec_class("sisal")(endmembers=asked, seed=0)))
    said = [note for note in result.notes if "halves of one material" in note.sentence]
    assert (len(said), result.findings.support is not None) == (halves, halves)
    if result.findings.support is not None:
        first, second = (result.names[k] for k in result.findings.support.halves)
        assert said[0].sentence.startswith("The scene supports 3 of 4 endmembers (the further one rises ")
        assert said[0].advice == f"Ask for 3 endmembers, or merge {first} and {second}."
        checked = supported_number.check(gather(scene.cube, result), Refits())
        assert checked.sentence.startswith(said[0].sentence)
        assert (checked.status, checked.value, checked.threshold, checked.remedy) == ("doubtful", 3, 4, said[0].advice)


def test_as_many_as_rise_pass() -> None:
    scene = blind_scene(430016, materials=3, pure=True, kind="linear", decibels=25, size=32)
    for asked, sentence in (
        (3, "All 3 endmembers rise over noise and variability."),
        (2, "All 2 endmembers rise over noise and variability, and 3 would."),
    ):
        result = drain(unmix(scene.cube, spec_class("vca-fcls")(endmembers=asked, seed=0)))
        checked = supported_number.check(gather(scene.cube, result), Refits())
        assert (checked.status, checked.value, checked.sentence, checked.remedy) == ("pass", 3, sentence, "")
