"""Spectral libraries: named spectra, brought to a cube's bands, and held against endmembers.

SPy resamples bands and takes continua away; what of it is unsafe is checked first (``spectra``). Loading this package loads NumPy only.
"""

from __future__ import annotations

from napari_unmix.library.databases import library_on, read_database
from napari_unmix.library.files import read_library, write_library
from napari_unmix.library.matching import Match, match
from napari_unmix.library.spectra import SpectralLibrary

__all__ = ["Match", "SpectralLibrary", "library_on", "match", "read_database", "read_library", "write_library"]
