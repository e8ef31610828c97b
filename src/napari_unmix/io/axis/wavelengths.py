"""The spectral axis of any file: wavelengths in nm, or what else the instrument measures in, with a sentence for every guess."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.cube import AxisKind, BoolArray, FloatArray, SpectralAxis
from napari_unmix.io.axis.units import Unit, understood

Wavelengths = FloatArray
Repairs = tuple[str, ...]

WAVELENGTH_NAMES = ("wavelength", "wavelengths", "wavelength_nm", "wavelengths_nm", "lambda", "wvl", "wl")
# Names of a list of the bands' places, without what parts words; each is the unit's name as well where it says one.
_NAMES = re.compile(
    r"(?:band|bands|cube|image|hsi|data|the)?"
    r"(?:(?:cent(?:er|re|ral)s?|central|mean|peak|approximate)?wav(?:e|)l(?:ength|enght|enth)s?(?:cent(?:er|re)s?|list|vector|axis|value|values|grid)?"
    r"|wave|waves|wv|wl|wls|wvl|wvls|wavl|wlen|lam|lambda|lambdas|λ|lmbda"
    r"|bandcent(?:er|re)s?|cent(?:er|re)s?|cent(?:er|re)wavelengths?|bandwavelengths?|cw"
    r"|wavenumbers?|wavenumberaxis|wn|wns|ramanshifts?|shifts?|ramanaxis|spectralaxis|spectral(?:coordinates?|channels?|values?|axisvalues)"
    r"|energy|energies|energyaxis|photonenergy|frequency|frequencies|xaxis)"
    r"(?:in)?(?:nm|um|µm|μm|nanomet(?:er|re)s?|micromet(?:er|re)s?|microns?|cm1|percm|ev|kev|thz|ghz|angstroms?)?"
)
_UNIT_OF_NAME = re.compile(
    r"(?:^|[^a-z])(nm|um|µm|μm|nanomet(?:er|re)s?|micromet(?:er|re)s?|microns?|cm-?1|ev|kev|thz|ghz|angstroms?)$"
)
_SHORTEST_NM = 100.0  # no imaging spectrometer sees below this, so smaller numbers are µm
_LONGEST_NM_DOWN = (
    1000.0  # a list without a unit that runs down over more than this in even steps is one of wavenumbers
)
_EVEN = 0.02  # of the middle step: wavenumbers of an interferometer lie evenly, bands of a grating that is read backwards do not
_MOST_BAD = 0.5  # share of a list that may be missing
_MICROMETRES = "wavelengths were in µm: shown in nm"
_POSITIVE = ("wavelength", "wavenumber", "frequency")  # a shift and an energy lost may be zero or below


@dataclass(frozen=True, eq=False)
class ReadAxis:
    """The spectral axis of a file.

    Attributes
    ----------
    wavelengths : (B,) nm, or None where the axis is none of light, or not known
    measured : the axis as it was measured, where that is not the wavelength, or None
    known : (B,) False where the list had no number: the place lies between its neighbours', the band is to be left out
    factor : what the file's numbers were multiplied by
    repairs : sentences on what was assumed or left out
    """

    wavelengths: Wavelengths | None
    measured: SpectralAxis | None
    known: BoolArray
    factor: float = 1.0
    repairs: Repairs = ()

    def widths(self, fwhm: object) -> Wavelengths | None:
        """(B,) full widths in nm of those of the file, in the unit of its list; None where they are not one positive number per band."""
        places = self.wavelengths
        if fwhm is None or places is None:
            return None
        try:
            numbers = np.asarray(fwhm, dtype=np.float64).ravel() * self.factor
        except (TypeError, ValueError):
            return None
        if numbers.shape != places.shape or not (np.isfinite(numbers[self.known]) & (numbers[self.known] > 0)).all():
            return None
        middle = float(np.median(numbers[self.known]))
        numbers = np.where(np.isfinite(numbers) & (numbers > 0), numbers, middle)
        return numbers if self.measured is None else numbers * places / self.measured.values  # |dλ| = λ/ν · dν


def names_axis(name: str) -> bool:
    """Whether this is what a list of the bands' places is called: wavelength, Wavelengths_nm, wavlength, band centers, wl, Raman shift."""
    return _NAMES.fullmatch(re.sub(r"[^a-zµμλ0-9]", "", name.lower())) is not None


def implied_unit(name: str, values: object = None, unit: str = "") -> str:
    """The unit of a list of an array file: what is written, else what its name says, else nm, unless the numbers run as wavenumbers do."""
    if unit.strip():
        return unit
    said = _UNIT_OF_NAME.search(name.lower())
    if said is not None:
        return said[1].replace("cm1", "cm-1")
    kind = understood(name).kind
    if kind not in (None, "wavelength", "index"):
        return name
    try:
        numbers = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return "nm"
    return "" if numbers.size and (_runs_down(numbers) or _counts(numbers)) else "nm"


def read_wavelengths(values: object, bands: int, unit: str = "nm") -> tuple[Wavelengths | None, Repairs]:
    """Wavelengths in nm of ``read_axis``, and its sentences."""
    axis = read_axis(values, bands, unit)
    return axis.wavelengths, axis.repairs


