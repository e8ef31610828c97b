"""The main job on a real scene: drop the file, paint, train, watch, cancel, retrain, click."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.plugin.facts.session import current_report

TRAIN_SECONDS = 150


def samson_pixel(header: Path, row: int, column: int) -> np.ndarray:
    """(B,) one spectrum straight from the file: 95 lines, band-interleaved, 156 bands, uint16, factor 10000."""
    raw = np.fromfile(header.with_suffix(".img"), dtype="<u2").reshape(95, 156, 95)
    return raw[row, :, column] / 10000


@pytest.mark.real_data
@pytest.mark.skipif(
    "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: the main job on Samson is NOT tested"
)
def test_the_main_job_on_samson(window: Any, samson: Path) -> None:
    # 1. Drop the header on the window: composite visible, bands hidden.
    window.drop(samson)
    session, viewer = window.session, window.viewer
    assert session.cube is not None
    assert session.cube.shape == (95, 95, 156)
    visible = {layer.metadata["napari_unmix"]: layer.visible for layer in viewer.layers}
    assert visible == {"composite": True, "bands": False}
    window.ready()
    assert session.suggested == 3

    # 2. Paint two strokes with the mouse.
    window.press("New annotation")
    window.drag((20, 20), (22, 24), (24, 28))
    window.press("Next region")
    window.drag((70, 60), (72, 66), (70, 70))

    # 3. Train at once: pending strokes are taken in, a layer changes while it trains.
    window.press("Train")
    assert session.annotation.of_kind("region") == [1, 2]
    assert session.state == "training"
    assert window.button("Cancel")
    window.wait_for(lambda: len(window.maps()) >= 2, TRAIN_SECONDS)
    layer = window.maps()[0]
    first = layer.data.copy()
    window.wait_for(lambda: not np.array_equal(layer.data, first), TRAIN_SECONDS)

    # 4. Cancel with the mouse: the window answers at once, the thread ends.
    if session.state == "training":
        start = time.monotonic()
        window.press("Cancel")
        assert window.button("Train")
        assert time.monotonic() - start < 2  # as in test_dock
        window.settle()
        assert session.run is None
        assert session.trouble is None

    # 5. Retrain to the end: the same layer objects.
    before = window.maps()
    window.press("Train")
    window.wait_for(lambda: session.run is not None, TRAIN_SECONDS)
    window.wait_for(lambda: session.state == "idle", TRAIN_SECONDS)
    window.qtbot.wait(200)
    assert session.trouble is None
    assert [a is b for a, b in zip(before, window.maps(), strict=False)] == [True] * len(before)
    result = session.run.unmixing
    np.testing.assert_array_equal(window.maps()[0].data, np.nan_to_num(result.abundances[:, :, 0]))
    assert current_report(session) is not None

    # 6. Click a pixel: the plotted spectrum is the file's; the plot shows what it is made of.
    window.click(41, 17)
    assert session.pixel == (41, 17)
    panel = window.spectra.panel
    across, up = panel.plot.measured.getData()
    np.testing.assert_allclose(across, session.cube.wavelengths)
    np.testing.assert_allclose(up, samson_pixel(samson, 41, 17), rtol=1e-6)
    np.testing.assert_allclose(panel.plot.reconstruction.getData()[1], result.reconstruction(41, 17))
    assert len(panel.plot.endmembers) == len(result.endmembers)
    assert len(panel.bars.texts()) == len(result.endmembers)

    # 7. It answers fast.
    times = []
    for k in range(15):
        start = time.perf_counter()
        window.controller.select_pixel(5 * k + 3, 80 - 5 * k)
        panel.repaint()
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.2  # 0.01 on an idle machine

    # 8. Painting makes the result out of date; it stays.
    window.press("Next region")
    window.drag((50, 40), (52, 44))
    window.wait_for(lambda: session.annotation.of_kind("region") == [1, 2, 3])
    said = [
        label.text() for label in window.widget.findChildren(type(window.widget.panels[4]._state)) if label.isVisible()
    ]
    assert "out of date: painted since" in said
    assert session.run.unmixing is result
