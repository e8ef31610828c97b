"""The report's page is one file that loads nothing, shows every check, and escapes what a user wrote."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.findings import Note, NoteKind
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.page.contents import page_of
from napari_unmix.output.page.render import page_html, write_report_page
from napari_unmix.output.page.text import MARKS, report_text
from napari_unmix.sentences import shown

CHECKS = (
    Check("enough regions", "fail", 1.0, 7.0, "1 painted region.", "Paint 6 more regions.", role="required", number=1),
    Check("every material varies", "not applicable", None, 0.18, "Not tested.", role="required", number=4),
    Check("stable", "pass", 0.25, 1.0, "It is stable.", role="veto", number=8),
    Check("geometry", "doubtful", 0.8, 0.95, "No pure pixels.", "Paint a stroke.", role="informs"),
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


@pytest.fixture(scope="module")
def text() -> str:
    """The page of the scene above."""
    return page_html(page_of(*make()), REPORT)


class Reader(HTMLParser):
    """Tags that are open, tags that were seen, pictures, and words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.pictures: list[tuple[str, bytes]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset"):
                kind, data = str(value).split(",")
                self.pictures.append((kind, base64.b64decode(data, validate=True)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def of_kind(self, kind: str) -> list[bytes]:
        return [data for name, data in self.pictures if name == f"data:{kind};base64"]


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
    for words in (REPORT.summary, "1.2°", "2.1 %", "rock", "soil", "A note.", "scene", "VCA", "Illumination"):
        assert words in read.words
    assert len(read.of_kind("image/png")) == 5  # the cube, two maps, spread, illumination
    assert len(read.of_kind("image/svg+xml")) == 4  # curves: light and dark, wide and narrow


def test_maps_are_of_the_scenes_shape(text: str) -> None:
    for picture in Reader(text).of_kind("image/png"):
        with Image.open(io.BytesIO(picture)) as image:
            assert image.size == (14, 9)
            assert image.convert("RGBA").getpixel((0, 0))[3] == 0  # no data
            assert image.convert("RGBA").getpixel((5, 5))[3] == 255


def test_curves_name_their_axes() -> None:
    cube, result = make()
    wordless = replace(cube, wavelengths=None), replace(result, illumination=None)
    for subject, place, value in (
        ((cube, result), "wavelength (nm)", "spectrum (maximum 1)"),
        (wordless, "band", "spectrum (in the cube's units)"),
    ):
        for drawing in Reader(page_html(page_of(*subject), REPORT)).of_kind("image/svg+xml"):
            words = [text.text for text in ElementTree.fromstring(drawing).iter() if text.tag.endswith("text")]
            assert {place, value} <= set(words)


def test_the_page_loads_and_runs_nothing_and_is_the_same_every_time(text: str) -> None:
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert not Reader(text).tags & {"script", "link", "iframe", "object", "embed", "svg"}
    assert page_html(page_of(*make()), REPORT) == text


@pytest.mark.parametrize(
    "hostile",
    [
        "</title></style></script><script>alert(1)</script> & <b>",
        "' onerror='x()' \" onload=\"x()\" &amp; &lt;",
        "{{ 7 * 7 }} {% include 'style.css' %} {# $\\frac$ \x85\u2028",
    ],
)
def test_what_a_user_wrote_is_text(hostile: str, text: str) -> None:
    cube, result = make((f"1 {hostile}", f"2 {hostile}"), name=f"3 {hostile}")
    checks = (Check(f"4 {hostile}", "fail", 1.0, 7.0, f"5 {hostile}", f"6 {hostile}", role="required"),)
    report = replace(REPORT, summary=f"7 {hostile}", checks=checks)
    page = replace(
        page_of(cube, replace(result, notes=(Note(NoteKind.METHOD, f"8 {hostile}"),))), caption=f"9 {hostile}"
    )
    read, plain = Reader(page_html(page, report)), Reader(text)
    assert read.open == []
    assert (read.tags, read.attributes) == (plain.tags, plain.attributes)
    for number in (1, 2, 4, 5, 6, 7, 8, 9):
        assert f"{number} {hostile}" in read.words
    assert shown(f"3 {hostile}") in read.words  # a cube's name has lost its control characters


def test_dark_light_phone_and_print_are_all_styled(text: str) -> None:
    for media in ("(prefers-color-scheme: dark)", "(max-width: 36rem)", "print"):
        assert f"@media {media}" in text


def test_settings_are_named_as_in_the_form(text: str) -> None:
    words = " ".join(Reader(text).words.split())
    assert "Settings MethodVCA + least squares Endmembers2 Illuminationno Seed0" in words


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
    assert report_text(REPORT, ("rock",), "Decided by geometry.").splitlines()[2:3] == ["Decided by geometry."]
    assert "expect" not in report_text(replace(REPORT, expected_angle_degrees=None), ("rock",))


@pytest.mark.parametrize("bands", [4, 2])
def test_a_page_of_few_bands_and_many_endmembers(bands: int) -> None:
    names = tuple(f"material {k}" for k in range(12))
    cube, result = make(names, bands=4)
    page = page_of(cube, replace(result, abundance_std=None, illumination=None))
    page = replace(page, endmembers=page.endmembers[:, -bands:] * np.nan, axis=page.axis[-bands:], picture=None)
    read = Reader(page_html(page, replace(REPORT, checks=())))
    assert (read.open, len(read.of_kind("image/png"))) == ([], 12)


def test_large_scenes_are_thinned() -> None:
    page = page_of(*make())
    large = replace(page, abundances=np.full((1500, 40, 2), 0.5), spread=None, illumination=None, picture=None)
    for picture in Reader(page_html(large, REPORT)).of_kind("image/png"):
        with Image.open(io.BytesIO(picture)) as image:
            assert image.height <= 640
