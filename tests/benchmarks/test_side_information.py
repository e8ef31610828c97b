"""What u buys beside its geometry: shares add up, sources that are made leave endmembers where they are, a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unmix_benchmarks import run, side_information
from unmix_benchmarks.common import side_scenes
from unmix_benchmarks.common.kept import read
from unmix_benchmarks.common.side_rows import FOUND, HELD, NONE, TRUE, Key, Row, shares
from unmix_benchmarks.common.side_tables import page
from unmix_benchmarks.side_information import keys_of


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_scenes, "SIZE", 32)
    monkeypatch.setattr(side_scenes, "REGIONS", 9)


def row(source: str, endmembers: str, error: float, **others: object) -> Row:
    return Row("regions", 1, source, endmembers, 1.0, error, 0.9, "2 steady" if endmembers == FOUND else "", 1.0, "abc")


def test_shares_add_up_to_what_was_gained() -> None:
    found = shares(without=0.05, held=0.04, found=0.02)
    assert found == pytest.approx((0.01, 0.02))
    assert sum(found) == pytest.approx(0.05 - 0.02)


def test_the_table_sees_the_shares_apart() -> None:
    rows = [row(NONE, FOUND, 0.05), row(NONE, HELD, 0.05), row(NONE, TRUE, 0.01)]
    rows += [row("painted", FOUND, 0.02), row("painted", HELD, 0.04), row("painted", TRUE, 0.008)]
    rows += [row("blocks", HELD, 0.06), row("blocks", TRUE, 0.009), row("bands", HELD, 0.06)]
    said = "\n".join(page(rows))
    assert "| regions | painted | 1.00° | 20.0 | 40.0 | 8.0 | +10.0 | +20.0 | 90 % | 90 % | 2 steady |" in said
    assert "| regions | blocks | 1.00° | 60.0 | 60.0 | 9.0 | -10.0 | +0.0 | – | 90 % | – |" in said
    assert "| regions | bands |" not in said  # a run that was stopped
    assert "painted, endmembers held at those without u: RMSE lower in 1 of 1 runs, 0.80 of that without u" in said
    assert "blocks, endmembers held at those without u: RMSE lower in 0 of 1 runs, 1.20" in said


def test_sources_that_are_made_leave_the_endmembers(small: None) -> None:
    """Why the benchmark does not search again for them."""
    made = side_scenes.subject("regions", 1)
    alone, blocks = (side_information._run(made, source, None) for source in (NONE, "blocks"))
    np.testing.assert_allclose(blocks.endmembers, alone.endmembers, rtol=1e-6)
    held = side_information._run(made, "blocks", alone.endmembers)
    np.testing.assert_allclose(held.abundances, blocks.abundances, atol=1e-4)
    assert not np.allclose(blocks.abundances, alone.abundances, atol=1e-3)


def test_only_what_may_move_endmembers_has_its_own() -> None:
    free = {key.source for key in keys_of("regions", 1) if key.endmembers == FOUND}
    assert free == {NONE, "painted"}
    assert {key.source for key in keys_of("acquisitions", 1) if key.endmembers == FOUND} == {NONE, "acquisition"}


def test_acquisitions_are_of_the_cube_and_regions_are_painted() -> None:
    regions, strips = (side_scenes.subject(scene, 2) for scene in ("regions", "acquisitions"))
    assert regions.annotation is not None
    assert strips.annotation is None
    assert strips.cube.acquisitions is not None
    assert len(np.unique(strips.cube.acquisitions)) == 7
    assert max(made.abundances.max() for made in (regions, strips)) <= side_scenes.HIGHEST + 1e-9


def test_inside_no_pixel_lacks_a_material_and_elsewhere_many_do() -> None:
    """So geometry has no facet to find there, and has them in the other scenes without pure pixels."""
    inside, regions = (
        side_scenes.subject(scene, 3).abundances.reshape(-1, side_scenes.MATERIALS) for scene in ("inside", "regions")
    )
    assert (inside < 0.01).mean() < 1e-3
    assert np.quantile(inside, 0.02, axis=0).min() > 0.03
    assert (regions < 0.01).mean(axis=0).min() > 3e-3
    assert regions.max() <= side_scenes.HIGHEST + 1e-9


def test_shuffled_paint_is_the_same_paint_elsewhere() -> None:
    made = side_scenes.subject("inside", 3)
    assert made.annotation is not None
    again = side_scenes.shuffled(made.annotation)
    np.testing.assert_array_equal(np.bincount(again.labels.ravel()), np.bincount(made.annotation.labels.ravel()))
    assert (again.labels == made.annotation.labels).mean() < 0.1


def test_true_abundances_and_a_solvers_are_told_apart() -> None:
    """A ratio against a reference that another program made is in no mean of ratios against the truth."""
    rows = [row(NONE, HELD, 0.05), row("pairs as views", HELD, 0.04)]
    rows += [replace(one, scene="samson", rmse=4 * one.rmse**2 / 0.05) for one in rows]
    known, solvers = (said for said in page(rows) if said.startswith("* pairs as views"))
    assert "RMSE lower in 1 of 1 runs, 0.80 of" in known
    assert "against references that a solver without variability made: RMSE lower in 1 of 1 runs, 0.64 of" in solvers


def test_a_stopped_run_goes_on(
    small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(side_scenes.SCENES, "regions", side_scenes.Kind((NONE, "blocks")))
    monkeypatch.setattr(side_information, "_grades", lambda *_: "2 steady")
    monkeypatch.delenv("NAPARI_UNMIX_DATA", raising=False)
    asked = ["--scenes", "regions", "samson", "--seeds", "1", "--out", str(tmp_path)]
    assert run("side-information", asked) == 0
    printed = capsys.readouterr()
    assert "samson is left out. The real scenes are not here" in printed.err
    rows = read(tmp_path / "side-information.csv", Row)
    assert [found.key for found in rows] == [
        Key("regions", 1, NONE, FOUND),
        Key("regions", 1, NONE, HELD),
        Key("regions", 1, NONE, TRUE),
        Key("regions", 1, "blocks", HELD),
        Key("regions", 1, "blocks", TRUE),
    ]
    assert (tmp_path / "side-information.md").read_text() in printed.out + "\n"
    assert run("side-information", [*asked, "--keep"]) == 0
    assert "Row(" not in capsys.readouterr().err
