"""Painted regions whose mixtures hardly differ: they tell as little as one region. Pure, and quick enough for every stroke."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import Annotation, Cube, FloatArray

# The way between two mean spectra over the spread of a region's pixels: halves of one region are 0.05–0.2 apart, regions of simulated scenes
# mostly 0.25 and more. Regions of one mean may differ in their spread, so this is a hint, and no check.
ALIKE = 0.15
MOST_PIXELS, MOST_REGIONS = 100, 30  # that are looked at: of a region, and of a painting


def alike_regions(
    cube: Cube | None, annotation: Annotation | None, counts: Mapping[int, int]
) -> tuple[int, int] | None:
    """The two most alike of the painted regions that are large enough, (earlier, later), if they are nearly the same; else None."""
    if cube is None or annotation is None:
        return None
    regions = [
        label
        for label, count in counts.items()
        if count >= FEWEST_PIXELS_OF_A_REGION and annotation.meaning(label).kind == "region"
    ][:MOST_REGIONS]
    if len(regions) < 2:
        return None
    means, spreads = _moments(cube, annotation, regions)
    apart = np.linalg.norm(means[:, None] - means, axis=2) / np.sqrt((spreads[:, None] + spreads) / 2)
    apart[np.tril_indices(len(regions))] = np.inf
    earlier, later = divmod(int(np.nanargmin(apart)), len(regions))
    return (regions[earlier], regions[later]) if apart[earlier, later] < ALIKE else None


def alike_text(pair: tuple[int, int] | None) -> str:
    """What is told of them, "" of none."""
    if pair is None:
        return ""
    return f"Regions {pair[0]} and {pair[1]} hardly differ: paint where the mixture is another."


def _moments(cube: Cube, annotation: Annotation, regions: list[int]) -> tuple[FloatArray, FloatArray]:
    """(R, B_good) mean spectra of some pixels of each region, spread over it, and (R,) their variance over all bands; NaN of none."""
    labels = np.where(cube.valid_pixels, annotation.labels, 0).ravel()
    means, spreads = np.full((len(regions), int(cube.good_bands.sum())), np.nan), np.full(len(regions), np.nan)
    for row, label in enumerate(regions):
        places = np.flatnonzero(labels == label)
        chosen = np.unravel_index(places[:: max(1, len(places) // MOST_PIXELS)], cube.shape[:2])
        some = cube.spectra[chosen][:, cube.good_bands]
        if len(some) > 1:
            means[row], spreads[row] = some.mean(axis=0), max(float(some.var(axis=0).sum()), 1e-300)
    return means, spreads
