"""List the methods."""

from __future__ import annotations

import argparse
import inspect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This command has no options."""


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.methods.registry import method_specs

    specs = method_specs()
    width = max(map(len, specs)) + 2
    for method, spec in specs.items():
        print(f"{method:<{width}}{spec.title}: {inspect.cleandoc(spec.__doc__ or '').splitlines()[0]}")
    return 0
