"""Scenes mixed from a real scene's own pixels, and how their rows are told."""

from __future__ import annotations

import numpy as np
import pytest

from unmix_benchmarks.bundles import Row, table, verdicts
from unmix_benchmarks.common.bundle_scenes import Bundles, bundle_scene


def bundles(count: int = 400) -> Bundles:
    generator = np.random.default_rng(0)
    means = np.array([[0.2, 0.4, 0.6, 0.8], [0.8, 0.3, 0.5, 0.1]])
    spread = np.array([0.02, 0.05])
    spectra = [
        mean * (1 + width * generator.normal(size=(count, 1))) for mean, width in zip(means, spread, strict=True)
    ]
    return Bundles("made up", None, tuple(spectra))


@pytest.mark.parametrize("draw", [4, "smooth"])
def test_a_scene_has_its_bundles_mean_and_spread(draw: int | str) -> None:
    made = bundle_scene(bundles(), draw, 0, 96)  # type: ignore[arg-type]
    expected = made.abundances @ made.bundles.means
    left = made.cube.spectra - expected
    varied = np.einsum("hwk,kbb->hwb", made.abundances**2, made.bundles.covariances) + made.noise**2
    assert np.mean(left**2 / varied) == pytest.approx(1.0, abs=0.25)
    assert abs(float(np.mean(left / np.sqrt(varied)))) < 0.15


def test_in_a_square_every_material_has_one_spectrum() -> None:
    made = bundle_scene(bundles(), 8, 0, 32)
    inside, across = (
        made.cube.spectra[:, 3] - made.cube.spectra[:, 4],
        made.cube.spectra[:, 7] - made.cube.spectra[:, 8],
    )
    changed = [made.abundances[:, k] - made.abundances[:, k + 1] for k in (3, 7)]
    explained = [change @ made.bundles.means for change in changed]
    assert np.abs(inside - explained[0]).mean() < 0.3 * np.abs(across - explained[1]).mean()


def row(method: str, error: float, seed: int = 0) -> Row:
    return Row("here", "4", seed, "known", method, error, 0.9, 1.0)


@pytest.mark.parametrize(("ours", "said"), [(0.02, "worse in 0 of 1"), (0.05, "worse in 1 of 1")])
def test_a_row_is_held_against_the_better_plain_estimate_of_the_same_scene(ours: float, said: str) -> None:
    rows = [
        row("sum-to-one", 0.08),
        row("free brightness", 0.04),
        row("free brightness", 0.01, seed=1),
        row("ivae, spectra vary", ours),
    ]
    assert f"| {ours / 0.04:.2f} |" in table(rows)[-1]
    (verdict,) = verdicts(rows)
    assert said in verdict
    assert verdict.startswith("* ivae, spectra vary, endmembers known: ")
    unasked = [*rows, row("ivae, unasked", ours)]
    assert verdicts(unasked) == [verdict, verdict.replace("spectra vary", "unasked")]
