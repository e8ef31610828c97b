"""Libraries on a cube's bands: read and resampled once, anew where the file changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import SpectralAxis
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.library.stock import Bands, OnBands, Stock, built_in
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

AXIS = np.arange(450.0, 2400.0, 15.0)


def bands(axis: np.ndarray = AXIS, fwhm: float | None = None, good: slice = slice(None)) -> Bands:
    mask = np.zeros(axis.size, bool)
    mask[good] = True
    return Bands(SpectralAxis("wavelength", axis), axis, None if fwhm is None else np.full(axis.size, fwhm), mask)


def asked(stock: Stock, path: Path | None, on: Bands) -> tuple[OnBands, list[str]]:
    stages: list[str] = []
    return drain(stock.on_bands(path, on), lambda event: stages.append(event.stage)), stages


@pytest.fixture
def minerals(tmp_path: Path) -> Path:
    path, _ = write_library(built_in().chosen(np.arange(14, 18)), tmp_path / "minerals.sli")
    return path


def test_a_second_question_takes_no_step(minerals: Path) -> None:
    stock = Stock()
    first, stages = asked(stock, minerals, bands())
    assert stages[0] == "reading minerals.sli"
    assert stages[-1] == "comparing with minerals: 0 of 4 spectra"
    again, none = asked(stock, minerals, bands())
    assert again is first
    assert none == []


def test_other_good_bands_are_not_resampled_again(minerals: Path) -> None:
    stock = Stock()
    first, _ = asked(stock, minerals, bands())
    fewer, stages = asked(stock, minerals, bands(good=slice(0, 90)))
    assert fewer.library is first.library
    assert stages == ["comparing with minerals: 0 of 4 spectra"]
    assert fewer.reference.groups[0].bands.max() == 89


def test_another_cube_reads_the_file_no_second_time_and_widths_count(minerals: Path) -> None:
    stock = Stock()
    narrow, _ = asked(stock, minerals, bands(fwhm=10.0))
    wide, stages = asked(stock, minerals, bands(fwhm=60.0))
    assert not any(stage.startswith("reading") for stage in stages)
    assert np.nanmax(np.abs(wide.library.spectra - narrow.library.spectra)) > 0.01


def test_a_file_that_changed_is_read_again(minerals: Path) -> None:
    stock = Stock()
    asked(stock, minerals, bands())
    write_library(built_in().chosen([0]), minerals)
    os.utime(minerals, ns=(1, 1))
    anew, _ = asked(stock, minerals, bands())
    assert anew.library.names == ("spruce needles",)


def test_what_cannot_be_read_is_a_sentence_and_not_remembered(tmp_path: Path) -> None:
    stock, path = Stock(), tmp_path / "x.csv"
    with pytest.raises(UnmixError, match=r"There is no library .*x\.csv"):
        asked(stock, path, bands())
    path.write_text("wavelength_nm,a,b\n500,0.1,0.2\n900,0.3,0.1\n1500,0.2,0.2\n2300,0.2,0.4\n")
    found, _ = asked(stock, path, bands())
    assert found.library.names == ("a", "b")


def test_only_the_latest_are_kept(minerals: Path) -> None:
    stock = Stock()
    for step in range(20):
        asked(stock, minerals, bands(AXIS + step))
    assert len(stock._ready) == len(stock._resampled) == 12
    assert len(stock._read) == 1


def test_raman_shifts_are_interpolated_and_the_built_in_spectra_are_refused() -> None:
    axis = np.linspace(200.0, 3000.0, 50)
    raman = Bands(SpectralAxis("Raman shift", axis), None, None, np.ones(50, bool))
    with pytest.raises(UnmixError, match="give a library of the same kind"):
        asked(Stock(), None, raman)


def test_a_library_of_thousands_is_told_in_steps() -> None:
    library = built_in()
    rows = np.arange(230) % 23
    many = SpectralLibrary(library.spectra[rows], library.wavelengths, tuple(map(str, range(230))), name="many")
    from napari_unmix.library.prepared import prepared

    steps = list(prepared(many, np.ones(410, bool)))
    assert [done for done, _ in steps] == [0, 50, 100, 150, 200]
