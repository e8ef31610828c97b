"""A grade of each endmember: numbers in and one word out, searches without quadrants, and what stays as it is where the rest changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.findings import Learned, MixingFound
from napari_unmix.geometry.recipes import Strokes, VertexPicks
from napari_unmix.given import Given
from napari_unmix.identifiability.advice import SEE
from napari_unmix.identifiability.again.quadrants import QUADRANTS, search_without_quadrants, without_each
from napari_unmix.identifiability.again.refits import Refits, angles
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.evidence import Evidence, Paint, evidence
from napari_unmix.identifiability.grading import graded, grades, headline, word_of
from napari_unmix.identifiability.report import Grade, Report, Word
from napari_unmix.identifiability.subject import Subject, gather
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.synthetic import blind_scene, measured_spectra

GENERATOR = np.random.default_rng(0)
BANDS = 40


def mixed_scene(noise: float = 0.0, size: int = 24) -> Cube:
    """Three materials, five pixels of each in every quadrant, the others mixtures."""
    spectra = measured_spectra()[1][[0, 5, 9], :: measured_spectra()[1].shape[1] // BANDS]
    generator = np.random.default_rng(3)
    abundances = generator.dirichlet(np.ones(3), (size, size))
    for row in (2, size - 7):
        for column in (2, size - 7):
            for k in range(3):
                abundances[row : row + 5, column + k] = np.eye(3)[k]
    values = abundances @ spectra + noise * generator.normal(size=(size, size, spectra.shape[1]))
    return Cube(values.astype(np.float32), None)


def answered(cube: Cube, count: int = 3, given: Given | None = None) -> Unmixing:
    return drain(
        unmix(
            cube,
            spec_class("region-contrast")(method="region-contrast", endmembers=count, illumination=False, seed=0),
            None,
            given,
        )
    )


@pytest.fixture(scope="module")
def exact() -> Subject:
    cube = mixed_scene()
    return gather(cube, answered(cube))


@pytest.fixture(scope="module")
def kept() -> Searches:
    return Searches()


def without_quadrants(subject: Subject, searches: Searches | None = None) -> Refits:
    start = Refits(searches=Searches() if searches is None else searches)
    return drain(search_without_quadrants(subject, start, np.random.default_rng(0)))


# Quadrants


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_each_pixel_is_left_out_once_and_quadrants_are_alike_to_a_pixel(valid: np.ndarray) -> None:
    count = int(valid.sum())
    left_out = [np.setdiff1d(np.arange(count), rest) for rest in without_each(valid)]
    assert sorted(np.concatenate(left_out).tolist()) == list(range(count))
    sizes = [len(some) for some in left_out]
    assert max(sizes) - min(sizes) <= 2
    assert len(sizes) == QUADRANTS


def test_quadrants_of_a_whole_image_are_its_corners() -> None:
    rows, columns = np.divmod(np.arange(48), 8)
    corners = [np.setdiff1d(np.arange(48), rest) for rest in without_each(np.ones((6, 8), bool))]
    for number, corner in enumerate(corners):
        assert set(rows[corner] >= 3) == {number >= 2}
        assert set(columns[corner] >= 4) == {number % 2 == 1}


# Searches


def test_nothing_moves_where_every_quadrant_has_pure_pixels_and_no_noise(exact: Subject, kept: Searches) -> None:
    refits = without_quadrants(exact, kept)
    assert len(refits.quadrants) == QUADRANTS
    assert max(angles(found, exact.endmembers).max() for found in refits.quadrants) < 0.02
    given = grades(exact, refits)
    assert [grade.word for grade in given] == ["steady"] * 3
    assert max(max(grade.spread) for grade in given) < 1e-3
    assert all(grade.remedy == "" for grade in given)


def test_a_material_of_one_quadrant_moves_and_the_others_do_not() -> None:
    """Without its quadrant the search finds something else in its place."""
    cube = mixed_scene(noise=0.002)
    values = cube.spectra.copy()
    values[2:8, 2:8] = measured_spectra()[1][14, :: measured_spectra()[1].shape[1] // BANDS]
    cube = replace(cube, spectra=values)
    subject = gather(cube, answered(cube, 4))
    refits = without_quadrants(subject)
    alone = int(angles(np.tile(values[4, 4], (4, 1)), subject.endmembers).argmin())
    moved = np.array([angles(found, subject.endmembers) for found in refits.quadrants])
    assert moved[0, alone] > 5
    assert np.median(moved, axis=0).max() < 1


def test_a_report_after_takes_the_searches_of_the_one_before(exact: Subject) -> None:
    searches = Searches()
    first = without_quadrants(exact, searches)
    assert len(searches) == QUADRANTS
    steps = list(search_without_quadrants(exact, Refits(searches=searches), np.random.default_rng(0)))
    assert steps == []  # nothing was searched
    second = without_quadrants(exact, searches)
    assert all(np.array_equal(*pair) for pair in zip(first.quadrants, second.quadrants, strict=True))
    without_quadrants(replace(exact, spectra=exact.spectra + 1e-3), searches)
    assert len(searches) == 2 * QUADRANTS  # other pixels are another scene


@pytest.mark.parametrize("order", [[1, 2, 0], [0, 2, 1]])
def test_the_order_of_endmembers_is_that_of_the_grades(exact: Subject, kept: Searches, order: list[int]) -> None:
    result = replace(
        exact.result, endmembers=exact.result.endmembers[order], names=tuple(exact.result.names[k] for k in order)
    )
    other = replace(exact, result=result, endmembers=exact.endmembers[order], abundances=exact.abundances[:, order])
    first, second = (grades(one, without_quadrants(one, kept)) for one in (exact, other))
    for place, k in enumerate(order):
        assert (second[place].word, second[place].sentence) == (first[k].word, first[k].sentence)
        assert second[place].spread == first[k].spread
        assert second[place].numbers == pytest.approx(first[k].numbers, abs=1e-4)  # sums in another order


def test_a_mirrored_image_has_the_same_grades() -> None:
    cube = mixed_scene(noise=0.002)
    turned = replace(cube, spectra=np.ascontiguousarray(cube.spectra[:, ::-1]))
    subjects = [gather(one, answered(one)) for one in (cube, turned)]
    given = [evidence(one, without_quadrants(one)) for one in subjects]
    assert [word_of(one) for one in given[0]] == [word_of(one) for one in given[1]]
    assert np.allclose([one.moved for one in given[0]], [one.moved for one in given[1]], atol=0.1)


def test_what_was_given_and_held_is_given_and_the_others_are_searched_beside_it() -> None:
    cube = mixed_scene(noise=0.002)
    known = cube.spectra[2, 2][None].astype(float)
    subject = gather(cube, answered(cube, given=Given.known(known, ["rock"], "from the library")))
    given = grades(subject, without_quadrants(subject))
    assert [grade.word for grade in given] == ["given", "steady", "steady"]
    assert (given[0].numbers, given[0].spread) == ({}, ())
    every = gather(cube, answered(cube, given=Given.known(cube.spectra[2, 2:5].astype(float), ["a", "b", "c"])))
    assert [grade.word for grade in grades(every, without_quadrants(every))] == ["given"] * 3


BENT = MixingFound(kept="bilinear")


@pytest.mark.parametrize(
    "changes", [{"recipe": Learned()}, {"recipe": Strokes()}, {"mixing": BENT}]
)  # strokes of an earlier version
def test_what_no_search_can_find_again_has_no_grade(exact: Subject, changes: dict[str, object]) -> None:
    findings = exact.findings.model_copy(update=changes)
    subject = replace(exact, result=replace(exact.result, findings=findings))
    assert without_quadrants(subject).quadrants == ()
    assert grades(subject, Refits()) == ()


@pytest.mark.parametrize("method", ["vca-fcls", "sisal"])
def test_other_searches_are_made_again_as_they_are(method: str) -> None:
    cube = mixed_scene(noise=0.002)
    result = drain(unmix(cube, spec_class(method)(method=method, endmembers=3, illumination=False, seed=0)))
    refits = without_quadrants(gather(cube, result))
    assert (len(refits.quadrants), len(refits.searches)) == (QUADRANTS, 0)  # not by the geometry's rule
    assert len(grades(gather(cube, result), refits)) == 3


def test_steady_is_not_right_where_every_quarter_shows_the_same_mixture(exact: Subject, kept: Searches) -> None:
    """The counterexample of the theory page: these pixels are, as exactly, mixtures of another material that is never without the second one."""
    share = 0.3
    found, shares = exact.endmembers, exact.abundances
    truth, mixtures = found.copy(), shares.copy()
    truth[2] = (found[2] - share * found[0]) / (1 - share)
    mixtures[:, 2] = (1 - share) * shares[:, 2]
    mixtures[:, 0] += share * shares[:, 2]
    assert truth.min() >= 0
    assert np.allclose(mixtures.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(mixtures @ truth, shares @ found)
    assert grades(exact, without_quadrants(exact, kept))[2].word == "steady"
    assert angles(truth, found)[2] > 5


def test_another_search_counts_only_where_it_asks_for_the_same(exact: Subject, kept: Searches) -> None:
    refits = replace(without_quadrants(exact, kept), searched=exact.endmembers)
    assert [one.another_search for one in evidence(exact, refits)] == pytest.approx([0.0] * 3, abs=1e-4)
    picked = exact.result.findings.model_copy(update={"recipe": VertexPicks()})
    of_picks = replace(exact, result=replace(exact.result, findings=picked))
    assert [one.another_search for one in evidence(of_picks, refits)] == [None] * 3


# Decisions


STEADY_ONE = Evidence(
    moved=0.1, furthest=0.4, own_pixels=0.2, residual=1.0, pure_pixels=40, share=0.3, purest=0.99, nearest=12.0
)
BARE, VARYING = {"pure_pixels": 9}, {"residual": 1.05}
DECISIONS: list[tuple[dict[str, float], Word]] = [
    ({}, "steady"),
    ({"moved": 0.99}, "steady"),
    ({"moved": 1.01}, "shaky"),
    ({"moved": 0.69, **BARE}, "steady"),
    ({"moved": 0.71, **BARE}, "shaky"),
    ({"moved": 2.99}, "shaky"),
    ({"moved": 3.01}, "not determined here"),
    ({"own_pixels": 30.0, "residual": 1.03}, "steady"),
    ({"own_pixels": 0.98, **VARYING}, "steady"),
    ({"own_pixels": 1.0, **VARYING}, "shaky"),
    ({"own_pixels": 0.75, "moved": 0.75, **VARYING}, "shaky"),
    ({"own_pixels": 2.99, **VARYING}, "shaky"),
    ({"own_pixels": 3.0, **VARYING}, "not determined here"),
    ({"another_search": 30.0}, "steady"),
    ({"another_search": 0.97, **VARYING}, "steady"),
    ({"another_search": 0.98, **VARYING}, "shaky"),
    ({"another_search": 2.98, **VARYING}, "shaky"),
    ({"another_search": 3.0, **VARYING}, "not determined here"),
    ({**BARE, **VARYING}, "shaky"),
    ({"half": True}, "shaky"),
]


@pytest.mark.parametrize(("changes", "word"), DECISIONS)
def test_what_moves_and_what_backs_it_make_the_word(changes: dict[str, float], word: Word) -> None:
    measured = replace(STEADY_ONE, **changes)  # type: ignore[arg-type]
    assert word_of(measured) == word
    grade = graded("roof", measured)
    assert (grade.word, grade.remedy == "") == (word, word == "steady")
    assert f"{measured.moved:.1f}°" in grade.sentence
    assert ("out of the middle" in grade.sentence) is (measured.varies and measured.own_pixels > 0.3)
    assert ("another search" in grade.sentence) is (measured.varies and (measured.another_search or 0) > 0.3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"another_search": 0.1, "same_pixels": True, **VARYING}, "had only the same pixels to read"),
        ({"another_search": 0.4, "same_pixels": True, **VARYING}, "of the whole scene finds it 0.4° off"),
        ({"another_search": 0.1, **VARYING}, ""),
        ({"another_search": 0.1, "same_pixels": True}, ""),
        ({"same_pixels": True, **VARYING}, ""),
    ],
)
def test_a_search_that_could_tell_nothing_says_so(changes: dict[str, float], said: str) -> None:
    sentence = graded("roof", replace(STEADY_ONE, **changes)).sentence  # type: ignore[arg-type]
    assert said in sentence
    assert ("another search" in sentence) is bool(said)


def test_the_remedy_is_what_was_not_done_yet() -> None:
    lost = replace(STEADY_ONE, moved=9.0)
    assert "Paint a stroke where roof is pure," in graded("roof", lost).remedy
    assert "where roof is purest," in graded("roof", replace(lost, pure_pixels=9)).remedy
    assert "stroke" not in graded("roof", replace(lost, stroke=0.4)).remedy
    assert "merge" in graded("roof", replace(lost, half=True)).remedy


PAINT: dict[Paint, str] = {
    "strokes": "Paint a stroke where roof is pure,",
    "regions": "Paint regions of different mixtures,",
    "more regions": "Paint more regions,",
    "nothing": "Train a method that reads what is painted,",
}


@pytest.mark.parametrize("paint", list(PAINT))
def test_the_remedy_asks_to_paint_what_can_move_an_endmember(paint: Paint) -> None:
    remedy = graded("roof", replace(STEADY_ONE, moved=9.0, paint=paint)).remedy
    assert remedy.startswith(PAINT[paint])
    assert (SEE in remedy) is (paint != "nothing")
    assert "known spectrum" in remedy


def test_a_stroke_is_asked_for_where_it_does_more_than_name(exact: Subject, kept: Searches) -> None:
    def paint(chi: float, method: str = "region-contrast", **findings: Any) -> set[Paint]:
        found = exact.result.findings.model_copy(update={"search": {"chi_linear": chi}, **findings})
        spec = spec_class(method)(method=method, endmembers=3)
        subject = replace(exact, result=replace(exact.result, findings=found, spec=spec))
        return {one.paint for one in evidence(subject, without_quadrants(exact, kept))}

    assert paint(1.05) == {"strokes"}
    assert paint(1.03) == {"regions"}
    assert paint(1.05, "vca-fcls") == paint(1.03, "vca-fcls") == {"nothing"}


def made_up(name: str, word: Word) -> Grade:
    return Grade(name, word, "So.", "" if word in ("steady", "given") else f"Paint {name}, or look.")


HEADLINES = {
    ("steady", "steady"): "By geometry both are steady, as an error that all parts of the scene share would be too.",
    ("steady", "given"): "By geometry m1 is steady, as an error that all parts of the scene share would be too.",
    ("steady", "steady", "shaky", "not determined here"): (
        "By geometry 2 of 4 are steady; m3 is shaky, m4 is not determined here."
    ),
    ("steady", "not determined here"): "By geometry 1 of 2 is steady; m2 is not determined here.",
    ("shaky", "not determined here", "shaky"): (
        "By geometry none of 3 is steady; m1 and m3 are shaky, m2 is not determined here."
    ),
    ("shaky", "shaky"): "By geometry both are shaky.",
    ("not determined here", "not determined here"): "By geometry none of 2 is determined here.",
    ("not determined here",): "By geometry m1 is not determined here.",
    ("given", "shaky"): "By geometry m2 is shaky.",
    ("given", "given"): "",
    (): "",
}


@pytest.mark.parametrize("words", list(HEADLINES))
def test_the_headline_counts_and_names(words: tuple[Word, ...]) -> None:
    assert headline([made_up(f"m{k + 1}", word) for k, word in enumerate(words)]) == HEADLINES[words]


def test_the_headline_of_a_first_result_is_short_and_names_what_is_doubtful() -> None:
    words: tuple[Word, ...] = ("shaky", "shaky", "steady", "not determined here")
    said = headline([made_up(f"endmember {k}", word) for k, word in enumerate(words, 1)])
    assert len(said) <= 110
    assert [f"endmember {k}" in said for k in range(1, 5)] == [True, True, False, True]


def test_of_many_materials_or_long_names_the_headline_counts() -> None:
    words: tuple[Word, ...] = ("steady", "shaky", "not determined here")
    short = [made_up(f"m{k}", words[k % 2]) for k in range(20)]
    assert headline(short) == "By geometry 10 of 20 are steady; m1, m3, m5 and 7 more are shaky."
    of_jasper: tuple[Word, ...] = ("not determined here", "shaky", "shaky", "shaky")
    said = headline([made_up(f"endmember {k}", word) for k, word in enumerate(of_jasper, 1)])
    assert said == "By geometry none of 4 is steady; 3 are shaky, endmember 1 is not determined here."
    long = [made_up("a name far longer than its row", words[k % 3]) for k in range(30)]
    assert headline(long) == "By geometry 10 of 30 are steady; 10 are shaky, 10 are not determined here."


# Reports


@pytest.fixture(scope="module")
def varying(kept: Searches) -> tuple[Cube, Unmixing, Report]:
    scene = blind_scene(7002, materials=3, pure=False, kind="tilt", decibels=40, size=16)
    result = answered(scene.cube, 3)
    return scene.cube, result, drain(assess(scene.cube, result, kept))


def test_where_the_model_does_not_fit_no_degrees_are_expected(varying: tuple[Cube, Unmixing, Report]) -> None:
    """Twins of a model that does not fit come back within a fraction of a degree, whatever the error is."""
    report = varying[2]
    assert any(check.broken for check in report.checks)
    written = report.as_json()
    assert (written["expected_angle_degrees"], written["expected_abundance_rmse"]) == (None, None)
    twin = report.check("simulated twin")
    assert (twin.status, twin.value, twin.numbers) == ("not applicable", None, {})
    assert "°" not in twin.sentence + twin.measured
    assert len(report.grades) == 3
    assert "By geometry" in report.summary


def test_grades_are_written_and_reports_of_before_read(varying: tuple[Cube, Unmixing, Report]) -> None:
    report = varying[2]
    assert Report.from_json(report.as_json()) == report
    before = report.as_json()
    del before["grades"]
    assert Report.from_json(before).grades == ()


def test_searches_that_are_kept_change_no_report(varying: tuple[Cube, Unmixing, Report], kept: Searches) -> None:
    cube, result, report = varying
    before = len(kept)
    assert drain(assess(cube, result, kept)) == report
    assert len(kept) == before  # of this scene they were made
