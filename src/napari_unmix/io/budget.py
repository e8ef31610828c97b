"""How much memory a file may claim: sizes in headers are checked before a byte of the array is read."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from napari_unmix.cube import UnmixError

_FALLBACK = 8_000_000_000  # bytes, where the system does not say how much memory it has
_FLOAT32 = 4


def byte_budget() -> int:
    """Bytes that one array may take on this machine: half of the memory that is available now."""
    return _available_memory() // 2


def check_budget(elements: int, itemsize: int, label: str) -> None:
    """Raise UnmixError where ``elements`` stored numbers of ``itemsize`` bytes do not fit beside their float32 copy."""
    needed, budget = elements * (itemsize + _FLOAT32), byte_budget()
    if needed > budget:
        raise UnmixError(
            f"{label} needs {readable_size(needed)}, this machine can give {readable_size(budget)}:"
            " crop it, bin it, or use a machine with more memory."
        )


def check_array(shape: Sequence[int], kind: str, itemsize: int, label: str) -> None:
    """Raise UnmixError unless a stored array (its shape, NumPy kind letter and item size) can be a cube (H, W, B)."""
    if kind not in "uif":
        raise UnmixError(f"{label} holds no real numbers (NumPy kind {kind!r}): store the cube as integers or floats.")
    if len(shape) != 3:
        raise UnmixError(
            f"{label} has {len(shape)} axes ({readable_shape(shape)}), a cube has three:"
            " save it as (rows, columns, bands)."
        )
    if min(shape) < 1:
        raise UnmixError(f"{label} is empty ({readable_shape(shape)}): check how it was written.")
    check_budget(math.prod(shape), itemsize, label)


def readable_size(size: float) -> str:
    """A number of bytes for people: 12 GB, 400 TB."""
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    step = min(int(math.log10(size) // 3), len(units) - 1) if size >= 1 else 0
    number = size / 1000**step
    return f"{number:.3g} {units[step]}" if number < 1000 else f"{number:,.0f} {units[step]}"


def readable_shape(shape: Sequence[int]) -> str:
    """A shape for people: 95×95×156."""
    return "×".join(str(int(length)) for length in shape) or "a single number"


def _available_memory() -> int:
    if sys.platform == "win32":
        return _windows_memory()
    limits = [limit for limit in (_proc_available(), _cgroup_headroom()) if limit is not None]
    return min(limits) if limits else _physical_memory()


def _proc_available() -> int | None:
    """Linux counts what it could free from its caches as available; ``sysconf`` does not."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None


def _cgroup_headroom() -> int | None:
    """A container's own limit, which the machine's figures do not show."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((folder / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or its limit is the word "max"
        return None
    return max(limit - used, 0)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return _FALLBACK


def _windows_memory() -> int:
    if sys.platform != "win32":
        return _FALLBACK
    import ctypes

    class _Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *(
                (name, ctypes.c_ulonglong)
                for name in ("total", "available", "page", "page_free", "own", "own_free", "ext")
            ),
        )

    status = _Status(length=ctypes.sizeof(_Status))
    known = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.available) if known else _FALLBACK
