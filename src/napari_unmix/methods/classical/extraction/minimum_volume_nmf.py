"""Non-negative matrix factorisation of least volume (Fu et al. 2016, IEEE TSP 64(23); Leplat, Ang & Gillis 2019, ICASSP, algorithm 1).

min  ½ |X - AM|² + w log det(MMᵀ + δI),   M ≥ 0, rows of A on the simplex
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.methods.classical.extraction.sisal import begin
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.wanted import still_wanted

_ROUNDS, _STEPS = 100, 15
_SETTLED = 1e-5  # of the objective, in one round
_DELTA = 1e-3  # of the squared length of an endmember: below it a direction has no volume to lose
_PIXELS = 10_000  # that are read, evenly spread: the answer has P · B numbers


def find(asked: Asked) -> FloatArray:
    """From SiVM's picks; held endmembers stay. Where brightness is free, of spectra over their depth along the mean one."""
    vertices = begin(asked)
    start = np.maximum(asked.plane.to_spectra(vertices), 0.0)
    spectra = evenly_lit(asked)
    spectra = spectra[:: max(1, -(-len(spectra) // _PIXELS))]
    return factorised(spectra, start, asked.settings.volume, len(asked.held))[0][len(asked.held) :]


def evenly_lit(asked: Asked) -> FloatArray:
    """(n, B) spectra that mix to one: as they are, or as far along the mean spectrum as the plane of the endmembers."""
    spectra = asked.spectra[asked.plane.kept]
    if not asked.free_light:
        return spectra
    on_plane = asked.plane.to_spectra(asked.scores)
    times = (spectra * on_plane).sum(axis=1) / np.maximum((on_plane**2).sum(axis=1), 1e-300)
    return np.asarray(spectra / np.maximum(times, 1e-300)[:, None])


def factorised(spectra: FloatArray, start: FloatArray, volume: float, held: int = 0) -> tuple[FloatArray, list[float]]:
    """Endmembers (P, B) of (N, B) spectra from a start (P, B) whose first ``held`` stay, and the objective after every round, which falls.

    Abundances are exact, endmembers take steps down the logarithm's tangent. ``volume`` is the weight as a share: w = volume · misfit / |log det|,
    both at the start.
    """
    unit = float(np.sqrt(np.mean((start**2).sum(axis=1)))) + 1e-300
    spectra, endmembers = spectra / unit, start / unit
    abundances = fully_constrained(spectra, endmembers)
    weight = volume * _misfit(spectra, abundances, endmembers) / max(abs(_log_volume(endmembers)), 1e-12)
    losses = list[float]()
    for _ in range(_ROUNDS):
        still_wanted()
        endmembers = _moved(abundances.T @ abundances, abundances.T @ spectra, endmembers, weight, held)
        abundances = fully_constrained(spectra, endmembers, abundances)
        losses.append(_misfit(spectra, abundances, endmembers) + weight * _log_volume(endmembers))
        if len(losses) > 1 and losses[-2] - losses[-1] < _SETTLED * max(abs(losses[-1]), 1e-300):
            break
    return endmembers * unit, losses


def _moved(gram: FloatArray, pull: FloatArray, endmembers: FloatArray, weight: float, held: int) -> FloatArray:
    """Projected gradient steps down ½ tr(MᵀGM) − tr(MᵀC), where the tangent of the logarithm adds twice its inverse to the Gram matrix."""
    size = len(endmembers)
    moved = endmembers.copy()
    tangent = gram + 2 * weight * np.linalg.inv(endmembers @ endmembers.T + _DELTA * np.eye(size))
    length = 1.0 / max(float(np.linalg.eigvalsh(tangent)[-1]), 1e-300)
    for _ in range(_STEPS):
        moved[held:] = np.maximum(moved[held:] - length * (tangent @ moved - pull)[held:], 0.0)
    return moved


def _misfit(spectra: FloatArray, abundances: FloatArray, endmembers: FloatArray) -> float:
    return 0.5 * float(((spectra - abundances @ endmembers) ** 2).sum())


def _log_volume(endmembers: FloatArray) -> float:
    return float(np.linalg.slogdet(endmembers @ endmembers.T + _DELTA * np.eye(len(endmembers)))[1])
