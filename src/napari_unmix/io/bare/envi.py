"""ENVI images: a text header beside a file of bare numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unmix.cube import BoolArray, Reading
from napari_unmix.io.bare.envi_fields import is_envi_header
from napari_unmix.io.bare.envi_header import EnviHeader, read_header
from napari_unmix.io.bare.layout import Layout, fitted
from napari_unmix.io.bare.lines import Lines
from napari_unmix.io.marks import container, is_text
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

LIBRARY_SUFFIXES = (".sli", ".slb", "", ".dat", ".img")
DATA_SUFFIXES = ("", ".img", ".raw", ".dat", ".bil", ".bip", ".bsq", ".bin")


def find_header(path: Path) -> Path | None:
    """The header beside a data file (scene.img.hdr or scene.hdr, in any case), or None. Raises OSError."""
    found = beside(path, [path.name + ".hdr", path.stem + ".hdr"])
    return found[0] if found else None


def is_header(path: Path, start: bytes) -> bool:
    """Whether a file is an ENVI header, or is called one. Raises OSError."""
    return is_envi_header(path) or path.suffix.lower() == ".hdr"


def is_data(path: Path, start: bytes) -> bool:
    """Whether a header lies beside a file that has no mark of another format. Raises OSError."""
    return find_header(path) is not None and not container(path)


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
    data_path, found = find_data(header_path, header.layout) if path == header_path else (path, ())
    kind = container(data_path)
    if kind:
        return _contained(data_path, kind, header_path, reading)
    return _stored(data_path, header, found)


def _stored(data_path: Path, header: EnviHeader, found: tuple[str, ...]) -> Stored:
    layout, cut = checked(data_path, header.layout)
    bands = layout.shape[2]
    good, bad_bands = _good_bands(header, bands)
    lines = Lines(data_path, layout)
    return Stored(
        array=lines,
        bands_axis=2,
        wavelengths=_listed(header, bands),
        unit=header.unit,
        fwhm=None if header.fwhm is None else header.fwhm[:bands],
        scale=header.scale,
        gains=None if header.gains is None else header.gains[:bands],
        offsets=None if header.offsets is None else header.offsets[:bands],
        no_data=() if header.ignore is None else (header.ignore,),
        good_bands=good,
        georeference=header.georeference,
        repairs=(*header.repairs, *found, *cut, *bad_bands),
        close=lines.close,
    )


def _contained(data_path: Path, kind: str, header_path: Path, reading: Reading) -> Stored:
    """The data file is of a format of its own, which is read as that: the header only describes it."""
    from napari_unmix.io.formats import format_of, titles

    form = format_of(data_path)
    if form is None:
        raise UnmixError(
            f"{data_path.name}, which {header_path.name} describes, is a file of its own format ({kind}), not bare numbers:"
            f" give {titles()}."
        )
    stored = form.stored(data_path, reading)
    said = f"{data_path.name} is a file of its own format ({kind}), not bare numbers: read as that"
    return replace(stored, repairs=(said, *stored.repairs))


def beside(path: Path, names: list[str]) -> list[Path]:
    """Files in the folder of ``path`` with one of these names, in their order; the exact case goes first. Raises OSError."""
    files = {entry.name: entry for entry in path.parent.iterdir() if entry.is_file() and entry.name != path.name}
    found = []
    for name in dict.fromkeys(names):
        same = [files[name]] if name in files else []
        found += same or [files[other] for other in sorted(files) if other.lower() == name.lower()]
    return list(dict.fromkeys(found))


def find_data(
    header_path: Path, layout: Layout, suffixes: tuple[str, ...] = DATA_SUFFIXES
) -> tuple[Path, tuple[str, ...]]:
    """The data file beside a header, and a sentence where several could be; of several the first whose size fits.

    Where none has a usual name, a file of the header's stem that holds exactly its bytes, or that is an image of another format.
    """
    candidates = beside(header_path, [header_path.stem + suffix for suffix in suffixes]) or _same_stem(
        header_path, layout
    )
    if not candidates:
        tried = ", ".join(suffix for suffix in suffixes if suffix)
        raise UnmixError(
            f"{header_path.name} has no data file beside it: put {header_path.stem} there ({tried} or no suffix)."
        )
    fitting = [path for path in candidates if path.stat().st_size == layout.data_bytes]
    chosen = (fitting or candidates)[0]
    if len(candidates) == 1:
        return chosen, ()
    return chosen, (f"{len(candidates)} files could hold the data: {chosen.name} was read",)


def _same_stem(header_path: Path, layout: Layout) -> list[Path]:
    others = [
        path
        for path in sorted(header_path.parent.iterdir())
        if path.is_file() and path != header_path and path.name.lower().startswith(header_path.stem.lower() + ".")
    ]
    exact = [path for path in others if path.stat().st_size == layout.data_bytes]
    return exact or [path for path in others if container(path) in ("TIFF", "BigTIFF", "JPEG 2000")]


def checked(data_path: Path, layout: Layout) -> tuple[Layout, tuple[str, ...]]:
    """``layout.fitted``, and a sentence of its own where the file is a text. Raises UnmixError, OSError."""
    try:
        return fitted(data_path, layout)
    except UnmixError as error:
        if is_text(data_path):
            raise UnmixError(
                f"{data_path.name} is a text, not the bare numbers of an image: give the data file of its header."
            ) from error
        raise


def _listed(header: EnviHeader, bands: int) -> tuple[float, ...] | None:
    """The wavelengths of the bands that are there; of a longer list those that its list of good bands chooses."""
    if header.wavelengths is None:
        return None
    listed, whole = header.wavelengths, header.shape[2]
    if header.bad_bands is not None and len(header.bad_bands) == len(listed) != whole:
        listed = tuple(place for place, good in zip(listed, header.bad_bands, strict=True) if good)
    return listed[:bands] if len(listed) == whole else listed


def _good_bands(header: EnviHeader, bands: int) -> tuple[BoolArray, tuple[str, ...]]:
    flags = np.ones(bands, bool)
    if header.bad_bands is not None and len(header.bad_bands) != header.shape[2]:
        said = f"the header lists {len(header.bad_bands)} wavelengths for {header.shape[2]} bands: those of its good bands were taken"
        return flags, (said,)
    if header.bad_bands is not None:
        flags = np.asarray(header.bad_bands)[:bands] != 0
    if flags.any():
        return flags, ()
    return np.ones(bands, bool), (f"the bad-band list marks all {bands} bands bad: not applied",)
