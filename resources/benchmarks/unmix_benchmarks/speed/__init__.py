"""What takes how long: every module of this folder is a part, which has a ``TITLE`` and a ``main(arguments)`` and writes ``speed-PART``.

``napari-unmix benchmark speed`` runs all of them, ``benchmark speed PART …`` one with its own options. Times are seconds of one processor unless
a part says otherwise; ratios in one run hold on any machine, rates on the one that printed them.
"""

from __future__ import annotations

import importlib
import pkgutil

from unmix_benchmarks.common.scores import parser

TITLE = "pixels a second of processor time, and what a peer does"


def part_names() -> list[str]:
    """Names of the parts there are, as they are written on the command line."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def main(arguments: list[str]) -> int:
    """Run one part, or all of them."""
    names = part_names()
    if arguments and arguments[0] in names:
        return _part(arguments[0], arguments[1:])
    parser("speed", f"{__doc__} Parts: {', '.join(names)}.").parse_args(arguments)
    return max(_part(name, arguments) for name in names)


def _part(name: str, arguments: list[str]) -> int:
    return int(importlib.import_module(f"{__name__}.{name.replace('-', '_')}").main(arguments))
