"""Databases as SPy reads them: small folders in the layout of splib07 and of ECOSTRESS, and the files that SPy makes of them."""

from __future__ import annotations

import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.library import read_database
from napari_unmix.library.databases import is_database
from napari_unmix.sentences import UnmixError

BANDS = np.arange(0.4, 2.5, 0.01)  # µm
TARGET = np.arange(500.0, 2400.0, 20.0)  # nm


def curve(depth: float) -> np.ndarray:
    return 0.5 - depth * np.exp(-(((BANDS - 1.4) / 0.05) ** 2))


@pytest.fixture
def splib07(tmp_path: Path) -> Path:
    """Two minerals on one spectrometer's bands, one with deleted channels; and one far in the infrared."""
    library = tmp_path / "usgs" / "ASCIIdata_splib07a"
    minerals = library / "ChapterM_Minerals"
    minerals.mkdir(parents=True)
    deleted = curve(0.3)
    deleted[:20] = -1.23e34
    far = np.linspace(20, 30, 50)
    files = {
        library / "waves_asd.txt": (" splib07a Record=1: Wavelengths ASD 0.4-2.5 microns 210 ch", BANDS),
        library / "waves_nic4.txt": (" splib07a Record=2: Wavelengths NIC4 20-30 microns 50 ch", far),
        minerals / "calcite.txt": (" splib07a Record=3: Calcite WS272   ASDFRa AREF", curve(0.2)),
        minerals / "gypsum.txt": (" splib07a Record=4: Gypsum SU2202   ASDFRb AREF", deleted),
        minerals / "quartz.txt": (" splib07a Record=5: Quartz HS117   NIC4aa RREF", np.full(50, 0.1)),
    }
    for path, (header, numbers) in files.items():
        path.write_text(header + "\n" + "".join(f" {number:.7e}\n" for number in numbers), encoding="latin-1")
    return tmp_path / "usgs"


@pytest.fixture
def ecostress(tmp_path: Path) -> Path:
    """One mineral, in per cent, on descending bands."""
    folder = tmp_path / "eco"
    folder.mkdir()
    head = (
        "Name: Calcite CaCO3\nType: Mineral\nClass: Carbonate\nSubclass: None\nParticle Size: Coarse\nSample No.: C-3A\n"
        "Owner: JPL\nWavelength Range: VSWIR\nOrigin: Mexico\nDescription: white\nMeasurement: Directional reflectance\n"
        "First Column: X\nSecond Column: Y\nX Units: Wavelength (micrometers)\nY Units: Reflectance (percent)\n\n"
    )
    body = "".join(f"{x:.4f}\t{100 * y:.4f}\n" for x, y in zip(BANDS[::-1], curve(0.2)[::-1], strict=True))
    name = "mineral.carbonate.none.coarse.vswir.c3a.jpl.perkin.spectrum.txt"
    (folder / name).write_text(head + body, encoding="latin-1")
    return folder


def expected(depth: float) -> np.ndarray:
    return np.interp(TARGET, 1000 * BANDS, curve(depth))


def test_a_folder_of_splib07(splib07: Path, capfd: pytest.CaptureFixture[str]) -> None:
    library = read_database(splib07, TARGET)
    assert library.names == ("Calcite WS272 ASDFRa AREF", "Gypsum SU2202 ASDFRb AREF")
    np.testing.assert_allclose(library.spectra[0], expected(0.2), atol=0.01)
    gap = np.isnan(library.spectra[1])
    np.testing.assert_array_equal(TARGET[gap], np.arange(500.0, 590.0, 20.0))
    np.testing.assert_allclose(library.spectra[1][~gap], expected(0.3)[~gap], atol=0.015)
    assert library.repairs == ("1 spectra of usgs have no band in the cube's range: left out",)
    assert capfd.readouterr() == ("", "")


def test_a_folder_of_ecostress(ecostress: Path, capfd: pytest.CaptureFixture[str]) -> None:
    library = read_database(ecostress, TARGET)
    assert library.names == ("Calcite CaCO3",)
    np.testing.assert_allclose(library.spectra[0], expected(0.2), atol=0.01)
    assert capfd.readouterr() == ("", "")


def test_the_files_that_spy_makes(splib07: Path, ecostress: Path, tmp_path: Path) -> None:
    from spectral.database import EcostressDatabase, USGSDatabase

    for made, folder in ((USGSDatabase, splib07), (EcostressDatabase, ecostress)):
        file = tmp_path / f"{made.__name__}.db"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # SPy leaves the folder's files open
            made.create(str(file), str(folder)).db.close()
        of_file, of_folder = read_database(file, TARGET), read_database(folder, TARGET)
        assert of_file.names == of_folder.names
        np.testing.assert_array_equal(of_file.spectra, of_folder.spectra)


def test_what_is_no_database(tmp_path: Path, splib07: Path, ecostress: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.db").write_text("text")
    for name in ("empty", "text.db", "missing"):
        assert not is_database(tmp_path / name)
        with pytest.raises(UnmixError, match=f"{name} is no database of spectra: give the folder"):
            read_database(tmp_path / name, TARGET)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE Recipes (Name TEXT)")
    other.close()
    with pytest.raises(UnmixError, match=r"other\.db lacks the table Samples"):
        read_database(tmp_path / "other.db", TARGET)
    with pytest.raises(UnmixError, match=r"usgs has no spectrum between 8000 and 9000 nm \(3 of other bands\)"):
        read_database(splib07, np.linspace(8000, 9000, 50))
    file = next(ecostress.iterdir())
    file.write_text(file.read_text().replace("Owner: JPL\n", ""))
    with pytest.raises(UnmixError, match=r"A spectrum of eco could not be read \('owner'\): unpack the ecostress"):
        read_database(ecostress, TARGET)
