"""What the unit of a spectral axis means, in the spellings of instruments and programs: its kind, and the factor to the kind's own unit."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from napari_unmix.cube import AxisKind

_MINUS = str.maketrans(dict.fromkeys("‐‑‒–—−⁻﹣－¯", "-"))
# Factors to nm, cm⁻¹, eV and THz.
_LENGTHS = {
    "nm": 1.0, "nanometer": 1.0, "nano": 1.0, "millimicron": 1.0,
    "um": 1e3, "micrometer": 1e3, "micron": 1e3, "mikrometer": 1e3,
    "mm": 1e6, "millimeter": 1e6, "cm": 1e7, "centimeter": 1e7, "m": 1e9, "meter": 1e9,
    "å": 0.1, "angstrom": 0.1, "angstroem": 0.1, "ångström": 0.1, "pm": 1e-3, "picometer": 1e-3,
}  # fmt: skip
_WAVENUMBERS = {
    "cm-1": 1.0, "1/cm": 1.0, "/cm": 1.0, "percm": 1.0, "kayser": 1.0, "inversecm": 1.0, "reciprocalcm": 1.0, "invcm": 1.0,
    "inversecentimeter": 1.0, "reciprocalcentimeter": 1.0, "icm": 1.0,
    "m-1": 1e-2, "1/m": 1e-2, "mm-1": 10.0, "1/mm": 10.0, "um-1": 1e4, "1/um": 1e4, "nm-1": 1e7, "1/nm": 1e7,
}  # fmt: skip
_ENERGIES = {"ev": 1.0, "electronvolt": 1.0, "electron-volt": 1.0, "kev": 1e3, "kiloelectronvolt": 1e3, "mev": 1e-3}
_FREQUENCIES = {
    "thz": 1.0, "terahertz": 1.0, "ghz": 1e-3, "gigahertz": 1e-3, "mhz": 1e-6, "megahertz": 1e-6,
    "khz": 1e-9, "hz": 1e-12, "hertz": 1e-12, "phz": 1e3,
}  # fmt: skip
_TABLES: tuple[tuple[AxisKind, dict[str, float]], ...] = (
    ("wavelength", _LENGTHS), ("wavenumber", _WAVENUMBERS), ("energy", _ENERGIES), ("frequency", _FREQUENCIES),
)  # fmt: skip
_NUMBERED = {
    "index",
    "band",
    "bands",
    "bandnumber",
    "channel",
    "channels",
    "pixel",
    "pixels",
    "number",
    "dimensionless",
}
_NONE = {"", "unknown", "none", "na", "n/a", "undefined", "notset", "unitless", "units", "-", "null"}
_WORDS: tuple[tuple[str, AxisKind], ...] = (
    ("raman", "Raman shift"), ("shift", "Raman shift"), ("rel", "Raman shift"), ("delta", "Raman shift"), ("wavenumber", "wavenumber"),
    ("energy", "energy"), ("frequency", "frequency"), ("wavelength", "wavelength"), ("lambda", "wavelength"), ("λ", "wavelength"),
)  # fmt: skip


class Unit(NamedTuple):
    """What the numbers of an axis are (None: that is not said) and what they are multiplied by to be in the kind's own unit."""

    kind: AxisKind | None
    factor: float = 1.0
    spelled: str = ""


def understood(text: str) -> Unit:
    """A unit as a file spells it; ``kind`` is None where it says none, and ``spelled`` holds what was not understood.

    The quantity may stand beside the unit: ``Wavenumber (cm-1)``, ``Raman shift / cm^-1``, ``Photon energy [eV]``.
    """
    plain = _plain(text)
    known = _unit(plain, text)
    if known is not None:
        return known
    word = next((kind for part, kind in _WORDS if part in plain), None)
    inner = re.findall(r"[(\[{/,]\s*([^()\[\]{}]+?)\s*[)\]}]*$", plain) or re.findall(r"\bin\s+(\S+)$", plain)
    found = next(
        (unit for unit in (_unit(part, text) for part in (*plain.split(), *inner, *plain.split("_"))) if unit), None
    )
    if word == "Raman shift" and (found is None or found.kind == "wavenumber"):
        return Unit(word, 1.0 if found is None else found.factor)
    if found is not None:
        return found
    if word in ("wavenumber", "energy", "frequency"):
        return Unit(word)
    return Unit(None, 1.0, "" if word == "wavelength" else plain)


def _plain(text: str) -> str:
    """Lower case; one minus sign, no superscripts; a micro sign of any code page, or its debris after a wrong decoding, reads as u."""
    text = (
        unicodedata.normalize("NFKC", text.translate(_MINUS)).translate(_MINUS).strip().strip("{}\"'").strip().lower()
    )
    text = re.sub(r"\^|\*\*", "", re.sub(r"\bmetre", "meter", text).replace("metre", "meter"))
    text = re.sub(r"^[^\x00-\x7f]{1,2}m(?=$|-)", "um", text) if not text.startswith("å") else text
    return re.sub(r"[µμ]", "u", text)


def _unit(plain: str, text: str) -> Unit | None:
    word = re.sub(r"[\s_.]", "", plain).strip("()[]{}")
    if word in _NONE:
        return Unit(None)
    if word in _NUMBERED:
        return Unit("index")
    for kind, table in _TABLES:
        for spelling in (word, word.removesuffix("s")):
            if spelling in table:
                mega = spelling == "mev" and "MeV" in text
                return Unit(kind, 1e6 if mega else table[spelling], word)
    return None
