"""Painted scenes that grades of answers by regions are judged on: how many materials and regions, which law, noise and light, pure pixels or none.

``conditions`` and ``families`` ask what may be claimed of a painted scene; here it is one endmember at a time, so scenes of three regions, on which
no claim rests, are as many as those of forty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Annotation, BoolArray, Cube, FloatArray, IntArray
from napari_unmix.synthetic import (
    painted_core,
    random_materials,
    region_parameters,
    smooth_dirichlet,
    smooth_field,
    truncated_dirichlet,
    voronoi_regions,
)

SIZE = 64
REGIONS = (3, 4, 6, 8, 12, 16, 24, 40)
LAWS = ("Dirichlet", "neighbours alike", "truncated", "logistic-normal")
_MATERIALS = (3, 3, 4, 4, 5, 6)
_DECIBELS = (20.0, 40.0)
_HIGHEST, _LIT = 0.8, 0.3  # of truncated laws; and the share of scenes with light and shade
# Squares of one material, so many and so wide, where nobody painted.
_SQUARES, _SIDE = 2, 4


@dataclass(frozen=True, eq=False)
class Painted:
    """A painted scene and its truth: ``endmembers`` (P, B), ``abundances`` (H, W, P), ``scaled`` whether brightness varies."""

    name: str
    cube: Cube
    endmembers: FloatArray
    abundances: FloatArray
    annotation: Annotation
    materials: tuple[str, ...]
    scaled: bool


def painted_scene(seed: int, size: int = SIZE) -> Painted:
    """A scene of ``size`` × ``size`` pixels, 3–6 measured materials, 20–40 dB; the number of regions takes turns with the seed, all else is drawn."""
    generator = np.random.default_rng(seed)
    count, regions = int(generator.choice(_MATERIALS)), REGIONS[seed % len(REGIONS)]
    law, pure, scaled = str(generator.choice(LAWS)), bool(generator.random() < 0.5), bool(generator.random() < _LIT)
    labels = voronoi_regions(size, size, regions, generator)
    painted = painted_core(labels, float(generator.uniform(0.5, 0.8)))
    wavelengths, endmembers, names = random_materials(count, generator)
    if scaled:
        endmembers = endmembers / endmembers.max(axis=1, keepdims=True)
    abundances = _abundances(law, labels, count, generator)
    if pure:
        _put_squares(abundances, painted, generator)
    light = np.exp(0.2 * smooth_field((size, size), 6.0, generator)) if scaled else np.ones((size, size))
    clean: FloatArray = light[..., None] * (abundances @ endmembers)
    decibels = float(generator.uniform(*_DECIBELS))
    sigma = np.sqrt((clean**2).mean() * 10 ** (-decibels / 10))
    noisy = clean + sigma * generator.normal(size=clean.shape)
    name = f"{law} {count} of {regions} regions {'pure' if pure else 'mixed'}{' lit' if scaled else ''} {decibels:.0f} dB {seed}"
    annotation = Annotation(np.where(painted, labels, 0).astype(np.int32))
    cube = Cube(noisy.astype(np.float32), wavelengths, name=name)
    return Painted(name, cube, endmembers, abundances, annotation, names, scaled)


def _abundances(law: str, labels: IntArray, count: int, generator: np.random.Generator) -> FloatArray:
    """(H, W, P) by the law, each region with parameters of its own."""
    alpha = region_parameters(int(labels.max()), count, generator)
    if law == "neighbours alike":
        return smooth_dirichlet(alpha, labels, generator, smoothness=1.5)
    abundances, mixing = np.empty((*labels.shape, count)), generator.uniform(0.35, 0.7)
    for label, parameters in enumerate(alpha, start=1):
        here = labels == label
        if law == "logistic-normal":
            logits = np.log(parameters) + mixing * generator.normal(size=(int(here.sum()), count))
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            abundances[here] = shares / shares.sum(axis=1, keepdims=True)
        else:
            highest = _HIGHEST if law == "truncated" else 1.0
            abundances[here] = truncated_dirichlet(parameters, int(here.sum()), highest, generator)
    return abundances


def _put_squares(abundances: FloatArray, painted: BoolArray, generator: np.random.Generator) -> None:
    """Pure squares of each material in (H, W, P) abundances, centred on pixels that are not painted and only on such pixels."""
    places = np.argwhere(~painted[:-_SIDE, :-_SIDE])
    for k in range(abundances.shape[2]):
        for row, column in places[generator.choice(len(places), _SQUARES, replace=False)]:
            square = np.zeros(painted.shape, bool)
            square[row : row + _SIDE, column : column + _SIDE] = True
            abundances[square & ~painted] = np.eye(abundances.shape[2])[k]
