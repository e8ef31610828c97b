"""The field's real scenes: the default must reach what was measured, and cubes must be what their references say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_unmix.benchmarks._cases import CASES, Case
from napari_unmix.benchmarks._scores import run_method, score
from napari_unmix.methods.geometry.counting import suggest_endmembers

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: real scenes are NOT tested"
    ),
]
# Abundance RMSE and mean angle that the default reaches without painting, with 20 % of room.
REACHED = {
    "Samson (Zhu, scaled)": (0.013, 1.2),
    "Samson (alternative, sum-to-one)": (0.042, 2.4),
    "Jasper Ridge (Zhu, scaled)": (0.046, 2.5),
    "dc1 (truth)": (0.006, 0.4),
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_default_reaches_the_measured_figures(case: Case) -> None:
    cube, truth = case.load(Path(os.environ["NAPARI_UNMIX_DATA"]))
    endmembers, abundances = truth.endmembers, truth.abundances
    assert abundances is not None
    assert suggest_endmembers(cube.pixels()) == len(endmembers)
    found = score(
        case.name,
        run_method("ivae", cube, len(endmembers), illumination=case.illumination, seed=0),
        endmembers,
        abundances,
    )
    error, angle = REACHED[case.name]
    assert found.abundance_rmse <= 1.2 * error
    assert found.angle_degrees <= 1.2 * angle
