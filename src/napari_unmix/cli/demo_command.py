"""The sample scene with a first painting: in napari, ready to press Train, or headless where there is no display."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from napari_unmix.cli.window import open_window, why_no_window
from napari_unmix.sentences import UnmixError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--headless", action="store_true", help="no window, even where there is a display")
    parser.add_argument(
        "--out", metavar="DIR", help="the headless run's folder (default: a new one in the user's cache)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the run that --out names")


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Headless, the last line on stdout is the path of the folder."""
    from napari_unmix.cli.unmix_command import check_overwrite, naming_options

    check_overwrite(arguments)
    problem = "no window was asked for." if arguments.headless else why_no_window()
    if problem is None:
        open_window(sample=True)
        return 0
    print(f"napari-unmix: no window, {problem}\nnapari-unmix: the demo runs headless.", file=sys.stderr, flush=True)
    with naming_options():
        print(run_headless(arguments.out, overwrite=arguments.overwrite))
    return 0


def run_headless(out: str | None = None, *, overwrite: bool = False) -> Path:
    """Unmix the sample scene as the window would; write the run with its pictures and return its folder."""
    from napari_unmix.cli.unmix_command import fit, summary
    from napari_unmix.methods.registry import spec_class
    from napari_unmix.output.pictures import draw_run
    from napari_unmix.output.run import check_destination, write_run
    from napari_unmix.synthetic import sample_scene

    target = _default_folder() if out is None else check_destination(out, overwrite=overwrite)
    scene = sample_scene()
    spec = spec_class("ivae").model_validate({"illumination": scene.scaled})
    result, report = fit(scene.cube, spec, scene.annotation)
    folder = write_run(
        target,
        scene.cube,
        result,
        report,
        annotation=scene.annotation,
        overwrite=overwrite,
        decorate=lambda unfinished: draw_run(scene.cube, result, report, unfinished),
    )
    print("\n".join(summary(scene.cube, result, report, scene.cube.repairs)))
    print("Maps, spectra and report: abundances.png, endmembers.png, report.json in")
    return folder


def _default_folder() -> Path:
    """A new folder in the user's cache: outside version control, wherever the command is run."""
    from napari_unmix.output.run import check_destination, free_folder

    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    try:
        return check_destination(free_folder(cache / "napari-unmix", "demo"))
    except (UnmixError, RuntimeError):  # a read-only home, or none at all
        return Path(tempfile.mkdtemp(prefix="napari-unmix-demo-"))
