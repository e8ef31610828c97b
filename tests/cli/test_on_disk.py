"""What commands do with a cube that is too large for the memory: describe, unmix and write it by lines; the rest is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.io import read_cube
from napari_unmix.output.run import read_run

Capture = pytest.CaptureFixture[str]
SHAPE = (60, 50, 12)


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bsq file with a border without data, on a machine where no run of it fits."""
    generator = np.random.default_rng(0)
    mixed = generator.dirichlet(np.ones(3), SHAPE[:2]) @ generator.uniform(0.1, 0.9, (3, SHAPE[2]))
    stored = ((mixed + generator.normal(0, 0.01, SHAPE)) * 10_000).clip(1).astype("<i2")
    stored[:, :5] = -99
    (tmp_path / "field.bsq").write_bytes(np.ascontiguousarray(stored.transpose(2, 0, 1)).tobytes())
    (tmp_path / "field.hdr").write_text(
        f"ENVI\nsamples = {SHAPE[1]}\nlines = {SHAPE[0]}\nbands = {SHAPE[2]}\nheader offset = 0\ndata type = 2\ninterleave = bsq\n"
        f"byte order = 0\nreflectance scale factor = 10000\ndata ignore value = -99\n"
        "map info = {UTM, 1, 1, 500000, 4600000, 30, 30, 33, North, WGS-84}\n"
    )
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 1_000_000)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "field.bsq"


def test_info_describes_it(field: Path, capsys: Capture) -> None:
    assert main(["info", str(field), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["rows"], values["columns"], values["bands"]) == SHAPE
    assert values["valid_pixels"] == 60 * 45
    assert values["suggested_endmembers"] == 3
    assert any("read from disk as needed" in said for said in values["repairs"])
    assert any("napari-unmix convert field.bsq field-lines.bil" in said for said in values["repairs"])


@pytest.mark.parametrize("target", ["field-lines.bil", "out.bsq", "out.hdr", "out.tif", "out.ome.zarr"])
def test_convert_writes_what_a_cube_in_memory_gives(
    field: Path, capsys: Capture, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["convert", str(field), target]) == 0
    monkeypatch.undo()
    held, written = (read_cube(path, repair="none") for path in (field, field.with_name(target)))
    assert held.lazy is None
    np.testing.assert_array_equal(written.valid_pixels, held.valid_pixels)
    np.testing.assert_array_equal(written.spectra[held.valid_pixels], held.spectra[held.valid_pixels])
    assert written.georeference is not None


@pytest.mark.parametrize("target", ["out.npz", "out.mat", "out.nc"])
def test_convert_says_which_formats_are_written_by_lines(field: Path, capsys: Capture, target: str) -> None:
    assert main(["convert", str(field), target]) == 2
    assert "would have to be in memory as a whole" in capsys.readouterr().err
    assert sorted(path.name for path in field.parent.iterdir()) == ["field.bsq", "field.hdr"]


def test_unmix_gives_every_pixel_that_holds_data_its_abundances(field: Path) -> None:
    assert main(["unmix", "--endmembers", "3", "--method", "vca-fcls", str(field), "--out", "run"]) == 0
    abundances = read_run("run").answer().abundances
    assert abundances.shape == (*SHAPE[:2], 3)
    assert np.isnan(abundances[:, :5]).all()
    np.testing.assert_allclose(abundances[:, 5:].sum(axis=2), 1, atol=1e-6)


def test_joining_refuses(field: Path, capsys: Capture) -> None:
    assert main(["unmix", str(field), str(field), "--auxiliary", "acquisition", "--out", "run"]) == 2
    said = capsys.readouterr().err
    assert "Joining 2 cubes needs" in said
    assert "--sample PIXELS" in said
