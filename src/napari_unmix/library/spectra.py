"""A spectral library, and what is done with its spectra: other bands, and their continua."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, SpectralAxis
from napari_unmix.io.spy import quiet, spectral_python
from napari_unmix.sentences import UnmixError, printable, shown

_LONGEST_NAME = 200  # letters
_COVERED = 0.5  # share of a new band's response that finite values must fill
_GAP = 3.0  # times the step on a band's other side: a wider one is a gap, which stays empty
_COARSER = 2.0  # times wider than the bands asked for: the values are steps
_DARKEST = 1e-6  # of a spectrum's maximum: a continuum is divided by, so it is kept above zero


@dataclass(frozen=True, eq=False)
class SpectralLibrary:
    """Named spectra on the same bands.

    Attributes
    ----------
    spectra : (P, B) float64, NaN where a spectrum has no value
    wavelengths : (B,) float64, nm, in any order, or None where bands are only numbered
    names : (P,)
    fwhm : (B,) float64, nm, full widths of the bands at half maximum, or None: they reach half way to their neighbours
    name : a short name for the user
    repairs : sentences on what was assumed or is missing
    measured_axis : the spectral axis as it was measured, where that is not the wavelength: Raman shifts, wavenumbers, energies
    """

    spectra: FloatArray
    wavelengths: FloatArray | None
    names: tuple[str, ...]
    fwhm: FloatArray | None = None
    name: str = "library"
    repairs: tuple[str, ...] = ()
    measured_axis: SpectralAxis | None = None

    def __post_init__(self) -> None:
        spectra = np.array(self.spectra, dtype=np.float64, ndmin=2)
        if spectra.ndim != 2 or spectra.size < 1:
            raise UnmixError(f"The library {self.name} has spectra of shape {spectra.shape}: give (spectra, bands).")
        count, bands = spectra.shape
        if len(self.names) != count:
            raise UnmixError(f"The library {self.name} has {count} spectra but {len(self.names)} names: give one each.")
        object.__setattr__(self, "spectra", spectra)
        object.__setattr__(self, "name", shown(self.name, _LONGEST_NAME))
        object.__setattr__(self, "names", tuple(shown(name, _LONGEST_NAME) for name in self.names))
        object.__setattr__(self, "repairs", printable(self.repairs))
        for field in ("wavelengths", "fwhm"):
            values = getattr(self, field)
            if values is None:
                continue
            values = np.array(values, dtype=np.float64)
            if values.shape != (bands,) or not (np.isfinite(values) & (values > 0)).all():
                raise UnmixError(
                    f"The library {self.name} has {bands} bands: give {field} as {bands} positive numbers in nm, or none."
                )
            object.__setattr__(self, field, values)
        if self.measured_axis is not None and self.measured_axis.values.shape != (bands,):
            raise UnmixError(
                f"The library {self.name} has {bands} bands but {self.measured_axis.values.size} places on its axis: give one per band."
            )

    @property
    def spectral_axis(self) -> SpectralAxis:
        """Where the bands lie: as they were measured, else by wavelength in nm, else numbered from 1."""
        if self.measured_axis is not None:
            return self.measured_axis
        if self.wavelengths is not None:
            return SpectralAxis("wavelength", self.wavelengths)
        return SpectralAxis("index", np.arange(1.0, self.spectra.shape[1] + 1))

    def interpolated(self, axis: SpectralAxis) -> SpectralLibrary:
        """The library at other places of its own kind of axis, such as Raman shifts, between its bands by straight lines; NaN beyond them.

        Raises UnmixError where the kinds differ or nothing is in common.
        """
        own = self.spectral_axis
        if own.kind != axis.kind:
            raise UnmixError(
                f"The library {self.name} lies by {own.title}, the bands asked for by {axis.title}: give a library of the same kind."
            )
        order = np.argsort(own.values, kind="stable")
        places, spectra = own.values[order], self.spectra[:, order]
        if not ((axis.values >= places[0]) & (axis.values <= places[-1])).any():
            raise UnmixError(
                f"The library {self.name} covers {own.span}, the bands asked for {axis.span}: give a library of the same range."
            )
        found = np.stack([np.interp(axis.values, places, row, left=np.nan, right=np.nan) for row in spectra])
        said = f"{self.name} ({own.span}) was interpolated to the bands at {axis.span}"
        return replace(
            self,
            spectra=found,
            wavelengths=axis.nanometres,
            fwhm=None,
            repairs=(*self.repairs, said),
            measured_axis=None if axis.kind == "wavelength" else axis,
        )

    def resampled(self, wavelengths: FloatArray, fwhm: FloatArray | None = None) -> SpectralLibrary:
        """The library on other bands (nm), by the overlap of the bands' responses (SPy's ``BandResampler``).

        A band that the library does not cover is NaN, and ``repairs`` says so. On its own bands the library is left as it is.

        Raises
        ------
        UnmixError : no wavelengths, fewer than two bands, or no common wavelength
        """
        if self.wavelengths is None:
            raise UnmixError(f"The library {self.name} numbers its bands only: give it wavelengths in nm.")
        target = np.asarray(wavelengths, dtype=np.float64)
        if np.array_equal(target, self.wavelengths):
            return self
        if min(target.size, self.wavelengths.size) < 2:
            raise UnmixError(
                f"Resampling {self.name} needs two bands or more, from {self.wavelengths.size} to {target.size} were asked for:"
                " give a library and a cube with spectra."
            )
        self._check_overlap(target)
        matrix = _overlaps(self.wavelengths, self.fwhm, target, fwhm)  # (B', B), rows of NaN without overlap
        outside = np.asarray(~np.isfinite(matrix).all(axis=1))
        matrix[outside] = 0.0
        finite = np.isfinite(self.spectra)
        covered = finite @ matrix.T  # (P, B') SPy would spread one missing value over all bands
        with np.errstate(invalid="ignore", divide="ignore"):
            spectra = (np.where(finite, self.spectra, 0.0) @ matrix.T) / covered
        spectra[covered < _COVERED] = np.nan
        return replace(
            self,
            spectra=spectra,
            wavelengths=target,
            measured_axis=None,
            fwhm=None if fwhm is None else np.asarray(fwhm, dtype=np.float64),
            repairs=(*self.repairs, *self._missing(outside), *self._coarse(target)),
        )

    def continua(self) -> FloatArray:
        """(P, B) upper convex hulls of the spectra over wavelength (Clark & Roush 1984, doi 10.1029/JB089iB07p06329), NaN where they are.

        By SPy, on the finite bands of each spectrum in ascending order, which it takes for granted. Raises UnmixError below three bands.
        """
        if self.spectra.shape[1] < 3:
            raise UnmixError(
                f"A continuum needs three bands, {self.name} has {self.spectra.shape[1]}: give more bands."
            )
        axis = np.arange(self.spectra.shape[1], dtype=float) if self.wavelengths is None else self.wavelengths
        order = np.argsort(axis, kind="stable")
        continua = np.full(self.spectra.shape, np.nan)
        for spectrum, continuum in zip(self.spectra, continua, strict=True):
            bands = order[np.isfinite(spectrum[order])]
            if bands.size >= 3:
                values = lifted(spectrum[bands])
                continuum[bands] = spectral_python().spectral_continuum(values, axis[bands])
        return continua

    def continuum_removed(self) -> SpectralLibrary:
        """Each spectrum divided by its continuum: 1 at its ends, below 1 in absorptions, whatever its brightness."""
        continua = self.continua()
        return replace(self, spectra=lifted(self.spectra) / continua)

    def chosen(self, rows: object) -> SpectralLibrary:
        """The spectra of these rows: numbers, or a mask."""
        kept = np.arange(len(self.names))[np.asarray(rows)]
        return replace(self, spectra=self.spectra[kept], names=tuple(self.names[row] for row in kept))

    def _check_overlap(self, target: FloatArray) -> None:
        assert self.wavelengths is not None
        mine, theirs = (self.wavelengths.min(), self.wavelengths.max()), (target.min(), target.max())
        if mine[1] < theirs[0] or theirs[1] < mine[0]:
            raise UnmixError(
                f"The library {self.name} covers {mine[0]:.0f}–{mine[1]:.0f} nm, the bands asked for {theirs[0]:.0f}–{theirs[1]:.0f} nm:"
                " give a library of the same range."
            )

    def _missing(self, outside: BoolArray) -> tuple[str, ...]:
        assert self.wavelengths is not None
        if not outside.any():
            return ()
        span = f"{self.wavelengths.min():.0f}–{self.wavelengths.max():.0f} nm"
        return (
            f"{int(outside.sum())} of {outside.size} bands have no band of {self.name} ({span}) over them: left empty",
        )

    def _coarse(self, target: FloatArray) -> tuple[str, ...]:
        """SPy holds a band's value constant over its width, so that finer bands become steps."""
        assert self.wavelengths is not None
        mine = float(np.median(widths(self.wavelengths, self.fwhm)))
        theirs = float(np.median(widths(target, None)))
        if mine < _COARSER * theirs:
            return ()
        return (
            f"the bands of {self.name} are {mine:.3g} nm wide, those asked for {theirs:.3g} nm: its values are repeated",
        )


