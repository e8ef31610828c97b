"""The field's real scenes against their reference abundances, without painting; the folder is NAPARI_UNMIX_DATA."""

from __future__ import annotations

from napari_unmix.benchmarks._cases import CASES, data_folder
from napari_unmix.benchmarks._scores import mean_line, parser, report, run_method, score

TITLE = "real scenes with reference abundances"


def main(arguments: list[str]) -> int:
    """Run it: ``--seeds`` are the methods' seeds."""
    options = parser("real", __doc__ or "")
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the methods")
    options.add_argument("--data", help="folder of the scenes (default: NAPARI_UNMIX_DATA)")
    chosen = options.parse_args(arguments)
    data, rows = data_folder(chosen.data), []
    for case in CASES:
        cube, truth = case.load(data)
        assert truth.abundances is not None
        for method in chosen.methods:
            for seed in chosen.seeds:
                result = run_method(method, cube, len(truth.endmembers), illumination=case.illumination, seed=seed)
                rows.append(score(case.name, result, truth.endmembers, truth.abundances))
    report("real", rows, mean_line(rows), chosen.out)
    return 0
