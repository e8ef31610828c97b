"""The unit of a spectral axis as files of other programs spell it."""

from __future__ import annotations

from napari_unmix.cube import AxisKind

# ENVI's own words where it has them, else what the axis is with its unit.
ENVI_UNITS: dict[AxisKind, str] = {
    "wavelength": "Nanometers",
    "wavenumber": "Wavenumber (cm-1)",
    "Raman shift": "Raman shift (cm-1)",
    "energy": "eV",
    "frequency": "THz",
    "index": "Index",
}
# Names of lists, and their units, in files of named arrays.
LISTS: dict[AxisKind, tuple[str, str]] = {
    "wavelength": ("wavelengths", "nm"),
    "wavenumber": ("wavenumbers", "cm-1"),
    "Raman shift": ("raman_shift", "Raman shift (cm-1)"),
    "energy": ("photon_energy", "eV"),
    "frequency": ("band_frequency", "THz"),
}
