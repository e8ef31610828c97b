"""How many materials: a suggestion from the eigenvalues against the noise, or from the picks that stand out of variability."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.supported import supported_picks
from napari_unmix.rows.noise import alike_noise, independent_share
from napari_unmix.rows.repeats import counted_once
from napari_unmix.rows.subspace import ROUNDING, eigenvalues, linear_subspace, noise_level, noise_per_band

# Above this many signal directions the excess is variability of spectra, not more materials.
_MOST_EXACT = 10
# Pixels that are looked at: rare materials are looked for among all of a scene of this size.
_MOST_PIXELS = 100_000
# Standard errors of a variance by which brightness has to vary more than noise makes it.
_VARIES = 5.0


def suggest_endmembers(spectra: FloatArray, most: int = 12) -> int:
    """Suggest a number of endmembers for (N, B) pixels in raster order, between 1 and ``most``.

    Where few noise-whitened eigenvalues rise over the largest that noise alone gives (Marchenko & Pastur 1967), mixing is linear to
    the noise and their number is the answer. Otherwise spectral variability fills many directions, and materials are counted that rise over
    the noise and that several pixels support (``supported_picks``), so that a rare target counts as much as a meadow. Repeated spectra count
    once, interpolated pixels as often as they were measured.
    1 is one spectrum in varying light, or nothing but noise (see ``brightness_varies``).
    """
    spectra = counted_once(spectra)
    count, bands = spectra.shape
    most = max(2, min(most, bands - 1, count // 3))
    above = _over_the_noise(spectra)
    sample = spectra[:: max(1, -(-count // _MOST_PIXELS))]
    if above <= 1:
        # A target of a few pixels may be below the edge of the noise, and still stand out.
        return 2 if supported_picks(sample, noise_level(sample, 1), most).groups else 1
    if above <= min(_MOST_EXACT, most):
        return above
    return max(2, len(supported_picks(sample, noise_level(sample, most // 2), most).groups))


def _over_the_noise(spectra: FloatArray) -> int:
    """Directions of (N, B) spectra, from zero, that hold more than noise alone would."""
    alike = alike_noise(spectra)
    if alike is not None:
        return alike.signals
    count, bands = independent_share(spectra) * len(spectra), spectra.shape[1]
    noise = noise_per_band(spectra)
    floor = 1e-3 * np.median(noise) + ROUNDING * np.sqrt(np.mean(spectra**2)) + 1e-12
    values = eigenvalues(spectra / np.maximum(noise, floor))
    # The regression's residual is a little above the noise; the bulk's own median corrects for it.
    bulk = float(np.median(values[bands // 2 :])) if bands > 40 else 1.0
    # Where few degrees of freedom are left to the regression, bands differ by chance; below a pixel a band it is not used.
    chance = min(bands / count, max(count / bands - 1, 0.0) / 2)
    edge = 1.1 * max(1.0 + chance, bulk) * (1 + np.sqrt(bands / count)) ** 2
    return int((values > edge).sum())


def brightness_varies(spectra: FloatArray) -> bool:
    """Whether (N, B) pixels of one spectrum differ in its amount by more than noise; else they are one spectrum and noise."""
    spectra = counted_once(spectra)
    amounts = linear_subspace(spectra, 1).scores(spectra)[:, 0]
    by_chance = 1 + _VARIES * np.sqrt(2 / max(len(amounts) - 1, 1))
    return bool(amounts.var() > by_chance * noise_level(spectra, 1) ** 2)


def one_material(spectra: FloatArray) -> str:
    """What (N, B) pixels of one spectrum are, as a clause."""
    return (
        "one material, its brightness varies"
        if brightness_varies(spectra)
        else "one spectrum, and nothing but noise varies"
    )
