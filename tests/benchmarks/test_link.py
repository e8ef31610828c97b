"""The link: both models hold the truth's score where the theory says so, who failed is told on both sides of the line, a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unmix.nonlinear.contrast import gcl
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import nonstationary
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import linear
from napari_unmix.nonlinear.variational import Variational, variational
from napari_unmix.progress import drain
from napari_unmix.regions.contrast import ContrastiveHead
from napari_unmix.rows.subspace import affine_subspace
from napari_unmix.sentences import UnmixError
from unmix_benchmarks import run
from unmix_benchmarks.common import link_cubes
from unmix_benchmarks.common.kept import read, write
from unmix_benchmarks.common.link_cubes import log_abundances, painted
from unmix_benchmarks.common.link_figure import figure
from unmix_benchmarks.common.link_networks import nonstationary_rows
from unmix_benchmarks.common.link_rows import Key, Row, agreement, centred, grid, who_failed
from unmix_benchmarks.common.link_tables import page


@pytest.mark.parametrize(("regions", "rank"), [("3", 2), ("5", 4), ("12", 4)])
def test_without_noise_the_classifiers_score_at_the_truth_is_the_truths(regions: str, rank: int) -> None:
    """λ(u)ᵀ log a(x) of the code's own head; its rank is min(R − 1, P)."""
    key = Key("cubes", "noise", "none", 3)
    made = painted(key._replace(varied="regions", value=regions))
    generator = np.random.default_rng(0)
    alpha = generator.uniform(1, 9, (int(regions), 4))
    abundances = 0.05 + 0.8 * generator.dirichlet(np.ones(4), 300)
    spectra, u = abundances @ made.endmembers, np.arange(300) % int(regions)
    head = ContrastiveHead(spectra, u, affine_subspace(spectra, 3), made.endmembers, np.full(4, 1e-3))
    with torch.no_grad():
        logs = head.abundances().log().numpy()
    score = centred(logs @ alpha.T)
    np.testing.assert_allclose(score, centred(np.log(abundances) @ alpha.T), atol=1e-6)
    values = np.linalg.svd(score, compute_uv=False)
    assert values[rank - 1] > 1e-4 * values[0]
    assert (values[rank:] < 1e-10 * values[0]).all()
    np.testing.assert_allclose(log_abundances(spectra, made.endmembers, 1e-6), np.log(abundances), atol=1e-6)


def test_logistic_normal_regions_of_one_spread_have_a_score_that_is_linear_in_logarithms() -> None:
    """The contrastive model holds there although no Dirichlet does; with spreads that differ it doesn't."""
    left = []
    for law in ("logistic-normal", "logistic-normal, spreads differ"):
        made = painted(Key("cubes", "law", law, 4))
        coordinates = np.linalg.lstsq(made.endmembers.T, made.cube.pixels().astype(float).T, rcond=None)[0].T
        logs = np.log(np.maximum(coordinates / coordinates.sum(axis=1, keepdims=True), 1e-3))
        design, score = np.column_stack([logs, np.ones(len(logs))]), centred(made.score)
        design = design - design.mean(axis=0)
        rest = score - design @ np.linalg.lstsq(design, score, rcond=None)[0]
        left.append(float((rest**2).sum() / (score**2).sum()))
    assert left[0] < 0.1 < left[1]


def test_networks_hold_the_truths_score_where_u_tells_and_not_where_it_is_shuffled() -> None:
    data = nonstationary(3, 2, 2, 1, "leaky", segments=12, length=200, fresh=10)
    truth = _gaussian_score(data.seen.sources, data.seen.u)
    training = Training(epochs=20, batch=256, starts=1, width=8)
    reached = {}
    for name, u in (("true", data.seen.u), ("shuffled", np.random.default_rng(0).permutation(data.seen.u))):
        rows = Rows(data.seen.x, u, 2)
        reached[name] = [
            agreement(learned.score_of(rows.x), truth)
            for learned in (drain(variational(rows, Variational(), training)), drain(gcl(rows, training)))
        ]
    assert min(reached["true"]) > 0.8
    assert max(np.abs(reached["shuffled"])) < 0.4
    with pytest.raises(ValueError, match="no u"):
        linear(Rows(data.seen.x, data.seen.u, 2), training).score_of(data.seen.x)


