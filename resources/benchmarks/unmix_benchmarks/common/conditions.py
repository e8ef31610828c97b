"""Scenes in which the conditions of identifiability hold, or one of them fails in a known way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.synthetic import (
    painted_core,
    random_materials,
    region_parameters,
    smooth_field,
    truncated_dirichlet,
    voronoi_regions,
)

SIZE = 64
HOLDS = "all hold"
# Theorem B's conditions hold (one base measure for all regions), but it is far from the Dirichlet's that the estimators assume.
OTHER_LAW = "another law of abundances"
# What fails, in the order of the table; the theory page's §1 and §5 say why each of them matters.
FAILURES = (
    "too few regions",
    "same mixture, other concentrations",
    "one α constant",
    "u shuffled",
    "u from the noise",
    "u follows a material's amount",
    "two endmembers alike",
    "one endmember too many",
    "nonlinear mixing",
    "spectral variability",
)


@dataclass(frozen=True, eq=False)
class Condition:
    """A scene and what is true of it.

    ``failure`` is ``HOLDS``, ``OTHER_LAW`` or one of ``FAILURES``; ``truth`` the law of the abundances;
    ``asked`` how many endmembers the run asks for;
    ``endmembers`` (P, B), ``abundances`` (H, W, P), ``scaled`` whether brightness varies.
    """

    failure: str
    truth: str
    decibels: float
    asked: int
    cube: Cube
    endmembers: FloatArray
    abundances: FloatArray
    annotation: Annotation
    scaled: bool


@dataclass(frozen=True, eq=False)
class _Draft:
    """A scene before noise and paint; a failure changes one part of it."""

    endmembers: FloatArray  # (P, B)
    regions: IntArray  # (H, W)
    alpha: FloatArray  # (R, P)
    truth: str
    decibels: float
    scaled: bool
    painted: float
    failure: str


def condition_scene(seed: int, failure: str = HOLDS) -> Condition:
    """One scene of 64 × 64 pixels: 3–5 measured materials, 25–40 dB, at least 2P + 1 painted regions unless that is what fails."""
    generator = np.random.default_rng(seed)
    draft = _draft(generator, failure)
    abundances = _abundances(draft, generator)
    wavelengths = random_materials(2, np.random.default_rng(0))[0]
    clean: FloatArray = abundances @ draft.endmembers
    if failure == "nonlinear mixing":
        clean = _scattered(clean, abundances, draft.endmembers, generator)
    if failure == "spectral variability":
        clean = _varied(abundances, draft.endmembers, generator)
    if draft.scaled:
        clean = np.exp(0.25 * smooth_field((SIZE, SIZE), 5.0, generator))[..., None] * clean
    sigma = np.sqrt((clean**2).mean() * 10 ** (-draft.decibels / 10))
    noise = sigma * generator.normal(size=clean.shape)
    cube = Cube((clean + noise).astype(np.float32), wavelengths, name=f"{failure}-{seed}")
    labels = _painted(draft, generator)
    if failure == "u shuffled":
        labels = generator.permutation(labels.ravel()).reshape(labels.shape)
    if failure == "u from the noise":
        labels = _quantiles(noise @ _direction(draft.endmembers, generator), len(draft.alpha))
    if failure == "u follows a material's amount":
        labels = _quantiles(abundances[..., int(generator.integers(len(draft.endmembers)))], len(draft.alpha))
    asked = len(draft.endmembers) + (failure == "one endmember too many")
    return Condition(
        failure,
        draft.truth,
        draft.decibels,
        asked,
        cube,
        draft.endmembers,
        abundances,
        Annotation(labels.astype(np.int32)),
        draft.scaled,
    )


def _draft(generator: np.random.Generator, failure: str) -> _Draft:
    materials = int(generator.integers(3, 6))
    scaled = bool(generator.random() < 0.3)
    endmembers = random_materials(materials, generator)[1]
    if scaled:
        endmembers = endmembers / endmembers.max(axis=1, keepdims=True)
    count = int(generator.integers(2 * materials + 1, 3 * materials + 3))
    if failure == "too few regions":
        count = int(generator.integers(1, 3))
    alpha = region_parameters(count, materials, generator)
    if failure == "same mixture, other concentrations":
        alpha = alpha[0] / alpha[0].sum() * np.linspace(6.0, 25.0, count)[:, None]
    if failure == "one α constant":
        alpha[:, int(generator.integers(materials))] = generator.uniform(1.5, 3.0)
    if failure == "two endmembers alike":
        endmembers[-1] = endmembers[0] + 0.03 * (endmembers[1] - endmembers[0])
    truth = str(generator.choice(["Dirichlet", "truncated at 0.85", "truncated at 0.75", "logistic-normal"]))
    if failure == OTHER_LAW:
        truth = "correlated logistic-normal"
    if failure in ("one α constant", "same mixture, other concentrations"):
        truth = "Dirichlet" if truth == "logistic-normal" else truth
    return _Draft(
        endmembers,
        voronoi_regions(SIZE, SIZE, count, generator),
        alpha,
        truth,
        float(generator.choice([25.0, 30.0, 35.0, 40.0])),
        scaled,
        float(generator.uniform(0.7, 1.0)),
        failure,
    )


def _abundances(draft: _Draft, generator: np.random.Generator) -> FloatArray:
    """(H, W, P), independent draws in every pixel of a region.

    Logistic-normal: one covariance of the logits for the scene, so that it is a member of Theorem B's family with a base measure that is
    not the Dirichlet's; the regions' means are near the Dirichlet's.
    """
    materials = draft.alpha.shape[1]
    abundances = np.empty((SIZE, SIZE, materials))
    mixing = generator.uniform(0.35, 0.7) * np.eye(materials)
    if draft.failure == OTHER_LAW:
        mixing = 0.35 * generator.normal(size=(materials, materials)) + 0.4 * np.eye(materials)
    highest = {"truncated at 0.85": 0.85, "truncated at 0.75": 0.75}.get(draft.truth, 1.0)
    for label, alpha in enumerate(draft.alpha, start=1):
        here = draft.regions == label
        count = int(here.sum())
        if "logistic-normal" in draft.truth:
            logits = np.log(alpha) + generator.normal(size=(count, materials)) @ mixing.T
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            abundances[here] = shares / shares.sum(axis=1, keepdims=True)
        else:
            abundances[here] = truncated_dirichlet(alpha, count, highest, generator)
    return abundances


def _painted(draft: _Draft, generator: np.random.Generator) -> IntArray:
    """A share of every region's pixels, by place."""
    return np.where(painted_core(draft.regions, draft.painted), draft.regions, 0)


