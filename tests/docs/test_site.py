"""The site builds without a warning, and links between README, pages, decisions and cards hold."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILDS = all(importlib.util.find_spec(name) for name in ("mkdocs", "material", "mkdocstrings_handlers"))
pytestmark = pytest.mark.skipif(not BUILDS, reason="mkdocs is not installed: the group docs brings it")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "resources/docs/mkdocs.yml", "-d", str(folder)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr  # not with -q: a warning that is not logged does not count
    return folder


def text_of(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


def test_the_start_page_is_the_readme(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="theory/"' in start
    assert 'href="decisions/"' in start
    assert 'src="gallery/window-dark.png"' in start
    assert (site / "gallery" / "window-dark.png").is_file()


def test_every_decision_is_in_the_navigation_and_in_the_list(site: Path) -> None:
    index = (site / "decisions" / "index.html").read_text(encoding="utf-8")
    for page in (ROOT / "resources" / "decisions").glob("[0-9]*.md"):
        assert (site / "decisions" / page.stem / "index.html").is_file()
        assert index.count(f'href="{page.stem}/"') >= 2
    assert "accepted" in text_of(site / "decisions" / "index.html")


def test_every_card_is_a_page(site: Path) -> None:
    for card in (ROOT / "src" / "napari_unmix" / "methods").glob("*/card.md"):
        assert (site / "methods" / card.parent.name / "index.html").is_file()


def test_the_api_shows_the_docstrings(site: Path) -> None:
    text = text_of(site / "api" / "index.html")
    assert "(H, W, B) float32, C-contiguous; reflectance or radiance as the reader scaled it" in text
    assert "Bad input, in one sentence" in text
    assert "Number of materials, or auto" in text  # a spec's field
    assert "Field(" not in text
