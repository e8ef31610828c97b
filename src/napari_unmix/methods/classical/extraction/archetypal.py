"""Archetypal analysis (Cutler & Breiman 1994, Technometrics 36(4)), each archetype a mean of several extreme pixels."""

from __future__ import annotations

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.archetypes import IN_PLANE, fit_archetypes
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.methods.classical.extraction.sisal import begin
from napari_unmix.progress import drain


def find(asked: Asked) -> FloatArray:
    """By the robust archetypes of ``geometry.archetypes``, from SiVM's picks: each is backed by a share of its own material, not by single pixels."""
    plane, held = asked.plane, asked.is_held if len(asked.held) else None
    return asked.of_vertices(
        drain(fit_archetypes(plane.scores, begin(asked), plane.weights, IN_PLANE, held=held)).archetypes
    )