def _scattered(
    clean: FloatArray, abundances: FloatArray, endmembers: FloatArray, generator: np.random.Generator
) -> FloatArray:
    """Fan's bilinear model with strengths 0.5–1."""
    count = len(endmembers)
    for i in range(count):
        for j in range(i + 1, count):
            product = (abundances[..., i] * abundances[..., j])[..., None] * (endmembers[i] * endmembers[j])
            clean = clean + generator.uniform(0.5, 1.0) * product
    return clean


def _varied(abundances: FloatArray, endmembers: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Every pixel's endmembers tilted and brightened smoothly over the image."""
    shape, ramp = abundances.shape[:2], np.linspace(-1, 1, endmembers.shape[1])
    fields = [[smooth_field(shape, 3.0, generator) for _ in range(abundances.shape[-1])] for _ in range(2)]
    gains = np.exp(0.15 * np.stack(fields[0], axis=-1))
    tilts = 0.08 * np.stack(fields[1], axis=-1)
    return np.asarray((abundances * gains) @ endmembers + ((abundances * gains * tilts) @ endmembers) * ramp)


def _direction(endmembers: FloatArray, generator: np.random.Generator) -> FloatArray:
    """(B,) where a classifier that looks at the noise looks: along a difference of endmembers, or at one band."""
    if generator.random() < 0.5:
        return np.asarray(endmembers[0] - endmembers[1])
    return np.asarray(np.eye(endmembers.shape[1])[int(generator.integers(endmembers.shape[1]))])


def _quantiles(values: FloatArray, count: int) -> IntArray:
    """Labels 1 … count of equally many pixels, ascending."""
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, values) + 1)
