"""Made-up checks in, one word out: the verdict folds over roles, and knows no check by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.identifiability.report import Check, Role, Serves, Status
from napari_unmix.identifiability.verdict import CONFIRMATION, Circumstances, StrokesSay, helpful, verdict

STATUSES: tuple[Status, ...] = ("pass", "doubtful", "fail", "not applicable")
# Which statuses leave "identified" standing: the whole decision, written once more by hand.
HOLDS: dict[Role, set[Status]] = {
    "required": {"pass"},
    "where it applies": {"pass", "not applicable"},
    "veto": {"pass", "doubtful", "not applicable"},
    "informs": set(STATUSES),
}
CONFIRMED = Circumstances(by_regions=True, confirmed=True)


def made_up(name: str, role: Role, status: Status = "pass", *, limit: str = "", precedence: int = 50) -> Check:
    return Check(name, status, 1.0, 2.0, "So.", role=role, limit=limit, precedence=precedence)


def all_pass() -> list[Check]:
    return [made_up(role, role) for role in HOLDS]


def test_all_pass_and_confirmed_is_identified_and_says_who_says_so() -> None:
    word, sentence = verdict(CONFIRMED, all_pass())
    assert (word, "which gave the endmembers" in sentence) == ("identified", True)
    word, sentence = verdict(replace(CONFIRMED, by_regions=False), all_pass())
    assert (word, "which confirm the endmembers" in sentence) == ("identified", True)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("role", list(HOLDS))
def test_one_more_check_counts_by_its_role(role: Role, status: Status) -> None:
    """A check that nobody has thought of yet can't fail open."""
    word, _ = verdict(CONFIRMED, [*all_pass(), made_up("a new one", role, status)])
    assert word == ("identified" if status in HOLDS[role] else "partly")


def test_what_is_not_confirmed_is_partly() -> None:
    word, sentence = verdict(replace(CONFIRMED, confirmed=False), all_pass())
    assert (word, "do not confirm" in sentence) == ("partly", True)


def test_a_method_without_assumptions_is_not_identified_whatever_passes() -> None:
    word, sentence = verdict(replace(CONFIRMED, why_not="no theorem says so"), all_pass())
    assert (word, sentence) == ("not identified", "Not identified: no theorem says so.")


BROKEN = replace(made_up("fits", "required", "fail"), broken="the model leaves more than noise")

SUPPORT = {
    "strokes that name and confirm all": (
        StrokesSay(named=3, confirmed=3),
        "Your strokes name and confirm 3 of 3 endmembers",
    ),
    "strokes that name all and confirm some": (
        StrokesSay(named=3, confirmed=2),
        "Your strokes name 3 of 3 endmembers and confirm 2 of them",
    ),
    "strokes that name one and confirm none": (
        StrokesSay(named=1, confirmed=0),
        "Your strokes name 1 of 3 endmembers and confirm none of them; the others are the purest spectra found",
    ),
    "strokes that were not held against the search": (
        StrokesSay(named=2),
        "Your strokes name 2 of 3 endmembers; the other one is the purest spectrum left",
    ),
    "strokes that had to stand for materials": (
        StrokesSay(anchored=2),
        "Your strokes stand for 2 of 3 endmembers; the other one is the purest spectrum left",
    ),
    "no strokes": (StrokesSay(), "The endmembers are the purest spectra found"),
}


@pytest.mark.parametrize("case", list(SUPPORT))
def test_where_no_claim_can_be_made_the_sentence_says_what_strokes_support(case: str) -> None:
    strokes, said = SUPPORT[case]
    word, sentence = verdict(replace(CONFIRMED, count=3, strokes=strokes), [*all_pass(), BROKEN])
    assert word == "not identified"
    assert sentence == f"{said}; no claim of identifiability: the model leaves more than noise."


def test_where_no_claim_can_be_made_the_sentence_says_what_geometry_supports() -> None:
    _, sentence = verdict(replace(CONFIRMED, count=3, geometry=True), [*all_pass(), BROKEN])
    assert sentence.startswith("The endmembers are the purest spectra found, and a second search finds them again; no ")


def test_what_strokes_support_is_told_beside_a_limit() -> None:
    open_one = made_up("one", "required", "doubtful", limit="the residual is more than noise")
    strokes = StrokesSay(named=3, confirmed=3)
    told = verdict(replace(CONFIRMED, count=3, strokes=strokes), [*all_pass(), open_one])
    said = "Partly: the residual is more than noise; your strokes name and confirm 3 of 3 endmembers."
    assert told == ("partly", said)


def test_an_identified_answer_says_which_endmembers_the_data_hold_fast_only_where_some_are_not() -> None:
    graded = replace(CONFIRMED, graded="By your regions all 3 are shaky.")
    assert verdict(graded, all_pass())[1].endswith("hold. By your regions all 3 are shaky.")
    assert verdict(replace(graded, steady=True), all_pass())[1] == verdict(CONFIRMED, all_pass())[1]
    open_one = made_up("one", "required", "doubtful", limit="the residual is more than noise")
    assert "By your regions" in verdict(replace(graded, steady=True), [*all_pass(), open_one])[1]


def test_a_remedy_that_can_not_help_is_not_given() -> None:
    """Painting more regions does not change that a model leaves more than noise."""
    regions = replace(made_up("regions", "required", "fail"), remedy="Paint 7 more regions.")
    misfit = replace(BROKEN, remedy="Try one endmember more.")
    unknown = replace(made_up("of another program", "informs", "doubtful"), remedy="Look.")
    serves: dict[str, Serves] = {"regions": "claim", "fits": "answer"}
    assert [check.remedy for check in helpful([regions, misfit, unknown], serves)] == [
        "",
        "Try one endmember more.",
        "Look.",
    ]
    whole = [regions, replace(misfit, broken=""), unknown]
    assert list(helpful(whole, serves)) == whole


@given(st.permutations([1, 4, 20]))
def test_of_several_limits_the_most_basic_is_told(order: list[int]) -> None:
    checks = [made_up(f"{place}", "required", "fail", limit=f"limit {place}", precedence=place) for place in order]
    assert verdict(CONFIRMED, [*all_pass(), *checks]) == ("partly", "Partly: limit 1.")


@pytest.mark.parametrize(("precedence", "told"), [(CONFIRMATION - 1, "so it is"), (CONFIRMATION + 1, "do not confirm")])
def test_confirmation_has_its_place_among_the_limits(precedence: int, told: str) -> None:
    check = made_up("one", "veto", "fail", limit="so it is", precedence=precedence)
    assert told in verdict(replace(CONFIRMED, confirmed=False), [*all_pass(), check])[1]


def test_a_check_that_says_nothing_of_its_limit_is_named() -> None:
    assert "“a new one” is open" in verdict(CONFIRMED, [*all_pass(), made_up("a new one", "required", "doubtful")])[1]


def test_a_check_that_holds_limits_nothing() -> None:
    passed = made_up("one", "required", limit="it would")
    assert verdict(CONFIRMED, [passed])[0] == "identified"
