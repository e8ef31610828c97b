"""Headers of ENVI that claim, repeat and lie, and data files that are not what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from case import Case, info
from formats import BANDS, envi, spectra

_ESCAPE = "\x1b]0;owned\x07\x1b[31m"
# Fields of a header, and whether the cube may be read with them.
_FIELDS: dict[str, dict[str, Any]] = {
    "lines below zero": {"lines": -6},
    "lines of 10^5 digits": {"lines": "9" * 100_000},
    "1e300 lines": {"lines": "1e300", "samples": "1e300"},
    "lines nan": {"lines": "nan"},
    "lines inf": {"lines": "inf"},
    "lines 1.5": {"lines": 1.5},
    "no lines": {"lines": 0},
    "no bands": {"bands": None},
    "offset below zero": {"header_offset": -4},
    "offset 1e18": {"header_offset": "1e18"},
    "offset of 4000 digits": {"header_offset": "9" * 4000},
    "data type 99": {"data_type": 99},
    "complex": {"data_type": 6},
    "byte order 7": {"byte_order": 7},
    "interleave xyz": {"interleave": "xyz"},
    "interleave that rings": {"interleave": _ESCAPE},
    "compressed": {"file_compression": 1},
    "a library": {"file_type": "ENVI Spectral Library"},
    "frames of 1e18": {"major_frame_offsets": "{1e18, 1e18}"},
    "frames of 400 digits": {"minor_frame_offsets": "{" + "9" * 400 + ", 0}"},
    "a terabyte": {"lines": 10**6, "samples": 10**6},
    "10^40 bands": {"bands": "1" + "0" * 40},
}
_EITHER: dict[str, dict[str, Any]] = {
    "wavelengths nan": {"wavelength": "{" + ",".join(["nan"] * BANDS) + "}"},
    "two wavelengths": {"wavelength": "{1,2}"},
    "wavelengths are words": {"wavelength": "{a,b}"},
    "gains inf": {"data_gain_values": "{" + ",".join(["inf"] * BANDS) + "}"},
    "gains 1e300": {"data_gain_values": "{" + ",".join(["1e300"] * BANDS) + "}"},
    "scale 0": {"reflectance_scale_factor": 0},
    "scale 1e-320": {"reflectance_scale_factor": "1e-320"},
    "ignore 1e999": {"data_ignore_value": "1e999"},
    "integers, ignore nan": {"data_type": 2, "bands": 16, "data_ignore_value": "nan"},
    "unit that rings": {"wavelength": "{1,2,3,4,5,6,7,8}", "wavelength_units": _ESCAPE},
    "unit of 10^6 letters": {"wavelength": "{1,2,3,4,5,6,7,8}", "wavelength_units": "m" * 1_000_000},
    "map of words": {"map_info": "{a, b, c, d}"},
    "map of nan": {"map_info": "{UTM, nan, nan, nan, nan, nan, nan}"},
    "map rotation 1..2": {"map_info": "{UTM, 1, 1, 0, 0, 1, 1, rotation=1..2}"},
    "band names that ring": {"band_names": "{" + ",".join([_ESCAPE] * BANDS) + "}"},
    "bbl of words": {"bbl": "{x}"},
}
_RAW: dict[str, tuple[bytes, str]] = {
    "list never closed": (b"wavelength = {1,\n2,\n3\n", "either"),
    "latin-1": (b"description = {caf\xe9 \xb5m \xff\xfe}\n", "either"),
    "zeros in the text": (b"x = \0\0\0\n", "either"),
    "10^5 fields": (b"k = v\n" * 100_000, "either"),
    "10^6 fields": (b"k = v\n" * 1_000_000, "either"),
    "15 MB of braces": (b"k = {" + b"{" * 15_000_000, "either"),
    "10^6 open lists": (b"k = {\n" * 1_000_000, "either"),
    "10^5 open lists": (b"k = {\n" * 100_000, "either"),
    "7 million wavelengths": (b"wavelength = {" + b"1," * 7_000_000 + b"1}\n", "either"),
    "half a million wavelengths": (b"wavelength = {" + b"1," * 500_000 + b"1}\n", "either"),
    "commas": (b"wavelength = {" + b", \t" * 600_000 + b"}\n", "either"),
    "10^5 lists like wavelengths": (b"".join(b"k%d = {1,2,3,4,5,6,7,8}\n" % k for k in range(60_000)), "either"),
    "fields twice": (b"lines = 3\nlines = 6\n", "either"),
    "too long": (b"x" * 16_000_100, "refuse"),
}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, fields in _FIELDS.items():
        yield _case(name, lambda folder, fields=fields: envi(folder, **fields))
    for name, fields in _EITHER.items():
        yield _case(name, lambda folder, fields=fields: envi(folder, **fields), "either")
    for name, (raw, expect) in _RAW.items():
        yield _case(name, lambda folder, raw=raw: envi(folder, raw), expect)
    yield _case("data is a pipe", lambda folder: (envi(folder, data=False), os.mkfifo(folder / "s.img")), file="s.img")
    yield _case("data is a pipe, header given", lambda folder: (envi(folder, data=False), os.mkfifo(folder / "s.img")))
    yield _case(
        "data is /dev/zero",
        lambda folder: (envi(folder, data=False), (folder / "s.img").symlink_to("/dev/zero")),
        file="s.img",
    )
    yield _case("data is a folder", lambda folder: (envi(folder, data=False), (folder / "s.img").mkdir()))
    yield _case("no data", lambda folder: envi(folder, data=False))
    yield _case("8 TB of holes", lambda folder: (envi(folder, data=False), _holes(folder / "s.img", 8 * 10**12)))
    yield _case(
        "data cut", lambda folder: (envi(folder), (folder / "s.img").write_bytes(spectra().tobytes()[:-3])), "either"
    )
    yield _case("data cut to one line", lambda folder: (envi(folder), os.truncate(folder / "s.img", 10)))
    yield _case("data longer", lambda folder: (envi(folder), _longer(folder / "s.img", 99)), "either")
    yield _case("data ten times longer", lambda folder: (envi(folder), _longer(folder / "s.img", 9600)))
    yield _case(
        "a name that rings",
        lambda folder: (envi(folder), _renamed(folder, _ESCAPE + "\n")),
        "either",
        _ESCAPE + "\n.hdr",
    )
    yield _case(
        "a name of 240 letters",
        lambda folder: (envi(folder), _renamed(folder, "n" * 240)),
        "either",
        "n" * 240 + ".hdr",
    )
    yield _case(
        "text in place of numbers",
        lambda folder: (envi(folder), (folder / "s.img").write_bytes(b"1, 2, 3\n" * 120)),
        "either",
    )
    yield _case("in UTF-16", _in_utf16, "either")


def _case(name: str, make: Any, expect: Any = "refuse", file: str = "s.hdr") -> Case:
    return Case("cube ENVI", name, make, info(file), expect, file)


def _holes(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


def _longer(path: Path, by: int) -> None:
    path.write_bytes(path.read_bytes() + bytes(by))


def _renamed(folder: Path, stem: str) -> None:
    (folder / "s.hdr").rename(folder / f"{stem}.hdr")
    (folder / "s.img").rename(folder / f"{stem}.img")


def _in_utf16(folder: Path) -> None:
    envi(folder)
    header = folder / "s.hdr"
    header.write_bytes(header.read_bytes().decode().encode("utf-16"))
