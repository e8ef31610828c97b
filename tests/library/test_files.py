"""Libraries in files: what is written reads back, by us and by SPy; every defect of a file has its sentence."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unmix.library import SpectralLibrary, read_library, write_library
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import measured_spectra

HEADER = {
    "samples": 4,
    "lines": 2,
    "bands": 1,
    "header offset": 0,
    "file type": "ENVI Spectral Library",
    "data type": 4,
    "interleave": "bsq",
    "byte order": 0,
    "wavelength units": "Micrometers",
    "wavelength": "{0.4, 0.5, 0.6, 0.7}",
    "spectra names": "{oak leaf, red brick}",
}
VALUES = np.arange(8, dtype="<f4").reshape(2, 4) / 10


def written(folder: Path, data: bytes = VALUES.tobytes(), name: str = "lib.sli", **changes: object) -> Path:
    """A library of two spectra as programs write it; ``changes`` replace header lines (None drops one)."""
    fields = HEADER | {key.replace("_", " "): value for key, value in changes.items()}
    lines = ["ENVI", *(f"{key} = {value}" for key, value in fields.items() if value is not None)]
    (folder / "lib.hdr").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / name).write_bytes(data)
    return folder / name


# --- there and back


@settings(max_examples=60, deadline=None)
@given(
    spectra=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(allow_infinity=False, allow_nan=True, width=64),
    ),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["numbered", "wavelengths", "widths"]),
)
def test_what_is_written_reads_back_to_the_last_bit(spectra: np.ndarray, seed: int, kind: str) -> None:
    from spectral.io import envi

    rng = np.random.default_rng(seed)
    wavelengths = None if kind == "numbered" else 400 + np.cumsum(rng.uniform(0.1, 20, spectra.shape[1]))
    widths = rng.uniform(1, 20, spectra.shape[1]) if kind == "widths" else None
    names = tuple(f"material {row}" for row in range(len(spectra)))
    with tempfile.TemporaryDirectory() as folder:
        data, header = write_library(SpectralLibrary(spectra, wavelengths, names, widths), Path(folder) / "lib")
        ours, theirs = read_library(data), envi.open(str(header))
        by_header = read_library(header)
    for read in (ours, by_header):
        np.testing.assert_array_equal(read.spectra, spectra)
        assert read.names == names
        for mine, written_ones in ((read.wavelengths, wavelengths), (read.fwhm, widths)):
            assert mine is None if written_ones is None else np.array_equal(mine, written_ones)
        assert read.repairs == ()
    np.testing.assert_array_equal(theirs.spectra, spectra)
    assert theirs.names == list(names)
    assert theirs.bands.centers == (None if wavelengths is None else wavelengths.tolist())
    assert theirs.bands.bandwidths == (None if widths is None else widths.tolist())


def test_a_library_that_spy_wrote_reads_equal(tmp_path: Path) -> None:
    from spectral.io import envi

    wavelengths, spectra, names = measured_spectra()
    header = {
        "wavelength": (wavelengths / 1000).tolist(),
        "wavelength units": "Micrometers",
        "spectra names": list(names),
    }
    envi.SpectralLibrary(spectra, header, None).save(str(tmp_path / "usgs"))
    library = read_library(tmp_path / "usgs.sli")
    np.testing.assert_array_equal(library.spectra, spectra.astype(np.float32))
    np.testing.assert_allclose(library.wavelengths, wavelengths)
    assert library.names == names
    assert library.name == "usgs"


@pytest.mark.parametrize(
    ("name", "kept"),
    [("calcite, pure", "calcite pure"), ("a {b}; c\nd", "a b c d"), (" = x ", "= x"), ("", "unnamed"), ("µ", "µ")],
)
def test_names_lose_only_what_a_header_cannot_hold(tmp_path: Path, name: str, kept: str) -> None:
    from spectral.io import envi

    library = SpectralLibrary(np.eye(2, 3), None, (name, "other"), name=name)
    data, header = write_library(library, tmp_path / "lib.sli")
    assert read_library(data).names == (kept, "other")
    assert envi.open(str(header)).names == [kept, "other"]


def test_empty_bands_are_marked_bad(tmp_path: Path) -> None:
    spectra = np.array([[1.0, np.nan, 3.0], [4.0, np.nan, 6.0]])
    data, header = write_library(SpectralLibrary(spectra, np.array([500.0, 600, 700]), ("a", "b")), tmp_path / "lib")
    assert "bbl = { 1 , 0 , 1 }" in header.read_text(encoding="utf-8")
    np.testing.assert_array_equal(read_library(data).spectra, spectra)


# --- ENVI as others write it


def test_units_scale_and_ignored_values(tmp_path: Path) -> None:
    path = written(tmp_path, reflectance_scale_factor=2, data_ignore_value=0.5, fwhm="{0.01, 0.01, 0.02, 0.02}")
    library = read_library(path)
    np.testing.assert_allclose(library.spectra, [[0, 0.05, 0.1, 0.15], [0.2, np.nan, 0.3, 0.35]], rtol=1e-6)
    np.testing.assert_allclose(library.wavelengths, [400, 500, 600, 700])
    np.testing.assert_allclose(library.fwhm, [10, 10, 20, 20])
    assert library.names == ("oak leaf", "red brick")


def test_headers_that_spy_misreads(tmp_path: Path) -> None:
    """Mixed case, no byte order, an offset (SPy reads a library from its first byte), bad bands."""
    path = written(
        tmp_path, b"xx" + VALUES.tobytes(), interleave="Bsq", byte_order=None, header_offset=2, bbl="{1, 1, 0, 1}"
    )
    library = read_library(path)
    np.testing.assert_array_equal(library.spectra, np.where([True, True, False, True], VALUES.astype(float), np.nan))
    assert "the header names no byte order: read as little-endian" in library.repairs


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"file_type": "ENVI Standard"},
            r"lib\.hdr describes no spectral library \(file type 'envi standard'\): give a \.sli",
        ),
        ({"file_type": None}, r"describes no spectral library \(file type 'not given'\)"),
        ({"bands": 3}, r"describes no spectral library"),
        ({"lines": 3}, r"lib\.sli holds 32 bytes but its header's 3 lines × 4 samples × 1 bands of float32 need 48"),
        ({"data_type": 6}, r"lib\.hdr holds complex numbers"),
    ],
)
def test_what_is_no_envi_library(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UnmixError, match=sentence):
        read_library(written(tmp_path, **changes))


def test_a_wrong_list_of_names_is_said(tmp_path: Path) -> None:
    library = read_library(written(tmp_path, spectra_names="{one}"))
    assert library.names == ("spectrum 1", "spectrum 2")
    assert library.repairs[0] == "'spectra names' has 1 entries for 2 spectra: numbered instead"


# --- tables


@pytest.mark.parametrize(
    ("text", "wavelengths"),
    [
        ("wavelength_nm,oak,brick\n400,0.1,0.2\n500,0.3,\n", [400, 500]),
        ("Wavelength (µm);oak;brick\n0.4;0.1;0.2\n\n0.5;0.3; \n", [400, 500]),
        ("\ufeffwavelength\toak\tbrick\n0.4\t0.1\t0.2\n0.5\t0.3\t\n", [400, 500]),
        ("band,oak,brick\n1,0.1,0.2\n2,0.3,\n", None),
    ],
)
def test_tables(tmp_path: Path, text: str, wavelengths: list[float] | None) -> None:
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    library = read_library(tmp_path / "table.csv")
    np.testing.assert_array_equal(library.spectra, [[0.1, 0.3], [0.2, np.nan]])
    assert library.names == ("oak", "brick")
    assert library.wavelengths is None if wavelengths is None else np.allclose(library.wavelengths, wavelengths)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no table of spectra: give a row of names"),
        ("wavelength_nm\n400\n", "is no table of spectra"),
        ("wavelength_nm,a\n", "is no table of spectra"),
        ("wavelength_nm,a\n400,1\n500\n", r"Row 3 of table\.csv has 1 cells, its first row 2: give as many in each"),
        ("wavelength_nm,a\n400," + "1" * 200_000 + "\n", r"table\.csv is no table \(field larger than"),
        ("wavelength_nm,a\n400,high\n", r"Row 2 of table\.csv holds a word \(.*'high'\): give numbers below the names"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UnmixError, match=sentence):
        read_library(tmp_path / "table.csv")


@pytest.mark.parametrize("name", ["picture.png", "nothing.sli", "folder"])
def test_what_is_no_library_at_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnmixError, match=r"There is no library|is no spectral library that can be read: give ENVI"):
        read_library(tmp_path / name)


def test_a_table_beyond_the_memory_names_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.csv").write_text("wavelength_nm,a\n400,1\n", encoding="utf-8")
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 400)
    with pytest.raises(UnmixError, match=r"table\.csv needs 220 B, this machine can give 200 B"):
        read_library(tmp_path / "table.csv")


@settings(max_examples=150, deadline=None)
@given(
    key=st.sampled_from(sorted(HEADER)),
    value=st.one_of(st.text(max_size=12), st.integers(-5, 10**7), st.floats(), st.lists(st.floats(), max_size=5)),
    cut=st.integers(0, VALUES.nbytes + 8),
)
def test_a_damaged_library_is_refused_or_read_never_anything_else(key: str, value: object, cut: int) -> None:
    written_value = f"{{{', '.join(map(str, value))}}}" if isinstance(value, list) else value
    with tempfile.TemporaryDirectory() as folder:
        data = (VALUES.tobytes() + b"12345678")[:cut]
        path = written(Path(folder), data, **{key.replace(" ", "_"): written_value})
        with contextlib.suppress(UnmixError):
            library = read_library(path)
            assert library.spectra.shape[0] == len(library.names)


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet='0123456789.,;\t\n\r"aµ-e\x00 ', max_size=60))
def test_a_damaged_table_is_refused_or_read_never_anything_else(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(text, encoding="utf-8", newline="")
        with contextlib.suppress(UnmixError):
            library = read_library(path)
            assert library.spectra.shape[0] == len(library.names)


def test_a_library_takes_the_place_of_what_was_there_and_of_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "lib.sli").symlink_to("precious")
    write_library(SpectralLibrary(np.ones((1, 3)), np.array([500.0, 600, 700]), ("a",)), tmp_path / "lib.sli")
    assert (tmp_path / "precious").read_text() == "mine"
    assert read_library(tmp_path / "lib.sli").names == ("a",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lib.hdr", "lib.sli", "precious"]
