"""Painted regions without pure pixels: 4 materials, 40 regions, half of the pixels painted, no abundance above 0.85, 30 dB."""

from __future__ import annotations

from napari_unmix.synthetic import region_scene
from unmix_benchmarks.common.scores import mean_line, parser, report, run_method, score

TITLE = "scenes without pure pixels, painted regions"


def main(arguments: list[str]) -> int:
    """Run it: ``--seeds`` are the scenes' seeds."""
    options = parser("regions", __doc__ or "")
    options.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103], help="seeds of the scenes")
    chosen = options.parse_args(arguments)
    rows = []
    for seed in chosen.seeds:
        scene = region_scene(seed)
        for method in chosen.methods:
            result = run_method(
                method, scene.cube, len(scene.endmembers), illumination=False, seed=0, annotation=scene.annotation
            )
            rows.append(score(f"seed {seed}", result, scene.endmembers, scene.abundances))
    report("regions", rows, mean_line(rows), chosen.out)
    return 0
