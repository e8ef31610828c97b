"""Grades against the truth: what is counted, what a bound promises, and one scene from beginning to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.sentences import UnmixError
from unmix_benchmarks import run
from unmix_benchmarks.common.conformal import by_neighbours, by_word, conformal_quantile, coverage
from unmix_benchmarks.common.conformal import table as bounds
from unmix_benchmarks.common.families import drawn_family
from unmix_benchmarks.common.painted_scenes import LAWS, REGIONS, painted_scene
from unmix_benchmarks.common.printed import PRINTED
from unmix_benchmarks.common.trust_rows import STEADY, UNDETERMINED, Row, read, write
from unmix_benchmarks.common.trust_scenes import FAMILIES, FIRST, KINDS, MOST_OF_A_FAMILY, PAINTED, VARIED, drafts
from unmix_benchmarks.common.trust_tables import (
    BY_REGIONS,
    GOALS,
    auc,
    auc_of_words,
    blind_spots,
    cost,
    counts,
    predictors,
    right_and_steady,
    right_to_warn,
    steady_but_wrong,
)
from unmix_benchmarks.trust import said, timed

ROW = Row("here", "choose", "linear", 1, "roof", 1.0, 0.02, STEADY, "partly", 2.0, 4.0, "abc", {"moves": 0.1})


def rows(*each: tuple[str, float], part: str = "choose") -> list[Row]:
    return [
        replace(ROW, part=part, word=word, error_degrees=error, endmember=k + 1) for k, (word, error) in enumerate(each)
    ]


# What is counted


@pytest.mark.parametrize(
    ("values", "wrong", "expected"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([1, 2, 3, 4], [1, 1, 0, 0], 0.0),
        ([1, 3, 2, 4], [0, 0, 1, 1], 0.75),
        ([1, 1, 1, 1], [0, 0, 1, 1], 0.5),
        ([1, np.nan, 3, np.nan], [0, 1, 1, 0], 1.0),
    ],
)
def test_the_area_is_the_probability_that_a_wrong_one_has_more(
    values: list[float], wrong: list[int], expected: float
) -> None:
    assert auc(np.array(values, float), np.array(wrong, bool)) == pytest.approx(expected)


def test_without_right_or_wrong_ones_there_is_no_area() -> None:
    assert np.isnan(auc(np.arange(3.0), np.zeros(3, bool)))
    assert np.isnan(auc(np.arange(3.0), np.ones(3, bool)))


def test_shares_are_of_the_endmembers_that_have_the_word() -> None:
    some = rows((STEADY, 1), (STEADY, 5.0), (STEADY, 5.1), (STEADY, 2), ("shaky", 9), (UNDETERMINED, 7), ("given", 30))
    assert steady_but_wrong(some) == pytest.approx(1 / 4)
    assert right_to_warn(some) == 1.0
    assert np.isnan(right_to_warn(some[:2]))
    # Of 2 × 3 pairs of a wrong and a right one that have a word: steady 5.1 ties with three, the others have more.
    assert auc_of_words(some) == pytest.approx((3 * 0.5 + 3 + 3) / 9)
    assert counts(some)[-1] == "| simulated, to choose on | 1 | 7 | 4 | 4, 1 | 1, 1 | 1, 1 | 1 |"


def test_answers_by_regions_have_lines_and_goals_of_their_own() -> None:
    given = [
        replace(row, numbers={BY_REGIONS: by})
        for by in (1.0, 0.0)
        for row in rows((STEADY, 1), ("shaky", 9), part="painted look")
    ]
    assert [line.split(" | ")[0] for line in counts(given)[2:]] == [
        "| painted, by regions, looked at once",
        "| painted, by geometry, looked at once",
    ]
    goal = next(one for one in GOALS if one.measure is right_and_steady and "painted look by regions" in one.parts)
    assert "1.00 (goal ≥ 0.5: reached)" in goal.said(given)
    assert "nothing to measure it on" in goal.said(given[2:])
    assert right_and_steady(rows((STEADY, 9), (STEADY, 1), ("shaky", 1), ("given", 1))) == 0.5


def test_a_goal_says_whether_it_is_reached_and_on_what() -> None:
    steady = next(goal for goal in GOALS if goal.parts == ("real",) and goal.most is not None)
    wrong, right = rows((STEADY, 9), part="real"), rows((STEADY, 1), part="real")
    assert "1.00 (goal ≤ 0.05: missed)" in steady.said(wrong)
    assert "0.00 (goal ≤ 0.05: reached)" in steady.said([*right, *rows((STEADY, 9))])
    assert "nothing to measure it on" in steady.said(rows((STEADY, 9)))


def test_what_all_searches_share_is_listed_by_name() -> None:
    some = rows((STEADY, 16.6), (STEADY, 1), ("shaky", 20), (STEADY, 5.5))
    assert blind_spots(some)[2:] == ["* here: roof, 16.6° off.", "* here: roof, 5.5° off."]
    assert blind_spots(some[1:3])[0].startswith("Blind spots: none")


def test_a_predictor_is_read_in_the_direction_in_which_it_ought_to_be_worse() -> None:
    made = [
        replace(row, numbers={"pure_pixels": 9 - row.error_degrees, "moves": row.error_degrees, "never": None})
        for row in rows((STEADY, 1), (STEADY, 8))
    ]
    assert predictors(made)[3:] == ["| pure_pixels | less | 1.00 |", "| moves | more | 1.00 |"]


def test_cost_is_of_a_scene_and_not_of_its_endmembers() -> None:
    one, other = rows((STEADY, 1), (STEADY, 1)), [replace(ROW, scene="there", search_seconds=8.0, grade_seconds=4.0)]
    assert "0.8 × the processor time of the search in all, 1.2 × in the median scene, 2.0 × at most" in cost(
        [*one, *other]
    )


def test_rows_read_back_as_they_were_written(tmp_path: Path) -> None:
    some = [
        replace(ROW, numbers={"moves": 0.1, "tails": None}),
        replace(ROW, map_rmse=None, word="", numbers={"moves": 2.5, "tails": 3.0}),
    ]
    write(some, tmp_path / "deep" / "trust.csv")
    assert read(tmp_path / "deep" / "trust.csv") == some


# What a bound promises


@pytest.mark.parametrize(("count", "expected"), [(8, np.inf), (9, 9.0), (19, 18.0), (99, 90.0)])
def test_a_bound_is_the_order_statistic_of_one_more(count: int, expected: float) -> None:
    assert conformal_quantile([float(k) for k in range(count, 0, -1)]) == expected


def test_bounds_cover_what_is_exchangeable_and_not_what_is_worse() -> None:
    """Errors that grow with what moves, 400 to choose on; the rate over 40 fixed seeds."""
    within = np.zeros(2)
    for seed in range(40):
        generator = np.random.default_rng(seed)
        moves = np.exp(generator.normal(size=500))
        errors = moves * np.exp(0.5 * generator.normal(size=500))
        made = [
            replace(ROW, error_degrees=float(error), numbers={"moves": float(move)})
            for error, move in zip(errors, moves, strict=True)
        ]
        bound = by_neighbours(made[:400], ["moves"])
        others = made[400:]
        worse = [replace(row, error_degrees=2 * row.error_degrees) for row in others]
        within += [coverage(others, bound)[1], coverage(worse, bound)[1]]
    assert 0.87 <= within[0] / 4000 <= 0.95
    assert within[1] / 4000 < 0.7


def test_nearest_neighbours_follow_the_predictor_and_a_word_its_own() -> None:
    made = [
        replace(row, numbers={"moves": row.error_degrees}) for row in rows(*[("shaky", 0.1 * k) for k in range(200)])
    ]
    bound = by_neighbours(made, ["moves"])
    assert bound(replace(ROW, numbers={"moves": 1.0})) < 5 < bound(replace(ROW, numbers={"moves": 15.0}))
    assert np.isnan(bound(replace(ROW, numbers={"moves": None})))
    words = by_word([*made, *rows(*[(STEADY, 1.0)] * 9)])
    assert words(ROW) == 1.0
    assert words(replace(ROW, word="shaky")) == pytest.approx(18.0)
    assert words(replace(ROW, word=UNDETERMINED)) == np.inf
    assert np.isnan(words(replace(ROW, word="")))


def test_the_table_of_bounds_is_of_what_was_not_chosen_on() -> None:
    made = rows(*[(STEADY, float(k)) for k in range(1, 10)])
    looked = rows((STEADY, 9.0), (STEADY, 9.5), part="real")
    assert bounds([*made, *looked], [])[2:] == ["| its word | real images | 2 | 50 % | 9.0° |"]


# Scenes


def test_the_halves_share_no_seed_and_what_is_looked_at_has_kinds_of_its_own() -> None:
    every = list(drafts(18, None, 8))
    assert len({draft.name for draft in every}) == len(every)
    assert {draft.part for draft in every} == {"choose", "look"}
    assert {draft.name for draft in drafts(9, None, 8)} < {draft.name for draft in every}
    assert FIRST["look"] - FIRST["choose"] > 1000
    assert set(KINDS["choose"]) < set(KINDS["look"])


def test_families_are_chosen_by_their_number_of_materials_and_the_halves_share_no_seed() -> None:
    every = list(drafts(0, None, families=150))
    seeds = {part: [int(draft.name.split()[-1]) for draft in every if draft.part == part] for part in FAMILIES}
    assert max(seeds["families choose"]) < FAMILIES["families look"] <= min(seeds["families look"])
    for part, first in FAMILIES.items():
        assert seeds[part] == [s for s in range(first, first + 140) if drawn_family(s)[2] <= MOST_OF_A_FAMILY]
    scene = every[0].make()
    assert (scene.part, scene.name) == (every[0].part, every[0].name)
    assert scene.annotation is not None
    assert len(scene.truth.endmembers) == drawn_family(seeds["families choose"][0])[2]


def test_answers_by_regions_are_held_against_a_finer_line_as_well() -> None:
    given = [
        replace(row, numbers={BY_REGIONS: 1.0, "doubt_degrees": row.error_degrees})
        for row in rows((STEADY, 1), ("shaky", 4), part="families look")
    ]
    said = [goal.said(given) for goal in GOALS if "families look by regions" in goal.parts]
    assert sum("for an error over 3°" in one and "1.00 (goal ≥ 0.9: reached)" in one for one in said) == 4
    assert all("nothing to measure it on" in one for one in said if "AUC" in one and "over 5°" in one)


def test_a_scene_is_the_same_every_time_and_varies_where_it_says_so() -> None:
    left = {}
    for draft in drafts(14, None, 24):
        if draft.part == "choose" and draft.name.split()[0] in ("linear", VARIED):
            scene = draft.make()
            assert np.array_equal(scene.cube.spectra, draft.make().cube.spectra)
            assert scene.materials
            left[scene.kind] = _off_the_plane(scene.cube.spectra, scene.truth.endmembers, draft.name)
    assert left["linear"] < 1.1
    assert left[VARIED] > 1.5


def _off_the_plane(spectra: np.ndarray, endmembers: np.ndarray, name: str) -> float:
    """Residual to the endmembers' span over the noise that the name says."""
    pixels = spectra.reshape(-1, endmembers.shape[1]).astype(float)
    basis = np.linalg.qr(endmembers.T)[0]
    outside = pixels - pixels @ basis @ basis.T
    decibels = float(name.split(" dB")[0].rsplit(" ", 1)[1])
    noise = np.sqrt((pixels**2).mean() * 10 ** (-decibels / 10))
    return float(np.sqrt((outside**2).mean()) / noise)


