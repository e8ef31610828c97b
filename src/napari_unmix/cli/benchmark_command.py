"""Run a benchmark and print its table; without a name, list the benchmarks. They lie in the project's checkout, not in the package."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

import napari_unmix
from napari_unmix.cli.parsing import close_match
from napari_unmix.sentences import UnmixError

PLACE = Path("resources", "benchmarks")  # in a checkout
PACKAGE = "unmix_benchmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="which one")
    parser.add_argument(
        "options", metavar="…", nargs=argparse.REMAINDER, help="the benchmark's own options; NAME --help lists them"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    benchmarks = from_checkout(Path(napari_unmix.__file__).parents[2])
    names = benchmarks.benchmark_names()
    if arguments.name is None:
        print("\n".join(names))
        return 0
    if arguments.name not in names:
        hint = close_match(arguments.name, names)
        raise UnmixError(f"there is no benchmark {arguments.name!r}{hint}: choose one of {', '.join(names)}.")
    return int(benchmarks.run(arguments.name, arguments.options))


def from_checkout(root: Path) -> ModuleType:
    """The package of the benchmarks below a checkout's ``root``; UnmixError where this is none, as in an installed package."""
    folder = root / PLACE
    if not (folder / PACKAGE / "__init__.py").is_file():
        raise UnmixError(
            f"the benchmarks are not installed with the package, they are in {PLACE.as_posix()} of the project's source: "
            "get it, install it with pip install --editable, and run this again."
        )
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return importlib.import_module(PACKAGE)
