"""How soon the window answers while it trains: the table of the page on benchmarks. A real window, a real mouse.

Run: xvfb-run -a -s "-screen 0 1600x1000x24" python resources/benchmarks/window.py [SECONDS [SIDE]]

A scene of 300 × 300 pixels, 200 bands and five measured spectra is trained for 20 seconds after its first maps. The machine's speed, and what else
runs on it, is in every number of seconds, so what to read are the ratios, to the redraws of the same maps and numbers at the same moments with
nothing training in the same process, and the processor's time of this process.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Cube
from napari_unmix.synthetic import random_materials, smooth_dirichlet

HERE = Path(__file__).parent
BANDS, MATERIALS, TICK_MS = 200, 5, 16
CLICKS, STROKES, CANCELS = 9, 7, 3
MANY = 30  # endmembers of the runs that are cancelled


@dataclass(frozen=True)
class Row:
    """One figure: what it is, its value with its unit, what it is compared with, the goal."""

    what: str
    value: str
    ratio: str
    goal: str


@dataclass
class Gaps:
    """The times between two turns of the event loop, in milliseconds, beyond the timer's own beat."""

    timer: Any
    seen: list[float] = field(default_factory=list)
    last: float = 0.0

    def tick(self) -> None:
        """A turn."""
        now = time.perf_counter()
        if self.last:
            self.seen.append(1000 * (now - self.last))
        self.last = now

    def begin(self) -> None:
        """Count from now on."""
        self.seen, self.last = [], 0.0

    def at(self, share: float) -> float:
        """A quantile."""
        return float(np.quantile(self.seen, share))


def scene(side: int) -> Cube:
    """Five measured spectra in smooth mixtures, with pure pixels, 30 dB noise."""
    generator = np.random.default_rng(5)
    wavelengths, endmembers, _ = random_materials(MATERIALS, generator)
    regions = np.ones((side, side), np.int32)
    abundances = smooth_dirichlet(np.full((1, MATERIALS), 0.6), regions, generator, 6.0)
    spectra = abundances @ endmembers[:, :BANDS]
    level = np.sqrt((spectra**2).mean() / 1000)
    noisy = (spectra + level * generator.normal(size=spectra.shape)).astype(np.float32)
    return Cube(noisy, wavelengths[:BANDS], name="scene")


class Window:
    """napari with both docks and the scene, and what a person does with it."""

    def __init__(self, side: int) -> None:
        from qtpy.QtCore import QTimer
        from qtpy.QtWidgets import QApplication

        from napari_unmix.plugin.viewer.layers import cube_layers
        from napari_unmix.plugin.window.launch import open_viewer
        from napari_unmix.plugin.window.workspace import workspace_of

        self.side = side
        self.viewer = open_viewer(block=False)
        self.app = QApplication.instance()
        self.viewer.window.resize(1600, 1000)
        self.workspace = workspace_of(self.viewer)
        self.session, self.controller = self.workspace.session, self.workspace.controller
        self.gaps = Gaps(QTimer())
        self.gaps.timer.setInterval(TICK_MS)
        self.gaps.timer.timeout.connect(self.gaps.tick)
        self.drawn = 0
        for data, options, _ in cube_layers(scene(side)):
            self.viewer.add_image(data, **options)
        self.canvas = self.viewer.window._qt_viewer.canvas
        self.canvas._scene_canvas.events.draw.connect(self._draw)
        self.live_until(lambda: self.session.suggested is not None and self.session.survey is not None)
        self.live(2.0)

    def _draw(self, event: Any) -> None:
        self.drawn += 1

    def live(self, seconds: float) -> None:
        """Let the window live."""
        end = time.perf_counter() + seconds
        self.live_until(lambda: time.perf_counter() >= end)

    def live_until(self, condition: Callable[[], bool], seconds: float = 120.0) -> float:
        """Let the window live until something is the case; seconds that took."""
        start = time.perf_counter()
        while not condition():
            self.app.processEvents()
            time.sleep(0.001)
            if time.perf_counter() - start > seconds:
                raise TimeoutError(f"nothing happened for {seconds:.0f} s")
        return time.perf_counter() - start

    def press(self, text: str) -> float:
        """Press a button with the mouse; when."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QPushButton

        dock = self.viewer.window._wrapped_dock_widgets["Unmix (napari-unmix)"].inner_widget()
        button = next(b for b in dock.findChildren(QPushButton) if b.text() == text and b.isVisible())
        start = time.perf_counter()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        return start

    def drag(self, *pixels: tuple[float, float]) -> float:
        """Press, move and release the left button on the canvas; when it was released."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        def place(pixel: tuple[float, float]) -> Any:
            x, y = self.canvas.view.scene.transform.map([pixel[1], pixel[0], 0, 1])[:2]
            return QPoint(round(x), round(y))

        native = self.canvas.native
        QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=place(pixels[0]))
        for pixel in pixels[1:]:
            self.live(0.02)
            QTest.mouseMove(native, pos=place(pixel))
        start = time.perf_counter()
        QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=place(pixels[-1]))
        return start


