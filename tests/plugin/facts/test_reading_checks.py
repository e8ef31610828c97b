"""Checks as they are read: first what stands in the way, last what changes nothing; in words, or bare numbers of an old report."""

from __future__ import annotations

from napari_unmix.identifiability.report import Check, Report, Role, Status
from napari_unmix.plugin.facts.reading_checks import in_order, measured, no_weight, tally, title, unbroken


def check(name: str, role: Role, status: Status, **others: object) -> Check:
    return Check(name, status, 2.43, 1.0, "So.", role=role, **others)  # type: ignore[arg-type]


CHECKS = (
    check("passed", "required", "pass"),
    check("a veto in doubt", "veto", "doubtful"),
    check("not made", "where it applies", "not applicable"),
    check("required and in doubt", "required", "doubtful"),
    check("a veto that failed", "veto", "fail"),
    check("only tells", "informs", "fail"),
)


def test_what_stands_in_the_way_comes_first_and_what_changes_nothing_last() -> None:
    assert [one.name for one in in_order(CHECKS)] == [
        "a veto that failed",
        "required and in doubt",
        "passed",
        "only tells",
        "a veto in doubt",
        "not made",
    ]


def test_what_rules_out_any_claim_comes_before_all() -> None:
    broken = check("broken", "required", "doubtful", broken="the model leaves more than noise")
    assert in_order((*CHECKS, broken))[0] is broken


def test_doubt_that_changes_nothing_says_so() -> None:
    said = {one.name: no_weight(one) for one in CHECKS}
    assert {name for name, words in said.items() if words} == {"a veto in doubt", "only tells"}
    assert said["only tells"] == "does not change the verdict"


def test_the_tally_says_how_many_do_not_matter() -> None:
    assert tally(Report("partly", "So.", CHECKS)) == (
        "6 checks: 2 failed, 2 doubtful, 1 passed, 1 not applicable; 2 of these do not change the verdict."
    )
    assert tally(Report("identified", "So.", (*CHECKS[:2],))) == (
        "2 checks: 1 doubtful, 1 passed; 1 of these does not change the verdict."
    )
    assert tally(Report("identified", "So.", CHECKS[:1])) == "1 check: 1 passed."


def test_words_where_the_report_has_them_and_bare_numbers_where_not() -> None:
    old = check("stable", "veto", "doubtful")
    new = check("stable", "veto", "doubtful", title="Steady", measured="moves by 2.4° (good below 1°)")
    assert (title(old), measured(old)) == ("Stable", "2.43 (threshold 1)")
    assert (title(new), measured(new)) == ("Steady", "moves by 2.4° (good below 1°)")
    assert measured(Check("stable", "doubtful", None, 1.0, "Not made.", role="veto")) == ""


def test_what_is_good_stays_on_one_line() -> None:
    assert unbroken("moves by 2.4° (good below 1°)") == "moves by 2.4° (good\u00a0below\u00a01°)"
