"""A GPU gives the answer of the processor, within a stated tolerance; one that is not there is refused before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unmix import UnmixError, drain, unmix
from napari_unmix.cli import main
from napari_unmix.methods.registry import method_specs
from napari_unmix.synthetic import region_scene

NO_GPU = "PyTorch finds no GPU here: THAT A GPU GIVES THE SAME ANSWER IS NOT TESTED"
TRAINED = [name for name, spec in method_specs().items() if "device" in spec.model_fields]
# Sums of single pixels run in another order on a GPU; the networks of vae and mae amplify that over their steps, the fit of ivae ends at its mode.
DEGREES, ABUNDANCE = {"ivae": 0.02}, {"ivae": 5e-4}


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
@pytest.mark.parametrize("method", TRAINED)
def test_the_gpu_and_the_processor_agree(method: str) -> None:
    scene = region_scene(3)
    asked = {"method": method, "endmembers": len(scene.endmembers), "illumination": scene.scaled, "epochs": 3}
    chosen = method_specs()[method]
    there, here = (
        drain(unmix(scene.cube, chosen.model_validate({**asked, "device": device}), scene.annotation))
        for device in ("cuda", "cpu")
    )
    cosines = (there.endmembers * here.endmembers).sum(axis=1)
    cosines /= np.linalg.norm(there.endmembers, axis=1) * np.linalg.norm(here.endmembers, axis=1)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < DEGREES.get(method, 2.0)
    assert np.sqrt(np.mean((there.abundances - here.abundances) ** 2)) < ABUNDANCE.get(method, 0.05)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so that it is refused can't be seen here")
@pytest.mark.parametrize("method", TRAINED)
def test_without_a_gpu_a_run_that_asks_for_one_begins_no_work(method: str) -> None:
    scene = region_scene(3)
    with pytest.raises(UnmixError, match="device is cuda"):
        drain(unmix(scene.cube, method_specs()[method].model_validate({"method": method, "device": "cuda"})))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so that it is refused can't be seen here")
def test_the_command_says_so_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cube = tmp_path / "cube.npy"
    np.save(cube, region_scene(3).cube.spectra)
    assert main(["unmix", str(cube), "--endmembers", "3", "--device", "cuda", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip()
    assert "device is cuda" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()
