"""A cube too large for memory, in the window: it is seen, clicked, told, and trained on; whichever door is first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

SHAPE = (120, 100, 20)
AVAILABLE = 300_000_000  # bytes: no run fits
PIXEL = (77, 41)  # no pixel of the overview


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ENVI file by lines, on a machine without memory that keeps every fourth pixel."""
    generator = np.random.default_rng(0)
    mixed = generator.dirichlet(np.ones(3), SHAPE[:2]) @ generator.uniform(0.1, 0.9, (3, SHAPE[2]))
    stored = ((mixed + generator.normal(0, 0.01, SHAPE)) * 10_000).clip(1).astype("<u2")
    (tmp_path / "field.bil").write_bytes(np.ascontiguousarray(stored.transpose(0, 2, 1)).tobytes())
    places = ", ".join(f"{nm:.1f}" for nm in np.linspace(450, 900, SHAPE[2]))
    (tmp_path / "field.hdr").write_text(
        f"ENVI\nsamples = {SHAPE[1]}\nlines = {SHAPE[0]}\nbands = {SHAPE[2]}\nheader offset = 0\ndata type = 12\ninterleave = bil\n"
        f"byte order = 0\nreflectance scale factor = 10000\nwavelength units = Nanometers\nwavelength = {{{places}}}\n"
    )
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: AVAILABLE)
    monkeypatch.setattr("napari_unmix.io.on_disk._NUMBERS", 20_000)
    monkeypatch.setattr("napari_unmix.io.on_disk._LEAST_SIDE", 20)
    return tmp_path / "field.bil"


def open_by(window: Any, door: str, field: Path) -> None:
    """The dock first and the file by its button, or the file first and the dock after it."""
    if door == "dock first":
        window.open_dock()
        window.controller.open(field)
    else:
        window.viewer.open(field, plugin="napari-unmix")
        window.open_dock()
    window.wait_for(lambda: window.session.cube is not None)
    window.wait_for(lambda: window.session.survey is not None and window.session.suggested is not None)


@pytest.mark.parametrize("door", ["dock first", "file first"])
def test_it_is_seen_clicked_and_trained_on(windows: Any, field: Path, door: str) -> None:
    window = windows()
    open_by(window, door, field)
    cube = window.session.cube
    assert cube.lazy is not None
    assert cube.overview_step == 4
    stored = np.fromfile(field, "<u2").reshape(SHAPE[0], SHAPE[2], SHAPE[1])

    # The picture covers the whole image, and holds a sixteenth of it.
    composite, bands = window.viewer.layers["field composite"], window.viewer.layers["field bands"]
    assert composite.data.shape == (30, 25, 3)
    np.testing.assert_allclose(composite.extent.world, [[0, 0], [120 - 1, 100 - 1]], atol=4)
    assert bands.data.shape == (20, 30, 25)
    assert any("read from disk as needed" in text for text in window.texts())

    # A click shows the very pixel, from the file.
    window.settle()  # the docks have their places
    window.viewer.reset_view()
    window.settle()
    window.click(*PIXEL)
    window.wait_for(lambda: window.session.pixel is not None)
    assert window.session.pixel == PIXEL
    np.testing.assert_array_equal(cube.spectra[PIXEL], stored[PIXEL[0], :, PIXEL[1]] / np.float32(10_000))

    # The slider goes through its bands.
    window.viewer.dims.set_point(0, 7)
    window.wait_for(lambda: window.session.band == 7)

    # A painting is of the whole image's size.
    window.press("New annotation")
    labels = [layer for layer in window.viewer.layers if layer.metadata.get("napari_unmix") == "annotation"]
    assert [layer.data.shape for layer in labels] == [SHAPE[:2]]

    # Training fits a sample, and the maps are of every pixel.
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.run.report is not None, seconds=120)
    assert window.session.trouble is None
    maps = [layer for layer in window.viewer.layers if layer.metadata.get("napari_unmix") == "abundance"]
    assert [layer.data.shape for layer in maps] == [SHAPE[:2]] * len(window.session.run.unmixing.names)
    np.testing.assert_allclose(maps[0].extent.world, [[0, 0], [120 - 1, 100 - 1]], atol=1)
    assert any(
        "fitted and judged on 12,000 of 12,000 pixels" in str(note) for note in window.session.run.unmixing.notes
    )
    window.settle()
