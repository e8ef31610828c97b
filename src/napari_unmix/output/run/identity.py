"""Which data a run belongs to."""

from __future__ import annotations

import hashlib

import numpy as np

from napari_unmix.cube import Annotation, Cube

AT_ONCE = 1 << 24  # bytes


def annotation_hash(annotation: Annotation) -> str:
    """Which painting a run used: SHA-256 of the labels (little-endian int32)."""
    return hashlib.sha256(np.ascontiguousarray(annotation.labels, dtype="<i4").tobytes()).hexdigest()


def cube_hash(cube: Cube) -> str:
    """Which data a run belongs to: SHA-256 of the spectra (little-endian float32) and of the wavelengths, or the places measured (float64).

    Of a cube that stays in its file, of its size and of what its overview shows.
    """
    digest = hashlib.sha256() if cube.lazy is None else hashlib.sha256(repr(cube.shape).encode())
    spectra = cube.overview.spectra
    rows = max(1, AT_ONCE // max(spectra[0].nbytes, 1))
    for start in range(0, len(spectra), rows):
        digest.update(np.ascontiguousarray(spectra[start : start + rows], dtype="<f4").tobytes())
    if cube.spectral_axis.unit:
        digest.update(np.ascontiguousarray(cube.axis, dtype="<f8").tobytes())
    return digest.hexdigest()