# From beginning to end


def test_seconds_are_those_of_each_stage() -> None:
    from napari_unmix.progress import Progress

    def steps():  # type: ignore[no-untyped-def]
        yield Progress("one", 0, 0, 0.0)
        yield Progress("two", 0, 0, 0.5)
        yield Progress("one", 0, 0, 0.9)
        return "answer"

    answer, spent = timed(steps())
    assert answer == "answer"
    assert set(spent) == {"", "one", "two"}
    assert min(spent.values()) >= 0


def test_it_runs_on_one_tiny_scene_and_keeps_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAPARI_UNMIX_DATA", raising=False)
    write([ROW, replace(ROW, scene="gains 3 mixed 20 dB 710002", word=UNDETERMINED)], tmp_path / "before" / "trust.csv")
    asked = ["--scenes", "3", "--size", "16", "--rows", "gains 3 mixed", "--out", str(tmp_path)]
    assert run("trust", [*asked, "--keep", str(tmp_path / "before")]) == 0
    shown = capsys.readouterr()
    assert "Only simulated scenes are run" in shown.err
    assert (tmp_path / "trust.md").read_text(encoding="utf-8") == shown.out[:-1]
    assert PRINTED in shown.out
    made = read(tmp_path / "trust.csv")
    assert [row.scene for row in made] == [*["gains 3 mixed 20 dB 710002"] * 3, "here"]
    assert said(made[:3]) in shown.err
    assert all(0 <= row.error_degrees < 90 for row in made[:3])
    assert all(row.word in ("", STEADY, "shaky", UNDETERMINED) for row in made[:3])
    assert made[0].search_seconds > 0
    assert made[0].numbers["simulated twin"] is None or made[0].numbers["simulated twin"] > 0
    with pytest.raises(UnmixError, match=r"trust\.csv is not there"):
        run("trust", [*asked, "--keep", str(tmp_path / "nowhere")])