def lifted(spectra: FloatArray) -> FloatArray:
    """Spectra with what is dark or negative lifted to a millionth of their maximum, so that a continuum can be divided by."""
    with np.errstate(invalid="ignore"):
        floor = _DARKEST * np.fmax.reduce(spectra, axis=-1, keepdims=True)
    return np.where(np.isfinite(spectra), np.maximum(spectra, np.maximum(floor, np.finfo(np.float64).tiny)), np.nan)


def widths(wavelengths: FloatArray, fwhm: FloatArray | None) -> FloatArray:
    """(B,) widths of bands in nm: as given, or reaching half way to the further neighbour, as long as that is no gap.

    Half way on average, as SPy has it, leaves holes between uneven bands. A doubled band gets the usual width.
    """
    if fwhm is not None:
        return np.asarray(fwhm, dtype=np.float64)
    order = np.argsort(wavelengths, kind="stable")
    steps = np.diff(wavelengths[order])
    below, above = np.append(steps[0], steps), np.append(steps, steps[-1])
    near, far = np.minimum(below, above), np.maximum(below, above)
    reach = np.empty(wavelengths.size)
    reach[order] = np.where(near > 0, np.minimum(far, _GAP * near), 0.0)
    return np.where(reach > 0, reach, np.median(reach[reach > 0]) if (reach > 0).any() else 1.0)


def _overlaps(
    source: FloatArray, source_fwhm: FloatArray | None, target: FloatArray, target_fwhm: FloatArray | None
) -> FloatArray:
    """(B', B) weights of SPy's resampler, which takes the source's bands to be ascending, and no width to be zero."""
    order = np.argsort(source, kind="stable")
    bands = source[order].tolist(), target.tolist()
    reaches = widths(source, source_fwhm)[order].tolist(), widths(target, target_fwhm).tolist()
    with quiet(), np.errstate(invalid="ignore"):  # bands that only touch: their row is NaN, as of bands that are apart
        resampler = spectral_python().BandResampler(*bands, *reaches)
    matrix = np.empty((target.size, source.size))
    matrix[:, order] = resampler.matrix
    return matrix
