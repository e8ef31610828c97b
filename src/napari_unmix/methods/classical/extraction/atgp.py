"""Automatic target generation (ATGP, Ren & Chang 2003, IEEE Trans. Aerosp. Electron. Syst. 39(4), § III)."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.methods.classical.extraction.asked import Asked
from napari_unmix.methods.classical.extraction.spa import longest


def find(asked: Asked) -> FloatArray:
    """The brightest spectrum, then always the longest that orthogonal projection beside those found leaves.

    The steps are those of SPA. What differs is where they are taken: on all bands of the spectra as they are, noise and brightness with them.
    """
    spectra = asked.spectra[asked.plane.kept]
    return asked.of_picks(np.asarray(longest(spectra, asked.count - len(asked.held), asked.held)))
