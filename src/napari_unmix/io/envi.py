"""ENVI images: a text header beside a file of bare numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Cube, UnmixError
from napari_unmix.io.assemble import build_cube
from napari_unmix.io.budget import check_budget
from napari_unmix.io.envi_header import EnviHeader, is_envi_header, read_header

DATA_SUFFIXES = ("", ".img", ".raw", ".dat", ".bil", ".bip", ".bsq", ".bin")
_CHECKS = 4  # bytes per number that masks and checks take beside the float32 cube; the file itself is only mapped
_BLOCK = 8_000_000  # numbers converted at a time, so that a big file needs no float64 copy of itself


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


def read_envi(path: Path) -> Cube:
    """Read an image, given its header or its data file. Raises UnmixError, and OSError where a file cannot be read."""
    header_path = path if is_envi_header(path) or path.suffix.lower() == ".hdr" else find_header(path)
    if header_path is None:
        raise UnmixError(f"{path.name} has no ENVI header: put {path.stem}.hdr beside it.")
    header = read_header(header_path)
    data_path, found = _find_data(header_path, header) if path == header_path else (path, ())
    longer = _check_size(data_path, header)
    spectra, no_data = _convert(_map(data_path, header), header)
    good, bad_bands = _good_bands(header)
    valid, good, ignored = _apply_ignore(no_data, good, header)
    return build_cube(
        spectra,
        path,
        wavelengths=header.wavelengths,
        unit=header.unit,
        scale=header.scale,
        good_bands=good,
        valid_pixels=valid,
        repairs=(*header.repairs, *found, *longer, *_gain_repairs(header), *bad_bands, *ignored),
    )


def _beside(path: Path, names: list[str]) -> list[Path]:
    """Files in the folder of ``path`` with one of these names, in their order; the exact case goes first."""
    files = {entry.name: entry for entry in path.parent.iterdir() if entry.is_file() and entry.name != path.name}
    found = []
    for name in dict.fromkeys(names):
        same = [files[name]] if name in files else []
        found += same or [files[other] for other in sorted(files) if other.lower() == name.lower()]
    return list(dict.fromkeys(found))


def _find_data(header_path: Path, header: EnviHeader) -> tuple[Path, tuple[str, ...]]:
    """The data file beside a header; of several the first whose size fits."""
    candidates = _beside(header_path, [header_path.stem + suffix for suffix in DATA_SUFFIXES])
    if not candidates:
        tried = ", ".join(suffix for suffix in DATA_SUFFIXES if suffix)
        raise UnmixError(
            f"{header_path.name} has no data file beside it: put {header_path.stem} there ({tried} or no suffix)."
        )
    fitting = [path for path in candidates if path.stat().st_size == header.data_bytes]
    chosen = (fitting or candidates)[0]
    if len(candidates) == 1:
        return chosen, ()
    return chosen, (f"{len(candidates)} files could hold the data: {chosen.name} was read",)


def _check_size(data_path: Path, header: EnviHeader) -> tuple[str, ...]:
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


def _map(data_path: Path, header: EnviHeader) -> NDArray[Any]:
    """(H, W, B) view of the data file."""
    lines, samples, bands = header.shape
    stored = {"bsq": (bands, lines, samples), "bil": (lines, bands, samples), "bip": (lines, samples, bands)}
    to_cube = {"bsq": (1, 2, 0), "bil": (0, 2, 1), "bip": (0, 1, 2)}
    data = np.memmap(data_path, dtype=header.dtype, mode="r", offset=header.offset, shape=stored[header.interleave])
    return data.transpose(to_cube[header.interleave])


def _convert(stored: NDArray[Any], header: EnviHeader) -> tuple[NDArray[np.float32], BoolArray | None]:
    """(H, W, B) scaled spectra, and where the stored number is the ignore value; block by block of lines."""
    lines, samples, bands = header.shape
    spectra = np.empty(header.shape, np.float32)
    no_data = None if header.ignore is None else np.empty(header.shape, bool)
    gain, offset = np.asarray(header.gains or 1.0), np.asarray(header.offsets or 0.0)
    scale = 1.0 if _says_it_twice(header) else header.scale
    step = max(1, _BLOCK // (samples * bands))
    for first in range(0, lines, step):
        block = stored[first : first + step]
        if no_data is not None and header.ignore is not None:
            no_data[first : first + step] = _equals(block, header.ignore)
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: infinite, so an invalid pixel
            spectra[first : first + step] = (block.astype(np.float64) * gain + offset) / scale
    return spectra, no_data


def _equals(block: NDArray[Any], ignore: float) -> BoolArray:
    """Compared as the file stores it: -3.4028235e38 in a header is the float32 next to it."""
    if math.isnan(ignore):
        return np.asarray(np.isnan(block), bool)
    with np.errstate(over="ignore"):
        return np.asarray(block == (block.dtype.type(ignore) if block.dtype.kind == "f" else ignore), bool)


def _says_it_twice(header: EnviHeader) -> bool:
    """Gains of 1/scale and a scale factor state the same division."""
    if header.gains is None or header.scale == 1:
        return False
    return bool(np.allclose(np.multiply(header.gains, header.scale), 1))


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


def _apply_ignore(
    no_data: BoolArray | None, good: BoolArray, header: EnviHeader
) -> tuple[BoolArray | None, BoolArray, tuple[str, ...]]:
    """Valid pixels (H, W) and good bands (B,) under the ignore value.

    A pixel without data in one good band cannot be fitted. Two cases would lose a whole image by that rule: bands that
    hold the ignore value everywhere (filled water bands) are left out instead, and zero, which dark bands really reach,
    must fill all good bands.
    """
    if no_data is None:
        return None, good, ()
    outside = np.asarray(no_data[:, :, good].all(axis=2))
    empty = no_data[~outside].all(axis=0) & good if not outside.all() else np.zeros(good.size, bool)
    good = good & ~empty
    lost = outside if header.ignore == 0 else np.asarray(no_data[:, :, good].any(axis=2))
    count = int(empty.sum())
    note = (f"{count} bands hold only the ignore value {header.ignore:g}: left out as bad bands",) if count else ()
    return ~lost, good, note
