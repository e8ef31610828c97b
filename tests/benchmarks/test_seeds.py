"""Whether seeds agree: what u is worth where nothing else tells latents apart, and the table of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unmix_benchmarks import run
from unmix_benchmarks.seeds import METHODS, MIXINGS, Agreement, agreement, measured, mixed, said, simulated, table


def test_mixing_is_what_its_name_says() -> None:
    endmembers = np.array([[1.0, 0.5], [0.2, 0.4], [0.3, 0.9]])
    corner, middle = np.array([[40.0, 23.0]]), np.zeros((1, 2))
    np.testing.assert_allclose(mixed(middle, endmembers, bilinear=False)[0], endmembers.mean(axis=0))
    twice = (endmembers[0] * endmembers[1] + endmembers[0] * endmembers[2] + endmembers[1] * endmembers[2]) / 9
    np.testing.assert_allclose(mixed(middle, endmembers, bilinear=True)[0], endmembers.mean(axis=0) + twice)
    np.testing.assert_allclose(mixed(corner, endmembers, bilinear=True)[0], endmembers[0], atol=1e-6)


def test_codes_that_are_the_factors_have_one_in_all_but_the_intervals() -> None:
    factors = np.random.default_rng(0).uniform(size=(2000, 2))
    mcc, apart, whole, gap = measured(factors[:, ::-1], factors)
    assert min(mcc, apart, whole) > 0.97
    assert gap > 0.85  # few rows in many intervals inform by chance


@pytest.mark.slow
def test_u_brings_the_latents_to_the_truth_and_shuffled_u_does_not() -> None:
    """Where mixing is linear; seeds that nothing was chosen on."""
    scene = simulated("linear", 60, seed=2)
    with_u, shuffled, without = (agreement("linear", m, scene, (3, 4), 40) for m in ("ivae", "ivae, shuffled u", "vae"))
    assert with_u.mcc > without.mcc + 0.03
    assert with_u.mcc > shuffled.mcc + 0.03
    assert with_u.nats > without.nats + 0.2
    assert shuffled.nats < without.nats + 0.1


def test_the_table_and_what_is_said_of_it() -> None:
    rows = [
        Agreement("linear", m, 3, 0.9, 0.5, 0.5, 0.4, b, 0.8, 0.5, 0.3, 1.0, "abc")
        for m, b in (("vae", 0.7), ("ivae", 1))
    ]
    assert (
        table(rows)[2] == "| linear | vae | 3 | 0.900 | 0.500 | 0.500 | 0.400 | 0.700 | 0.800 | 0.500 | 0.300 | 1.00 |"
    )
    assert list(said(rows)) == [
        "* linear: seeds agree by 1.000 with u and by 0.700 without (MCC); from the truth they are 0.900 and 0.900."
    ]
    assert list(said(rows[:1])) == []


def test_it_runs_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--seeds", "0", "1", "--epochs", "1", "--length", "12", "--methods", "vae", "--out", str(tmp_path)]
    assert run("seeds", few) == 0
    assert (tmp_path / "seeds.md").read_text() in capsys.readouterr().out + "\n"
    assert set(METHODS) >= {"vae", "beta-vae", "ivae"}
    assert (tmp_path / "seeds.csv").read_text().count("\n") == 1 + len(MIXINGS)
    # What is there is not run again; what is missing is.
    kept = (tmp_path / "seeds.csv").read_text().splitlines()
    (tmp_path / "seeds.csv").write_text("\n".join(kept[:2]) + "\n")
    assert run("seeds", [*few, "--keep"]) == 0
    assert capsys.readouterr().err.count("Agreement(") == len(MIXINGS) - 1
    assert (tmp_path / "seeds.csv").read_text().splitlines()[1] == kept[1]
