"""Wavelengths of any file in nm, with a sentence for every guess."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Wavelengths = NDArray[np.float64]
Repairs = tuple[str, ...]

WAVELENGTH_NAMES = ("wavelength", "wavelengths", "wavelength_nm", "wavelengths_nm", "lambda", "wvl", "wl")
_LENGTHS = {
    "nanometers": 1.0,
    "nanometres": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "nm": 1.0,
    "micrometers": 1e3,
    "micrometres": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "microns": 1e3,
    "micron": 1e3,
    "um": 1e3,
    "millimeters": 1e6,
    "mm": 1e6,
    "centimeters": 1e7,
    "cm": 1e7,
    "meters": 1e9,
    "m": 1e9,
    "angstroms": 0.1,
    "angstrom": 0.1,
}
_WAVENUMBERS = {"wavenumber", "wavenumbers", "cm-1", "cm^-1", "cm⁻¹", "1/cm"}
_SHORTEST_NM = 100.0  # no imaging spectrometer sees below this, so smaller numbers are µm
_MICROMETRES = "wavelengths were in µm: shown in nm"


def read_wavelengths(values: object, bands: int, unit: str = "nm") -> tuple[Wavelengths | None, Repairs]:
    """Wavelengths in nm for ``bands`` bands, or None where the list is unusable, and what was repaired.

    Parameters
    ----------
    values : numbers in the file's unit, any shape, or None
    bands : number of bands of the cube
    unit : the unit as the file spells it; an empty or unknown one is guessed from the magnitude
    """
    if values is None:
        return None, ()
    try:
        numbers = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None, ("wavelengths were not numbers: left out, bands are numbered",)
    if numbers.size != bands:
        return None, (f"the file lists {numbers.size} wavelengths for {bands} bands: left out, bands are numbered",)
    bad = int(np.count_nonzero(~(np.isfinite(numbers) & (numbers > 0))))
    if bad:
        return None, (f"{bad} of {bands} wavelengths were not positive numbers: left out, bands are numbered",)
    return _to_nanometres(numbers, _spelling(unit))


def _spelling(unit: str) -> str:
    """Lower case; a micro sign of any code page, or its debris after a wrong decoding, reads as u."""
    text = unit.strip().strip("{}").strip().lower()
    if text[-1:] == "m" and len(text) in (2, 3) and not text.isascii():
        return "um"
    return text


def _to_nanometres(numbers: Wavelengths, unit: str) -> tuple[Wavelengths | None, Repairs]:
    if unit == "index":
        return None, ("the file numbers its bands (wavelength units = Index): no wavelengths",)
    if unit in _WAVENUMBERS:
        return 1e7 / numbers, ("wavelengths were wavenumbers in cm⁻¹: shown in nm",)
    factor = _LENGTHS.get(unit)
    small = bool(numbers.max() < _SHORTEST_NM)
    if factor is None:
        said = f"the unit {unit!r} is unknown" if unit not in ("", "unknown") else "the file names no wavelength unit"
        guess = (1e3, f"{said}: taken as µm from their size, shown in nm") if small else (1.0, f"{said}: taken as nm")
        return numbers * guess[0], (guess[1],)
    if factor == 1.0:
        return (numbers * 1e3, (_MICROMETRES,)) if small else (numbers, ())
    if factor == 1e3 and numbers.min() >= _SHORTEST_NM:
        return numbers, (f"wavelengths from {numbers.min():g} to {numbers.max():g} cannot be µm: taken as nm",)
    spelled = _MICROMETRES if factor == 1e3 else f"wavelengths were in {unit}: shown in nm"
    return numbers * factor, (spelled,)
