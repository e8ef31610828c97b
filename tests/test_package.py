"""What is declared is imported and what is imported is declared; what is built holds what it should and no more."""

from __future__ import annotations

import ast
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_unmix"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = {
    "scikit-image": "skimage",
    "pillow": "PIL",
    "pyshp": "shapefile",
}  # where a package's module has another name
THROUGH = {"PyQt6", "imagecodecs"}  # imported through qtpy, and through tifffile and czifile, which find them
EXTRAS = (
    "geo",
    "netcdf",
    "fits",
    "microscopy",
    "cluster",
)  # extras of the core: libraries of file formats, and of many machines
TOOLS = {"docs"}  # extras that are run, not imported


def declared(requirements: list[str]) -> set[str]:
    """The modules of the packages that a list of requirements names."""
    names = [re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0] for requirement in requirements]
    return {MODULES.get(name.lower(), name.lower()) for name in names if name not in THROUGH}


def imported(files: Iterator[Path]) -> set[str]:
    """The modules of other packages that files import, anywhere in them."""
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).split(".")[0])
    return found - set(sys.stdlib_module_names) - {"napari_unmix"}


def test_the_core_imports_what_it_declares_and_declares_what_it_imports() -> None:
    plugin = SOURCE / "plugin"
    core = imported(file for file in SOURCE.rglob("*.py") if plugin not in file.parents)
    extras = set().union(*(declared(PROJECT["optional-dependencies"][name]) for name in EXTRAS))
    assert core == declared(PROJECT["dependencies"]) | extras


def test_libraries_of_formats_are_imported_where_a_file_needs_them() -> None:
    extras = set().union(*(declared(PROJECT["optional-dependencies"][name]) for name in EXTRAS))
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        first = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name.split(".")[0] for node in first for alias in node.names} | {
            str(node.module).split(".")[0] for node in first if isinstance(node, ast.ImportFrom)
        }
        assert not names & extras, file.name


def test_every_extra_is_imported_and_the_window_imports_no_more() -> None:
    extras = {name: declared(needs) for name, needs in PROJECT["optional-dependencies"].items() if name not in TOOLS}
    every = imported(SOURCE.rglob("*.py"))
    assert {name: needs - every for name, needs in extras.items()} == {name: set() for name in extras}
    window = imported((SOURCE / "plugin").rglob("*.py"))
    assert window <= extras["gui"] | declared(PROJECT["dependencies"])


def test_an_import_within_a_function_counts(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import os\ndef f():\n    from scipy.special import psi\n    import skimage.io as io\n"
    )
    assert imported(tmp_path.rglob("*.py")) == {"scipy", "skimage"}
    assert declared(["scikit-image>=0.22", "PyQt6>=6.7,<6.12", "mkdocstrings[python]>=1"]) == {
        "skimage",
        "mkdocstrings",
    }


# --- what is built


def names(build: str, folder: Path) -> set[str]:
    """Paths within a wheel or source distribution, built into ``folder``."""
    pytest.importorskip("hatchling")
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    builder = (WheelBuilder if build == "wheel" else SdistBuilder)(str(ROOT))
    archive = Path(next(builder.build(directory=str(folder), versions=["standard"])))
    if build == "wheel":
        return set(zipfile.ZipFile(archive).namelist())
    with tarfile.open(archive) as stored:
        return {name.split("/", 1)[1] for name in stored.getnames()}


def files_below(folder: Path) -> set[str]:
    """Files of a checkout below a folder, seen from its root."""
    every = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(ROOT).as_posix() for file in every}


def test_the_wheel_holds_the_package_and_neither_benchmarks_nor_tests(tmp_path: Path) -> None:
    found = names("wheel", tmp_path)
    package = {name for name in found if ".dist-info/" not in name}
    assert package == {name.removeprefix("src/") for name in files_below(SOURCE)}
    assert not [name for name in found if re.search(r"benchmark(?!_command)|(^|/)tests?[/_]|conftest", name)]


def test_the_source_distribution_holds_what_its_tests_read(tmp_path: Path) -> None:
    found = names("sdist", tmp_path)
    for folder in ("src", "tests", "resources"):
        assert files_below(ROOT / folder) <= found
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tox.ini"} <= found
