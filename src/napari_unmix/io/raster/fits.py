"""FITS cubes (the extra ``fits``): the first image of three axes, its spectral axis by the header's coordinate system..

FITS standard 4.0, §8.4 and table 25 (spectral coordinates); Greisen et al. 2006, doi:10.1051/0004-6361:20053818.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Reading
from napari_unmix.files.opened import open_regular
from napari_unmix.io.boundary import reason_of, told_by
from napari_unmix.io.budget import check_array, readable_shape
from napari_unmix.io.groups.conventions import as_scale, number
from napari_unmix.io.groups.spectral_axis import is_spectral
from napari_unmix.io.groups.tree import Guarded
from napari_unmix.io.raster.fits_tiles import check_tiles
from napari_unmix.io.stored import Stored, three_axes
from napari_unmix.sentences import UnmixError

_SPECTRAL = {
    "WAVE": "m",
    "AWAV": "m",
    "FREQ": "Hz",
    "ENER": "J",
    "WAVN": "m-1",
    "LAMBDA": "m",
    "WAVELENGTH": "m",
}  # the unit where none is given
_TO = {"HZ": (1e-12, "THz"), "M-1": (1e-2, "cm-1"), "/M": (1e-2, "cm-1"), "J": (1 / 1.602176634e-19, "eV")}
_EXTRA = '{} is a FITS file, which needs astropy: pip install "napari-unmix[fits]".'


def is_fits(path: Path, start: bytes) -> bool:
    """Whether a file begins as FITS does."""
    return start.startswith(b"SIMPLE  ")


def fits_holds_cube(path: Path) -> bool:
    """Whether one of its images has three axes; True where astropy is not there to ask, which is said when it is read."""
    try:
        with ExitStack() as stack:
            return _cube(_open(path, stack), None, path) is not None
    except UnmixError as error:
        return "napari-unmix[fits]" in str(error)


def read_fits(path: Path, reading: Reading) -> Stored:
    """Read the first image of three axes, or the extension that is named or numbered. Raises UnmixError."""
    with ExitStack() as stack:
        units = _open(path, stack)

        with told_by(lambda error: _damaged(path, error)):
            unit = _cube(units, reading.key, path)
            header, shape = unit.header, tuple(unit.shape)
            kind = "f" if int(header["BITPIX"]) < 0 else "i"
            check_array([shape[at] for at in three_axes(shape)], kind, abs(int(header["BITPIX"])) // 8, path.name)
            axis, values, of, said = spectral(header, len(shape))
            if values is None:
                values, of = _list_beside(units, shape[axis]) or (None, "")
            gains, offsets = number(header.get("BSCALE")), number(header.get("BZERO"))
            scale, gain, offset = as_scale([1.0 if gains is None else gains], [offsets or 0.0])
            blank = number(header.get("BLANK")) if kind == "i" else None
            check_tiles(units, unit, path)
            array = Guarded(unit.data, lambda error: _damaged(path, error))
        return Stored(
            array=array,
            bands_axis=three_axes(shape).index(axis) if axis in three_axes(shape) else None,
            wavelengths=None if values is None else values.tolist(),
            unit=of,
            scale=scale,
            gains=None if gain is None else gain[0],
            offsets=None if offset is None else offset[0],
            no_data=() if blank is None else (blank,),
            repairs=said,
            close=stack.pop_all().close,
        )


def spectral(header: Mapping[str, Any], axes: int) -> tuple[int, Any, str, tuple[str, ...]]:
    """Which axis of the array holds the bands, their places and unit (None, "" where the header has none), and what was assumed.

    FITS counts axes from 1 and the other way round: its third is the first of an array of three.
    """
    for number_of_axis in range(1, axes + 1):
        kind, _, algorithm = str(header.get(f"CTYPE{number_of_axis}", "")).strip().upper().partition("-")
        if kind in _SPECTRAL:
            algorithm = algorithm.strip("-")
            if algorithm not in ("", "LOG"):
                said = f"the places of the bands are given by {kind}-{algorithm}, which is not read: bands are numbered"
                return axes - number_of_axis, None, "", (said,)
            values, unit = _places(header, number_of_axis, _SPECTRAL[kind], algorithm == "LOG")
            return axes - number_of_axis, values, unit, ()
    said = "no CTYPE of the header is spectral: the third axis of FITS was read as bands (--bands-axis reads another)"
    return max(axes - 3, 0), None, "", (said,)


def _places(header: Mapping[str, Any], axis: int, usual: str, logarithmic: bool) -> tuple[Any, str]:
    count = int(header[f"NAXIS{axis}"])
    step = number(header.get(f"CDELT{axis}", header.get(f"CD{axis}_{axis}")))
    start, reference = number(header.get(f"CRVAL{axis}")), number(header.get(f"CRPIX{axis}", 1.0))
    if not step or start is None or reference is None:
        return None, ""
    away = np.arange(1, count + 1) - reference
    values = start * np.exp(step * away / start) if logarithmic and start else start + step * away
    unit = str(header.get(f"CUNIT{axis}", "")).strip() or usual
    factor, name = _TO.get(unit.upper(), (1.0, unit))
    return values * factor, name


def _open(path: Path, stack: ExitStack) -> Any:
    try:
        from astropy.io import fits
    except ImportError as error:
        raise UnmixError(_EXTRA.format(path.name)) from error
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")  # of headers that are not quite to the standard
    stream = stack.enter_context(open_regular(path))  # astropy leaves a damaged one open
    with told_by(lambda error: _damaged(path, error)):
        return stack.enter_context(fits.open(stream, memmap=False, do_not_scale_image_data=True))


def _cube(units: Any, key: str | None, path: Path) -> Any:
    """The extension that is wanted; those behind it are not looked at. Raises UnmixError with a listing."""
    listed = []
    for at, unit in enumerate(units):
        if not getattr(unit, "is_image", False) or not unit.shape:
            continue
        cube = len(unit.shape) >= 3 and sum(length > 1 for length in unit.shape) >= 2
        if cube if key is None else key.lower() in (unit.name.lower(), str(at)):
            return unit
        listed.append(f"{unit.name or at} {readable_shape(unit.shape)}")
    held = f"{'' if key is None else f'has no image {key!r}, it '}holds {', '.join(listed[:12]) or 'no image'}"
    raise UnmixError(f"{path.name} {held}: give a file with an image of three axes, or its name by --key.")


def _list_beside(units: Any, count: int) -> tuple[Any, str] | None:
    """Wavelengths in another image of one axis, or in the column of a table, of as many entries as there are bands."""
    for unit in units:
        if getattr(unit, "is_image", False) and tuple(unit.shape) == (count,) and is_spectral(unit.name, ""):
            return np.asarray(unit.data, float), str(unit.header.get("BUNIT", ""))
        for column in getattr(unit, "columns", ()) or ():
            if is_spectral(column.name, "") and len(unit.data) == count:
                return np.asarray(unit.data[column.name], float), str(column.unit or "")
    return None


def _damaged(path: Path, error: Exception) -> UnmixError:
    return UnmixError(f"{path.name} is a damaged FITS file ({reason_of(error)}): copy the whole file again.")