def _gaussian_score(sources: np.ndarray, u: np.ndarray) -> np.ndarray:
    variances = np.stack([sources[u == value].var(axis=0) for value in range(12)])
    return np.asarray(-0.5 * sources**2 @ (1 / variances).T)


def test_agreement_knows_neither_terms_of_x_nor_of_u() -> None:
    generator = np.random.default_rng(1)
    score, other = generator.normal(size=(2, 50, 6))
    moved = 3 * score + generator.normal(size=(50, 1)) + generator.normal(size=6)
    assert agreement(score, moved) == pytest.approx(1)
    assert abs(agreement(score, other)) < 0.3
    assert agreement(score, np.ones((50, 6))) == 0


def test_shuffled_labels_leave_the_spectra_and_tell_nothing() -> None:
    true, shuffled = (painted(Key("cubes", "law", law, 5)) for law in ("", "u shuffled"))
    np.testing.assert_array_equal(true.cube.spectra, shuffled.cube.spectra)
    assert (true.labels == shuffled.labels).mean() < 0.2
    np.testing.assert_array_equal(np.bincount(true.labels), np.bincount(shuffled.labels))
    first, second = (nonstationary_rows(Key("rows", "law", law, 5)) for law in ("", "u shuffled"))
    np.testing.assert_array_equal(first.x, second.x)
    assert (first.u == second.u).mean() < 0.1


def row(ivae: float = 1.0, contrast: float = 1.0, apart: float = 1.0, **others: object) -> Row:
    made = Row("cubes", "regions", "12", 1, ivae, contrast, apart, 0.9, 0.9, 0.9, 0.5, contrast, ivae, 1.0, "abc")
    return replace(made, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ivae", "contrast", "word"),
    [(2.4, 2.4, "neither"), (2.6, 2.4, "iVAE alone"), (2.4, 2.6, "contrast alone"), (2.6, 2.6, "both")],
)
def test_who_failed(ivae: float, contrast: float, word: str) -> None:
    assert who_failed(ivae, contrast, 2.5) == word
    assert row(ivae, contrast).who_failed == word


def test_failures_that_no_disagreement_shows_are_named() -> None:
    said = "\n".join(page([row(3.0, 3.0, 1.0), row(3.0, 1.0, 3.0, seed=2), row(apart=2.6, seed=3)]))
    assert "had neither 1, contrast alone 0, iVAE alone 1, both 1." in said
    assert "further apart than 2.5° in 1 of 2 runs in which one or both failed, and in 1 of 1 others." in said
    assert "contrastive learning agreed with it: regions 12." in said
    assert "agreed with it" not in "\n".join(page([row(3.0, 1.0, 3.0)]))


def test_a_stopped_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_cubes, "PIXELS", 40)
    kept = [row(varied="regions", value=value, seed=0) for value in ("12", "2", "3", "5", "9", "24", "40")]
    write(kept[1:], tmp_path / "link.csv.part")
    assert read(tmp_path / "link.csv.part", Row) == kept[1:]
    asked = ["--kinds", "cubes", "--vary", "regions", "--seeds", "0", "--out", str(tmp_path), "--keep"]
    assert run("link", [*asked, "--figure", str(tmp_path / "link.svg")]) == 0
    assert capsys.readouterr().err.count("Row(") == 1
    assert not (tmp_path / "link.csv.part").exists()
    rows = {found.value: found for found in read(tmp_path / "link.csv", Row)}
    assert rows["2"] == kept[1]
    assert 0 < rows["12"].ivae < 90
    assert (tmp_path / "link.svg").read_text() == figure(list(rows.values()))
    with pytest.raises(UnmixError, match="speed can't be varied here: choose from"):
        run("link", ["--vary", "speed"])


def test_one_thing_is_varied_at_a_time() -> None:
    keys = list(grid(["cubes", "rows"], None, [1, 2]))
    assert len(keys) == len(set(keys))
    assert {key.seed for key in keys} == {1, 2}
