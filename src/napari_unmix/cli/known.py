"""Known spectra on the command line: which, in what units, and how many endmembers there are with them."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unmix.cli.parsing import SPEC
from napari_unmix.cube import Cube
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.cli.resuming import Order
    from napari_unmix.library.known import Known
    from napari_unmix.spec import MethodSpec

_ENDMEMBERS = SPEC + "endmembers"
# The method that chooses among the spectra that are given to it.
_CHOOSES = "library"


def add_known_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name known spectra."""
    group = parser.add_argument_group("known spectra (held in the answer as they are)")
    group.add_argument(
        "--spectra",
        metavar="LIBRARY",
        help="a table (.csv), an ENVI library (.sli), a run, or the folder of USGS splib07 or ECOSTRESS, brought to the cube's bands; these are "
        "the endmembers, and where --endmembers asks for more, the others are found beside them",
    )
    group.add_argument(
        "--spectrum",
        metavar="NAME",
        action="append",
        default=[],
        help="one that is wanted of --spectra, by its name (repeatable, in their order; default: all)",
    )
    group.add_argument(
        "--spectra-scale",
        metavar="NUMBER",
        help="what the spectra are multiplied by to be in the cube's units; with free illumination only shapes count",
    )
    parser.add_argument(
        "--library",
        metavar="LIBRARY",
        help="with --method library: hundreds of spectra from which those are chosen that the pixels need, as --spectra names them (default: the 23 "
        "spectra of USGS splib07 that come with the package); --spectra-scale is about these as well",
    )


def check_known_options(arguments: argparse.Namespace) -> None:
    """Refuse, before anything is read, what is said of known spectra where there are none, and a scale that is none."""
    said = {"--spectrum": arguments.spectrum, "--spectra-scale": arguments.spectra_scale}
    _check_library(arguments)
    for option, value in said.items():
        if value and arguments.spectra is None and not (option == "--spectra-scale" and arguments.library):
            raise UnmixError(f"{option} is about known spectra: give them with --spectra LIBRARY.")
    twice = next((name for name in arguments.spectrum if arguments.spectrum.count(name) > 1), None)
    if twice is not None:
        raise UnmixError(f"--spectrum {shown(twice)} is given twice: give each name once.")
    _scale(arguments.spectra_scale)


def _check_library(arguments: argparse.Namespace) -> None:
    """Only one method chooses among spectra, and it holds no others."""
    if arguments.library is not None and arguments.method != _CHOOSES:
        raise UnmixError(
            f"--library is what --method {_CHOOSES} chooses from: add that, or give spectra that are to be held with --spectra."
        )
    if arguments.spectra is not None and arguments.method == _CHOOSES:
        raise UnmixError(
            f"--method {_CHOOSES} chooses among the entries of --library and holds no others: give --library, or another --method."
        )


def known_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The part of an ``Order`` that is about known spectra."""
    if arguments.library is not None:
        library = Path(arguments.library).expanduser().absolute()
        return {"library": library, "spectra_scale": _scale(arguments.spectra_scale)}
    if arguments.spectra is None:
        return {}
    return {
        "spectra": Path(arguments.spectra).expanduser().absolute(),
        "spectrum": tuple(arguments.spectrum),
        "spectra_scale": _scale(arguments.spectra_scale),
    }


def _scale(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale > 0):
        raise UnmixError(f"--spectra-scale is {shown(text)}: give a number above zero, such as 10000.")
    return scale


def with_known(arguments: argparse.Namespace, order: Order, cube: Cube) -> tuple[Order, Known | None]:
    """The order with as many endmembers as its known spectra ask for, and these, on the cube's bands; None without.

    Raises UnmixError where they are no endmembers of the cube, or in other units, and that matters.
    """
    known = order.known(cube)
    if known is None:
        return order, None
    spec = order.made_spec()
    if order.library is None:
        known, spec = _enough_endmembers(arguments, known, spec)
    if order.spectra_scale is None and _units_matter(spec, known):
        _check_units(known, cube)
    return order.model_copy(update={"spec": spec.model_dump(mode="json")}), known


def _check_units(known: Known, cube: Cube) -> None:
    from napari_unmix.library.known import OtherUnits, check_units

    try:
        check_units(known.given, cube)
    except OtherUnits as error:
        raise UnmixError(error.said("give --spectra-scale", "free the brightness with --illumination")) from error


def _units_matter(spec: MethodSpec, known: Known) -> bool:
    """With free light shapes count, and among endmembers that keep their own brightness how bright they are beside each other."""
    beside = spec.endmembers == "auto" or spec.endmembers > len(known.given)
    return not spec.illumination or (spec.own_brightness and beside)


def _enough_endmembers(arguments: argparse.Namespace, known: Known, spec: MethodSpec) -> tuple[Known, MethodSpec]:
    """The spec with as many endmembers as are known, unless more, or auto, were asked for; what is said of that is among the repairs."""
    count, asked = len(known.given), spec.endmembers
    if not hasattr(arguments, _ENDMEMBERS):
        if count == 1:
            raise UnmixError(
                f"{known.given.names[0]} alone is known, and all shares would be one: say with --endmembers N how many there are, "
                "the others are found beside it."
            )
        return known, spec.model_copy(update={"endmembers": count})
    if asked == "auto" or asked >= count:
        return known, spec
    said = f"{count} spectra are known, so there are {count} endmembers, not {asked}"
    return replace(known, repairs=(*known.repairs, said)), spec.model_copy(update={"endmembers": count})
