"""How much memory a file may claim, and which cubes are held in it: sizes in headers are checked before a byte of the array is read.

One rule: a cube is held in memory where a run of it fits there; larger ones stay in their file, where their format can, and are read as
needed (``lazy``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from napari_unmix.sentences import UnmixError

_FLOAT32 = 4
# What `unmix` takes at its peak: so much, and so many times the float32 cube. Measured of four endmembers in 200 bands beyond the 0.4 GB: 5.5 times
# at 300 × 300 pixels, 3.8 at 700 × 700, 3.7 at 1000 × 1000 (decision 0060); fewer bands and more endmembers take more for the same cube.
_RUN_BYTES, _RUN_TIMES = 400_000_000, 6
_PLANE = 8  # bytes a pixel that masks and their sums take of a cube that stays in its file
_SMALL = 50_000_000  # bytes
_HIGHEST_RATIO = 200
_ENDLESS = 10**20
_MOST_AXES = 8  # in a sentence
_CGROUP = Path("/sys/fs/cgroup")


def byte_budget() -> int:
    """Bytes that one array may take on this machine: half of the memory that is available now."""
    return _available_memory() // 2


_lazily: ContextVar[bool | None] = ContextVar("lazily", default=None)


def run_bytes(elements: int) -> int:
    """Bytes that unmixing a cube of so many numbers takes, the cube among them."""
    return _RUN_BYTES + _RUN_TIMES * _FLOAT32 * elements


def stays_on_disk(elements: int) -> bool:
    """Whether a cube of so many numbers stays in its file: a run of it would not fit into the memory that is available now."""
    wanted = _lazily.get()
    return run_bytes(elements) > _available_memory() if wanted is None else wanted


def told_to_stay() -> bool:
    """Whether cubes stay in their file because somebody wants that, whatever memory there is."""
    return _lazily.get() is True


@contextmanager
def lazily(wanted: bool | None) -> Iterator[None]:
    """Within, cubes stay in their file (True), are held in memory (False), or whichever the memory allows (None)."""
    token = _lazily.set(wanted)
    try:
        yield
    finally:
        _lazily.reset(token)


def check_run(elements: int, label: str, *, held: bool) -> None:
    """Raise UnmixError where unmixing a cube of so many numbers would take more than the memory has; ``held``: the cube itself is in it already."""
    needed, available = (_RUN_TIMES - held) * _FLOAT32 * elements, _available_memory()
    if needed > available:
        raise UnmixError(
            f"Unmixing {label} needs {readable_size(needed)} of memory, this machine can give {readable_size(available)}:"
            " crop the cube, bin it, or leave out lines."
        )


def check_cube(shape: Sequence[int], itemsize: int, label: str, *, can_stay: bool) -> None:
    """Raise UnmixError where a cube (its axes in any order) neither fits into memory nor, where ``can_stay``, can be read as needed."""
    elements = math.prod(shape)
    planes = elements // max(min(shape), 1) * (_PLANE + _FLOAT32)
    if not (can_stay and stays_on_disk(elements) and planes <= byte_budget()):
        check_budget(elements, itemsize, label)


def available() -> int:
    """Bytes of memory that are available now, to this process."""
    return _available_memory()


def check_budget(elements: int, itemsize: int, label: str) -> None:
    """Raise UnmixError where ``elements`` stored numbers of ``itemsize`` bytes do not fit beside their float32 copy."""
    needed, budget = elements * (itemsize + _FLOAT32), byte_budget()
    if needed > budget:
        raise UnmixError(
            f"{label} needs {readable_size(needed)}, this machine can give {readable_size(budget)}:"
            " crop it, bin it, or use a machine with more memory."
        )


def check_ratio(packed: int, unpacked: int, label: str) -> None:
    """Raise UnmixError where so many bytes come out of so few as no measured numbers do, before they are unpacked: a bomb, or zeros."""
    if unpacked > _SMALL and unpacked > _HIGHEST_RATIO * packed:
        raise UnmixError(
            f"{label} unpacks {readable_size(packed)} to {readable_size(unpacked)}, which no measured cube does:"
            " save it again without compression if it is one."
        )


def check_array(shape: Sequence[int], kind: str, itemsize: int, label: str, *, can_stay: bool = False) -> None:
    """Raise UnmixError unless a stored array (its shape, NumPy kind letter and item size) can be a cube (H, W, B).

    ``can_stay``: where it is too large for memory it is read as needed.
    """
    if kind not in "uif":
        raise UnmixError(f"{label} holds no real numbers (NumPy kind {kind!r}): store the cube as integers or floats.")
    if len(shape) != 3:
        raise UnmixError(
            f"{label} has {len(shape)} axes ({readable_shape(shape)}), a cube has three:"
            " save it as (rows, columns, bands), or give a matrix of pixels its image's --size ROWSxCOLUMNS."
        )
    if min(shape) < 1:
        raise UnmixError(f"{label} is empty ({readable_shape(shape)}): check how it was written.")
    check_cube(shape, itemsize, label, can_stay=can_stay)


def readable_size(size: int) -> str:
    """A number of bytes for people, whatever a header claims: 12 GB, 400 TB, 10^40 B."""
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    step = min(int(math.log10(size) // 3), len(units) - 1) if size >= 1 else 0
    if size >= _ENDLESS:
        return f"{readable_count(size)} B"
    number = size / 1000**step
    return f"{number:.3g} {units[step]}" if number < 1000 else f"{number:,.0f} {units[step]}"


def readable_count(count: int) -> str:
    """A whole number for people; of one that no file can hold, which Python may refuse to write out, the power of ten."""
    return str(int(count)) if abs(count) < _ENDLESS else f"{'-' * (count < 0)}10^{int(math.log10(abs(count)))}"


def readable_shape(shape: Sequence[int]) -> str:
    """A shape for people: 95×95×156."""
    kept = "×".join(readable_count(length) for length in shape[:_MOST_AXES]) or "a single number"
    return kept + "×…" * (len(shape) > _MOST_AXES)


def _available_memory() -> int:
    import psutil  # here, so that --help does not load it

    free = int(psutil.virtual_memory().available)
    limits = (_cgroup_headroom(_CGROUP), _own_headroom(psutil.Process()))
    return min(free, *(limit for limit in limits if limit is not None), free)


def _own_headroom(process: Any) -> int | None:
    """Bytes left below the process's own limit of memory (``ulimit -v``); None where there is none, as on Windows."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else max(limit - int(process.memory_info().vms), 0)


def _cgroup_headroom(folder: Path) -> int | None:
    """Bytes left below a container's own limit, which the machine's figures do not show; None without a container or a limit.

    File caches count as used there, and are given back on demand: what lies unused in them is free.
    """
    try:
        limit, used = (int((folder / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # no container, or its limit is the word "max"
        return None
    caches = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    return max(limit - used + caches, 0)
