"""ENVI images: a text header beside a file of bare numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Reading, UnmixError
from napari_unmix.io.budget import check_budget
from napari_unmix.io.envi_header import EnviHeader, is_envi_header, read_header
from napari_unmix.io.spy import spectral_python
from napari_unmix.io.stored import Stored

LIBRARY_SUFFIXES = (".sli", ".slb", "", ".dat", ".img")
DATA_SUFFIXES = ("", ".img", ".raw", ".dat", ".bil", ".bip", ".bsq", ".bin")
_CHECKS = 4  # bytes per number that masks and checks take beside the float32 cube; the file itself is only mapped


def find_header(path: Path) -> Path | None:
    """The header beside a data file (scene.img.hdr or scene.hdr, in any case), or None. Raises OSError."""
    found = _beside(path, [path.name + ".hdr", path.stem + ".hdr"])
    return found[0] if found else None


def is_header(path: Path, start: bytes) -> bool:
    """Whether a file is an ENVI header, or is called one. Raises OSError."""
    return is_envi_header(path) or path.suffix.lower() == ".hdr"


def is_data(path: Path, start: bytes) -> bool:
    """Whether a header lies beside a file. Raises OSError."""
    return find_header(path) is not None


def has_header(path: Path) -> bool:
    """Whether what is called a header, or lies beside a data file, is an ENVI header. Raises OSError."""
    header = path if path.suffix.lower() == ".hdr" else find_header(path)
    return header is not None and is_envi_header(header)


def read_envi(path: Path, reading: Reading) -> Stored:
    """Read an image, given its header or its data file. Raises UnmixError, and OSError where a file cannot be read."""
    header_path = path if is_envi_header(path) or path.suffix.lower() == ".hdr" else find_header(path)
    if header_path is None:
        raise UnmixError(f"{path.name} has no ENVI header: put {path.stem}.hdr beside it.")
    header = read_header(header_path)
    data_path, found = find_data(header_path, header) if path == header_path else (path, ())
    longer = check_size(data_path, header)
    good, bad_bands = _good_bands(header)
    return Stored(
        array=map_array(data_path, header),
        bands_axis=2,
        wavelengths=header.wavelengths,
        unit=header.unit,
        scale=header.scale,
        gains=_gains(header),
        offsets=_offsets(header),
        no_data=() if header.ignore is None else (header.ignore,),
        good_bands=good,
        repairs=(*header.repairs, *found, *longer, *_gain_repairs(header), *bad_bands),
    )


def _beside(path: Path, names: list[str]) -> list[Path]:
    """Files in the folder of ``path`` with one of these names, in their order; the exact case goes first."""
    files = {entry.name: entry for entry in path.parent.iterdir() if entry.is_file() and entry.name != path.name}
    found = []
    for name in dict.fromkeys(names):
        same = [files[name]] if name in files else []
        found += same or [files[other] for other in sorted(files) if other.lower() == name.lower()]
    return list(dict.fromkeys(found))


def find_data(
    header_path: Path, header: EnviHeader, suffixes: tuple[str, ...] = DATA_SUFFIXES
) -> tuple[Path, tuple[str, ...]]:
    """The data file beside a header, and a sentence where several could be; of several the first whose size fits."""
    candidates = _beside(header_path, [header_path.stem + suffix for suffix in suffixes])
    if not candidates:
        tried = ", ".join(suffix for suffix in suffixes if suffix)
        raise UnmixError(
            f"{header_path.name} has no data file beside it: put {header_path.stem} there ({tried} or no suffix)."
        )
    fitting = [path for path in candidates if path.stat().st_size == header.data_bytes]
    chosen = (fitting or candidates)[0]
    if len(candidates) == 1:
        return chosen, ()
    return chosen, (f"{len(candidates)} files could hold the data: {chosen.name} was read",)


def check_size(data_path: Path, header: EnviHeader) -> tuple[str, ...]:
    """Raise UnmixError where the file is shorter than its header says, or does not fit into memory."""
    held, needed = data_path.stat().st_size, header.data_bytes
    lines, samples, bands = header.shape
    described = f"{lines} lines × {samples} samples × {bands} bands of {header.dtype.name}"
    if held < needed:
        raise UnmixError(
            f"{data_path.name} holds {held} bytes but its header's {described} need {needed}:"
            " copy the whole file again or correct the header."
        )
    check_budget(math.prod(header.shape), _CHECKS, f"{data_path.name} ({described})")
    return (f"{data_path.name} is {held - needed} bytes longer than its header says: the end was left out",) * (
        held > needed
    )


def map_array(data_path: Path, header: EnviHeader) -> NDArray[Any]:
    """(H, W, B) view of a data file whose size was checked, mapped by SPy by our header: its own reading guesses the interleave."""
    spy = spectral_python()
    lines, samples, bands = header.shape
    fields = {
        "lines": lines,
        "samples": samples,
        "bands": bands,
        "header offset": header.offset,
        "data type": spy.io.envi.dtype_to_envi[header.dtype.char],
        "byte order": int(header.dtype.newbyteorder("<") != header.dtype),
    }
    params = spy.io.envi.gen_params(fields)
    params.filename = str(data_path)
    kinds = {"bsq": spy.io.envi.BsqFile, "bil": spy.io.envi.BilFile, "bip": spy.io.envi.BipFile}
    image = kinds[header.interleave](params, fields)
    image.fid.close()  # SPy leaves it open; the map has a handle of its own
    if not image.using_memmap:  # SPy says nothing where mapping fails
        raise OSError("it cannot be mapped into memory")
    return np.asarray(image.open_memmap(interleave="bip"))


def _says_it_twice(header: EnviHeader) -> bool:
    """Gains of 1/scale and a scale factor state the same division."""
    if header.gains is None or header.scale == 1:
        return False
    return bool(np.allclose(np.multiply(header.gains, header.scale), 1))


def _gains(header: EnviHeader) -> tuple[float, ...] | None:
    """The gains that are still to be applied."""
    return None if _says_it_twice(header) else header.gains


def _offsets(header: EnviHeader) -> tuple[float, ...] | None:
    """The offsets, in stored numbers where the scale stands for the gains as well."""
    if header.offsets is None or not _says_it_twice(header):
        return header.offsets
    return tuple(offset * header.scale for offset in header.offsets)


def _gain_repairs(header: EnviHeader) -> tuple[str, ...]:
    if header.gains is None and header.offsets is None:
        return ()
    if _says_it_twice(header):
        return ("data gain values and reflectance scale factor say the same: applied once",)
    return ("data gain and offset values were applied",)


def _good_bands(header: EnviHeader) -> tuple[BoolArray, tuple[str, ...]]:
    bands = header.shape[2]
    flags = np.ones(bands, bool) if header.bad_bands is None else np.asarray(header.bad_bands) != 0
    if flags.any():
        return flags, ()
    return np.ones(bands, bool), (f"the bad-band list marks all {bands} bands bad: not applied",)