def test_painted_scenes_are_drawn_beside_the_others_and_the_sample_comes_last() -> None:
    every = list(drafts(1, None, 24, painted=len(REGIONS)))
    assert [draft.part for draft in every[:4]] == ["choose", "look", *PAINTED]
    assert every[-1].name == "sample"
    assert len({draft.name for draft in every}) == len(every) == 2 + 2 * len(REGIONS) + 1
    assert "sample" not in {draft.name for draft in drafts(1, None, 24)}


def test_a_painted_scene_is_a_mixture_whose_pure_squares_nobody_painted() -> None:
    laws, pure = set(), 0
    for seed in range(16):
        made = painted_scene(seed, 40)
        painted = made.annotation.labels > 0
        assert set(np.unique(made.annotation.labels)) - {0} == set(range(1, REGIONS[seed % len(REGIONS)] + 1))
        assert np.allclose(made.abundances.sum(axis=2), 1)
        assert made.abundances.shape[2] == len(made.materials) == len(made.endmembers)
        whole = made.abundances.max(axis=2) == 1
        assert not (whole & painted).any()
        assert whole.any() == ("pure" in made.name)
        pure += int(whole.any())
        laws |= {law for law in LAWS if made.name.startswith(law)}
    assert laws == set(LAWS)
    assert 0 < pure < 16
    again = painted_scene(3, 40)
    assert np.array_equal(again.cube.spectra, painted_scene(3, 40).cube.spectra)
