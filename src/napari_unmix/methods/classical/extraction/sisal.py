"""SISAL (Bioucas-Dias 2009, WHISPERS): the smallest simplex, pixels outside it at a price."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.beside import within_reach
from napari_unmix.geometry.volume import hinge_volume
from napari_unmix.methods.classical.extraction import sivm
from napari_unmix.methods.classical.extraction.asked import Asked


def find(asked: Asked) -> FloatArray:
    """By the descent of ``geometry.volume``, from the largest simplex of pixels or from given endmembers."""
    penalty = asked.settings.penalty
    if not len(asked.held) and not len(asked.begun):
        return asked.plane.to_spectra(hinge_volume(asked.scores, asked.count, penalty))
    begun = begin(asked)
    corners = hinge_volume(asked.scores, asked.count, penalty, begun=begun, held=asked.is_held)
    return asked.of_vertices(corners if within_reach(corners, begun) else begun)


def begin(asked: Asked) -> FloatArray:
    """(P, P − 1) vertices: the held ones, those to begin from, and SiVM's picks beside these."""
    known = np.vstack([asked.held, asked.begun])
    if not len(known):
        return np.asarray(asked.scores[sivm.picks(asked)])
    places = asked.plane.vertices(known)
    further = sivm.furthest(asked.scores, asked.count - len(known), places)
    return np.vstack([places, asked.scores[further]])
