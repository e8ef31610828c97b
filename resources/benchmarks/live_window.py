"""How soon the window's maps follow a stroke while *Live* is on, and what that costs its event loop. A real window, a real mouse.

Run: xvfb-run -a -s "-screen 0 1600x1000x24" python resources/benchmarks/live_window.py [STROKES [SIDE [PICTURES]]]

A simulated scene of 307 × 307 pixels and 162 bands; a stroke of the brush every half second and more, once the maps of the one before are there.
Times are from the release of the mouse to the new maps in the session, and to the last layer that shows them. Other work on the machine is in
every number of seconds: the gaps of the event loop are read beside those of the same redraws with nothing computed. PICTURES is a folder for
a picture of the window in each theme.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import window
from unmix_benchmarks.speed.live import _simulated
from window import Window


class LiveWindow(Window):
    """The window, and strokes of a brush."""

    def first_live(self) -> None:
        """Switch it on, with a painting to follow."""
        self.press("New annotation")
        self.drag((20, 20), (20, 40))
        self.controller.set_live(True)
        self.live_until(lambda: self.final(None), 600)

    @property
    def maps(self) -> Any:
        """Those that follow; None before the first."""
        training = self.session.training
        return None if training is None else training.preview

    def final(self, before: Any) -> bool:
        """Whether maps of another painting than those are final."""
        return self.session.following is None and self.maps is not before

    def stroke(self, number: int) -> tuple[float, float, float]:
        """Seconds from the release to the first maps, to the final ones, and to the last layer that shows these."""
        layer: Any = self.workspace.link.painting.layer
        self.viewer.layers.selection.active = layer
        layer.mode = "paint"
        self.controller.select_label(1 + number % 8)
        row, column = np.random.default_rng(number).integers(20, self.side - 40, 2)
        before = self.maps
        start = self.drag((row, column), (row, column + 12))
        self.live_until(lambda: self.maps is not before)
        first = time.perf_counter() - start
        self.live_until(lambda: self.final(before))
        final = time.perf_counter() - start
        maps = self.maps.abundances
        self.live_until(lambda: self._drawn_of(maps))
        return first, final, time.perf_counter() - start

    def _drawn_of(self, maps: Any) -> bool:
        layers = self.workspace.link.maps
        return layers._filled is maps and not layers._waiting

    def replay(self, preview: Any) -> None:
        """The same redraw, nothing computed."""
        from dataclasses import replace

        training = self.session.training
        assert training is not None  # maps are shown
        maps = replace(preview, abundances=preview.abundances.copy())
        self.session.training = training.previewed(maps)


def main() -> int:
    """Print the figures."""
    strokes, side = (int(sys.argv[k]) if len(sys.argv) > k else default for k, default in ((1, 20), (2, 307)))
    window.scene = _simulated
    made = LiveWindow(side)
    made.controller.set_option("endmembers", 4)
    made.first_live()
    # 1. Strokes.
    made.gaps.begin()
    made.gaps.timer.start()
    times = []
    for number in range(strokes):
        begun = time.perf_counter()
        times.append(made.stroke(number))
        made.live(max(0.05, 0.5 - (time.perf_counter() - begun)))
    made.gaps.timer.stop()
    followed = made.gaps.at(0.99)
    # 2. The same redraws: two for every stroke.
    made.gaps.begin()
    made.gaps.timer.start()
    for _ in range(strokes):
        for pause in (0.15, 0.35):
            made.replay(made.maps)
            made.live(pause)
    made.gaps.timer.stop()
    alone = made.gaps.at(0.99)
    for what, seconds in zip(("first maps", "final maps", "final maps drawn"), zip(*times, strict=True), strict=True):
        print(f"| {what} | median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s |")
    print(
        f"| event loop, p99 gap | {followed:.0f} ms, redraws alone {alone:.0f} ms: {followed / max(alone, 1e-9):.2f}x |"
    )
    if len(sys.argv) > 3:
        _pictures(made, Path(sys.argv[3]))
    made.viewer.close()
    return 0


def _pictures(made: LiveWindow, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("dark", "light"):
        made.viewer.theme = theme
        made.live(1.0)
        made.viewer.window._qt_window.grab().save(str(folder / f"live-{theme}.png"))


if __name__ == "__main__":
    raise SystemExit(main())
