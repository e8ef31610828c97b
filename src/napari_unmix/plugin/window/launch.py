"""Open the window: ``napari-unmix open`` and ``napari-unmix demo``."""

from __future__ import annotations

from pathlib import Path

import napari

from napari_unmix.cube import Reading
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.viewer.reader import run_folder
from napari_unmix.plugin.window.workspace import workspace_of

PLUGIN = "napari-unmix"
SAMPLE = "synthetic_mixture"


def open_viewer(
    path: str | None = None,
    *,
    reading: Reading | None = None,
    sample: bool = False,
    block: bool = True,
    engine: Engine | None = None,
) -> napari.Viewer:
    """Open napari with both docks, and with a cube, a run's folder or the sample scene, ready to press Train.

    ``reading`` says how the file is read. ``engine`` drives the runs. ``block`` runs the event loop until the window is closed. The file is
    read by this plugin: napari would ask which reader to take, as its own claims some of the same endings.
    """
    viewer = napari.Viewer(title="napari-unmix", show_welcome_screen=False)
    workspace = workspace_of(viewer, engine)
    viewer.window.add_plugin_dock_widget(PLUGIN, "Unmix")
    viewer.window.add_plugin_dock_widget(PLUGIN, "Spectra")
    if path is not None and (folder := run_folder(Path(path))) is not None:
        workspace.controller.open_run(folder)
    elif path is not None and reading not in (None, Reading()):
        workspace.controller.open(path, reading)
    elif path is not None:
        viewer.open(path, plugin=PLUGIN)
    elif sample:
        viewer.open_sample(PLUGIN, SAMPLE)
    if block:
        napari.run()
    return viewer
