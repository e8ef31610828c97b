"""What mkdocs builds beside the pages of this folder: README, CONTRIBUTING, CHANGELOG, SECURITY, decisions, method cards and pictures.

These files stay where people look for them, and link to each other by their places in the repository. ``on_files`` puts them on the site,
``on_page_markdown`` turns such a link into one between pages; a link to a file that is not on the site is left alone, so that ``--strict`` tells.
"""

from __future__ import annotations

import fnmatch
import os.path
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = Path(__file__).resolve().parent
_LINK = re.compile(r"(\]\()([^)\s#]+)")
_INCLUDE = re.compile(r"(?m)^<!-- include (\S+) -->$")


def _guests() -> dict[str, Path]:
    """Path on the site -> file, of all that is not in this folder."""
    methods = ROOT / "src" / "napari_unmix" / "methods"
    return {
        "index.md": ROOT / "README.md",
        "contributing.md": ROOT / "CONTRIBUTING.md",
        "changelog.md": ROOT / "CHANGELOG.md",
        "security.md": ROOT / "SECURITY.md",
        **{f"decisions/{page.name}": page for page in sorted((ROOT / "resources" / "decisions").glob("*.md"))},
        **{f"methods/{card.parent.name}.md": card for card in sorted(methods.glob("*/card.md"))},
        **{f"gallery/{picture.name}": picture for picture in (ROOT / "resources" / "gallery").glob("*.[ps][nv]g")},
    }


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A pattern with a ``*`` in the navigation becomes all pages that it fits, in the order of their names."""
    every = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} | set(_guests())

    def expanded(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {title: expanded(pages) for title, pages in entry.items()}
        if isinstance(entry, list):
            return [expanded(item) for item in entry]
        if "*" not in entry:
            return entry
        return sorted(fnmatch.filter(every, entry), key=lambda path: (not path.endswith("index.md"), path))

    config.nav = expanded(config.nav)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the guests on the site."""
    for path, source in _guests().items():
        files.append(File.generated(config, path, abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links by places in the repository become links between pages; the index of decisions gets its list."""
    place = page.file.src_uri
    source = _guests().get(place, DOCS / place)
    pages = {str(DOCS / file.src_uri): file.src_uri for file in files} | {str(s): path for path, s in _guests().items()}

    def between_pages(found: re.Match[str]) -> str:
        target = pages.get(os.path.normpath(source.parent / found[2]))
        return found[0] if target is None else found[1] + posixpath.relpath(target, posixpath.dirname(place) or ".")

    if place == "decisions/index.md":
        markdown = markdown.replace("<!-- decisions -->", _list_of_decisions())
    markdown = _INCLUDE.sub(lambda found: _included(ROOT / found[1]), markdown)
    return _LINK.sub(between_pages, markdown)


def _included(page: Path) -> str:
    """The table that a script wrote, without its title; its own headings stand below those of the page."""
    if not page.is_file():
        raise PluginError(f"{page.relative_to(ROOT)} is to be included, and is not there.")
    return re.sub(r"(?m)^#", "##", re.sub(r"\A# .+\n", "", page.read_text(encoding="utf-8")))


def _list_of_decisions() -> str:
    rows = ["| | decision | date | status |", "|---|---|---|---|"]
    for page in sorted((ROOT / "resources" / "decisions").glob("[0-9]*.md")):
        title, date, status = heading(page)
        rows.append(f"| {page.name[:4]} | [{title}]({page.name}) | {date} | {status} |")
    return "\n".join(rows)


def heading(page: Path) -> tuple[str, str, str]:
    """Title, date and status of a decision; PluginError where its first lines do not say them."""
    decision = page.read_text(encoding="utf-8")
    found = re.match(r"# (.+)\n\nDate: (\d{4}-\d\d-\d\d)\. Status: (accepted|superseded by \d{4})\.\n", decision)
    if found is None:
        raise PluginError(f"{page.name}: below its title a decision says Date: YYYY-MM-DD. Status: accepted.")
    return found[1], found[2], found[3]
