"""Unmixing with a library: which entries are kept, how surely, and what is said of those that are alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.given import Given
from napari_unmix.io import read_cube
from napari_unmix.library.known import OtherUnits
from napari_unmix.methods.library.choosing import near_entries
from napari_unmix.methods.library.spec import LibrarySpec
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import measured_spectra

WAVELENGTHS, SPECTRA, NAMES = measured_spectra()
THREE = ("calcite", "dry grass", "siderite")
ROWS = [NAMES.index(name) for name in THREE]


def scene(noise: float = 0.004, light: bool = False, seed: int = 0) -> tuple[Cube, np.ndarray]:
    """A cube of three of the 23 measured spectra, and the shares (H, W, 3)."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet([0.7] * 3, (24, 24))
    spectra = shares @ SPECTRA[ROWS]
    if light:
        spectra = spectra * generator.uniform(0.5, 1.5, (24, 24, 1))
    return Cube(spectra + noise * generator.normal(size=spectra.shape), WAVELENGTHS), shares


def run(cube: Cube, given: Given | None = None, **settings: Any) -> Unmixing:
    return drain(unmix(cube, LibrarySpec(**settings), None, given))


def in_order(found: Unmixing) -> np.ndarray:
    return np.asarray(found.abundances[..., [found.names.index(name) for name in THREE]])


@pytest.mark.parametrize(
    "settings",
    [{}, {"abundances": "nnls"}, {"abundances": "sunsal"}, {"illumination": True, "brightness": "own"}],
    ids=str,
)
def test_the_entries_that_made_the_scene_are_kept_and_no_others(settings: dict[str, Any]) -> None:
    cube, shares = scene(light="illumination" in settings)
    found = run(cube, **settings)
    assert set(found.names) == set(THREE)
    assert np.sqrt(np.mean((in_order(found) - shares) ** 2)) < 0.03
    assert found.findings.search["library_entries"] == 23
    needed = found.findings.search["pixels_that_need_each"]
    assert isinstance(needed, tuple)
    assert min(needed) > 50
    said = " ".join(str(note) for note in found.notes)
    assert "3 of 23 entries of the library are kept" in said
    assert "Held as given:" in said


def test_least_squares_on_what_is_kept_is_the_oracles() -> None:
    cube, _ = scene()
    found = run(cube)
    oracle = fully_constrained(cube.pixels(), SPECTRA[ROWS].astype(np.float32).astype(float))
    np.testing.assert_allclose(in_order(found).reshape(-1, 3), oracle, atol=1e-4)


def test_a_number_that_is_asked_for_is_kept_whatever_is_needed() -> None:
    cube, _ = scene()
    two, five = run(cube, endmembers=2), run(cube, endmembers=5)
    assert len(two.names) == 2
    assert len(five.names) == 5
    assert set(THREE) < set(five.names)
    assert any("No three pixels need" in str(note) for note in five.notes)


def test_an_entry_that_is_nearly_another_is_named_beside_it() -> None:
    cube, _ = scene()
    twin = SPECTRA[ROWS[0]] * (1 + 0.01 * np.linspace(-1, 1, len(WAVELENGTHS)))
    found = run(cube, Given.known(np.vstack([SPECTRA, twin]), [*NAMES, "calcite_2"]))
    said = next(str(note) for note in found.notes if "Entries within 2°" in str(note))
    assert "calcite or calcite_2 or calcite and dolomite: 0.3° and 0.9° apart" in said
    given = Given.known(np.eye(3) + 0.01, list("abc"))
    assert near_entries(given, given.spectra, [0, 1]) == ()


def test_what_was_kept_is_kept_again() -> None:
    """A run is repeated from the entries that it holds."""
    cube, _ = scene()
    found = run(cube)
    again = run(cube, found.given)
    assert again.names == found.names
    np.testing.assert_array_equal(again.abundances, found.abundances)


def test_other_units_and_missing_wavelengths_are_one_sentence() -> None:
    cube, _ = scene()
    with pytest.raises(OtherUnits, match="free the illumination"):
        run(Cube(1e4 * cube.spectra, WAVELENGTHS))
    assert set(run(Cube(1e4 * cube.spectra, WAVELENGTHS), illumination=True).names) == set(THREE)
    with pytest.raises(UnmixError, match="give both wavelengths in nm"):
        run(Cube(cube.spectra[:, :, ::2]))
    with pytest.raises(UnmixError, match="The library has 2 usable entries, but 3 endmembers are needed"):
        run(cube, Given.known(SPECTRA[ROWS[:2]], THREE[:2]), endmembers=3)