def read_axis(values: object, bands: int, unit: str = "nm") -> ReadAxis:
    """The spectral axis of a cube of ``bands`` bands, whatever the list of its file.

    Parameters
    ----------
    values : numbers in the file's unit, any shape, NaN where it has none; or None
    unit : the unit as the file spells it; an empty or unknown one is guessed from the numbers
    """
    nothing = ReadAxis(None, None, np.ones(bands, bool))
    if values is None:
        return nothing
    try:
        numbers: FloatArray = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return replace(nothing, repairs=("wavelengths were not numbers: left out, bands are numbered",))
    if numbers.size != bands:
        sentence = f"the file lists {numbers.size} wavelengths for {bands} bands: left out, bands are numbered"
        return replace(nothing, repairs=(sentence,))
    meaning, guessed = _meaning(numbers, understood(unit))
    if meaning.kind is None or meaning.kind == "index":
        return replace(nothing, repairs=guessed)
    known = np.isfinite(numbers) & ((numbers > 0) | (meaning.kind not in _POSITIVE))
    bad = int(np.count_nonzero(~known))
    if bad > _MOST_BAD * bands or bad == bands:
        sentence = f"{bad} of {bands} wavelengths were not positive numbers: left out, bands are numbered"
        return replace(nothing, repairs=(sentence,))
    if bad:
        guessed += (f"{bad} of {bands} wavelengths were not positive numbers: the bands without one are left out",)
        numbers = _filled(numbers, known)
    axis = SpectralAxis(meaning.kind, numbers * meaning.factor)
    measured = None if meaning.kind == "wavelength" else axis
    return ReadAxis(axis.nanometres, measured, known, meaning.factor, guessed)


def _meaning(numbers: Wavelengths, unit: Unit) -> tuple[Unit, Repairs]:
    """What the numbers are, with a sentence where that is not plain from the unit and it fits them."""
    if unit.kind == "index":
        return unit, ("the file numbers its bands (wavelength units = Index): no wavelengths",)
    if _counts(numbers) and (unit.kind is None or unit.spelled == "nm"):
        return Unit("index"), (
            f"the file's wavelengths are the numbers {numbers[0]:g} to {numbers[-1]:g}: bands are numbered",
        )
    if unit.kind is None:
        return _guess(numbers, unit)
    if unit.kind != "wavelength":
        return unit, () if unit.factor == 1 else (
            f"the spectral axis was in {unit.spelled}: shown in {_own(unit.kind)}",
        )
    usable = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not usable.size:
        return unit, ()
    if unit.factor == 1.0:
        return (Unit("wavelength", 1e3), (_MICROMETRES,)) if usable.max() < _SHORTEST_NM else (unit, ())
    if unit.factor == 1e3 and usable.min() >= _SHORTEST_NM:
        return Unit("wavelength"), (f"wavelengths from {usable.min():g} to {usable.max():g} cannot be µm: taken as nm",)
    return unit, (_MICROMETRES if unit.factor == 1e3 else f"wavelengths were in {unit.spelled}: shown in nm",)


def _own(kind: AxisKind) -> str:
    return SpectralAxis(kind, np.zeros(1)).unit


def _guess(numbers: Wavelengths, unit: Unit) -> tuple[Unit, Repairs]:
    said = f"the unit {unit.spelled!r} is unknown" if unit.spelled else "the file names no wavelength unit"
    usable = numbers[np.isfinite(numbers) & (numbers > 0)]
    if _runs_down(numbers):
        span = f"{numbers[0]:.0f} down to {numbers[-1]:.0f}"
        return Unit("wavenumber"), (f"{said}, and the list runs evenly from {span}: taken as wavenumbers in cm⁻¹",)
    if usable.size and usable.max() < _SHORTEST_NM:
        return Unit("wavelength", 1e3), (f"{said}: taken as µm from their size, shown in nm",)
    return Unit("wavelength"), (f"{said}: taken as nm",)


def _runs_down(numbers: Wavelengths) -> bool:
    """Whether the list falls over more than ``_LONGEST_NM_DOWN`` in even steps."""
    steps = -np.diff(numbers)
    if numbers.size < 3 or not (np.isfinite(numbers).all() and (steps > 0).all()):
        return False
    even = bool(np.abs(steps - np.median(steps)).max() <= _EVEN * np.median(steps) + 0.02)
    return even and float(numbers[0] - numbers[-1]) > _LONGEST_NM_DOWN


def _counts(numbers: Wavelengths) -> bool:
    """Whether the list only numbers the bands, from 0 or 1."""
    return numbers.size > 1 and any(np.array_equal(numbers, np.arange(first, first + numbers.size)) for first in (0, 1))


def _filled(numbers: Wavelengths, known: BoolArray) -> Wavelengths:
    """The list with its missing entries between their neighbours, and going on at the usual step beyond its ends."""
    places = np.arange(numbers.size)
    found = np.interp(places, places[known], numbers[known])
    step = float(np.median(np.diff(numbers[known]) / np.diff(places[known]))) if known.sum() > 1 else 1.0
    first, last = places[known][[0, -1]]
    found[:first] = numbers[first] + step * (places[:first] - first)
    found[last + 1 :] = numbers[last] + step * (places[last + 1 :] - last)
    low: FloatArray = np.maximum(found, np.abs(numbers[known]).min() / 2) if (numbers[known] > 0).all() else found
    return low
