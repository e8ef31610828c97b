"""Attributes that change what an array's numbers mean: those of the CF conventions (§2.5.1, §8.1), and what missions use instead.

https://cfconventions.org/cf-conventions/cf-conventions.html
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import Any, NamedTuple

import numpy as np

from napari_unmix.io.groups.tree import Attributes, plain_name

# Numbers that programs write where there is nothing. A fill value that a format sets by itself (0) is data; one of these is not.
USUAL_FILLS = (-9999.0, -999.0, -99999.0, -32768.0, -32767.0, -2147483648.0, -2147483647.0, -1e30, 1e20, 1e30, 1e36)
_LARGEST = 1e36  # beyond it lie NetCDF's own fill (9.97e36) and the largest float32
_NO_DATA = (
    "fillvalue",
    "missing_value",
    "fill_value",
    "nodata",
    "no_data",
    "no_data_value",
    "nodata_value",
    "nodatavals",
    "data_ignore_value",
)
_DIVISORS = ("scalefactor", "reflectance_scale_factor", "scale_factor")


class Meaning(NamedTuple):
    """What stored numbers mean, in the terms of ``Stored``."""

    scale: float = 1.0
    gains: float | None = None
    offsets: float | None = None
    no_data: tuple[float, ...] = ()
    valid_range: tuple[float, float] | None = None
    repairs: tuple[str, ...] = ()


def meaning(attributes: Attributes, dtype: np.dtype[Any], fill: float | None = None) -> Meaning:
    """What the attributes of an array say about its numbers; ``fill`` is what its format puts where nothing was written."""
    no_data = _no_data(attributes, dtype)
    if fill is not None and is_usual_fill(fill) and fill not in no_data:
        no_data = (*no_data, fill)
    divisor = next((number(attributes[name]) for name in attributes if _divides(name)), None)
    factor, offset = number(attributes.get("scale_factor")), number(attributes.get("add_offset"))
    if divisor is not None and divisor > 0 and factor is None:
        divided = f"a scale factor of {divisor:g} is declared: numbers were divided by it (--scale 1 leaves them)"
        return Meaning(divisor, no_data=no_data, repairs=(divided,) * (divisor != 1))
    low_high, ranged = _valid_range(attributes, dtype, factor or 1.0, offset or 0.0)
    if factor in (None, 0.0, 1.0) and offset in (None, 0.0):
        return Meaning(no_data=no_data, valid_range=low_high, repairs=ranged)
    factor, offset = factor or 1.0, offset or 0.0
    added = f" and add_offset {offset:g} were" if offset else " was"
    said = f"scale_factor {factor:g}{added} applied (--scale 1 leaves the stored numbers)"
    scale, gains, offsets = as_scale([factor], [offset])
    gain, shift = (None if values is None else values[0] for values in (gains, offsets))
    return Meaning(scale, gain, shift, no_data, low_high, (said, *ranged))


def as_scale(
    gains: list[float] | None, offsets: list[float] | None
) -> tuple[float, list[float] | None, list[float] | None]:
    """One gain for all bands and no offset is a scale to divide by: 0.0001 is 10000, also where it is the float32 next to it."""
    factors = set(gains or ())
    if len(factors) != 1 or any(offsets or ()) or min(factors) <= 0:
        return 1.0, gains, offsets
    inverse = 1 / factors.pop()
    near = float(round(inverse))
    return (near if near and math.isclose(inverse, near, rel_tol=1e-6) else inverse), None, None


def is_usual_fill(value: float) -> bool:
    """Whether a number is one that programs write for "nothing here"."""
    return value in USUAL_FILLS or math.isnan(value) or abs(value) >= _LARGEST


def number(value: Any) -> float | None:
    """A number, or the only one of a list, or None. Text counts where it is a number, or NumPy's base64 of one (xarray in Zarr 3)."""
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else None
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return _encoded(value) if isinstance(value, str) else None


def numbers_of(value: Any) -> list[float]:
    """All numbers of an attribute: one, a list, or text such as ``{450.1, 455.2}`` or ``450.1 nm, 455.2 nm``."""
    if isinstance(value, str):
        value = value.strip().strip("{}[]()").replace(",", " ").split()
    found = [number(item) for item in (value if isinstance(value, list | tuple) else [value])]
    return [item for item in found if item is not None]


def _encoded(text: str) -> float | None:
    try:
        raw = base64.standard_b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return None
    return float(struct.unpack("<d", raw)[0]) if len(raw) == 8 else None


def _divides(name: str) -> bool:
    """``Scale_Factor`` and its like are what to divide by; CF's ``scale_factor``, in lower case, multiplies."""
    return name != "scale_factor" and plain_name(name) in _DIVISORS


def _no_data(attributes: Attributes, dtype: np.dtype[Any]) -> tuple[float, ...]:
    listed = [value for name in attributes if plain_name(name) in _NO_DATA for value in numbers_of(attributes[name])]
    kept = [value for value in listed if not math.isnan(value) and _can_hold(dtype, value)]  # NaN is no data by itself
    return tuple(dict.fromkeys(kept))


def _can_hold(dtype: np.dtype[Any], value: float) -> bool:
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    return value.is_integer() and int(limits.min) <= value <= int(limits.max)


def _valid_range(
    attributes: Attributes, dtype: np.dtype[Any], factor: float, offset: float
) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Lowest and highest stored number that is data. Limits of another kind than the array's are limits of the unpacked numbers (§2.5.1)."""
    pair = numbers_of(attributes.get("valid_range"))
    low, high = pair if len(pair) == 2 else (number(attributes.get(f"valid_{end}")) for end in ("min", "max"))
    if low is None and high is None:
        return None, ()
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    written = attributes.get("valid_range", attributes.get("valid_min", attributes.get("valid_max")))
    said = (
        f"the valid range {low:g} to {high:g} is declared: pixels beyond it are no data (--no-data none keeps them)",
    )
    if dtype.kind in "ui" and factor not in (0.0, 1.0) and _is_float(written):
        low, high = sorted(((low - offset) / factor, (high - offset) / factor))
    return (low, high), said


def _is_float(written: Any) -> bool:
    values = written if isinstance(written, list | tuple) else [written]
    return any(isinstance(value, float) and not value.is_integer() for value in values)