@dataclass
class Trained:
    """What was heard in a training: seconds after Train, and what was told then."""

    told: list[tuple[float, str, Any]] = field(default_factory=list)
    first: float = 0.0  # seconds to the first maps drawn
    worked: float = 0.0  # seconds of processors in them
    longest: float = 0.0  # milliseconds, the longest turn of the event loop in them

    @property
    def previews(self) -> list[float]:
        """When maps came."""
        maps = [(at, value.preview) for at, name, value in self.told if name == "training" and value is not None]
        return [at for (at, one), (_, before) in pairwise(maps) if one is not None and one is not before]


def trained(window: Window, seconds: float) -> Trained:
    """Train for some seconds after the first maps, noting what the session tells."""
    heard, session = Trained(), window.session
    window.gaps.begin()
    window.gaps.timer.start()
    begun, worked = time.perf_counter(), time.process_time()

    def hear(name: str) -> Callable[[Any], None]:
        return lambda value: heard.told.append((time.perf_counter() - begun, name, value))

    slots = {name: hear(name) for name in ("progress", "training")}
    for name, slot in slots.items():
        getattr(session.events, name).connect(slot)
    window.press("Train")
    window.live_until(lambda: any(layer.metadata.get("napari_unmix") == "abundance" for layer in window.viewer.layers))
    drawn = window.drawn
    window.live_until(lambda: window.drawn > drawn)
    heard.first, heard.worked = time.perf_counter() - begun, time.process_time() - worked
    heard.longest = max(window.gaps.seen)
    window.gaps.begin()
    end = time.perf_counter() + seconds
    window.live_until(lambda: time.perf_counter() > end or session.state != "training", 2 * seconds)
    window.gaps.timer.stop()
    for name, slot in slots.items():
        getattr(session.events, name).disconnect(slot)
    return heard


def replayed(window: Window, heard: Trained) -> None:
    """Tell the session what was told after the first maps, at the same moments, with nothing training."""
    session = window.session
    window.gaps.begin()
    window.gaps.timer.start()
    begun = time.perf_counter()
    session.state = "training"
    for at, name, value in heard.told:
        if value is not None and at > heard.first and getattr(value, "preview", value) is not None:
            window.live_until(lambda at=at: time.perf_counter() - begun >= at - heard.first)  # type: ignore[misc]
            setattr(session, name, value)
    window.gaps.timer.stop()
    session.state = "idle"


def clicks(window: Window) -> list[float]:
    """Milliseconds from the release of the button to the canvas and the plot with that pixel."""
    taken, side = [], window.side
    for k in range(CLICKS):
        drawn = window.drawn
        start = window.drag((side * (0.2 + 0.06 * k), side * 0.5))
        window.live_until(lambda drawn=drawn: window.drawn > drawn)  # type: ignore[misc]
        taken.append(1000 * (time.perf_counter() - start))
        window.live(0.3)
    return taken


def strokes(window: Window) -> list[float]:
    """Milliseconds from the end of a stroke to the gauge that counts it."""
    from qtpy.QtWidgets import QLabel

    window.press("New annotation")
    window.live(0.5)
    dock = window.viewer.window._wrapped_dock_widgets["Unmix (napari-unmix)"].inner_widget()
    taken, side = [], window.side

    def said() -> list[str]:
        return [label.text() for label in dock.findChildren(QLabel) if "regions" in label.text()]

    for k in range(STROKES):
        before = said()
        row = side * (0.1 + 0.1 * k)
        start = window.drag((row, side * 0.2), (row, side * 0.3), (row, side * 0.4))
        window.live_until(lambda before=before: said() != before)  # type: ignore[misc]
        taken.append(1000 * (time.perf_counter() - start))
        window.live(0.2)
        window.press("Next region")
        window.live(0.2)
    return taken


