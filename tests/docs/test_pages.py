"""The pages are true of the code: rooms, names, symbols, decisions, methods."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

import napari_unmix
from napari_unmix.methods.registry import method_specs

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "napari_unmix"
DOCS = ROOT / "resources" / "docs"
ARCHITECTURE, GLOSSARY, API, THEORY = (
    (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("architecture", "glossary", "api", "theory")
)
DECISIONS = sorted((ROOT / "resources" / "decisions").glob("[0-9]*.md"))


# --- architecture


def drawn_layers() -> list[list[str]]:
    """The rooms of the picture, from the top; those of one line stand beside each other."""
    picture = ARCHITECTURE.split("```")[1]
    lines = [line for line in picture.splitlines() if line.startswith("│")]
    return [[cell.split()[0] for cell in line.strip("│").split("│")] for line in lines]


def contract(name: str) -> list[list[str]]:
    """The layers of an import contract whose name begins so."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = next(entry for entry in project["tool"]["importlinter"]["contracts"] if entry["name"].startswith(name))
    return [layer.split(" | ") for layer in found["layers"]]


def test_the_picture_of_the_rooms_is_the_import_contract() -> None:
    assert [sorted(rooms) for rooms in drawn_layers()] == [sorted(rooms) for rooms in contract("Layers")]


def test_every_room_of_the_picture_exists_and_is_described() -> None:
    rooms = {room for layer in drawn_layers() for room in layer}
    assert {room for room in rooms if not (SOURCE / room).is_dir() and not (SOURCE / f"{room}.py").is_file()} == set()
    described = {name for row in re.findall(r"(?m)^\| (`.+?) \|", ARCHITECTURE) for name in re.findall(r"`(\w+)`", row)}
    assert rooms - described == set()


def test_the_plugin_s_rooms_are_told_from_the_bottom() -> None:
    told = re.findall(r"(?m)^\| `(\w+)/` \|", ARCHITECTURE)
    assert [[room] for room in reversed(told)] == contract("The plugin's rooms")


def test_paths_of_the_architecture_exist() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", ARCHITECTURE))
    places = (SOURCE, SOURCE / "plugin", SOURCE / "methods" / "ivae", SOURCE / "methods", ROOT)
    assert len(named) > 10
    assert {path for path in named if not any((place / path).exists() for place in places)} == set()


# --- names of the code


@cache
def members() -> dict[str, set[str]]:
    """Class or function of ``src`` -> its members."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.setdefault(node.name, set())
            if isinstance(node, ast.ClassDef):
                fields = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)}  # fmt: skip
                found[node.name] |= fields | {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    return found


def unknown(names: set[str]) -> set[str]:
    """Those of ``Class``, ``Class.member`` and ``function`` that ``src`` does not have."""
    return {
        name
        for name in names
        if (parts := name.split("."))[0] not in members() or not set(parts[1:]) <= members()[parts[0]]
    }


def test_names_of_the_glossary_exist() -> None:
    names = {name for row in table_rows(GLOSSARY) for name in re.findall(r"`([A-Za-z_.]+)`", row[2])} - {"chi"}
    assert len(names) > 40
    assert unknown(names) == set()


def test_a_name_that_does_not_exist_is_seen() -> None:
    assert unknown({"Cube.colour", "Cuboid", "Cube.spectra", "spectral_angle"}) == {"Cube.colour", "Cuboid"}


def test_the_api_lists_every_public_name() -> None:
    listed = set(re.findall(r"(?m)^::: napari_unmix\.(\w+)$", API))
    assert listed == set(napari_unmix.__all__)


def test_the_api_lists_what_a_method_s_author_keeps_to() -> None:
    listed = set(re.findall(r"(?m)^::: [\w.]+\.(\w+)$", API))
    assert {"MethodSpec", "Problem", "Solution", "SideInformation", "Progress", "Preview", "Check", "Report"} <= listed
    assert unknown(listed) == set()


# --- symbols


def table_rows(page: str) -> list[list[str]]:
    rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not row[0].startswith(("---", " symbol"))]


def symbols(text: str) -> set[str]:
    """Single letters, Latin or Greek, with the tilde that some carry: what mathematics in running text is made of."""
    text = re.sub(r"Theorems? [A-D](?: and [A-D])?|[Aa] (?=[a-z]{2})|`[^`]*`", " ", text)
    return set(re.findall(r"(?<![^\W_\d])(?<!['’])([A-Za-zα-ωΑ-Ω]\u0303?)(?![^\W_\d'’])", text))


def test_the_glossary_has_every_symbol_of_the_theory() -> None:
    notation = re.search(r"\*\*Notation\.\*\*.*?\n\n", THEORY, flags=re.DOTALL)
    assert notation is not None
    headings = ("The two theorems", "Models", "Moments of a region", "Coordinates, inference, noise")
    used = symbols(notation[0] + "".join(THEORY.split(f"\n## {name}\n")[1].split("\n## ")[0] for name in headings))
    assert {"x", "s", "α", "κ", "σ", "f", "z"} <= used
    explained = symbols(" ".join(row[0] for row in table_rows(GLOSSARY)))
    assert used - explained == set()


@pytest.mark.parametrize("row", table_rows(GLOSSARY), ids=lambda row: row[0])
def test_a_row_of_the_glossary_is_whole(row: list[str]) -> None:
    assert len(row) == 5
    assert row[0]
    assert row[1]


# --- decisions and methods


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_its_date_and_status(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    found = re.fullmatch(r"Date: (\d{4})-(\d\d)-(\d\d)\. Status: (accepted|superseded by (\d{4}))\.", lines[2])
    assert found is not None, f"{page.name}: the second paragraph is Date: YYYY-MM-DD. Status: accepted."
    assert found[5] is None or any(other.name.startswith(found[5]) for other in DECISIONS)


def test_decisions_are_numbered_once() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))


def test_the_page_of_methods_lists_them_all() -> None:
    page = (DOCS / "methods" / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\[`([\w-]+)`\]", page)) == set(method_specs())
