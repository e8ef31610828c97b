"""The classical estimates of one scene, and the best of them, picked with the truth: what no user can do, to be beaten all the same."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.coordinates import perspective_coordinates
from napari_unmix.geometry.picks import (
    largest_volume,
    simplex_volume,
    successive_projection,
    unit_length,
    vertex_components,
)
from napari_unmix.methods.sisal.fit import minimum_volume_hinge
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import rmse, spectral_angle
from napari_unmix.rows.simplex import fully_constrained, scaled
from napari_unmix.rows.subspace import affine_subspace, linear_subspace, noise_level


def classical_endmembers(spectra: FloatArray, count: int) -> dict[str, FloatArray]:
    """Name -> (count, B): VCA, SPA, SiVM and N-FINDR on spectra and on their directions, SISAL in both coordinates."""
    unit, _ = unit_length(spectra)
    linear, affine = linear_subspace(spectra, count), affine_subspace(spectra, count - 1)
    denoised = linear.spectra(linear.scores(spectra))
    centred = affine.scores(spectra)
    rays = perspective_coordinates(spectra, count, noise_level(spectra, count))
    bright = np.flatnonzero(rays.kept)
    picks = {
        "vca": vertex_components(spectra, count, np.random.default_rng(0)),
        "spa": successive_projection(linear.scores(spectra), count),
        "spa, directions": successive_projection(linear_subspace(unit, count).scores(unit), count),
        "sivm": simplex_volume(centred, count),
        "sivm, directions": bright[simplex_volume(rays.scores[bright], count)],
    }
    picks["n-findr"] = largest_volume(centred, picks["sivm"])
    first = simplex_volume(rays.scores[bright], count)
    picks["n-findr, directions"] = bright[largest_volume(rays.scores[bright], first)]
    found = {name: np.maximum(denoised[picked], 0.0) for name, picked in picks.items()}
    for name, sum_to_one in (("sisal", True), ("sisal, directions", False)):
        found[name] = np.maximum(minimum_volume_hinge(spectra, count, 30.0, sum_to_one=sum_to_one), 0.0)
    return found


def best_classical(
    spectra: FloatArray, endmembers: FloatArray, abundances: FloatArray, *, illumination: bool
) -> tuple[str, FloatArray, float]:
    """Name, angles (P,) in degrees and abundance RMSE of the classical method of the smallest mean angle to (P, B) and (N, P)."""
    rows = []
    for name, found in classical_endmembers(spectra, len(endmembers)).items():
        if "directions" in name and name.startswith("sisal") and not illumination:
            continue  # directions have no brightness of their own
        if illumination:
            found = found / np.maximum(found.max(axis=1, keepdims=True), 1e-12)
        order = match_endmembers(found, endmembers)
        angles = np.degrees(spectral_angle(found[order], endmembers))
        estimated = scaled(spectra, found)[0] if illumination else fully_constrained(spectra, found)
        rows.append((name, angles, rmse(estimated[:, order], abundances)))
    return min(rows, key=lambda row: float(row[1].mean()))
