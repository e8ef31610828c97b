"""Made-up checks in, one word out: the verdict folds over roles, and knows no check by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.identifiability.report import Check, Role, Status
from napari_unmix.identifiability.verdict import CONFIRMATION, Circumstances, verdict

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


@pytest.mark.parametrize("by_strokes", [False, True])
def test_a_broken_model_is_not_identified(by_strokes: bool) -> None:
    broken = replace(made_up("fits", "required", "fail"), broken="the model leaves more than noise")
    word, sentence = verdict(replace(CONFIRMED, by_strokes=by_strokes), [*all_pass(), broken])
    assert word == "not identified"
    assert "the model leaves more than noise" in sentence
    assert ("or your strokes" in sentence) is by_strokes


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
