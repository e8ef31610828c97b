"""Run a benchmark and print its table; without a name, list the benchmarks."""

from __future__ import annotations

import argparse

from napari_unmix.cli.parsing import close_match
from napari_unmix.cube import UnmixError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="which one")
    parser.add_argument(
        "options", metavar="…", nargs=argparse.REMAINDER, help="the benchmark's own options; NAME --help lists them"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.benchmarks import benchmark_names
    from napari_unmix.benchmarks import run as run_benchmark

    names = benchmark_names()
    if arguments.name is None:
        print("\n".join(names))
        return 0
    if arguments.name not in names:
        hint = close_match(arguments.name, names)
        raise UnmixError(f"there is no benchmark {arguments.name!r}{hint}: choose one of {', '.join(names)}.")
    return int(run_benchmark(arguments.name, arguments.options))
