"""Write a cube, or the maps and endmembers of a run, for other programs: ENVI, GeoTIFF, OME-Zarr, NumPy, MATLAB, NetCDF, tables.

A cube is written as its file says, nothing repaired: --repair all writes it as unmix would see it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unmix.cli.parsing import READING, add_reading_options, reading_from
from napari_unmix.cube import Cube
from napari_unmix.sentences import LONGEST_SENTENCE, UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.output.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("input", metavar="IN", help="the file of a cube, or a folder that `napari-unmix unmix` wrote")
    parser.add_argument(
        "output",
        metavar="OUT",
        help="the file to write: .hdr .bip .bil .bsq (ENVI), .tif, .ome.zarr, .npz, .mat, .nc; of a run also .csv (tables), .sli (endmembers)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    add_reading_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command. What can be refused is refused before the cube is read."""
    from napari_unmix.output.export import AlreadyThere, export, format_for
    from napari_unmix.output.run import holds_run, json_text

    source, target = (Path(word).expanduser() for word in (arguments.input, arguments.output))
    form, _, _ = format_for(target)
    if not form.of_cubes and not holds_run(source) and source.exists():
        raise UnmixError(
            f"{target.name} is for a {form.title}, which {source.name} is not: give the folder of a run, or another suffix."
        )
    if target.exists() and source.exists() and target.resolve() == source.resolve():
        raise UnmixError(f"{target} is the file that is read: choose another name.")
    try:
        if target.exists() and not arguments.overwrite:
            raise AlreadyThere(target)
        subject = _read(source, arguments)
        files = export(subject, target, overwrite=arguments.overwrite)
    except AlreadyThere as error:
        replacing = ", or replace it with --overwrite" if "already" in error.why else ""
        raise UnmixError(f"{error.target} {error.why}: choose another name{replacing}.") from error
    notes = subject.repairs if isinstance(subject, Cube) else ()
    if arguments.json:
        print(json_text({"in": source, "format": form.title, "files": files, "repairs": notes}, ascii_only=True))
    else:
        print(
            "\n".join(
                [*(f"Note: {note}" for note in notes), *(f"Written: {shown(file, LONGEST_SENTENCE)}" for file in files)]
            )
        )
    return 0


def _read(source: Path, arguments: argparse.Namespace) -> Cube | Run:
    """A run where there is one, else a cube."""
    from napari_unmix.io import read_as
    from napari_unmix.output.run import holds_run, read_run
    from napari_unmix.reading import NONE, OPTIONS, written_as

    reading = reading_from(arguments)
    if not holds_run(source):
        asked = getattr(arguments, f"{READING}repair") is not None
        return read_as(source, reading if asked else replace(reading, repair=NONE))
    said = written_as(reading)
    given = [option.name for option in OPTIONS if option.field in said]
    if given:
        raise UnmixError(f"{given[0]} says how a cube is read, {source} is a run: leave it out, or give the cube.")
    return read_run(source)
