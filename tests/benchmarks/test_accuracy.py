"""The accuracy benchmark: strokes as a user paints them, scenes that are found, goals that can be missed, and rows that run."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.cube import Cube
from napari_unmix.geometry.coordinates import affine_coordinates
from napari_unmix.geometry.recipes import hinge_simplex
from napari_unmix.geometry.volume import hinge_objective
from napari_unmix.rows.metrics import angle_table
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec
from napari_unmix.synthetic import NONLINEAR, albedo, blind_scene, reflectance
from unmix_benchmarks import run
from unmix_benchmarks.common.cases import (
    CASES,
    TARGET_AREAS,
    Case,
    ChosenOn,
    Truth,
    abundance_error,
    other_cases,
    purest,
    target_areas,
)
from unmix_benchmarks.common.classical import best_classical, classical_endmembers
from unmix_benchmarks.common.printed import PRINTED, commit, printed_by
from unmix_benchmarks.common.scores import without_variability, write_rows
from unmix_benchmarks.common.strokes import MOST_PIXELS, careful_strokes, paint_strokes
from unmix_benchmarks.common.summary import KNOWN, PUREST, Goal, Scored, Section, kept, losses, tables

DECISIONS = Path(__file__).parents[2] / "resources" / "decisions"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("strokes", [1, 2])
def test_strokes_are_short_seeded_a_little_wrong_and_never_over_each_other(seed: int, strokes: int) -> None:
    rows, columns = np.mgrid[:60, :80]
    shares = np.stack([columns < 40, (columns >= 40) & (rows < 30), (columns >= 40) & (rows >= 30)], axis=-1).astype(
        float
    )
    annotation = paint_strokes(shares, seed, strokes)
    np.testing.assert_array_equal(annotation.labels, paint_strokes(shares, seed, strokes).labels)
    assert annotation.of_kind("material") == [1, 2, 3]
    for label in (1, 2, 3):
        painted = annotation.labels == label
        assert 0 < painted.sum() <= strokes * MOST_PIXELS
        # A tenth lands anywhere, and what is near an edge wanders over it: most is right all the same.
        assert shares[painted, label - 1].mean() > 0.3


def test_a_stroke_inside_a_small_target_stays_inside_but_for_its_mistakes() -> None:
    shares = np.zeros((40, 40, 1))
    shares[20:23, 20:24] = 1
    for seed in range(20):
        painted = paint_strokes(shares, seed, 1, 4, inside=True).labels == 1
        assert 1 <= painted.sum() <= 10
        assert (painted & (shares[..., 0] == 0)).sum() <= 1


@pytest.mark.parametrize("seed", range(12))
def test_a_careful_painter_stays_where_the_share_is_high(seed: int) -> None:
    """A material that is nowhere pure, in a narrow band: the sloppy painter's strokes leave it, the careful one's do not."""
    rows, _ = np.mgrid[:60, :60]
    thin = 0.5 * np.exp(-(((rows - 30) / 2.0) ** 2))
    shares = np.stack([thin, 1 - thin], axis=-1)
    careful, sloppy = careful_strokes(shares, seed).labels == 1, paint_strokes(shares, seed).labels == 1
    wrong = careful & (thin < 0.7 * thin.max())
    assert 0 < careful.sum() <= 2 * MOST_PIXELS
    assert wrong.sum() <= np.ceil(0.1 * careful.sum()) + 1
    assert thin[careful].mean() > thin[sloppy].mean()
    np.testing.assert_array_equal(careful_strokes(shares, seed).labels == 1, careful)


@pytest.mark.parametrize(("highest", "pure"), [(0.91, True), (0.89, False)])
def test_the_purest_pixels_are_the_reference_s_and_pure_or_not(highest: float, pure: bool) -> None:
    generator = np.random.default_rng(0)
    abundances = generator.dirichlet(np.ones(3), 400) * 0.4
    abundances[:30] = (1 - highest) / 2
    abundances[np.arange(30), np.arange(30) // 10] = highest
    endmembers = generator.uniform(0.2, 1.0, (3, 12))
    scene = Cube((abundances @ endmembers).reshape(20, 20, 12))
    found = purest(scene, Truth(endmembers, abundances.reshape(20, 20, 3)))
    expected = [abundances[10 * k] @ endmembers for k in range(3)]
    np.testing.assert_allclose(found.spectra, expected)
    assert found.pure is pure


def test_of_a_target_of_few_pixels_only_these_are_read() -> None:
    shares = np.zeros((6, 6, 2))
    shares[1, 1:5, 0], shares[4, 1:5, 1] = 1, 1
    endmembers = np.random.default_rng(0).uniform(0.2, 1.0, (2, 12))
    scene = Cube(shares @ endmembers + 0.5 * (shares.sum(axis=2, keepdims=True) == 0))
    found = purest(scene, Truth(endmembers, shares))
    np.testing.assert_allclose(found.spectra, endmembers)
    assert found.pure


def test_areas_of_the_truth_are_without_error() -> None:
    targets, sizes = np.zeros((10, 10, 2), dtype=np.uint8), np.zeros((10, 10), dtype=np.uint8)
    abundances = np.zeros((10, 10, 2))
    for size in range(5):
        for material in range(2):
            where = (size * 2 + material, slice(0, 4))
            targets[*where, material], sizes[where] = 1, size + 1
            abundances[*where, material] = TARGET_AREAS[size] / 0.49 / 4
    areas = target_areas(abundances, Truth(np.eye(2, 5), targets=targets, sizes=sizes))
    np.testing.assert_allclose(areas, TARGET_AREAS[:, None] * np.ones(2))


def test_the_error_is_that_of_matched_abundances() -> None:
    from unmix_benchmarks.common.scores import run_method

    scene = blind_scene(3, materials=3, pure=True, kind="linear", decibels=40, size=32)
    result = run_method("vca-fcls", scene.cube, 3, illumination=False, seed=0)
    turned = Truth(scene.endmembers[[2, 0, 1]], scene.abundances[..., [2, 0, 1]])
    straight = Truth(scene.endmembers, scene.abundances)
    assert abundance_error(result, turned) == pytest.approx(abundance_error(result, straight))
    assert abundance_error(result, straight) < 0.05


def test_scenes_beside_a_reference_are_found_and_known_folders_are_not(tmp_path: Path) -> None:
    scene = blind_scene(4, materials=3, pure=True, kind="linear", decibels=30, size=16)
    for name in ("held", "samson"):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "scene.npz", cube=scene.cube.spectra)
        np.savez(tmp_path / name / "reference.npz", E=scene.endmembers, A=scene.abundances)
    from unmix_benchmarks.common.cases import SAMSON

    found = list(other_cases(tmp_path, (SAMSON,)))
    assert [case.name for case in found] == ["held (scaled)", "held (sum-to-one)"]
    cube, truth = found[1].load(tmp_path)
    assert cube.shape == scene.cube.shape
    np.testing.assert_allclose(truth.endmembers, scene.endmembers)


def rows_of(errors: list[float], method: str = "ivae", side: str = "automatic", angle: float = 1.0) -> list[Scored]:
    return [Scored("a", side, method, k, angle, error, True, 1.0) for k, error in enumerate(errors)]


def section(case: Case | None = None) -> list[Section]:
    """One section with the scene "a"."""
    return [Section("Scenes", () if case is None else (case,), ("a",) if case is None else ())]


def lines_of(rows: list[Scored], goals: list[Goal], case: Case | None = None) -> list[list[str]]:
    """The cells of each line of the table, below the scenes."""
    printed = [line for line in tables(rows, goals, section(case)) if line.startswith("| a |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in printed]


def test_goals_are_held_against_means_and_the_worst_and_can_be_missed() -> None:
    assert Goal("a", "automatic", 0.013).reached(rows_of([0.0134, 0.0134]))
    assert not Goal("a", "automatic", 0.013).reached(rows_of([0.0136, 0.0136]))
    assert not Goal("a", "automatic", 0.02, worst=0.03).reached(rows_of([0.001, 0.031]))
    assert not Goal("a", "automatic", 0.02, angle=0.9).reached(rows_of([0.001]))
    rows = [*rows_of([0.05]), *rows_of([0.04], "sisal")]
    goal = Goal("a", "automatic", 0.03, peers="somebody 0.1")
    ours, peers, _ = lines_of(rows, [goal])
    assert ours[7] == "≤ 0.03: **no**"
    assert "somebody 0.1" in peers[2]
    assert losses(rows, [goal]) == [
        "Short of the goal: a, automatic.",
        "Lost: on a, automatic, the smaller mean error was that of sisal (0.0400); of the default 0.0500.",
    ]


@pytest.mark.parametrize(
    ("error", "angle", "said"),
    [
        (0.04996, 0.996, []),
        (0.04994, 1.0, ["error"]),
        (0.05, 0.994, ["angle"]),
        (0.04, 0.5, ["error", "angle"]),
    ],
)
def test_what_others_win_is_said_by_error_and_by_angle(error: float, angle: float, said: list[str]) -> None:
    rows = [*rows_of([0.05]), *rows_of([error], "vae", angle=angle)]
    assert [line.split("smaller mean ")[1].split()[0] for line in losses(rows, [])] == said


@pytest.mark.parametrize(("error", "costs"), [(0.0509, False), (0.0511, True)])
def test_strokes_that_cost_are_said(error: float, costs: bool) -> None:
    rows = [*rows_of([0.05]), *rows_of([error], side="strokes, sloppy")]
    assert [line.startswith("Strokes cost: on a, strokes, sloppy") for line in losses(rows, [])] == [True] * costs


def test_what_needs_the_truth_is_no_competitor() -> None:
    """It says how far the scene can be solved, in a table of its own."""
    oracles = [Scored("a", "automatic", PUREST, 0, 0.5, 0.01, False, 0.0, materials=3)]
    oracles.append(Scored("a", "automatic", KNOWN, 0, 0.0, 0.02, True, 0.0, materials=3))
    rows = [*oracles, *rows_of([0.05])]
    assert losses(rows, []) == []
    case = Case("a", "", "", True, reference="a solver's")
    known, ours = lines_of(rows, [], case)
    assert known == ["a", "3", "a solver's", "brightness free", "0.50°, not pure", "0.0200"]
    assert ours[2] == "ivae"


@pytest.mark.parametrize(
    ("chosen", "automatic", "strokes"),
    [
        (ChosenOn(), "never", "never"),
        (ChosenOn((9,)), "0009", "0009"),
        (ChosenOn((), (19,)), "never", "0019"),
        (ChosenOn((9,), (3, 9)), "0009", "0003, 0009"),
    ],
)
def test_a_line_says_which_numbers_were_chosen_on_its_scene(chosen: ChosenOn, automatic: str, strokes: str) -> None:
    case = Case("a", "", "", True, chosen=chosen)
    rows = [*rows_of([0.05]), *rows_of([0.05], side="strokes, careful"), *rows_of([0.06], "sisal")]
    assert [line[9] for line in lines_of(rows, [], case)] == [automatic, strokes, ""]


def test_a_line_says_what_decided_its_runs() -> None:
    def run(seed: int, by: str, moved: float | None) -> Scored:
        return Scored("a", "automatic", "ivae", seed, 1.0, 0.1, True, 1.0, by, moved)

    assert lines_of([run(0, "geometry", 0.002), run(1, "geometry", 0.004)], [])[0][8] == "geometry; 0.003"
    assert lines_of([run(0, "geometry", None), run(1, "strokes", None)], [])[0][8] == "geometry (1), strokes (1)"
    assert lines_of(rows_of([0.1]), [])[0][8] == ""


@given(
    st.lists(
        st.builds(
            Scored,
            st.sampled_from("ab"),
            st.sampled_from(["automatic", "strokes, sloppy"]),
            st.sampled_from(["ivae", "sisal"]),
            st.integers(0, 3),
            st.floats(0, 90),
            st.floats(0, 1),
            st.booleans(),
            st.floats(0, 10),
            st.sampled_from(["", "geometry"]),
            st.none() | st.floats(0, 1),
            st.integers(0, 9),
            st.sampled_from(["", "abc1234"]),
        )
    )
)
def test_rows_read_back_as_they_were_written(rows: list[Scored]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[one.name for one in fields(Scored)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    assert [Scored.read(row) for row in csv.DictReader(io.StringIO(text.getvalue()))] == rows


def test_lines_that_are_not_run_again_stay_and_the_others_go() -> None:
    before = [*rows_of([0.1, 0.2, 0.3]), *rows_of([0.4], "sisal")]
    now = rows_of([0.5])
    assert kept(before, now) == [*now, *rows_of([0.4], "sisal")]
    assert kept(before, []) == before


class NoChoice(MethodSpec):
    """A method without a law of variability."""


class Flag(MethodSpec):
    """A method whose variability is off unless it is asked for."""

    variability: bool = False


class Law(MethodSpec):
    """A method that chooses by itself."""

    variability: Literal["auto", "none", "pairs"] = "auto"


@pytest.mark.parametrize(("spec", "option"), [(NoChoice, {}), (Flag, {}), (Law, {"variability": "none"})])
def test_where_the_reference_is_a_solver_s_a_law_of_variability_is_left_out(
    spec: type[MethodSpec], option: dict[str, str]
) -> None:
    assert without_variability(spec) == option
    spec.model_validate({"method": "made up", **option})


def test_a_table_is_put_together_from_those_of_other_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in (("first", rows_of([0.1])), ("second", [*rows_of([0.9]), *rows_of([0.2], "sisal")])):
        write_rows("accuracy", rows, [], tmp_path / name)
    both = ["--keep", str(tmp_path / "first"), str(tmp_path / "second")]
    assert run("accuracy", ["--rows", "none", *both, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    with (tmp_path / "accuracy.csv").open(newline="") as file:
        assert [Scored.read(row) for row in csv.DictReader(file)] == [*rows_of([0.1]), *rows_of([0.2], "sisal")]
    assert run("accuracy", ["--rows", "none", "--keep", "--out", str(tmp_path)]) == 0
    assert "| a | automatic | ivae | 1 | 1.00° | 0.1000 |" in capsys.readouterr().out
    with pytest.raises(UnmixError, match=r"accuracy\.csv is not there: give --keep the folder"):
        run("accuracy", ["--rows", "none", "--keep", str(tmp_path / "third")])


def test_a_table_says_when_and_by_what_it_was_printed() -> None:
    assert printed_by().startswith(PRINTED)
    assert printed_by().endswith(f"commit {commit()}.")
    assert printed_by(["abc", "def", "abc"]).endswith("rows of the commits abc, def.")
    assert commit() == "none" or re.fullmatch(r"[0-9a-f]{7,}\+?", commit())


def test_cases_are_named_once_and_kinds_of_reference_stand_together() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    decisions = {int(path.name[:4]) for path in DECISIONS.glob("[0-9]*.md")}
    assert {number for case in CASES for number in case.chosen.of(strokes=True)} <= decisions
    kinds = [case.reference for case in CASES]
    assert kinds == sorted(kinds, key=kinds.index)


@pytest.mark.slow
def test_the_benchmark_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--rows", "no pure pixels, 40", "--methods", "ivae", "vca-fcls", "--seeds", "3", "--out", str(tmp_path)]
    assert run("accuracy", words) == 0
    assert (tmp_path / "accuracy.md").read_text() in capsys.readouterr().out + "\n"
    with (tmp_path / "accuracy.csv").open(newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert float(rows["ivae"]["error"]) < 0.5 * float(rows["vca-fcls"]["error"])


def test_the_best_classical_is_the_best_and_needs_the_truth() -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="illumination", decibels=30, size=32)
    pixels = scene.cube.pixels()
    name, angles, error = best_classical(
        pixels, scene.endmembers, scene.abundances.reshape(-1, 3), illumination=scene.scaled
    )
    means = {
        label: np.degrees(angle_table(other, scene.endmembers)).min(axis=0).mean()
        for label, other in classical_endmembers(pixels, 3).items()
        if label != "sisal"
    }
    assert angles.mean() == pytest.approx(min(means.values()))
    assert name == min(means, key=lambda label: means[label])
    assert 0 < error < 0.2


def test_sisal_finds_a_simplex_without_pure_pixels() -> None:
    scene = blind_scene(6, materials=3, pure=False, kind="linear", decibels=40)
    found = hinge_simplex(affine_coordinates(scene.cube.pixels(), 3, 1e-3), 3, 30.0)
    assert np.degrees(angle_table(found, scene.endmembers)).min(axis=0).mean() < 2.5


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(2, 5))
def test_the_hinge_objective_has_the_gradient_of_its_value(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    vertices = generator.normal(size=(count, count - 1))
    data = np.column_stack([generator.dirichlet(np.ones(count), 50) @ vertices, np.ones(50)])
    start = (1.1 * vertices + 0.02 * generator.normal(size=vertices.shape)).ravel()
    _, gradient = hinge_objective(start, data, 30.0)
    for k in range(start.size):
        step = np.zeros(start.size)
        step[k] = 1e-6
        slope = (hinge_objective(start + step, data, 30.0)[0] - hinge_objective(start - step, data, 30.0)[0]) / 2e-6
        assert slope == pytest.approx(gradient[k], rel=1e-3, abs=1e-4 * (1 + np.abs(gradient).max()))


@given(st.floats(0.0, 1.0))
def test_hapkes_albedo_inverts_reflectance(value: float) -> None:
    assert albedo(reflectance(np.array([value]))) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("kind", NONLINEAR)
def test_nonlinear_scenes_show_their_endmembers_in_pure_pixels_and_bend_between(kind: str) -> None:
    scene = blind_scene(9, materials=3, pure=True, kind=kind, decibels=60, size=48)  # type: ignore[arg-type]
    abundances = scene.abundances.reshape(-1, 3)
    purest = abundances.max(axis=1) > 0.999
    linear = abundances @ scene.endmembers
    error = np.abs(scene.cube.pixels() - linear).mean(axis=1) / linear.mean()
    assert purest.sum() > 2
    mixed = abundances.max(axis=1) < 0.6
    assert error[purest].mean() < 0.02
    assert error[mixed].mean() > 3 * error[purest].mean()


@pytest.mark.slow
def test_a_folder_of_other_scenes_is_run_with_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = blind_scene(4, materials=3, pure=True, kind="linear", decibels=30, size=24)
    (tmp_path / "held").mkdir()
    np.savez(tmp_path / "held" / "scene.npz", cube=scene.cube.spectra)
    np.savez(tmp_path / "held" / "reference.npz", E=scene.endmembers, A=scene.abundances)
    words = [
        "--rows",
        "Samson",
        "held",
        "--data",
        str(tmp_path),
        "--methods",
        "ivae",
        "--seeds",
        "0",
        "--stroke-seeds",
        "0",
    ]
    assert run("accuracy", words) == 0
    printed = capsys.readouterr()
    assert "Samson (Zhu, scaled) is left out" in printed.err
    rows = [printed.out.count(f"| held ({inversion}) |") for inversion in ("scaled", "sum-to-one")]
    assert rows == [3, 3]  # blind, and strokes of two painters
