"""The identifiability report as one self-contained HTML file with pictures.

The page loads nothing from anywhere and runs nothing, follows the reader's light or dark scheme, and prints. ``template.html`` says what
stands where and ``style.css`` how it looks; the template escapes whatever it is given, so that what a user or a file named stays text.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.files.opened import open_regular
from napari_unmix.files.whole import write_whole
from napari_unmix.identifiability.report import Report
from napari_unmix.output.drawing import DARK, LIGHT, Curves, Ink, curves_svg, png
from napari_unmix.output.export import AlreadyThere
from napari_unmix.output.grades import SIGNS
from napari_unmix.output.page.contents import Map, Page, further_maps, graded, page_of, scene_maps
from napari_unmix.output.page.text import MARKS, VERDICTS, expected_errors, short, titled
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

if TYPE_CHECKING:
    from jinja2 import Template

_LARGEST_MAP = 640  # pixels of the longer side: larger maps are thinned
_HEAD = 1 << 16  # bytes of a page in which one of these stands
_MARKS = (
    b'<meta name="generator" content="napari-unmix">',
    '<p class="facts">Identifiability report · '.encode(),
)  # and of older pages
_WIDE, _NARROW = (7.4, 3.1), (3.6, 2.8)  # inches of the curves beside their key, and on a phone


def write_report_page(
    folder: Path, cube: Cube, result: Unmixing, report: Report, colours: tuple[str, ...] = ()
) -> Path:
    """Write ``report.html`` into a folder and return its path; a page of ours is replaced. Raises AlreadyThere, OSError.

    ``colours`` are the endmembers' ("#rrggbb"), () for the palette's.
    """
    path = Path(folder) / "report.html"
    write_whole(path, page_html(page_of(cube, result, colours), report), check_page)
    return path


def check_page(path: Path) -> None:
    """Raise AlreadyThere unless a page of ours is there, which a new one may replace; a link is none. Raises OSError."""
    try:
        with open_regular(path, follow=False) as stream:
            start = stream.read(_HEAD)
    except UnmixError as error:
        raise AlreadyThere(path, "is there already, and not a file") from error
    if not any(mark in start for mark in _MARKS):
        raise AlreadyThere(path, "is there already, and no page that napari-unmix wrote")


def page_html(page: Page, report: Report) -> str:
    """The whole page."""
    page, report = graded(page, report)
    scene = scene_maps(page)
    return _template().render(
        page=page,
        report=report,
        expected=expected_errors(report),
        maps=[(shown, _map_uri(shown)) for shown in scene + further_maps(page)],
        endmembers=[shown for shown in scene if shown.colour is not None],
        curves=[(scheme, _curves_uri(page.curves, ink)) for scheme, ink in (("light", LIGHT), ("dark", DARK))],
        settings=_settings(page.spec),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__ or "", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(marks=MARKS, verdicts=VERDICTS, signs=SIGNS)
    environment.filters.update(titled=titled, short=short)
    return environment.get_template("template.html")


def _map_uri(shown: Map) -> str:
    return _uri("image/png", png(shown.image, _LARGEST_MAP))


def _curves_uri(curves: Curves, ink: Ink) -> dict[str, str]:
    return {
        name: _uri("image/svg+xml", curves_svg(curves, ink, *size))
        for name, size in (("wide", _WIDE), ("narrow", _NARROW))
    }


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _settings(spec: MethodSpec) -> list[tuple[str, str]]:
    """Title and value of every setting, as the form names them."""
    fields = type(spec).model_fields
    rest = [
        (fields[name].title or titled(name.replace("_", " ")), _plain(value))
        for name, value in spec.model_dump(mode="json").items()
        if name != "method" and spec.applies(name)
    ]
    return [("Method", spec.title), *rest]


def _plain(value: object) -> str:
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)
