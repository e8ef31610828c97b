"""What decides the bits of a fit beside its input: the programs, the processor, and on how many threads matrices are multiplied."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from napari_unmix import __version__
from napari_unmix.sentences import UnmixError, shown

_PROGRAMS = ("numpy", "scipy", "torch", "scikit-image")
_THREADS = "threads"


def circumstances() -> dict[str, str]:
    """Name -> value, of this process. Imports torch, to ask for the device."""
    return {
        "napari-unmix": __version__,
        "python": platform.python_version(),
        **{program: _version(program) for program in _PROGRAMS},
        "system": platform.system(),
        "processor": f"{platform.machine()} {' '.join(_instructions())}".strip(),
        _THREADS: str(_threads()),
        "device": _device(),
    }


def check_same(before: Mapping[str, str]) -> None:
    """Raise UnmixError where going on would not give the bits of a training that was never interrupted."""
    now = circumstances()
    for name in now:
        was = before.get(name, "unknown")
        if was == now[name]:
            continue
        remedy = f"set OMP_NUM_THREADS={shown(was)}" if name == _THREADS else "go on where it began"
        raise UnmixError(
            f"The training began with {name} {shown(was)}, here it is {shown(now[name])}, which gives other last digits: {remedy}, or start anew."
        )


def _version(program: str) -> str:
    try:
        return version(program)
    except PackageNotFoundError:
        return "none"


def _instructions() -> list[str]:
    """The extensions of the processor that numpy found, and chose its code by."""
    configuration = np.show_config(mode="dicts")
    extensions = configuration.get("SIMD Extensions", {}) if isinstance(configuration, dict) else {}
    return sorted(extensions.get("found", []))


def _threads() -> int:
    """How many threads the matrix library takes; sums over many rows are split between them, so their last digits depend on it."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(variable, "")
        if text.isdecimal() and int(text):
            return int(text)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
