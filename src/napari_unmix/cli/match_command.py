"""Name a run's endmembers by spectral libraries: by whole shape, absorptions and slopes, or say that nothing matches."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unmix.cube import FloatArray
    from napari_unmix.library import Match
    from napari_unmix.library.matching import Candidate, Ranking
    from napari_unmix.library.stock import OnBands
    from napari_unmix.output.run import Run
    from napari_unmix.progress import Fit

# Stands here too, so that --help loads nothing; a test keeps it equal to library.matching.WITHIN.
WITHIN = 4.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", metavar="RUN", help="a folder that `napari-unmix unmix` wrote")
    parser.add_argument(
        "library",
        metavar="LIBRARY",
        nargs="*",
        help="an ENVI library (.sli), a table (.csv), another run, or a database: the folder of USGS splib07 or ECOSTRESS, or SPy's file;"
        " several at once; without, the 23 spectra of USGS splib07 that come with the package",
    )
    parser.add_argument(
        "--within",
        metavar="DEGREES",
        type=float,
        default=WITHIN,
        help="the largest angle at which a spectrum still matches (%(default)g)",
    )
    parser.add_argument(
        "--one-to-one",
        action="store_true",
        help="give no name to two endmembers: where they compete, the best choice for all",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.library.matching import check_within, decided, one_to_one
    from napari_unmix.output.run import json_text, read_run
    from napari_unmix.progress import drain

    check_within(arguments.within)
    one = read_run(arguments.run)
    libraries = drain(_libraries(one, [Path(path) for path in arguments.library] or [None]))
    rankings = _ranked(one, libraries)
    matches = tuple(decided(ranking, arguments.within) for ranking in rankings)
    if arguments.one_to_one:
        matches = tuple(map(_given, matches, one_to_one(rankings, arguments.within)))
    notes = tuple(note for known in libraries for note in known.library.repairs)
    if arguments.json:
        values = {
            "run": one.folder,
            "library": arguments.library[0] if len(arguments.library) == 1 else None,
            "libraries": arguments.library or [known.library.name for known in libraries],
            "within_degrees": arguments.within,
            "endmembers": [_described(found) for found in matches],
            "notes": notes,
        }
        print(json_text(values, ascii_only=True))
    else:
        print("\n".join([*_table(matches, arguments.within), *(f"Note: {note}." for note in notes)]))
    return 0


def _libraries(one: Run, paths: list[Path | None]) -> Fit[list[OnBands]]:
    """The libraries on the bands of the run, by their widths where the run tells them."""
    import numpy as np

    from napari_unmix.library.stock import Bands, Stock

    good = np.asarray(np.isfinite(one.endmembers).all(axis=0))
    bands, stock = Bands(one.axis, one.wavelengths, _widths(one), good), Stock()
    found = []
    for path in paths:
        found.append((yield from stock.on_bands(path, bands)))
    return found


def _widths(one: Run) -> FloatArray | None:
    """(B,) full widths at half maximum of the run's bands in nm, which its own library holds; None where nobody said."""
    from napari_unmix.library import read_library
    from napari_unmix.sentences import UnmixError

    try:
        widths = read_library(one.folder / "endmembers.sli").fwhm
    except UnmixError:
        return None
    return widths if widths is not None and widths.size == one.endmembers.shape[1] else None


def _ranked(one: Run, libraries: list[OnBands]) -> tuple[Ranking, ...]:
    from napari_unmix.library import SpectralLibrary
    from napari_unmix.library.matching import beside, merged

    endmembers = SpectralLibrary(one.endmembers, one.wavelengths, one.names, name=one.folder.name)
    found = [beside(endmembers, known.reference) for known in libraries]
    return tuple(merged(rankings) for rankings in zip(*found, strict=True))


def _given(found: Match, chosen: Candidate | None) -> Match:
    """What a library says where every name is given once."""
    if found.name is None or (chosen is not None and chosen.name == found.name):
        return found
    if chosen is None:
        return replace(found, name=None, reason="given to another", also=())
    return replace(found, name=chosen.name, best=chosen, runner_up=found.best, also=())


def _described(found: Match) -> dict[str, Any]:
    nearest = {"best": found.best, "runner_up": found.runner_up}
    return {
        "endmember": found.endmember,
        "match": found.name,
        "reason": found.reason or None,
        "also": found.also,
        **{
            key: None
            if candidate is None
            else {
                "name": candidate.name,
                "library": candidate.library,
                "score_degrees": candidate.score,
                "spectral_angle_degrees": candidate.spectral_angle,
                "absorption_angle_degrees": candidate.absorption_angle,
                "derivative_angle_degrees": candidate.derivative_angle,
                "noise_angle_degrees": candidate.noise_angle,
            }
            for key, candidate in nearest.items()
        },
    }


def _table(matches: tuple[Match, ...], within: float) -> list[str]:
    width = max(len("endmember"), *(len(found.endmember) for found in matches))
    answers = [_answer(found, within) for found in matches]
    wide = max(len("match"), *map(len, answers))
    lines = [
        f"{'endmember':<{width}}  {'match':<{wide}}  {'score':>6}  {'whole':>6}  {'absorptions':>11}  {'derivative':>10}  next"
    ]
    for found, answer in zip(matches, answers, strict=True):
        line = f"{found.endmember:<{width}}  {answer:<{wide}}"
        if found.best is not None:
            best = found.best
            line += f"  {best.score:>5.1f}°  {best.spectral_angle:>5.1f}°  {best.absorption_angle:>10.1f}°  {best.derivative_angle:>9.1f}°"
        if found.runner_up is not None:
            line += f"  {found.runner_up.name} {found.runner_up.score:.1f}°"
        lines.append(line)
    return lines


def _answer(found: Match, within: float) -> str:
    if found.name is not None:
        return " or ".join((found.name, *found.also[:2])) + (" or …" if len(found.also) > 2 else "")
    if found.reason == "flat":
        return "nothing: too flat to tell"
    if found.reason == "given to another":
        return f"nothing: {found.best.name} went to another" if found.best is not None else "nothing"
    if found.best is None:
        return "nothing: no common bands"
    return f"nothing within {within:g}° (nearest: {found.best.name})"
