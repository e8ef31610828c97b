"""Vertex component analysis (Nascimento & Bioucas-Dias 2005, TGRS 43(4), algorithm 1)."""

from __future__ import annotations

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.picks import vertex_spectra
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.rows.inversion import inversion


def find(asked: Asked) -> FloatArray:
    """Extremes along random directions off the span of those picked so far, which begins with the held ones."""
    held = asked.held if len(asked.held) else None
    return vertex_spectra(asked.spectra, asked.count, inversion(free_light=asked.free_light), asked.generator, held)
