"""The benchmark of nonlinear mixtures: what its rows decide, and that a run which was stopped goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import DEVIATIONS, mixing_network, nonstationary
from napari_unmix.sentences import UnmixError
from unmix_benchmarks import run
from unmix_benchmarks.common.finite_sample import Cell, grid, of, trends
from unmix_benchmarks.common.finite_sample import table as cell_table
from unmix_benchmarks.common.from_the_truth import Beginning, exact
from unmix_benchmarks.common.kept import read, write
from unmix_benchmarks.common.nonlinear_rows import Row
from unmix_benchmarks.common.nonlinear_tables import goals, picked_well, table


def row(
    method: str = "ivae", mcc: float | None = 0.97, seed: int = 10, best: float | None = None, **others: object
) -> Row:
    made = Row(
        "2-2",
        3,
        seed,
        method,
        mcc,
        mcc,
        mcc if best is None else best,
        0.9,
        0.9,
        0.8,
        0.8,
        0.9,
        0.5,
        -1.0,
        3,
        30,
        40000,
        9.0,
        "abc",
    )
    return replace(made, **others)  # type: ignore[arg-type]


def said(rows: list[Row]) -> str:
    return "\n".join(goals(rows))


@pytest.mark.parametrize(
    ("ours", "word", "ahead"),
    [((0.96, 0.96), "reached", 2), ((0.94, 0.94), "missed", 2), ((0.99, 0.84), "missed", 1)],
)
def test_ahead_means_on_every_seed_and_by_a_tenth_in_the_mean(ours: tuple[float, float], word: str, ahead: int) -> None:
    rows = [row(mcc=mcc, seed=seed) for seed, mcc in enumerate(ours)]
    rows += [row("linear-ica", 0.85, seed) for seed in (0, 1)]
    assert f"linear-ica in the mean, ahead in {ahead} of 2 (goal: all, by 0.1 in the mean: {word})" in said(rows)
    assert "vae" not in said(rows).replace("iVAE", "")


def test_only_settings_of_two_sources_with_segments_are_held_against_the_rivals() -> None:
    rows = [
        row(setting="5-5"),
        row("tcl", setting="5-5"),
        row("pcl", setting="2-2-time"),
        row("vae", setting="2-2-time"),
    ]
    assert "Two sources" not in said(rows)


def test_the_ivae_that_was_taught_is_told_apart() -> None:
    rows = [row(mcc=0.8, best=0.9), row("ivae-taught", 0.99), row("linear-ica", 0.85)]
    assert "Two sources, iVAE: MCC -0.050 from that of linear-ica" in said(rows)
    assert "Two sources, iVAE from TCL's encoder: MCC +0.140 from that of linear-ica" in said(rows)
    assert "iVAE: the evidence prefers a start within 0.01 of the best one's MCC in 0 of 1" in said(rows)
    assert "iVAE from TCL's encoder: the evidence prefers a start within 0.01 of the best one's MCC in 1 of 1" in said(
        rows
    )


@pytest.mark.parametrize(("mcc", "equal"), [(0.986, 1), (0.984, 0), (0.999, 1)])
def test_equal_to_tcl_is_at_most_half_a_hundredth_below(mcc: float, equal: int) -> None:
    rows = [row(mcc=mcc, setting="5-5"), row("tcl", 0.99, setting="5-5"), row("tcl", 0.5, setting="5-10")]
    assert f"in {equal} of 1 runs; at worst {mcc - 0.99:+.3f} from it (5-5, 3 layers, seed 10)" in said(rows)


@pytest.mark.parametrize(("mcc", "word"), [(0.86, "reached"), (0.84, "missed")])
def test_five_sources_are_held_against_their_own_line(mcc: float, word: str) -> None:
    assert f"5-5, 3 layers, iVAE: MCC {mcc:.3f} in the mean of 1 seeds (goal: 0.85: {word})." in said(
        [row(mcc=mcc, setting="5-5")]
    )
    assert "5-5" not in said([row(mcc=mcc, setting="5-5", layers=4)])


@pytest.mark.parametrize(("best", "well"), [(0.979, True), (0.981, False)])
def test_the_evidence_picked_well_within_a_hundredth(best: float, well: bool) -> None:
    assert picked_well(row(best=best)) is well
    rows = [row(best=best, seed=seed) for seed in range(5)]
    assert f"in {5 * well} of 5 runs" in said(rows)
    assert not picked_well(row("gcl-exponential", None))


def test_the_table_has_every_seed_and_a_dash_for_what_is_not_measured() -> None:
    lines = table([row(seed=10, mcc=0.91), row(seed=11, mcc=0.93), row("gcl-exponential", None, seed=11)])
    assert "| 10 | 11 | mean |" in lines[0]
    assert lines[2].startswith("| 2-2 | 3 | ivae | 0.910 | 0.930 | 0.920 | 0.920 | 0.900 |")
    assert lines[3].startswith("| 2-2 | 3 | gcl-exponential | – | – | – | – | 0.900 |")
    assert len({line.count("|") for line in lines}) == 1


def test_rows_come_back_from_their_file(tmp_path: Path) -> None:
    rows = [row(), row("gcl-exponential", None, best_start=None)]
    write(rows, tmp_path / "rows.csv")
    assert read(tmp_path / "rows.csv", Row) == rows
    (tmp_path / "rows.csv").write_text("setting,layers\n2-2,3\n")
    with pytest.raises(UnmixError, match="other columns than this version writes: leave --keep out"):
        read(tmp_path / "rows.csv", Row)


def test_a_stopped_run_goes_on_and_what_is_there_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "--settings",
        "2-2",
        "--layers",
        "1",
        "--seeds",
        "0",
        "--epochs",
        "1",
        "--length",
        "20",
        "--out",
        str(tmp_path),
    ]
    write([row(layers=1, seed=0, mcc=0.123)], tmp_path / "nonlinear-ica.csv.part")
    assert run("nonlinear-ica", [*asked, "--methods", "ivae", "linear-ica", "--keep"]) == 0
    printed = capsys.readouterr()
    assert "seed 0, linear-ica: MCC" in printed.err
    assert "ivae: MCC" not in printed.err
    assert {found.method: found.mcc for found in read(tmp_path / "nonlinear-ica.csv", Row)}["ivae"] == 0.123
    assert not (tmp_path / "nonlinear-ica.csv.part").exists()
    assert (tmp_path / "nonlinear-ica.md").read_text() in printed.out + "\n"
    assert run("nonlinear-ica", [*asked, "--methods", "ivae"]) == 0
    assert [found.mcc for found in read(tmp_path / "nonlinear-ica.csv", Row)] != [0.123]


def test_every_method_that_a_setting_has_the_side_information_for_runs(tmp_path: Path) -> None:
    for setting, methods in (
        ("2-6", {"ivae", "ivae-taught", "vae", "beta-vae", "tcl", "gcl", "gcl-exponential", "linear-ica"}),
        ("2-2-time", {"pcl", "vae", "linear-ica"}),
    ):
        short = ["--settings", setting, "--layers", "2", "--seeds", "1", "--epochs", "1", "--length", "20"]
        assert run("nonlinear-ica", [*short, "--out", str(tmp_path)]) == 0
        rows = read(tmp_path / "nonlinear-ica.csv", Row)
        assert {found.method for found in rows} == methods
        assert all((found.mcc is None) is (found.method == "gcl-exponential") for found in rows)


def test_wrong_names_and_missing_folders_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match="there is no method nmf here: choose from ivae, ivae-taught, vae"):
        run("nonlinear-ica", ["--methods", "nmf"])
    with pytest.raises(UnmixError, match="is not there: give --keep the folder that an earlier table was written to"):
        run("nonlinear-ica", ["--keep", str(tmp_path)])


def cells(errors: dict[tuple[str, int, int, int], float]) -> list[Cell]:
    return [
        Cell(varied, pairs, segments, width, 0, error, error)
        for (varied, pairs, segments, width), error in errors.items()
    ]


def test_the_grid_changes_one_of_the_three_at_a_time() -> None:
    found = list(grid([1, 2]))
    assert {cell.seed for cell in found} == {1, 2}
    for varied in ("pairs", "segments", "width"):
        others = {"pairs", "segments", "width"} - {varied}
        assert all(len({getattr(cell, name) for cell in found if cell.varied == varied}) == 1 for name in others)


@pytest.mark.parametrize(("few", "word"), [(0.3, "falls: 0.300 to 0.100"), (0.05, "does not fall: 0.050 to 0.100")])
def test_trends_are_told_from_least_to_most(few: float, word: str) -> None:
    made = cells(
        {
            ("pairs", 1000, 20, 16): few,
            ("pairs", 16000, 20, 16): 0.1,
            ("segments", 16000, 2, 16): 0.4,
            ("width", 16000, 20, 4): 0.2,
        }
    )
    first, second, third = trends(made)
    assert first == f"* From 1000 to 16000 pairs the error on fresh rows {word}."
    assert second == "* From 2 to 20 segments the error on fresh rows falls: 0.400 to 0.100."
    assert third == "* By width of the encoder: 4: 0.200, 16: 0.100."
    assert len(of(made, "segments")) == 2
    assert len(cell_table(made)) == 2 + len(made)


def test_the_exact_value_is_the_density_that_rows_have() -> None:
    """Held against differences of the mixture itself, and a normal law of the sources."""
    data = nonstationary(5, 2, 2, 3, "leaky", segments=3, length=100, fresh=1).seen
    rows, generator = Rows(data.x, data.u, 2), np.random.default_rng(5)
    deviations = generator.uniform(*DEVIATIONS, (3, 2))[data.u]
    mixing, step = mixing_network(2, 2, 3, "leaky", generator), 1e-6
    np.testing.assert_allclose(mixing(data.sources), data.x)
    slopes = np.stack([(mixing(data.sources + step * e) - data.x) / step for e in np.eye(2)], axis=1)
    volume = np.log(np.abs(np.linalg.det(slopes / rows.scaling.spread)))
    law = norm.logpdf(data.sources, scale=deviations).sum(axis=1)
    assert exact("2-2", 5, data, rows) == pytest.approx((law - volume).mean(), abs=1e-3)


def test_from_the_truth_runs_and_begins_where_it_says(tmp_path: Path) -> None:
    short = ["--from-the-truth", "--settings", "2-2", "--seeds", "0", "--epochs", "1", "--length", "40"]
    assert run("nonlinear-ica", [*short, "--out", str(tmp_path)]) == 0
    found = read(tmp_path / "nonlinear-ica-from-the-truth.csv", Beginning)
    assert [one.begins for one in found] == ["exact", "own", "tcl", "truth", "own", "tcl", "truth"]
    assert {one.added for one in found} == {0.0, 0.1}
    with pytest.raises(UnmixError, match="2-2-time has no segments to learn from: choose settings without time"):
        run("nonlinear-ica", ["--from-the-truth", "--settings", "2-2-time"])


def test_the_finite_sample_experiment_runs(tmp_path: Path) -> None:
    short = ["--finite-sample", "--seeds", "0", "--epochs", "1", "--length", "40", "--out", str(tmp_path)]
    assert run("nonlinear-ica", short) == 0
    assert "pairs the error on fresh rows" in (tmp_path / "nonlinear-ica-finite-sample.md").read_text()