@pytest.mark.skipif("NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: dc1 is NOT tested")
def test_of_the_240_entries_of_dc1_the_five_that_made_it_are_kept() -> None:
    folder = Path(os.environ["NAPARI_UNMIX_DATA"]) / "dc1"
    reference = np.load(folder / "reference.npz")
    cube = Cube(np.load(folder / "dc1_snr30.npz")["cube"])
    library = Given.known(reference["library"].astype(float), [f"entry {k}" for k in range(240)])
    found = run(cube, library)
    true = [f"entry {k}" for k in reference["selected"]]
    assert sorted(found.names) == sorted(true)
    shares = found.abundances[..., [found.names.index(name) for name in true]]
    assert np.sqrt(np.mean((shares - reference["A"]) ** 2)) < 0.021


def real(scene: str) -> tuple[Cube, np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Every third row and column of a real scene, its reference's endmembers and abundances, what these are called, and the wavelengths."""
    folder = Path(os.environ["NAPARI_UNMIX_DATA"]) / scene
    reference = np.load(folder / "reference.npz")
    if scene == "samson":
        cube, names = read_cube(folder / "samson.hdr"), ["rock", "tree", "water"]
        axis = cube.wavelengths
        assert axis is not None
    else:
        cube, names = read_cube(folder / "jasperRidge2_R198.mat"), ["tree", "water", "dirt", "road"]
        axis = reference["wavelength"].astype(float)
    third = Cube(cube.spectra[::3, ::3], axis)
    return third, reference["E"].astype(float), reference["A"][::3, ::3], [f"{scene} {name}" for name in names], axis


@pytest.mark.skipif(
    "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: real scenes are NOT tested"
)
@pytest.mark.parametrize(
    ("scene", "other", "error"), [("samson", "jasper_ridge", 0.003), ("jasper_ridge", None, 0.007)]
)
def test_of_a_real_scene_the_references_own_spectra_are_kept_among_others(
    scene: str, other: str | None, error: float
) -> None:
    """Beside the built-in selection and, where its bands reach, another scene's references; nothing was chosen on these."""
    cube, endmembers, shares, names, axis = real(scene)
    rows, called = [endmembers], list(names)
    if other is not None:
        _, foreign, _, foreign_names, foreign_axis = real(other)
        rows.append(np.array([np.interp(axis, foreign_axis, row) for row in foreign]))
        called += foreign_names
    rows.append(np.array([np.interp(axis, WAVELENGTHS, row) for row in SPECTRA]))
    entries = np.vstack(rows)
    library = Given.known(entries / entries.max(axis=1, keepdims=True), [*called, *NAMES])
    found = run(cube, library, illumination=True, endmembers=len(names))
    assert sorted(found.names) == sorted(names)
    kept = found.abundances[..., [found.names.index(name) for name in names]]
    assert np.sqrt(np.mean((kept - shares) ** 2)) < error


@pytest.mark.skipif("NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: Samson is NOT tested")
def test_a_library_that_lacks_the_scenes_spectra_has_others_of_the_same_kind() -> None:
    """Needles for trees, another lake's water: 4° to 11° off by the spectrum, and maps that rise with the reference's."""
    cube, endmembers, shares, _, axis = real("samson")
    _, foreign, _, names, foreign_axis = real("jasper_ridge")
    rows = [np.interp(axis, foreign_axis, row) for row in foreign] + [
        np.interp(axis, WAVELENGTHS, row) for row in SPECTRA
    ]
    entries = np.array(rows)
    library = Given.known(entries / entries.max(axis=1, keepdims=True), [*names, *NAMES])
    found = run(cube, library, illumination=True, endmembers=3)
    assert set(found.names) == {"dry pine needles", "spruce needles", "jasper_ridge water"}
    order = match_endmembers(found.endmembers, endmembers)
    maps = found.abundances[..., order].reshape(-1, 3)
    correlations = [np.corrcoef(one, two)[0, 1] for one, two in zip(maps.T, shares.reshape(-1, 3).T, strict=True)]
    assert min(correlations) > 0.95
    assert np.degrees(spectral_angle(found.endmembers[order], endmembers)).min() > 3
