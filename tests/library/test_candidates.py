"""All entries of a library as candidates: what is left out and said, on other bands, in names of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.library.candidates import candidates, candidates_in
from napari_unmix.sentences import UnmixError

AXIS = np.linspace(400, 800, 12)
GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.uniform(0.1, 0.9, (6, 12))


@pytest.fixture
def cube() -> Cube:
    return Cube(GENERATOR.uniform(0.1, 0.9, (6, 6, 12)).astype(np.float32), AXIS)


def test_what_cannot_be_used_is_left_out_and_said(cube: Cube) -> None:
    rows = ROWS.copy()
    rows[1] = 2 * rows[0]
    rows[2, 3] = np.nan
    rows[3] = -0.1
    found = candidates(SpectralLibrary(rows, AXIS, ("a", "b", "c", "d", "e", "e"), name="mine"), cube)
    assert found.given.names == ("a", "e", "e 2")
    assert found.given.held.all()
    assert found.given.sources == ("from mine",) * 3
    assert [said.split(": ")[0] for said in found.repairs] == [
        "1 of 6 entries of mine lack a good band of the cube",
        "1 of 6 entries of mine are nowhere above zero",
        "1 of 6 entries of mine are another entry but for brightness",
    ]


def test_a_library_on_other_bands_is_brought_to_the_cubes_which_is_said(cube: Cube, tmp_path: Path) -> None:
    fine = np.linspace(380, 820, 60)
    rows = 0.5 + 0.4 * np.sin(np.outer([1, 2, 3], fine / 90))
    path = write_library(SpectralLibrary(rows, fine, ("a", "b", "c")), tmp_path / "fine.sli")[0]
    found = candidates_in(path, cube, 10.0)
    assert found.given.spectra.shape == (3, 12)
    np.testing.assert_allclose(found.given.spectra[0], 10 * np.interp(AXIS, fine, rows[0]), rtol=0.05)
    assert found.repairs[0] == "fine was brought from its 60 bands (380–820 nm) to the cube's 12"
    same = write_library(SpectralLibrary(ROWS, AXIS, tuple("abcdef")), tmp_path / "same.sli")[0]
    assert candidates_in(same, cube).repairs == ()


def test_too_few_usable_entries_is_one_sentence(cube: Cube) -> None:
    rows = ROWS[:3].copy()
    rows[1:, 0] = np.nan
    with pytest.raises(
        UnmixError, match=r"^1 of the 3 entries of mine have all of the cube's 12 good bands, and two are needed"
    ):
        candidates(SpectralLibrary(rows, AXIS, ("a", "b", "c"), name="mine"), cube)
