"""How many materials: a suggestion from the eigenvalues against the noise, or from the picks that stand out of variability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.supported import RISES, supported_picks
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.noise import alike_noise, independent_share
from napari_unmix.rows.repeats import counted_once
from napari_unmix.rows.subspace import ROUNDING, eigenvalues, linear_subspace, noise_level, noise_per_band

# Above this many signal directions the excess is variability of spectra, not more materials.
_MOST_EXACT = 10
# More are not suggested.
_MOST = 12
# Pixels that are looked at: rare materials are looked for among all of a scene of this size.
_MOST_PIXELS = 100_000
# Standard errors of a variance by which brightness has to vary more than noise makes it.
_VARIES = 5.0


def suggest_endmembers(spectra: FloatArray, most: int = _MOST) -> int:
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
    above = _over_the_noise(spectra).number
    sample = _some(spectra)
    if above <= 1:
        # A target of a few pixels may be below the edge of the noise, and still stand out.
        return 2 if supported_picks(sample, noise_level(sample, 1), most).groups else 1
    if above <= min(_MOST_EXACT, most):
        return above
    return max(2, len(supported_picks(sample, noise_level(sample, most // 2), most).groups))


@dataclass(frozen=True, eq=False)
class Rising:
    """How many endmembers rise over noise and variability, and to what the next ones do.

    ``rises``: of each further one that was asked for and measured; ``needed`` is what a material reaches. In noise standard deviations for
    picks, in the order that they were found; in noise variances for directions.
    """

    number: int
    rises: tuple[float, ...] = ()
    needed: float = 0.0


def rising(spectra: FloatArray, asked: int, suggested: int, inversion: Inversion) -> Rising:
    """How many of the ``asked`` endmembers of (N, B) pixels in raster order rise, where ``suggest_endmembers`` said ``suggested``.

    Where abundances sum to one, a spectrum of zero or one in the span of the others is an endmember of its own: one more than there are
    directions about the mean is supported as well.
    """
    spectra = counted_once(spectra)
    above = _over_the_noise(spectra)
    if above.number <= 1 or suggested >= asked:
        return Rising(suggested)
    if above.number == suggested <= _MOST_EXACT:
        if inversion.free_light:
            return above.beside(suggested, asked)
        about_mean = _over_the_noise(spectra, about_mean=True)
        return about_mean.beside(max(suggested, about_mean.number + 1), asked)
    sample = _some(spectra)
    picks = supported_picks(sample, noise_level(sample, _MOST // 2), asked, rises=0.0)
    return Rising(suggested, tuple(float(rise) for rise in picks.rises[suggested:]), RISES)


def _some(spectra: FloatArray) -> FloatArray:
    return spectra[:: max(1, -(-len(spectra) // _MOST_PIXELS))]


@dataclass(frozen=True, eq=False)
class _Directions:
    """How many directions hold more than noise alone would: ``values`` (B,), descending, over ``edge``; None where other means told."""

    number: int
    values: FloatArray | None = None
    edge: float = 0.0

    def beside(self, number: int, asked: int) -> Rising:
        """As many as ``number`` rise; what the directions after them hold."""
        if self.values is None:
            return Rising(number)
        further = self.values[self.number :][: max(asked - number, 0)]
        return Rising(number, tuple(float(value) for value in further), self.edge)


def _over_the_noise(spectra: FloatArray, *, about_mean: bool = False) -> _Directions:
    """Directions of (N, B) spectra, from zero or about their mean, that hold more than noise alone would."""
    alike = alike_noise(spectra)
    if alike is not None:
        return _Directions(alike.signals)
    count, bands = independent_share(spectra) * len(spectra), spectra.shape[1]
    noise = noise_per_band(spectra)
    floor = 1e-3 * np.median(noise) + ROUNDING * np.sqrt(np.mean(spectra**2)) + 1e-12
    values = eigenvalues((spectra - spectra.mean(axis=0) if about_mean else spectra) / np.maximum(noise, floor))
    # The regression's residual is a little above the noise; the bulk's own median corrects for it.
    bulk = float(np.median(values[bands // 2 :])) if bands > 40 else 1.0
    # Where few degrees of freedom are left to the regression, bands differ by chance; below a pixel a band it is not used.
    chance = min(bands / count, max(count / bands - 1, 0.0) / 2)
    edge = 1.1 * max(1.0 + chance, bulk) * (1 + np.sqrt(bands / count)) ** 2
    return _Directions(int((values > edge).sum()), values, float(edge))


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
