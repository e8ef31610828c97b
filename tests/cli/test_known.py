"""``unmix CUBE --spectra LIBRARY``: known spectra are held, in their order, by their names; what can't be is one sentence."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cube import Cube
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.output.run import read_run
from napari_unmix.output.run.recipe import as_command
from napari_unmix.rows.simplex import fully_constrained

Capture = pytest.CaptureFixture[str]
BANDS = 30
WAVELENGTHS = np.linspace(400, 900, BANDS)
_AXIS = np.linspace(0, 1, BANDS)
TRUE = np.array(
    [
        0.2 + 0.5 * _AXIS + 0.1 * np.sin(9 * _AXIS),
        0.6 - 0.4 * _AXIS + 0.1 * np.cos(14 * _AXIS),
        0.3 + 0.3 * np.exp(-(((_AXIS - 0.5) / 0.1) ** 2)),
    ]
)
NAMES = ("grass", "soil, dry", "peak")
SHARES = np.random.default_rng(0).dirichlet(np.full(3, 0.8), (20, 20))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(1)
    np.savez(
        "scene.npz",
        cube=SHARES @ TRUE + 0.004 * generator.normal(size=(20, 20, BANDS)),
        wavelength=WAVELENGTHS,
    )
    write_table("known.csv")


def write_table(
    path: str, spectra: np.ndarray = TRUE, names: tuple[str, ...] = NAMES, head: str = "wavelength_nm"
) -> None:
    places = WAVELENGTHS if head != "band" else np.arange(1, BANDS + 1)
    rows = [",".join([head, *(f'"{name}"' for name in names)])]
    rows += [
        ",".join("" if np.isnan(value) else repr(float(value)) for value in (place, *column))
        for place, column in zip(places, spectra.T, strict=True)
    ]
    Path(path).write_text("\n".join(rows) + "\n")


def unmix(*words: str, out: str = "run", method: str = "vca-fcls") -> None:
    assert main(["unmix", "scene.npz", "--method", method, *words, "--out", out]) == 0


def refused(capsys: Capture, *words: str) -> str:
    """One sentence on stderr, exit 2, no run."""
    capsys.readouterr()
    assert main(["unmix", "scene.npz", "--method", "vca-fcls", *words, "--out", "refused"]) == 2
    out, err = capsys.readouterr()
    assert (out, Path("refused").exists(), len(err.strip().splitlines())) == ("", False, 1)
    return err.strip().removeprefix("napari-unmix: ")


def test_the_true_spectra_give_the_oracles_abundances_under_their_names_and_in_their_order() -> None:
    unmix("--spectra", "known.csv", "--spectrum", "peak", "--spectrum", "grass", "--spectrum", "soil, dry")
    run = read_run("run")
    assert run.names == ("peak", "grass", "soil, dry")
    np.testing.assert_array_equal(run.endmembers, TRUE[[2, 0, 1]])
    spectra = np.load("scene.npz")["cube"].astype(np.float32).astype(np.float64).reshape(-1, BANDS)
    oracle = fully_constrained(spectra, TRUE[[2, 0, 1]])
    np.testing.assert_allclose(run.abundances.reshape(-1, 3), oracle, atol=1e-6)
    assert (run.spec.endmembers, run.given.sources) == (3, ("from known",) * 3)


def test_the_identifiable_method_infers_abundances_alone_with_their_spread() -> None:
    unmix("--spectra", "known.csv", "--epochs", "2", method="ivae")
    run = read_run("run")
    np.testing.assert_array_equal(run.endmembers, TRUE)
    assert run.abundance_std is not None
    assert np.sqrt(np.mean((run.abundances - SHARES) ** 2)) < 0.02


def test_the_others_are_found_beside_those_that_are_known(capsys: Capture) -> None:
    unmix("--spectra", "known.csv", "--spectrum", "peak", "--endmembers", "3")
    run = read_run("run")
    assert run.names == ("peak", "endmember 2", "endmember 3")
    np.testing.assert_array_equal(run.endmembers[0], TRUE[2])
    assert "alone is known" in refused(capsys, "--spectra", "known.csv", "--spectrum", "peak")


def test_fewer_than_are_known_are_those_that_are_known_and_it_is_said(capsys: Capture) -> None:
    unmix("--spectra", "known.csv", "--endmembers", "2")
    assert "Note: 3 spectra are known, so there are 3 endmembers, not 2" in capsys.readouterr().out
    assert len(read_run("run").names) == read_run("run").spec.endmembers == 3


def test_a_library_on_other_bands_is_brought_to_the_cubes(tmp_path: Path) -> None:
    fine = np.linspace(380, 920, 400)
    spectra = np.array([np.interp(fine, WAVELENGTHS, row) for row in TRUE])
    write_library(SpectralLibrary(spectra, fine, ("a", "b", "c"), np.full(400, 2.0)), tmp_path / "fine.sli")
    unmix("--spectra", "fine.sli")
    np.testing.assert_allclose(read_run("run").endmembers, TRUE, atol=0.01)


def test_the_endmembers_of_a_run_are_a_library() -> None:
    unmix("--endmembers", "3", "--seed", "4", out="first")
    unmix("--spectra", "first", out="second")
    unmix("--spectra", str(Path("first") / "endmembers.csv"), out="third")
    first, second, third = (read_run(name) for name in ("first", "second", "third"))
    assert first.names == second.names == third.names
    assert first.abundances.tobytes() == second.abundances.tobytes() == third.abundances.tobytes()


def test_an_interrupted_training_goes_on_with_its_known_spectra(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from napari_unmix.cli.resuming import SECONDS_VARIABLE
    from napari_unmix.journal import keeper

    quick = ["--spectra", "known.csv", "--spectrum", "grass", "--endmembers", "3", "--epochs", "2", "--batch", "32"]
    unmix(*quick, out="whole", method="vae")
    real, left = keeper.write_checkpoint, iter(range(6))

    def write(*what: object) -> None:
        real(*what)  # type: ignore[arg-type]
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setenv(SECONDS_VARIABLE, "0")
    with monkeypatch.context() as patched:
        patched.setattr(keeper, "write_checkpoint", write)
        assert main(["unmix", "scene.npz", "--method", "vae", *quick, "--out", "part"]) == 130
    table = Path("known.csv").read_text()
    write_table("known.csv", 1.01 * TRUE)
    capsys.readouterr()
    assert main(["unmix", "--resume", "part"]) == 2
    assert "known.csv changed since the training of part was interrupted" in capsys.readouterr().err
    Path("known.csv").write_text(table)
    assert main(["unmix", "--resume", "part"]) == 0
    assert read_run("part").abundances.tobytes() == read_run("whole").abundances.tobytes()


def test_a_run_with_known_spectra_is_repeated_to_the_bit_without_its_library(cube_file: Path) -> None:
    unmix("--spectra", "known.csv", "--spectrum", "soil, dry", "--spectrum", "grass", "--endmembers", "3")
    Path("known.csv").unlink()
    assert main(["unmix", "run", "--out", "again"]) == 0
    run, again = read_run("run"), read_run("again")
    assert (run.names, run.notes, run.spec) == (again.names, again.notes, again.spec)
    assert run.abundances.tobytes() == again.abundances.tobytes()
    cube, annotation = run.repeated()
    words = shlex.split(as_command(cube, run.spec, annotation, run.folder, given=True))
    assert words[1:] == ["unmix", str(run.folder), "--out", "run-again"]
    assert main(words[1:]) == 0
    assert read_run("run-again").abundances.tobytes() == run.abundances.tobytes()


def test_compare_takes_some_of_a_library_by_name(capsys: Capture) -> None:
    unmix("--spectra", "known.csv")
    capsys.readouterr()
    words = ["compare", "scene.npz", "run", "--reference", "known.csv"]
    assert main([*words, "--spectrum", "peak", "--spectrum", "grass"]) == 0
    said = capsys.readouterr().out
    assert "peak beside peak, 0.00°" in said
    assert "soil" not in said.replace("run: ", "")
    assert main([*words, "--spectrum", "basalt"]) == 2
    assert "known has no spectrum basalt" in capsys.readouterr().err


# --- units


def test_other_units_are_refused_with_both_medians_and_the_scale_that_helps(capsys: Capture) -> None:
    write_table("percent.csv", 100 * TRUE)
    sentence = refused(capsys, "--spectra", "percent.csv")
    assert sentence.startswith(f"The known spectra have a median of {np.median(100 * TRUE):.3g}, the cube's pixels 0.")
    assert (
        "give --spectra-scale 0.01 (1 takes them as they are), or free the brightness with --illumination" in sentence
    )
    unmix("--spectra", "percent.csv", "--spectra-scale", "0.01")
    np.testing.assert_allclose(read_run("run").endmembers, TRUE, rtol=1e-12)


def test_a_scale_that_is_said_is_taken_and_with_free_illumination_none_is_asked_for() -> None:
    write_table("percent.csv", 100 * TRUE)
    unmix("--spectra", "percent.csv", "--spectra-scale", "1", out="said")
    unmix("--spectra", "percent.csv", "--illumination", out="free")
    unmix("--spectra", "known.csv", "--illumination", out="same")
    np.testing.assert_allclose(read_run("free").abundances, read_run("same").abundances, atol=1e-5)


@pytest.mark.parametrize(
    ("times", "word"), [(9.0, "well"), (11.0, "refused"), (1 / 9.0, "well"), (1 / 11.0, "refused")]
)
def test_a_factor_of_ten_is_the_line(times: float, word: str) -> None:
    from napari_unmix.given import Given
    from napari_unmix.library.known import OtherUnits, check_units

    cube = Cube(SHARES @ TRUE)
    given = Given.known(TRUE / times, NAMES)
    if word == "well":
        check_units(given, cube)
        return
    with pytest.raises(OtherUnits) as refusal:
        check_units(given, cube)
    assert refusal.value.scale == pytest.approx(10.0 ** np.sign(np.log10(times)))


# --- what can't be


def test_bad_spectra_are_one_sentence_each(capsys: Capture) -> None:
    gap = TRUE.copy()
    gap[1, 4:6] = np.nan
    write_table("gap.csv", gap)
    assert "soil, dry has no value in 2 of the cube's 30 good bands" in refused(capsys, "--spectra", "gap.csv")
    unmix("--spectra", "gap.csv", "--bands", "1-4,7-30")  # the gap excluded
    write_table("zero.csv", np.vstack([TRUE[:2], np.zeros(BANDS)]))
    assert "peak is nowhere above zero" in refused(capsys, "--spectra", "zero.csv")
    write_table("twin.csv", np.vstack([TRUE[:2], 2 * TRUE[0]]))
    assert "grass and peak are the same spectrum but for brightness" in refused(capsys, "--spectra", "twin.csv")
    write_table("twice.csv", TRUE, ("grass", "soil", "grass"))
    assert "Two of the given spectra are called grass" in refused(capsys, "--spectra", "twice.csv")
    sentence = refused(capsys, "--spectra", "twice.csv", "--spectrum", "grass")
    assert sentence.startswith("2 spectra of twice are called grass: give each a name of its own.")


def test_a_library_that_does_not_fit_the_bands_is_one_sentence(capsys: Capture) -> None:
    write_library(SpectralLibrary(TRUE, WAVELENGTHS + 1000, ("a", "b", "c")), "infrared.sli")
    assert "covers 1400–1900 nm, the bands asked for 400–900 nm" in refused(capsys, "--spectra", "infrared.sli")
    write_library(SpectralLibrary(TRUE[:, :20], None, ("a", "b", "c")), "numbered.sli")
    assert "numbers its bands only" in refused(capsys, "--spectra", "numbered.sli")
    write_table("numbered.csv", TRUE, head="band")  # as many as the cube's: taken band by band
    capsys.readouterr()
    unmix("--spectra", "numbered.csv")
    assert "Note: numbered numbers its bands only: taken band by band" in capsys.readouterr().out
    assert "There is no library" in refused(capsys, "--spectra", "nowhere.csv")


def test_names_that_are_not_there_and_too_many_spectra_are_one_sentence(capsys: Capture) -> None:
    sentence = refused(capsys, "--spectra", "known.csv", "--spectrum", "gras")
    assert sentence == "known has no spectrum gras: did you mean grass?"
    sentence = refused(capsys, "--spectra", "known.csv", "--spectrum", "basalt")
    assert sentence == "known has no spectrum basalt: it has grass, soil, dry, peak."
    many = np.abs(np.random.default_rng(2).normal(size=(31, BANDS)))
    write_table("many.csv", many, tuple(f"s{k}" for k in range(31)))
    sentence = refused(capsys, "--spectra", "many.csv")
    assert (
        sentence == "many has 31 spectra, at most 30 can be endmembers: name those wanted, each with --spectrum NAME."
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--spectrum", "grass"], "--spectrum is about known spectra: give them with --spectra LIBRARY."),
        (["--spectra-scale", "2"], "--spectra-scale is about known spectra: give them with --spectra LIBRARY."),
        (
            ["--spectra", "known.csv", "--spectra-scale", "0"],
            "--spectra-scale is 0: give a number above zero, such as 10000.",
        ),
        (["--spectra", "known.csv", "--spectra-scale", "nan"], "--spectra-scale is nan: give a number above zero"),
        (
            ["--spectra", "known.csv", "--spectrum", "grass", "--spectrum", "grass"],
            "--spectrum grass is given twice: give each name once.",
        ),
        (["--brightness", "own"], "--brightness is about free illumination: add --illumination, or leave it out"),
    ],
)
def test_what_is_said_of_nothing_is_refused(capsys: Capture, words: list[str], sentence: str) -> None:
    assert refused(capsys, *words).startswith(sentence)


def test_own_brightness_asks_for_units_where_others_are_found_beside(capsys: Capture) -> None:
    write_table("percent.csv", 100 * TRUE)
    own = ["--spectra", "percent.csv", "--illumination", "--brightness", "own"]
    unmix(*own, out="all")  # how bright they are beside each other is known
    sentence = refused(capsys, *own, "--spectrum", "grass", "--endmembers", "3")
    assert "give --spectra-scale 0.01" in sentence
    unmix(*own, "--spectrum", "grass", "--endmembers", "3", "--spectra-scale", "0.01", out="beside")
    assert read_run("beside").spec.own_brightness
    assert "areas under uneven light" in capsys.readouterr().out
