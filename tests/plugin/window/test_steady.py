"""The lower of two visible layers goes, and the canvas is drawn: under software OpenGL that ended the program. In a program of its own."""

from __future__ import annotations

import subprocess
import sys

ROUNDS = """
import time
import napari, numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QApplication
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.window.launch import open_viewer

def live(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)

viewer = open_viewer(block=False, engine=Engine(keep_run=None, keep_strokes=None, known=None))
live(1.0)
for _ in range(4):
    layers = [Image(np.random.rand(40, 50).astype("f4"), blending="additive") for _ in range(3)]
    for layer in layers:
        viewer.layers.append(layer)
        live(0.1)
    for layer in layers:
        viewer.layers.remove(layer)
        live(0.1)
print("alive")
viewer.close()
"""


def test_the_lowest_of_what_is_seen_may_go() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, timeout=120, check=False)
    assert "alive" in done.stdout, f"{done.returncode}: {done.stderr[-2000:]}"
