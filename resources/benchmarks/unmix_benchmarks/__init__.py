"""What ``napari-unmix benchmark …`` runs from a checkout: every module of this folder, beside ``common``, is a benchmark.

It has a ``TITLE`` and a ``main(arguments)`` that returns the exit code; its numbers stand in the tables beside this package.
"""

from __future__ import annotations

import importlib
import pkgutil


def benchmark_names() -> list[str]:
    """Names of the benchmarks there are, as they are written on the command line."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name != "common")


def run(name: str, arguments: list[str]) -> int:
    """Run one benchmark with its own arguments; returns the exit code."""
    return int(importlib.import_module(f"{__name__}.{name.replace('-', '_')}").main(arguments))
