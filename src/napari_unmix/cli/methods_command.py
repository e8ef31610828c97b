"""List the methods, by what they are for."""

from __future__ import annotations

import argparse
import inspect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This command has no options."""


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.methods.registry import method_specs
    from napari_unmix.spec import GROUPS, HEADINGS

    specs = method_specs()
    width = max(map(len, specs)) + 2
    for group in GROUPS:
        methods = {method: spec for method, spec in specs.items() if spec.group == group}
        if methods:
            print(f"{HEADINGS[group]}:")
        for method, spec in methods.items():
            print(f"  {method:<{width}}{spec.title}: {inspect.cleandoc(spec.__doc__ or '').splitlines()[0]}")
    return 0
