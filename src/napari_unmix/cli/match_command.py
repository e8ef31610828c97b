"""Name a run's endmembers by a spectral library: by their whole shape and by their absorptions, or say that nothing matches."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unmix.library import Match

# Stands here too, so that --help loads nothing; a test keeps it equal to library.matching.WITHIN.
WITHIN = 4.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", metavar="RUN", help="a folder that `napari-unmix unmix` wrote")
    parser.add_argument(
        "library",
        metavar="LIBRARY",
        help="an ENVI library (.sli), a table (.csv), another run, or a database: the folder of USGS splib07 or ECOSTRESS, or SPy's file",
    )
    parser.add_argument(
        "--within",
        metavar="DEGREES",
        type=float,
        default=WITHIN,
        help="the largest angle at which a spectrum still matches (%(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.library import SpectralLibrary, library_on, match
    from napari_unmix.output.run import json_text, read_run

    one = read_run(arguments.run)
    endmembers = SpectralLibrary(one.endmembers, one.wavelengths, one.names, name=one.folder.name)
    library = library_on(arguments.library, one.wavelengths, one.endmembers.shape[1], one.axis)
    matches = match(endmembers, library, arguments.within)
    if arguments.json:
        values = {
            "run": one.folder,
            "library": arguments.library,
            "within_degrees": arguments.within,
            "endmembers": [_described(found) for found in matches],
            "notes": library.repairs,
        }
        print(json_text(values, ascii_only=True))
    else:
        print("\n".join([*_table(matches, arguments.within), *(f"Note: {note}." for note in library.repairs)]))
    return 0


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
                "score_degrees": candidate.score,
                "spectral_angle_degrees": candidate.spectral_angle,
                "absorption_angle_degrees": candidate.absorption_angle,
            }
            for key, candidate in nearest.items()
        },
    }


def _table(matches: tuple[Match, ...], within: float) -> list[str]:
    width = max(len("endmember"), *(len(found.endmember) for found in matches))
    answers = [_answer(found, within) for found in matches]
    wide = max(len("match"), *map(len, answers))
    lines = [f"{'endmember':<{width}}  {'match':<{wide}}  {'score':>6}  {'whole':>6}  {'absorptions':>11}  next"]
    for found, answer in zip(matches, answers, strict=True):
        line = f"{found.endmember:<{width}}  {answer:<{wide}}"
        if found.best is not None:
            best = found.best
            line += f"  {best.score:>5.1f}°  {best.spectral_angle:>5.1f}°  {best.absorption_angle:>10.1f}°"
        if found.runner_up is not None:
            line += f"  {found.runner_up.name} {found.runner_up.score:.1f}°"
        lines.append(line)
    return lines


def _answer(found: Match, within: float) -> str:
    if found.name is not None:
        return " or ".join((found.name, *found.also[:2])) + (" or …" if len(found.also) > 2 else "")
    if found.reason == "flat":
        return "nothing: too flat to tell"
    if found.best is None:
        return "nothing: no common bands"
    return f"nothing within {within:g}° (nearest: {found.best.name})"
