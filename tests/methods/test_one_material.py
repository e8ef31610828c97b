"""One spectrum in varying light is one material: for every method, in every output, and never more than that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cli import main
from napari_unmix.cli.info_command import describe
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.output.page.contents import page_of
from napari_unmix.output.page.render import page_html
from napari_unmix.output.pictures import draw_run
from napari_unmix.output.run import read_run, write_run
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

BANDS = 30
SPECTRUM = 0.2 + 0.5 * np.exp(-(((np.linspace(0, 1, BANDS) - 0.3) / 0.2) ** 2))
CLAUSE = "one material, its brightness varies"


def lit(noise: float = 0.003, *, even: bool = False) -> tuple[Cube, np.ndarray]:
    """A cube of one spectrum, and how bright each pixel is; one pixel is invalid, one band excluded."""
    rows, columns = np.mgrid[0:24, 0:20] / 20
    brightness = np.ones((24, 20)) if even else 0.6 + 0.3 * np.cos(5 * rows + 2 * columns)
    spectra = brightness[..., None] * SPECTRUM + np.random.default_rng(0).normal(0, noise, (24, 20, BANDS))
    spectra[3, 4] = np.nan
    good = np.ones(BANDS, bool)
    good[7] = False
    return Cube(spectra.astype(np.float32), np.linspace(400, 900, BANDS), good, name="one"), brightness


@pytest.fixture(scope="module")
def run() -> tuple[Cube, Unmixing]:
    cube = lit()[0]
    return cube, drain(unmix(cube, spec_class("ivae")()))


@pytest.mark.parametrize("illumination", [False, True])
@pytest.mark.parametrize("method", [name for name, spec in method_specs().items() if not spec.chooser])
def test_every_method_answers_one_endmember_and_its_brightness(method: str, illumination: bool) -> None:
    cube, brightness = lit()
    result = drain(unmix(cube, spec_class(method)(illumination=illumination)))
    assert result.names == ("endmember 1",)
    valid, good = cube.valid_pixels, cube.good_bands
    assert (result.abundances[valid] == 1).all()
    assert np.isnan(result.abundances[3, 4]).all()
    np.testing.assert_allclose(result.endmembers[0, good], (SPECTRUM / SPECTRUM[good].max())[good], atol=0.002)
    assert np.isnan(result.endmembers[0, 7])
    assert result.illumination is not None
    np.testing.assert_allclose(result.illumination[valid], (brightness * SPECTRUM[good].max())[valid], rtol=0.02)
    np.testing.assert_allclose(result.reconstruction_rmse, 0.003, rtol=0.1)
    assert str(result.notes[0]).startswith(f"O{CLAUSE[1:]}")
    report = drain(assess(cube, result))
    assert (report.verdict, report.summary) == ("not identified", f"O{CLAUSE[1:]}: there is nothing to unmix.")
    assert report.check("model fits").status == "pass"
    assert {check.status for check in report.checks} == {"pass", "not applicable"}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("method", ["ivae", "vca-fcls", "vae"])
def test_who_asks_for_more_is_told_that_there_is_one(method: str, count: int) -> None:
    cube = lit()[0]
    options = {"epochs": 2} if "epochs" in spec_class(method).model_fields else {}
    result = drain(unmix(cube, spec_class(method)(endmembers=count, **options)))  # type: ignore[arg-type]
    report = drain(assess(cube, result))
    assert report.verdict == "not identified"
    assert report.summary == f"Not identified: {CLAUSE}; nothing else tells its {count} endmembers apart."


def test_a_dark_frame_is_one_spectrum_and_noise() -> None:
    counts = np.random.default_rng(0).normal(100, 3, (30, 30, 40)) + np.linspace(0, 20, 40)
    result = drain(unmix(Cube(np.rint(counts)), spec_class("ivae")()))
    assert result.names == ("endmember 1",)
    assert str(result.notes[0]).startswith("One spectrum, and nothing but noise varies")


def test_without_noise_one_spectrum_is_one_as_well_unless_nothing_varies() -> None:
    for illumination in (False, True):
        result = drain(unmix(lit(0.0)[0], spec_class("vca-fcls")(illumination=illumination)))
        assert result.abundances.shape[2] == 1
        with pytest.raises(UnmixError, match="All pixels hold the same spectrum"):
            drain(unmix(lit(0.0, even=True)[0], spec_class("vca-fcls")(illumination=illumination)))


def test_painted_materials_are_asked_for_and_one_names_the_endmember() -> None:
    cube = lit()[0]
    labels = np.zeros((24, 20), int)
    labels[:3], labels[10:13] = 1, 2
    rock, soil = Meaning("material", "rock"), Meaning("material", "soil")
    one = drain(unmix(cube, spec_class("ivae")(), Annotation(np.where(labels == 1, 1, 0), {1: rock})))
    assert one.names == ("rock",)
    two = drain(unmix(cube, spec_class("ivae")(epochs=2), Annotation(labels, {1: rock, 2: soil})))  # type: ignore[call-arg]
    assert two.names == ("rock", "soil")
    assert CLAUSE in drain(assess(cube, two)).summary


def test_info_suggests_one() -> None:
    values = describe(lit()[0])
    assert values["suggested_endmembers"] == 1
    assert values["endmembers"] == f"1 suggested: {CLAUSE}"


def test_the_run_the_pictures_and_the_page_take_one_endmember(run: tuple[Cube, Unmixing], tmp_path: Path) -> None:
    cube, result = run
    report = drain(assess(cube, result))
    folder = write_run(
        tmp_path / "run", cube, result, report, decorate=lambda place: draw_run(cube, result, report, place)
    )
    stored = read_run(folder)
    np.testing.assert_array_equal(stored.abundances, result.abundances)
    np.testing.assert_array_equal(stored.illumination, result.illumination)
    np.testing.assert_allclose(stored.endmembers, result.endmembers)
    assert stored.report == report
    assert json.loads((folder / "run.json").read_text())["findings"]["recipe"]["kind"] == "one material"
    assert f"O{CLAUSE[1:]}" in page_html(page_of(cube, result), report)


def test_the_command_line_takes_one_endmember(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cube, reference, out = tmp_path / "one.npy", tmp_path / "reference.npz", tmp_path / "run"
    np.save(cube, lit()[0].spectra)
    np.savez(reference, E=SPECTRUM[None], A=np.ones((24, 20, 1)))
    assert main(["unmix", str(cube), "--out", str(out)]) == 0
    assert "iVAE, 1 endmember," in capsys.readouterr().out
    assert main(["report", str(out), "--cube", str(cube)]) == 0
    assert f"O{CLAUSE[1:]}" in capsys.readouterr().out
    assert main(["compare", str(cube), str(out), "--reference", str(reference), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["runs"][0]
    assert scored["abundance_rmse"] == 0
    assert scored["spectral_angles_degrees"][0] < 0.1
