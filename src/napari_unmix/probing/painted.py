"""Painted pixels and their classes, and what stands for them: raw spectra, a run's abundances, the codes of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Annotation, BoolArray, Cube, FloatArray, IntArray, SpectralAxis
from napari_unmix.probing.blocks import FOLDS, Folds, folds_of
from napari_unmix.probing.evaluate import ABUNDANCES, CODES, RAW, Features
from napari_unmix.probing.latents import latents
from napari_unmix.spec import MethodSpec


@dataclass(frozen=True, eq=False)
class Painted:
    """Where a class is painted on pixels that hold data, ``mask`` (H, W); the class of each such pixel (N,) from 0; the classes' names."""

    mask: BoolArray
    classes: IntArray
    names: tuple[str, ...]

    @property
    def pixels(self) -> tuple[int, ...]:
        """How many each class has."""
        return tuple(int(count) for count in np.bincount(self.classes, minlength=len(self.names)))

    def folds(self, count: int = FOLDS) -> Folds:
        """Folds by place. Raises UnmixError where too little is painted, or in too few places."""
        rows, columns = np.nonzero(self.mask)
        return folds_of(rows, columns, self.classes, self.names, count)


def painted_classes(cube: Cube, annotation: Annotation) -> Painted:
    """The classes of a painting: every label that is painted on a valid pixel and is not to be ignored."""
    labels = [int(label) for label in np.unique(annotation.labels[cube.valid_pixels]) if label > 0]
    kept = [label for label in labels if annotation.meaning(label).kind != "ignore"]
    mask = np.isin(annotation.labels, kept) & cube.valid_pixels
    names = [annotation.meaning(label).name or f"class {label}" for label in kept]
    return Painted(mask, np.searchsorted(kept, annotation.labels[mask]), tuple(names))


def raw_spectra(cube: Cube, mask: BoolArray) -> Features:
    """The spectra of the pixels in ``mask`` (H, W), in the good bands."""
    bands = tuple(f"{place:.5g} {cube.spectral_axis.unit}".strip() for place in cube.axis[cube.good_bands])
    return Features(RAW, cube.spectra[mask][:, cube.good_bands].astype(np.float64), bands)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a probe reads of a run: what it is called, its spec, endmembers (P, B) with their names, abundances (H, W, P), its fitted parameters."""

    title: str
    spec: MethodSpec
    endmembers: FloatArray
    names: tuple[str, ...]
    abundances: FloatArray
    model: Mapping[str, FloatArray]


def abundances_of(answer: Answer, mask: BoolArray) -> Features | None:
    """The abundances of the pixels in ``mask``; None where the run has no answer in some of them."""
    values = answer.abundances[mask].astype(np.float64)
    return Features(f"{answer.title}, {ABUNDANCES}", values, answer.names) if np.isfinite(values).all() else None


def codes_of(answer: Answer, axis: SpectralAxis, cube: Cube, mask: BoolArray) -> Features | None:
    """The codes that the run's network, of bands on ``axis``, gives the pixels in ``mask``; None where it keeps none."""
    good = np.isfinite(answer.endmembers).all(axis=0)
    codes = latents(answer.spec, answer.model, axis, cube.spectra[mask][:, good].astype(np.float64))
    if codes is None:
        return None
    return Features(f"{answer.title}, {CODES}", codes, tuple(f"code {k + 1}" for k in range(codes.shape[1])))


def no_codes(answer: Answer) -> str:
    """Why a run's abundances alone are read."""
    method = answer.spec.method
    named = answer.title if answer.title == method else f"{answer.title} ({method})"
    return f"{named} keeps no network that gives codes: its abundances alone are read."
