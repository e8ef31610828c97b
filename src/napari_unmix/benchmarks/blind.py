"""Scenes without painting: 3 or 5 materials, pure pixels or none above 0.8, linear or with one departure, 20–40 dB."""

from __future__ import annotations

from itertools import product

import numpy as np

from napari_unmix.benchmarks._scores import mean_line, parser, report, run_method, score
from napari_unmix.synthetic import KINDS, blind_scene

TITLE = "scenes without painting"


def main(arguments: list[str]) -> int:
    """Run it: ``--scenes`` scenes spread over all 60 conditions, from ``--seed``."""
    options = parser("blind", __doc__ or "")
    options.add_argument("--scenes", type=int, default=20, help="how many of the 60 conditions, spread evenly")
    options.add_argument("--seed", type=int, default=1, help="seed of the first scene")
    chosen = options.parse_args(arguments)
    conditions = list(product((3, 5), (True, False), KINDS, (20.0, 30.0, 40.0)))
    # A seeded shuffle: any number of scenes covers all kinds.
    order = np.random.default_rng(0).permutation(len(conditions))
    rows = []
    for number in range(chosen.scenes):
        materials, pure, kind, decibels = conditions[order[number % len(conditions)]]
        scene = blind_scene(chosen.seed + number, materials=materials, pure=pure, kind=kind, decibels=decibels)
        name = f"{kind}, {materials} materials, {'pure' if pure else 'none pure'}, {decibels:.0f} dB"
        for method in chosen.methods:
            result = run_method(method, scene.cube, materials, illumination=scene.scaled, seed=0)
            rows.append(score(name, result, scene.endmembers, scene.abundances))
    report("blind", rows, mean_line(rows), chosen.out)
    return 0
