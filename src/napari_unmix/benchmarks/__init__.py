"""What ``napari-unmix benchmark …`` runs: every module of this folder with a ``TITLE`` and a ``main`` is a benchmark."""

from __future__ import annotations

import importlib
import pkgutil


def benchmark_names() -> list[str]:
    """Names of the benchmarks there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def run(name: str, arguments: list[str]) -> int:
    """Run one benchmark with its own arguments; returns the exit code."""
    module = importlib.import_module(f"{__name__}.{name}")
    return int(module.main(arguments))
