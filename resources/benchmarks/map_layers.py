"""How long the window is held by maps that come and go: five made, thirty made, twenty-seven taken away when a run is cancelled.

Run: xvfb-run -a -s "-screen 0 1600x1000x24" python resources/benchmarks/map_layers.py

The processor's time of the window's own thread in its longest turn, which what else runs on the machine does not change, and the seconds on the
clock. ``map_turns`` is for other benchmarks that have a window already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.runs import Training
from napari_unmix.progress import Preview

SIDE, BANDS, BEAT_MS = 300, 200, 5
FEW, FIVE, MANY = 3, 5, 30


@dataclass
class Turns:
    """The processor's milliseconds of each turn of the event loop."""

    seen: list[float] = field(default_factory=list)
    last: float = 0.0

    def tick(self) -> None:
        """A turn."""
        now = time.thread_time()
        self.seen.append(1000 * (now - self.last))
        self.last = now


def map_turns(workspace: Any, live_until: Callable[[Callable[[], bool]], Any]) -> dict[str, tuple[float, float]]:
    """What happens -> (milliseconds of the longest turn, seconds until the last map is seen), in a window with a cube and without a run."""
    from qtpy.QtCore import QTimer

    session, maps, cube = workspace.session, workspace.link.maps, workspace.session.cube
    turns, timer = Turns(), QTimer()
    timer.setInterval(BEAT_MS)
    timer.timeout.connect(turns.tick)
    training = Training(1, cube, session.spec, None, None)

    def timed(change: Callable[[], None], count: int) -> tuple[float, float]:
        turns.seen, turns.last, start = [], time.thread_time(), time.perf_counter()
        timer.start()
        change()
        live_until(lambda: len(maps._layers) == count and not maps._waiting and not maps._past and not maps._veiled)
        timer.stop()
        return max(turns.seen), time.perf_counter() - start

    def show(count: int) -> None:
        session.training = training.previewed(_preview(cube, count))

    session.state = "training"
    found = {
        f"{FEW} maps made, napari's first": timed(lambda: show(FEW), FEW),
        f"{FIVE} maps, two of them new": timed(lambda: show(FIVE), FIVE),
        f"{FIVE} maps, other shares": timed(lambda: show(FIVE), FIVE),
        f"{MANY} maps": timed(lambda: show(MANY), MANY),
        f"{MANY} to {FEW} maps, as of a cancel": timed(lambda: show(FEW), FEW),
    }
    session.training, session.state = None, "idle"
    return found


def _preview(cube: Cube, count: int) -> Preview:
    height, width, bands = cube.shape
    shares = np.random.default_rng(count).dirichlet(np.ones(count), (height, width)).astype(np.float32)
    return Preview(np.random.default_rng(0).random((MANY, bands))[:count], shares)


def main() -> None:
    """Print the table."""
    from qtpy.QtWidgets import QApplication

    from napari_unmix.plugin.viewer.layers import cube_layers
    from napari_unmix.plugin.window.launch import open_viewer
    from napari_unmix.plugin.window.workspace import workspace_of

    viewer = open_viewer(block=False)
    viewer.window.resize(1600, 1000)
    app, workspace = QApplication.instance(), workspace_of(viewer)
    spectra = np.random.default_rng(0).random((SIDE, SIDE, BANDS), dtype=np.float32)
    for data, options, _ in cube_layers(replace(Cube(spectra), name="scene")):
        viewer.add_image(data, **options)

    def live_until(condition: Callable[[], bool]) -> None:
        while not condition():
            app.processEvents()
            time.sleep(0.001)

    live_until(lambda: workspace.session.survey is not None and workspace.session.suggested is not None)
    print("| what | longest turn, ms of the processor | s |\n|---|---|---|")
    for what, (longest, seconds) in map_turns(workspace, live_until).items():
        print(f"| {what} | {longest:.0f} | {seconds:.1f} |")
    viewer.close()


if __name__ == "__main__":
    main()
