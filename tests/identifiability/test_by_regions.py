"""Endmembers that painted regions gave: the error to expect of each, its word, and what the sentence may say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.findings import Findings, MomentsFound, SupportFound
from napari_unmix.geometry.recipes import FacetEdges
from napari_unmix.identifiability.again.quadrants import search_without_quadrants
from napari_unmix.identifiability.again.refits import Refits, Twin, angles
from napari_unmix.identifiability.by_regions import (
    DISPUTED,
    LOST_BY_REGIONS,
    STEADY_BY_REGIONS,
    UNDISPUTED,
    RegionEvidence,
    region_evidence,
    region_spread,
    region_word,
)
from napari_unmix.identifiability.evidence import evidence
from napari_unmix.identifiability.grading import graded, grades, headline
from napari_unmix.identifiability.report import Word
from napari_unmix.identifiability.subject import Subject
from napari_unmix.methods.registry import spec_class
from napari_unmix.progress import drain
from napari_unmix.regions.moments import MomentFit
from napari_unmix.regions.third import ThirdMoments

BANDS, SIDE, COUNT = 30, 24, 3
PLACE = np.linspace(0, 1, BANDS)
ENDMEMBERS = np.array([0.2 + 0.6 * np.exp(-(((PLACE - centre) / 0.18) ** 2)) for centre in (0.15, 0.5, 0.85)])
NAMES = ("rock", "soil", "tree")


def by_regions(use: str | None = "refined", **found: object) -> Subject:
    """An answer that is exact, of pixels that no noise moves, with endmembers that moments gave, or the geometry."""
    abundances = np.random.default_rng(3).dirichlet(np.ones(COUNT), SIDE * SIDE)
    moments = None if use is None else MomentsFound.model_validate({"use": use, "relative_error": 0.05, "misfit": 1.0})
    findings = Findings(recipe=FacetEdges(space="affine"), noise=0.001, declared_regions=8, moments=moments)
    result = Unmixing(
        ENDMEMBERS,
        abundances.reshape(SIDE, SIDE, COUNT).astype(np.float32),
        None,
        None,
        np.zeros((SIDE, SIDE)),
        NAMES,
        spec_class("ivae")(method="ivae", endmembers=COUNT, illumination=False),
        findings=findings.model_copy(update=found),
    )
    regions = np.repeat(np.arange(1, 9), SIDE * SIDE // 8)
    every = np.ones((SIDE, SIDE), bool)
    light = np.ones(SIDE * SIDE)
    return Subject(result, abundances @ ENDMEMBERS, ENDMEMBERS, abundances, light, regions, every, 0.001, None)


def turned(*degrees: float) -> np.ndarray:
    """Each endmember turned by so many degrees towards a direction that none of them has."""
    off = np.cos(7 * np.pi * PLACE)
    off = off - off @ np.linalg.pinv(ENDMEMBERS) @ ENDMEMBERS
    off = off / np.linalg.norm(off)
    lengths = np.linalg.norm(ENDMEMBERS, axis=1)
    angle = np.radians(degrees)
    return np.asarray(np.cos(angle)[:, None] * ENDMEMBERS + (np.sin(angle) * lengths)[:, None] * off)


def refitted(twin: tuple[float, ...], *parts: tuple[float, ...]) -> Refits:
    """One twin, and what is found without one of as many parts of the regions, each endmember off by so many degrees."""
    return Refits(
        twins=(Twin(turned(*twin), 0.01),), parts=tuple(turned(*part) for part in parts), without_regions=bool(parts)
    )


# What is measured


def test_without_regions_to_leave_out_it_is_what_scenes_simulated_from_the_answer_say() -> None:
    found = region_evidence(by_regions(), refitted((1.0, 2.0, 4.0)))
    assert [one.expected for one in found] == pytest.approx([1.0, 2.0, 4.0], rel=1e-6)
    assert [one.without_regions for one in found] == [None] * 3


def test_leaving_out_regions_is_scaled_to_what_it_says_of_all_and_counts_as_much_as_the_twins() -> None:
    parts = [(0.5, 0.0, 1.0)] * 5
    found = region_evidence(by_regions(), refitted((1.0, 2.0, 0.0), *parts))
    assert [one.without_regions for one in found] == pytest.approx([1.0, 0.0, 2.0], abs=1e-5)  # √(5 − 1) × as far
    assert [one.expected for one in found] == pytest.approx([1.0, np.sqrt(2), np.sqrt(2)], rel=1e-5)
    assert [one.disputed for one in found] == [0.0] * 3


def test_one_region_that_carries_an_endmember_does_not_make_its_error() -> None:
    found = region_evidence(by_regions(), refitted((0.0, 0.0, 0.0), (9.0, 1.0, 1.0), *[(0.5, 1.0, 1.0)] * 4))
    assert [one.without_regions for one in found] == pytest.approx([1.0, 2.0, 2.0], abs=1e-5)


@pytest.mark.parametrize("order", [[1, 2, 0], [0, 2, 1]])
def test_the_order_of_endmembers_is_that_of_the_evidence(order: list[int]) -> None:
    subject, refits = by_regions(), refitted((1.0, 2.0, 4.0), *[(0.5, 0.1, 1.0)] * 5)
    result = replace(
        subject.result, endmembers=subject.endmembers[order], names=tuple(subject.result.names[k] for k in order)
    )
    other = replace(
        subject, result=result, endmembers=subject.endmembers[order], abundances=subject.abundances[:, order]
    )
    changed = replace(
        refits,
        twins=tuple(replace(twin, endmembers=twin.endmembers[order]) for twin in refits.twins),
        parts=tuple(part[order] for part in refits.parts),
    )
    first, second = grades(subject, refits), grades(other, changed)
    for place, k in enumerate(order):
        assert (second[place].name, second[place].word, second[place].sentence) == (
            first[k].name,
            first[k].word,
            first[k].sentence,
        )
        assert second[place].numbers == pytest.approx(first[k].numbers)


def test_the_curve_spreads_as_far_as_it_moves() -> None:
    subject, refits = by_regions(), refitted((1.0, 2.0, 4.0), *[(0.5, 0.0, 1.0)] * 5)
    spread = region_spread(subject, refits)
    assert spread.shape == ENDMEMBERS.shape
    lengths = np.linalg.norm(ENDMEMBERS, axis=1)
    as_degrees = np.degrees(np.linalg.norm(spread, axis=1) / lengths)
    assert as_degrees == pytest.approx([one.expected for one in region_evidence(subject, refits)], rel=0.01)


# Who is graded so


@pytest.mark.parametrize("use", ["refined", "averaged"])
def test_what_regions_gave_is_not_searched_without_a_quarter_of_the_scene(use: str) -> None:
    subject, start = by_regions(use), Refits()
    assert list(search_without_quadrants(subject, start, np.random.default_rng(0))) == []
    assert len(start.searches) == 0
    assert evidence(subject, start) == ()
    assert [grade.word for grade in grades(subject, refitted((0.1, 0.1, 0.1)))] == ["steady"] * 3


def test_what_the_geometry_gave_is_searched_without_each_quarter() -> None:
    assert (
        len(drain(search_without_quadrants(by_regions("refused"), Refits(), np.random.default_rng(0))).quadrants) == 4
    )


def moments(degrees: tuple[float, ...], relative_error: float) -> MomentFit:
    """What the regions' moments find, each endmember so many degrees off the answer's."""
    return MomentFit(turned(*degrees), np.full((8, 3), 1 / 3), np.full(8, 9.0), 1.0, 10, relative_error, np.zeros(3))


@pytest.mark.parametrize(
    ("relative_error", "words"),
    [(0.2, ["steady", "shaky", "not determined here"]), (0.21, ["steady", "steady", "steady"])],
)
def test_what_the_geometry_gave_has_the_worse_of_two_words_where_the_regions_speak(
    relative_error: float, words: list[str]
) -> None:
    """Half of what the moments say against it is the error to expect; moments that are determined poorly say nothing."""
    subject = by_regions("refused")
    refits = replace(
        refitted((0.1, 0.1, 0.1)),
        quadrants=(turned(0.1, 0.1, 0.1),) * 4,
        moment_fit=moments((5.0, 8.0, 12.0), relative_error),
    )
    assert max(one.moved for one in evidence(subject, refits)) == pytest.approx(0.1, rel=1e-5)
    assert [grade.word for grade in grades(subject, refits)] == words
    assert region_evidence(subject, replace(refits, moment_fit=None)) == ()


def test_the_geometry_speaks_for_half_of_its_distance() -> None:
    refits = replace(refitted((0.0, 3.0, 0.0)), searched=turned(2.0, 8.0, 0.0))
    found = region_evidence(by_regions(), refits)
    assert [one.expected for one in found] == pytest.approx([1.0, 5.0, 0.0], abs=1e-5)
    assert [one.disputed for one in found] == pytest.approx([1.0, 4.0, 0.0], abs=1e-5)


@pytest.mark.parametrize(("share", "denied"), [(0.81, False), (0.79, True)])
def test_what_rests_on_a_law_that_the_scene_denies_is_not_steady(share: float, denied: bool) -> None:
    """The regions' own answer alone: what the geometry gave rests on no law."""
    refits = replace(
        refitted((0.1, 0.1, 0.1)), third=ThirdMoments(share, 0.02, 4.0), moment_fit=moments((0, 0, 0), 0.1)
    )
    given = grades(by_regions(), refits)
    assert {grade.word for grade in given} == {"shaky" if denied else "steady"}
    assert all(("their third moments do not" in grade.sentence) is denied for grade in given)
    assert [grade.numbers["law_denied"] for grade in given] == [float(denied)] * 3
    refused = replace(refits, quadrants=(turned(0.1, 0.1, 0.1),) * 4)
    assert {grade.word for grade in grades(by_regions("refused"), refused)} == {"steady"}


