"""What is written of a graded run says the grades: page, text, pictures, exports; of a run without grades nothing is said of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Check, Grade, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.drawing import LIGHT, curves_svg
from napari_unmix.output.export import export
from napari_unmix.output.export.contents import of_result, of_run
from napari_unmix.output.export.envi import header_fields
from napari_unmix.output.export.geotiff import band_items
from napari_unmix.output.export.ome_zarr import lists_of
from napari_unmix.output.map_picture import Entry, Seen, write_picture
from napari_unmix.output.page.contents import graded, page_of
from napari_unmix.output.page.render import page_html
from napari_unmix.output.page.text import report_text
from napari_unmix.output.pictures import draw_run
from napari_unmix.output.run import read_run, write_run

BANDS = 12
GOOD = np.arange(BANDS) != 3
CHECK = Check("enough regions", "fail", 1.0, 7.0, "1 painted region.", "Paint 6 more.", role="required", number=1)
GRADES = (
    Grade(
        "rock",
        "shaky",
        "rock moves by 3.1°.",
        "Paint rock & <b>roof</b>.",
        {"moved": 3.1},
        (0.05,) * 11,
        expected_rmse=0.04,
    ),
    Grade("soil", "steady", "soil moves by 0.2°.", spread=(0.01,) * 11),
)
PLAIN = Report("not identified", "Not identified: rock is shaky.", (CHECK,))
REPORT = replace(PLAIN, grades=GRADES)


@pytest.fixture
def scene() -> tuple[Cube, Unmixing]:
    """A cube of two materials, and its answer."""
    generator = np.random.default_rng(0)
    abundances = generator.dirichlet(np.ones(2), size=(9, 14)).astype(np.float32)
    endmembers = np.where(GOOD, generator.uniform(0.2, 0.8, (2, BANDS)), np.nan)
    cube = Cube(generator.random((9, 14, BANDS)), np.linspace(420, 900, BANDS), GOOD, name="scene")
    spec = spec_class("vca-fcls")(method="vca-fcls", endmembers=2, seed=0)
    error = np.zeros((9, 14), np.float32)
    return cube, Unmixing(endmembers, abundances, None, None, error, ("rock", "soil"), spec, seconds=1.0)


def test_the_page_has_a_table_of_materials(scene: tuple[Cube, Unmixing]) -> None:
    page = page_html(page_of(*scene), REPORT)
    table = page[page.index("materials") :]
    assert "◐</span> shaky" in table
    assert "rock moves by 3.1°." in table
    assert "Paint rock &amp; &lt;b&gt;roof&lt;/b&gt;." in table
    assert "●</span> steady" in table
    assert "Dashed: shaky. The band around a curve is how far it moves" in page


def test_what_is_said_is_said_by_the_names_of_now(scene: tuple[Cube, Unmixing]) -> None:
    cube, result = scene
    page = page_html(page_of(cube, replace(result, names=("granite", "soil"))), REPORT)
    assert "granite moves by 3.1°." in page
    assert "Not identified: granite is shaky." in page
    assert "rock" not in page


def test_without_grades_no_page_speaks_of_them(scene: tuple[Cube, Unmixing]) -> None:
    page = page_html(page_of(*scene), PLAIN)
    assert "Material</th>" not in page
    assert "shaky.</p>" in page  # the summary stays as it is
    assert graded(page_of(*scene), PLAIN)[0].grades == ()
    assert "Materials" not in report_text(PLAIN, ("rock", "soil"))


def test_the_text_lists_materials_with_what_to_do() -> None:
    text = report_text(REPORT, ("granite", "soil"))
    assert "◐ shaky, granite: granite moves by 3.1°." in text
    assert "→ Paint granite & <b>roof</b>." in text
    assert "● steady, soil: soil moves by 0.2°." in text


def test_curves_are_dashed_and_have_their_band(scene: tuple[Cube, Unmixing]) -> None:
    page, _ = graded(page_of(*scene), REPORT)
    assert page.curves.lines == ("dashed", "solid")
    np.testing.assert_array_equal(page.curves.spread[0][GOOD], 0.05)
    assert np.isnan(page.curves.spread[:, 3]).all()
    drawn, plain = (curves_svg(one.curves, LIGHT, 5, 3) for one in (page, page_of(*scene)))
    assert drawn.count(b"stroke-dasharray") == 1
    assert plain.count(b"stroke-dasharray") == 0


def test_a_wide_band_does_not_flatten_the_curves(scene: tuple[Cube, Unmixing]) -> None:
    page, _ = graded(page_of(*scene), REPORT)
    wide = replace(page.curves, spread=np.full((2, BANDS), 50.0))
    assert wide.highest == pytest.approx(1.25 * page_of(*scene).curves.highest)
    narrow = replace(page.curves, spread=np.full((2, BANDS), 0.01))
    assert narrow.highest == pytest.approx(page_of(*scene).curves.highest + 0.01)


def test_pictures_have_room_for_the_words(scene: tuple[Cube, Unmixing], tmp_path: Path) -> None:
    cube, result = scene
    heights = []
    for name, report in (("plain", PLAIN), ("graded", REPORT)):
        (tmp_path / name).mkdir()
        draw_run(cube, result, report, tmp_path / name)
        with Picture.open(tmp_path / name / "abundances.png") as picture:
            heights.append(picture.height)
    assert heights[1] > heights[0]


def test_the_legend_of_a_map_picture_says_the_word(tmp_path: Path) -> None:
    image = np.full((8, 8, 4), 255, np.uint8)
    entries = (Entry("#e69f00", "rock", "40 %", "◐ shaky"), Entry("#56b4e9", "soil", "60 %"))
    path = write_picture(tmp_path / "seen.svg", Seen("scene", "abundances", image, entries))
    assert "◐ shaky" in path.read_text(encoding="utf-8")


def test_exports_carry_the_words_where_names_are_written(scene: tuple[Cube, Unmixing]) -> None:
    contents, plain = of_result(*scene, REPORT), of_result(*scene)
    assert header_fields(contents.main, contents, "bip")["grades"] == ["shaky", "steady"]
    assert [items.get("grade") for items in band_items(contents.main)] == ["shaky", "steady"]
    assert lists_of(contents.main)["grades"] == ["shaky", "steady"]
    assert "grades" not in header_fields(plain.main, plain, "bip")
    assert not any(items for items in band_items(plain.main))
    assert "grades" not in lists_of(plain.main)


def test_one_endmember_without_a_grade_has_no_word(scene: tuple[Cube, Unmixing]) -> None:
    contents = of_result(*scene, REPORT)
    image = replace(contents.main, grades=(None, GRADES[1]))
    assert header_fields(image, contents, "bip")["grades"] == ["none", "steady"]
    assert [items.get("grade") for items in band_items(image)] == [None, "steady"]


@pytest.mark.parametrize(("suffix", "more"), [(".csv", ["OUT_grades.csv"]), (".npz", [])])
def test_a_kept_run_is_exported_with_its_grades(
    scene: tuple[Cube, Unmixing], tmp_path: Path, suffix: str, more: list[str]
) -> None:
    cube, result = scene
    files: dict[str, Any] = {}
    for name, report in (("plain", PLAIN), ("graded", REPORT)):
        stored = read_run(write_run(tmp_path / name, cube, result, report))
        assert of_run(stored).main.words == ([] if report is PLAIN else ["shaky", "steady"])
        files[name] = export(stored, tmp_path / f"files of {name}" / f"OUT{suffix}")
    assert sorted({path.name for path in files["graded"]} - {path.name for path in files["plain"]}) == more
    if suffix == ".npz":
        with np.load(files["graded"][0]) as arrays, np.load(files["plain"][0]) as without:
            assert list(arrays["grades"]) == ["shaky", "steady"]
            assert "grades" not in without
        return
    text = (tmp_path / "files of graded" / "OUT_grades.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["endmember", "grade", "why", "remedy", "expected_rmse"]
    assert rows[1] == ["rock", "shaky", "rock moves by 3.1°.", "Paint rock & <b>roof</b>.", "0.04"]
    assert rows[2] == ["soil", "steady", "soil moves by 0.2°.", "", ""]


def test_the_grades_of_a_run_are_in_its_folder(scene: tuple[Cube, Unmixing], tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", *scene, REPORT)
    assert read_run(folder).report == REPORT
    values = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [grade["word"] for grade in values["grades"]] == ["shaky", "steady"]
