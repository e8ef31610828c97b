"""The command line: ``napari-unmix COMMAND …``.

This module imports next to nothing: from its first line on, Ctrl-C, SIGTERM and SIGHUP end in one sentence and the code that a shell expects, also
while the rest is being imported. ``commands`` does the work.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing takes longer than all else here
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "unmix": "unmix a cube and write the run's folder",
    "apply": "apply a run to other cubes of its sensor, here or on a cluster",
    "pretrain": "train a network on the bands of cubes, without labels",
    "probe": "tell painted classes apart by abundances, codes and spectra",
    "compare": "compare runs with a reference",
    "match": "name a run's endmembers by a spectral library",
    "convert": "write a cube or a run as ENVI, GeoTIFF, OME-Zarr, MATLAB, NetCDF …",
    "report": "show why a run may be trusted, or not, as text and as a page",
    "info": "describe the file of a cube",
    "open": "open napari with a cube and the docks",
    "demo": "the sample scene: in napari, or headless where there is no display",
    "methods": "list the methods",
    "benchmark": "run a benchmark and print its table",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. ``--debug``, anywhere, shows the traceback of whatever ends it."""
    try:
        from napari_unmix.cli.ending import Signals, remedy_of

        with Signals(last=argv is None) as signals:
            try:
                from napari_unmix.cli.commands import run_command

                return run_command(list(sys.argv[1:] if argv is None else argv), signals)
            except BaseException as error:  # what a signal interrupts in a library may end in anything
                if signals.received is None and not isinstance(error, KeyboardInterrupt):
                    raise
                return signals.complain(remedy_of(error))
    except KeyboardInterrupt:  # before there were handlers, or while they were taken away
        print("napari-unmix: cancelled, nothing written.", file=sys.stderr)
        return 130