def test_without_a_twin_there_is_no_grade() -> None:
    assert region_evidence(by_regions(), Refits()) == ()
    assert grades(by_regions(), Refits()) == ()


# Decisions

KNOWN = RegionEvidence(expected=1.0, simulated=0.8, without_regions=1.2, disputed=0.4, share=0.3, nearest=12.0)
DECISIONS: list[tuple[dict[str, float], Word]] = [
    ({}, "steady"),
    ({"expected": STEADY_BY_REGIONS - 0.01}, "steady"),
    ({"expected": STEADY_BY_REGIONS}, "shaky"),
    ({"expected": UNDISPUTED - 0.01, "geometrys": True}, "steady"),
    ({"expected": UNDISPUTED, "geometrys": True}, "shaky"),
    ({"expected": DISPUTED - 0.01, "geometrys": True}, "shaky"),
    ({"expected": DISPUTED, "geometrys": True}, "not determined here"),
    ({"denied": True}, "shaky"),
    ({"denied": True, "expected": LOST_BY_REGIONS}, "not determined here"),
    ({"expected": LOST_BY_REGIONS - 0.01}, "shaky"),
    ({"expected": LOST_BY_REGIONS}, "not determined here"),
    ({"half": True}, "shaky"),
    ({"simulated": 30.0, "without_regions": 30.0, "disputed": 30.0}, "steady"),  # what counts of these is in the sum
]


