"""The formats of cubes, one entry each: what a file is called, how its content is recognised, and who reads it.

``read_cube``, ``can_read``, the sentence that refuses a file, and the names of cubes follow from this table. A new format is one entry
here, and its module.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unmix.cube import Reading
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.stored import Stored

_START = 8  # bytes that ``recognises`` is given: longer marks it reads itself


@dataclass(frozen=True)
class Format:
    """A file format. Its functions are imported when they are called.

    Attributes
    ----------
    title : for people; formats of one title are one to them
    suffixes : lower case, with their dots; what ``can_read`` looks at, and what a cube's name is without
    module : where the functions are
    recognises : name of ``(path, first bytes) -> bool``: whether the content is this format's; the suffix decides where the content is mute
    holds_cube : name of ``(path) -> bool``: whether there is a cube in a file that was recognised, from its header alone
    read : name of ``(path, reading) -> Stored``: what the file holds, nothing applied yet
    holds_several : whether a file holds several arrays, so that one may have to be named
    is_folder : whether it is a folder and not a file
    """

    title: str
    suffixes: tuple[str, ...]
    module: str
    recognises: str
    holds_cube: str
    read: str
    holds_several: bool = False
    is_folder: bool = False

    def fits(self, path: Path, start: bytes) -> bool:
        """Whether a file, or a folder (``start`` is empty), is of this format. Raises OSError."""
        return path.is_dir() == self.is_folder and bool(self._function(self.recognises)(path, start))

    def has_cube(self, path: Path) -> bool:
        """Whether there is a cube in it. Raises OSError."""
        return bool(self._function(self.holds_cube)(path))

    def stored(self, path: Path, reading: Reading) -> Stored:
        """Read it. Raises UnmixError, OSError, MemoryError."""
        read: Callable[[Path, Reading], Stored] = self._function(self.read)
        return read(path, reading)

    def _function(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(importlib.import_module(self.module), name)
        return function


# They are asked in this order. What has a mark of its own comes first, bare numbers beside an ENVI header last: they have none.
FORMATS = (
    Format(
        "Zarr (.zarr)",
        (".zip",),
        "napari_unmix.io.groups.zarr_folder",
        "is_zarr_zip",
        "zarr_holds_cube",
        "read_zarr",
        holds_several=True,
    ),
    Format(
        "NumPy (.npy, .npz)", (".npy",), "napari_unmix.io.arrays.numpy_files", "is_npy", "npy_holds_cube", "read_npy"
    ),
    Format(
        "NumPy (.npy, .npz)",
        (".npz",),
        "napari_unmix.io.arrays.numpy_files",
        "is_npz",
        "npz_holds_cube",
        "read_npz",
        holds_several=True,
    ),
    Format("ERDAS (.lan)", (".lan", ".gis"), "napari_unmix.io.bare.erdas", "is_lan", "lan_holds_cube", "read_lan"),
    Format(
        "ESRI (.hdr with .bil, .bip, .bsq)",
        (),
        "napari_unmix.io.bare.esri",
        "is_esri",
        "esri_holds_cube",
        "read_esri",
    ),
    Format(
        "ENVI (.hdr with its data file)",
        (".hdr",),
        "napari_unmix.io.bare.envi",
        "is_header",
        "has_header",
        "read_envi",
    ),
    Format(
        "MATLAB (.mat)",
        (".mat",),
        "napari_unmix.io.arrays.matlab",
        "is_mat_file",
        "mat_holds_cube",
        "read_matlab",
        holds_several=True,
    ),
    Format(
        "TIFF and GeoTIFF (.tif)",
        (),
        "napari_unmix.io.raster.mission_xml",
        "is_metadata",
        "image_of",
        "read_metadata",
    ),
    Format(
        "TIFF and GeoTIFF (.tif)",
        (".tif", ".tiff", ".geotiff", ".btf"),
        "napari_unmix.io.raster.tiff",
        "is_tiff",
        "tiff_holds_cube",
        "read_tiff",
    ),
    Format(
        "TIFF and GeoTIFF (.tif)",
        (),
        "napari_unmix.io.raster.band_folder",
        "is_band_folder",
        "is_band_folder",
        "read_band_folder",
        is_folder=True,
    ),
    Format(
        "FITS (.fits)",
        (".fits", ".fit", ".fts"),
        "napari_unmix.io.raster.fits",
        "is_fits",
        "fits_holds_cube",
        "read_fits",
        holds_several=True,
    ),
    Format(
        "stacks of microscopes (.czi, .nd2, .lif)",
        (".czi",),
        "napari_unmix.io.raster.microscopy",
        "is_czi",
        "stack_holds_cube",
        "read_stack",
    ),
    Format(
        "stacks of microscopes (.czi, .nd2, .lif)",
        (".nd2",),
        "napari_unmix.io.raster.microscopy",
        "is_nd2",
        "stack_holds_cube",
        "read_stack",
    ),
    Format(
        "stacks of microscopes (.czi, .nd2, .lif)",
        (".lif",),
        "napari_unmix.io.raster.microscopy",
        "is_lif",
        "stack_holds_cube",
        "read_stack",
    ),
    Format(
        "JPEG 2000, ERDAS Imagine, NITF, PDS and ISIS",
        (".jp2", ".j2k", ".ntf", ".nitf", ".cub", ".vic", ".pix"),
        "napari_unmix.io.raster.raster",
        "is_raster",
        "raster_holds_cube",
        "read_raster",
    ),
    Format(
        "HDF5 and NetCDF (.h5, .nc, .he5, .hspy)",
        (".h5", ".hdf5", ".he5", ".nc", ".nc4", ".hspy", ".hdf"),
        "napari_unmix.io.groups.hdf5_file",
        "is_hdf5_file",
        "hdf5_holds_cube",
        "read_hdf5",
        holds_several=True,
    ),
    Format(
        "HDF5 and NetCDF (.h5, .nc, .he5, .hspy)",
        (".cdf",),
        "napari_unmix.io.groups.netcdf3",
        "is_netcdf3",
        "netcdf3_holds_cube",
        "read_netcdf3",
        holds_several=True,
    ),
    Format(
        "Zarr (.zarr)",
        (".zarr", ".zspy"),
        "napari_unmix.io.groups.zarr_folder",
        "is_zarr",
        "zarr_holds_cube",
        "read_zarr",
        holds_several=True,
        is_folder=True,
    ),
    Format(
        "ENVI (.hdr with its data file)",
        (".img", ".raw", ".dat", ".bil", ".bip", ".bsq", ".hyspex", ".cube", ".ref", ".rad", ".cub", ".pix", ".bin"),
        "napari_unmix.io.bare.envi",
        "is_data",
        "has_header",
        "read_envi",
    ),
)

SUFFIXES = tuple(dict.fromkeys(suffix for form in FORMATS for suffix in form.suffixes))


def titles() -> str:
    """All formats, for a sentence."""
    every = sorted(dict.fromkeys(form.title for form in FORMATS))
    return f"{', '.join(every[:-1])} or {every[-1]}"


def format_of(path: Path) -> Format | None:
    """The format of a file or folder, by its content; None where it is none of them. Raises OSError."""
    start = b"" if path.is_dir() else first_bytes(path, _START)
    return next((form for form in FORMATS if form.fits(path, start)), None)
