"""What is loaded when, and who may import whom."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unmix
from napari_unmix.cli import COMMANDS

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "napari",
    "qtpy",
    "PyQt6",
    "PySide6",
    "scipy",
    "skimage",
    "matplotlib",
    "h5py",
    "zarr",
    "pyqtgraph",
    "spectral",
    "psutil",
)


def loaded_by(code: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after running this."""
    report = f"\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return done.stderr.split()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import napari_unmix") == []


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    assert loaded_by(f"from napari_unmix.cli import main; assert main({[*command, '--help']!r}) == 0") == []


def test_listing_methods_and_reading_a_run_load_nothing_heavy() -> None:
    assert loaded_by("from napari_unmix.methods.registry import method_specs; method_specs()") == []
    assert loaded_by("import napari_unmix.library, napari_unmix.io") == []
    assert loaded_by("import napari_unmix.output.run, napari_unmix.output.palette, napari_unmix.output.pictures") == []


@pytest.mark.parametrize("name", napari_unmix.__all__)
def test_public_names_resolve(name: str) -> None:
    assert getattr(napari_unmix, name) is not None


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = napari_unmix.unknown  # type: ignore[attr-defined]


# --- contracts between modules


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the package below ``folder/src``."""
    lint_imports = (
        "import sys; sys.path.insert(0, 'src'); import napari_unmix, os;"
        "assert os.path.realpath(napari_unmix.__file__).startswith(os.path.realpath('src'));"
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    command = [sys.executable, "-c", lint_imports]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to be broken."""
    pytest.importorskip("importlinter")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "*.npz")
    shutil.copytree(ROOT / "src" / "napari_unmix", tmp_path / "src" / "napari_unmix", ignore=ignored)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("rows/simplex.py", "import napari_unmix.pipeline", "Layers: upper may import lower"),
        ("identifiability/report.py", "import napari_unmix.pipeline", "Layers: upper may import lower"),
        ("cube.py", "import qtpy", "Only the plugin imports napari"),
        ("pipeline.py", "import napari", "Only the plugin imports napari"),
        ("cli/info_command.py", "import napari_unmix.plugin.window.launch", "Only the plugin imports napari"),
        ("plugin/facts/session.py", "import qtpy", "know no Qt and no viewer"),
        ("plugin/facts/session.py", "import napari_unmix.plugin.verbs.controller", "The plugin's rooms"),
        ("identifiability/report.py", "import napari_unmix.methods.contract", "Layers: upper may import lower"),
        ("io/spy.py", "import napari_unmix.library.files", "Layers: upper may import lower"),
        ("library/spectra.py", "import spectral", "SPy is reached through io.spy"),
    ],
)
def test_the_contracts_break_when_violated(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / "src" / "napari_unmix" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [text for text in done.stdout.splitlines() if text.endswith("BROKEN") or " BROKEN " in text]
    assert any(contract in text for text in broken), done.stdout