@pytest.mark.parametrize(("changes", "word"), DECISIONS)
def test_the_error_to_expect_makes_the_word(changes: dict[str, float], word: Word) -> None:
    measured = replace(KNOWN, **changes)  # type: ignore[arg-type]
    assert region_word(measured) == word
    grade = graded("roof", measured)
    assert (grade.word, grade.remedy == "") == (word, word == "steady")
    assert f"expected to be off by {measured.expected:.1f}°" in grade.sentence
    assert ("merge" in grade.remedy) is measured.half
    assert ("assumes no Dirichlet" in grade.remedy) is measured.denied
    assert ("more regions" in grade.remedy) is (word != "steady" and not measured.half and not measured.denied)


def test_the_sentence_says_what_was_measured_and_no_more() -> None:
    assert "leaving out regions says 1.2°" in graded("roof", KNOWN).sentence
    assert "leaving out" not in graded("roof", replace(KNOWN, without_regions=None)).sentence
    assert "against it 0.4°" in graded("roof", KNOWN).sentence
    assert "against it" not in graded("roof", replace(KNOWN, disputed=0.0)).sentence


def test_half_of_a_material_is_told_of() -> None:
    support = SupportFound(supported=2, halves=(0, 2), apart=0.05, left=1.0, between=0.5)
    given = grades(by_regions(support=support), refitted((0.1, 0.1, 0.1)))
    assert [grade.word for grade in given] == ["shaky", "steady", "shaky"]
    assert headline(given, "By your regions") == "By your regions 1 of 3 is steady; rock and tree are shaky."


def test_turned_is_what_it_says() -> None:
    assert angles(turned(1.0, 2.0, 3.0), ENDMEMBERS) == pytest.approx([1.0, 2.0, 3.0], rel=1e-6)