def cancels(window: Window) -> tuple[list[float], list[float]]:
    """Milliseconds from Cancel to Train, and until the thread is gone, with many endmembers at several moments of the run."""
    from qtpy.QtCore import QThreadPool

    window.session.spec = window.session.spec.model_validate({**window.session.spec.model_dump(), "endmembers": MANY})
    again, gone = [], []
    for k in range(CANCELS):
        window.press("Train")
        window.live(1.5 + 3 * k)
        start = window.press("Cancel")
        window.live_until(lambda: window.session.state == "idle")
        again.append(1000 * (time.perf_counter() - start))
        window.live_until(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)
        gone.append(1000 * (time.perf_counter() - start))
        window.live(0.5)
    return again, gone


def measured(seconds: float, side: int) -> list[Row]:
    """All figures."""
    window = Window(side)
    window.gaps.begin()
    window.gaps.timer.start()
    window.live(2.0)
    window.gaps.timer.stop()
    idle = window.gaps.at(0.5), window.gaps.at(0.99), max(window.gaps.seen)
    heard = trained(window, seconds)
    busy = window.gaps.at(0.5), window.gaps.at(0.99), max(window.gaps.seen)
    span = heard.told[-1][0] - heard.first
    clicked_busy = clicks(window) if window.session.state == "training" else [float("nan")]
    if window.session.state != "idle":
        window.controller.cancel()
    window.live(1.0)
    replayed(window, heard)
    alone = window.gaps.at(0.5), window.gaps.at(0.99), max(window.gaps.seen)
    window.live(1.0)
    clicked = clicks(window)
    stroked = strokes(window)
    again, gone = cancels(window)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    window.viewer.close()

    def ms(values: tuple[float, ...] | list[float]) -> str:
        return ", ".join(f"{value:.0f}" for value in values) + " ms"

    between = np.diff(heard.previews) if len(heard.previews) > 1 else np.array([np.nan])
    return [
        Row("load of the machine, of each core", f"{load:.1f}", "", ""),
        Row("Train to first maps drawn", f"{heard.first:.1f} s", "", "2 s"),
        Row("the same, processor's time of this process", f"{heard.worked:.1f} s", "", ""),
        Row("maps a second while training", f"{len(heard.previews) / span:.2f}", "", "up to 2"),
        Row("wait for other maps: median, longest", f"{np.median(between):.1f}, {between.max():.1f} s", "", ""),
        Row("turn of the event loop, idle: median, 99 %, longest", ms(idle), "", ""),
        Row("the same, with the redraws of the training replayed", ms(alone), "1", ""),
        Row(
            "the same, while training",
            ms(busy),
            ", ".join(f"{one / other:.1f}" for one, other in zip(busy, alone, strict=True)),
            "99 % ≤ 1.5, longest ≤ 150 ms",
        ),
        Row("longest turn up to the first maps", ms([heard.longest]), "", ""),
        Row("click to drawn: median, longest", ms([np.median(clicked), max(clicked)]), "", "30 ms"),
        Row(
            "the same, while training",
            ms([np.median(clicked_busy), max(clicked_busy)]),
            f"{np.median(clicked_busy) / np.median(clicked):.1f}",
            "",
        ),
        Row("stroke to gauge: median, longest", ms([np.median(stroked), max(stroked)]), "", "100 ms"),
        Row(f"Cancel to Train, {MANY} endmembers: median, longest", ms([np.median(again), max(again)]), "", "300 ms"),
        Row(f"Cancel to no thread, {MANY} endmembers: median, longest", ms([np.median(gone), max(gone)]), "", ""),
    ]


def main(seconds: float = 20.0, side: int = 300) -> None:
    """Print the table, and write it beside this file."""
    rows = measured(seconds, side)
    names = list(Row.__dataclass_fields__)
    table = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    table += [f"| {' | '.join(getattr(row, name) for name in names)} |" for row in rows]
    print("\n".join(table))
    (HERE / "window.md").write_text("\n".join(table) + "\n")
    with (HERE / "window.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
