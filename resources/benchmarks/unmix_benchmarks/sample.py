"""The sample scene with its painting: light and shade, twelve regions, no pure pixels, free illumination."""

from __future__ import annotations

from napari_unmix.synthetic import sample_scene
from unmix_benchmarks.common.scores import mean_line, parser, report, run_method, score

TITLE = "the sample scene"


def main(arguments: list[str]) -> int:
    """Run it: ``--seeds`` are the methods' seeds."""
    options = parser("sample", __doc__ or "")
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the methods")
    chosen = options.parse_args(arguments)
    scene, rows = sample_scene(), []
    for method in chosen.methods:
        for seed in chosen.seeds:
            result = run_method(
                method, scene.cube, len(scene.endmembers), illumination=True, seed=seed, annotation=scene.annotation
            )
            rows.append(score(f"sample, seed {seed}", result, scene.endmembers, scene.abundances))
    report("sample", rows, mean_line(rows), chosen.out)
    return 0
