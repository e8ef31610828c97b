"""How many materials: a suggestion from the eigenvalues against the noise, or from the picks that stand out of variability."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.supported import supported_picks
from napari_unmix.rows.subspace import ROUNDING, noise_level, noise_per_band

# Above this many signal directions the excess is variability of spectra, not more materials.
_MOST_EXACT = 10
# Pixels that are looked at: rare materials are looked for among all of a scene of this size.
_MOST_PIXELS = 100_000


def suggest_endmembers(spectra: FloatArray, most: int = 12) -> int:
    """Suggest a number of endmembers for (N, B) pixels, between 2 and ``most``.

    Where few noise-whitened eigenvalues rise over the largest that noise alone gives (Marchenko & Pastur 1967), mixing is linear to
    the noise and their number is the answer. Otherwise spectral variability fills many directions, and materials are counted that rise over
    the noise and that several pixels support (``supported_picks``), so that a rare target counts as much as a meadow.
    """
    count, bands = spectra.shape
    most = max(2, min(most, bands - 1, count // 3))
    noise = noise_per_band(spectra)
    whitened = spectra / np.maximum(noise, 1e-3 * np.median(noise) + ROUNDING * np.sqrt(np.mean(spectra**2)) + 1e-12)
    eigenvalues = np.linalg.eigvalsh(whitened.T @ whitened / count)[::-1]
    # The regression's residual is a little above the noise; the bulk's own median corrects for it.
    bulk = float(np.median(eigenvalues[bands // 2 :])) if bands > 40 else 1.0
    edge = 1.1 * max(min(1.0 + bands / count, 2.0), bulk) * (1 + np.sqrt(bands / count)) ** 2
    above = int((eigenvalues > edge).sum())
    if above <= min(_MOST_EXACT, most):
        return max(2, above)
    sample = spectra[:: max(1, -(-count // _MOST_PIXELS))]
    return max(2, len(supported_picks(sample, noise_level(sample, most // 2), most).groups))
