"""The field's real scenes against their reference abundances, without painting; the folder is NAPARI_UNMIX_DATA."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.benchmarks._scores import mean_line, parser, report, run_method, score
from napari_unmix.cube import UnmixError
from napari_unmix.io import read_cube

TITLE = "real scenes with reference abundances"


@dataclass(frozen=True)
class Case:
    """A scene's file, its reference's suffix, and the inversion that its reference means."""

    name: str
    file: str
    suffix: str
    illumination: bool


CASES = (
    Case("Samson (Zhu, scaled)", "samson/samson.hdr", "", True),
    Case("Samson (alternative, sum-to-one)", "samson/samson.hdr", "_alternative", False),
    Case("Jasper Ridge (Zhu, scaled)", "jasper_ridge/jasperRidge2_R198.mat", "", True),
    Case("dc1 (truth)", "dc1/dc1_snr30.npz", "", False),
)


def main(arguments: list[str]) -> int:
    """Run it: ``--seeds`` are the methods' seeds."""
    options = parser("real", __doc__ or "")
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the methods")
    options.add_argument("--data", type=Path, default=os.environ.get("NAPARI_UNMIX_DATA"), help="folder of the scenes")
    chosen = options.parse_args(arguments)
    if chosen.data is None or not Path(chosen.data).is_dir():
        raise UnmixError(
            "The real scenes are not here: set NAPARI_UNMIX_DATA, or --data, to the folder that holds samson, jasper_ridge and dc1."
        )
    rows = []
    for case in CASES:
        file = Path(chosen.data) / case.file
        cube = read_cube(file)
        with np.load(file.parent / "reference.npz", allow_pickle=False) as reference:
            endmembers, abundances = (
                reference[f"E{case.suffix}"].astype(float),
                reference[f"A{case.suffix}"].astype(float),
            )
        for method in chosen.methods:
            for seed in chosen.seeds:
                result = run_method(method, cube, len(endmembers), illumination=case.illumination, seed=seed)
                rows.append(score(case.name, result, endmembers, abundances))
    report("real", rows, mean_line(rows), chosen.out)
    return 0
