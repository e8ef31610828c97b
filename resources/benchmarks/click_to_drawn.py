"""How long a click on the image takes until its spectrum is drawn: napari's own window, a cube of 300×300 pixels and 200 bands, a result.

    xvfb-run -a -s "-screen 0 1600x1000x24" python resources/benchmarks/click_to_drawn.py [endmembers]

Prints wall time from the mouse's press to the end of the plot's painting, and the processor time of the main thread in it, which other
programs on the machine do not change.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import napari
import numpy as np
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_unmix
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.findings import Findings
from napari_unmix.plugin.facts.runs import Run, fresh_look
from napari_unmix.plugin.facts.session import preset
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.plugin.window.workspace import workspace_of

SIDE, BANDS, CLICKS, WARM = 300, 200, 30, 3


def turn(seconds: float) -> None:
    """Let the window live."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def a_run(count: int) -> Run:
    """A cube, and the answer that it was mixed from."""
    rng, place = np.random.default_rng(0), np.linspace(0, 1, BANDS)
    spectra = np.array([0.3 + 0.2 * np.sin(6 * place + k) + 0.05 * np.sin((30 + 6 * k) * place) for k in range(count)])
    shares = rng.dirichlet(np.ones(count), (SIDE, SIDE)).astype(np.float32)
    values = shares @ spectra + rng.normal(0, 0.005, (SIDE, SIDE, BANDS))
    cube = Cube(values.astype(np.float32), np.linspace(400, 2500, BANDS), name="clicked")
    names = tuple(f"endmember {k + 1}" for k in range(count))
    error = np.zeros((SIDE, SIDE), np.float32)
    found = Findings(endmember_error=(0.02,) * count)
    unmixing = Unmixing(spectra, shares, 0.05 * shares, None, error, names, preset(), findings=found)
    return Run(1, "run", datetime.now(), cube, preset(), None, cube, unmixing, fresh_look(spectra, names))


def open_window(run: Run) -> Any:
    """napari with both docks, the cube and the run."""
    manager = PluginManager.instance()
    manager.discover()
    if "napari-unmix" not in manager:
        manager.register(PluginManifest.from_file(Path(napari_unmix.__file__).parent / "napari.yaml"))
    viewer = napari.Viewer()
    viewer.window.resize(1390, 890)
    viewer.window.add_plugin_dock_widget("napari-unmix", "Unmix")
    for data, options, _ in cube_layers(run.cube):
        viewer.add_image(data, **options)
    workspace = workspace_of(viewer)
    while workspace.session.survey is None or workspace.session.suggested is None:
        turn(0.1)
    workspace.controller._put_run(run)
    workspace.session.run = run
    turn(2)
    return viewer


def click(viewer: Any, plot: Any, row: int, column: int) -> tuple[float, float]:
    """Milliseconds of the wall clock, and of the main thread's processor, from the press until the plot was painted."""
    canvas = viewer.window._qt_viewer.canvas
    place = QPoint(*(round(float(value)) for value in canvas.view.scene.transform.map([column, row, 0, 1])[:2]))
    QTest.mouseMove(canvas.native, place)
    turn(0.15)
    painted: list[tuple[float, float]] = []
    plot.painted = lambda: painted.append((time.perf_counter(), time.thread_time()))
    start = time.perf_counter(), time.thread_time()
    QTest.mousePress(canvas.native, Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseRelease(canvas.native, Qt.MouseButton.LeftButton, pos=place)
    while not painted:
        QApplication.processEvents()
    assert workspace_of(viewer).session.pixel == (row, column)
    return 1000 * (painted[0][0] - start[0]), 1000 * (painted[0][1] - start[1])


def main(count: int) -> None:
    """Measure, and print one line."""
    viewer = open_window(a_run(count))
    plot = viewer.window._wrapped_dock_widgets["Spectra (napari-unmix)"].inner_widget().panel.plot
    kind = type(plot)
    paint = kind.paintEvent

    def paint_and_tell(self: Any, event: Any) -> None:
        paint(self, event)
        getattr(self, "painted", lambda: None)()

    kind.paintEvent = paint_and_tell
    times = np.array([click(viewer, plot, 40 + 5 * k, 250 - 6 * k) for k in range(WARM + CLICKS)])[WARM:]
    wall, own = np.median(times, axis=0)
    print(
        f"{count} endmembers: click → drawn {wall:.0f} ms (median of {CLICKS}), of it {own:.0f} ms of the main thread"
    )
    viewer.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
