"""*Apply to…*: a trained run on another cube, by mouse and keys; a cancel; the maps as layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_unmix.plugin.facts.session import current_report
from napari_unmix.progress import Fit, Progress


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another cube of the window's sensor, with one band fewer beside it."""
    spectra = np.random.default_rng(3).uniform(0.1, 0.9, (30, 20, 20)).astype(np.float32)
    np.savez(tmp_path / "other.npz", cube=spectra, wavelength=np.linspace(450, 900, 20))
    np.savez(tmp_path / "infrared.npz", cube=spectra, wavelength=np.linspace(1000, 2400, 20))
    return tmp_path / "other.npz"


def trained(window: Any) -> Any:
    window.with_fakes(5)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    return window


def choosing(monkeypatch: pytest.MonkeyPatch, cubes: list[Path], target: Path) -> None:
    """What the user takes in the two dialogs of the system."""
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(cube) for cube in cubes], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))


def test_a_run_is_applied_and_its_maps_are_seen(
    window: Any, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(window).controller.rename_endmember(1, "tree")
    choosing(monkeypatch, [other], tmp_path / "maps.zarr")
    window.press("Apply to…")
    window.wait_for(lambda: window.session.applied is not None, 60)
    assert (tmp_path / "maps.zarr" / "abundances").is_dir()
    said = [text.replace("\u200b", "") for text in window.texts()]
    assert any(f"maps written to {tmp_path / 'maps.zarr'}" in text and "least squares" in text for text in said)
    before = len(window.viewer.layers)
    window.press("Show maps")
    window.wait_for(lambda: len(window.viewer.layers) == before + 3, 30)
    layer = window.viewer.layers["other: tree"]
    assert layer.data.shape == (30, 20)
    assert 0 <= layer.data.min() < layer.data.max() <= 1
    assert window.session.trouble is None


def test_a_cancel_is_answered_and_the_button_is_back(
    window: Any, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(window)
    closed: list[bool] = []

    def endless(*_: Any) -> Fit[Any]:
        try:
            while True:
                yield Progress("applying the run", 1, 4, 0.25)
        finally:
            closed.append(True)

    window.seam.put(apply=endless)
    choosing(monkeypatch, [other], tmp_path / "maps.zarr")
    window.press("Apply to…")
    window.wait_for(lambda: window.session.applying is not None and window.session.applying.done == 0.25, 20)
    assert "applying the run …" in window.texts()
    window.press("Cancel")
    window.wait_for(lambda: bool(closed), 20)
    assert window.session.applying is None
    assert window.button("Apply to…").isVisible()


def test_other_bands_are_one_sentence_in_the_step(
    window: Any, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(window)
    choosing(monkeypatch, [other.with_name("infrared.npz")], tmp_path / "maps.tif")
    window.press("Apply to…")
    window.wait_for(lambda: window.session.trouble is not None, 60)
    assert window.session.trouble.step == "result"
    assert "The run needs a band at" in window.session.trouble.sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["infrared.npz", "other.npz"]
    choosing(monkeypatch, [], tmp_path / "maps.tif")
    window.press("Apply to…")  # and nothing chosen is nothing asked
    assert window.session.applying is None
