"""The report's page is one file that loads nothing, shows every check, and escapes what a user wrote."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.page.render import (
    MARKS,
    coloured,
    nice_ticks,
    page_html,
    page_of,
    path,
    report_text,
    write_report_page,
)

CHECKS = (
    Check("enough regions", "fail", 1.0, 7.0, "1 painted region.", "Paint 6 more regions."),
    Check("every material varies", "not applicable", None, 0.18, "Not tested."),
    Check("stable", "pass", 0.25, 1.0, "It is stable."),
    Check("geometry", "doubtful", 0.8, 0.95, "No pure pixels.", "Paint a stroke."),
)
REPORT = Report("partly", "Partly: rock and soil can trade.", CHECKS, 1.24, 0.021)


def make(names: tuple[str, ...] = ("rock", "soil"), *, name: str = "scene", bands: int = 12) -> tuple[Cube, Unmixing]:
    generator = np.random.default_rng(0)
    abundances = generator.dirichlet(np.ones(len(names)), size=(9, 14)).astype(np.float32)
    abundances[0, 0] = np.nan
    endmembers = generator.random((len(names), bands))
    endmembers[:, 3] = np.nan
    spread = np.where(np.isnan(abundances), np.nan, 0.02).astype(np.float32)
    cube = Cube(generator.random((9, 14, bands)), np.linspace(420, 900, bands), name=name)
    spec = spec_class("vca-fcls")(method="vca-fcls", endmembers=len(names), seed=0)
    light = np.where(np.isnan(abundances[..., 0]), np.nan, 1.0).astype(np.float32)
    notes = ("A note.",)
    return cube, Unmixing(endmembers, abundances, spread, light, np.zeros((9, 14)), names, spec, notes)


class Reader(HTMLParser):
    """Tags that are open, pictures, and words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(str(dict(attrs)["src"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_is_whole_and_shows_everything(tmp_path: Path) -> None:
    cube, result = make()
    written = write_report_page(tmp_path, cube, result, REPORT)
    assert written == tmp_path / "report.html"
    read = Reader(written.read_text(encoding="utf-8"))
    assert read.open == []
    for check in CHECKS:
        assert check.sentence in read.words
        assert check.remedy in read.words
        assert MARKS[check.status] in read.words
    for words in (REPORT.summary, "1.2°", "2.1 %", "rock", "soil", "A note.", "scene", "VCA"):
        assert words in read.words
    assert len(read.pictures) == 5  # the cube, two maps, spread, illumination


def test_pictures_are_inline_and_of_the_scenes_shape() -> None:
    from PIL import Image

    text = page_html(page_of(*make()), REPORT)
    for picture in Reader(text).pictures:
        kind, data = picture.split(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert image.size == (14, 9)
            assert image.getpixel((0, 0))[3] == 0  # no data
            assert image.getpixel((5, 5))[3] == 255


def test_the_page_loads_nothing() -> None:
    text = page_html(page_of(*make()), REPORT)
    assert "http" not in text
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text


@given(
    words=st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20).map(str.strip).filter(bool)
)
@settings(max_examples=30, deadline=None)
def test_what_a_user_wrote_is_text(words: str) -> None:
    cube, result = make((f"<b>{words}", "soil"), name=f"</title><script>{words}")
    report = replace(REPORT, summary=f"Partly: <i>{words} & more.")
    text = page_html(page_of(cube, replace(result, notes=(f"'<img src=x onerror={words}>",))), report)
    read = Reader(text)
    assert read.open == []
    assert len(read.pictures) == 5
    assert "<script" not in text
    assert f"Partly: <i>{words} & more." in read.words


def test_dark_light_and_print_are_all_styled() -> None:
    text = page_html(page_of(*make()), REPORT)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_text_is_one_page_with_numbers_and_what_to_do() -> None:
    text = report_text(REPORT, ("rock", "soil"))
    lines = text.splitlines()
    assert lines[0] == "PARTLY"
    assert max(map(len, lines)) <= 92
    assert " 1 ✗ Enough regions (1; threshold 7)" in lines
    assert " 4 – Every material varies (not applicable)" in lines
    assert "   ◐ Geometry (0.8; threshold 0.95)" in lines
    assert "     → Paint 6 more regions." in lines
    assert "errors of about 1.2° in endmembers and 2.1 % in abundances" in " ".join(text.split())
    assert "expect" not in report_text(replace(REPORT, expected_angle_degrees=None), ("rock",))


def test_a_map_runs_from_black_over_the_colour_to_white() -> None:
    shown = coloured(np.array([[0.0, 0.6, 1.0, np.nan, 7.0, -1.0]]), "#e69f00")[0]
    np.testing.assert_allclose(shown[0], [0, 0, 0, 1])
    np.testing.assert_allclose(shown[1, :3], np.array([0xE6, 0x9F, 0x00]) / 255)
    np.testing.assert_allclose(shown[2], 1)
    assert shown[3, 3] == 0
    np.testing.assert_allclose(shown[4], shown[2])
    np.testing.assert_allclose(shown[5], shown[0])


@given(low=st.floats(-1e3, 1e3), span=st.floats(1e-6, 1e4))
@settings(deadline=None)
def test_ticks_are_few_and_within(low: float, span: float) -> None:
    ticks = list(nice_ticks(low, low + span))
    assert 2 <= len(ticks) <= 11
    slack = 1e-6 * max(span, 1e-3)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


def test_curves_break_where_bands_are_missing_and_sort_bands() -> None:
    drawn = path(np.array([0.0, 2.0, 1.0, 3.0, 30.0, 31.0]), np.array([0.0, 2.0, np.nan, 3.0, 4.0, 5.0]))
    assert drawn == "M0.0 0.0M2.0 2.0L3.0 3.0M30.0 4.0L31.0 5.0"


@pytest.mark.parametrize("bands", [1, 2])
def test_a_page_of_few_bands_and_many_endmembers(bands: int) -> None:
    names = tuple(f"material {k}" for k in range(12))
    cube, result = make(names, bands=max(bands, 4))
    empty = replace(result, endmembers=np.full_like(result.endmembers, np.nan), abundance_std=None, illumination=None)
    read = Reader(page_html(page_of(cube, empty), replace(REPORT, checks=())))
    assert (read.open, len(read.pictures)) == ([], 13)


def test_large_scenes_are_thinned() -> None:
    from PIL import Image

    from napari_unmix.output.page.render import _png

    picture = base64.b64decode(_png(np.zeros((1500, 40, 4))))
    with Image.open(io.BytesIO(picture)) as image:
        assert image.height <= 640
    assert re.match(rb"\x89PNG", picture)
