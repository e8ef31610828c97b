"""The lowest versions that are declared, as the job that installs them reads them."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SCRIPT = importlib.util.spec_from_file_location("lowest", ROOT / "resources" / "dependencies" / "lowest.py")
assert _SCRIPT is not None
assert _SCRIPT.loader is not None
script = importlib.util.module_from_spec(_SCRIPT)
_SCRIPT.loader.exec_module(script)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def project(*dependencies: str, extra: tuple[str, ...] = (), test: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        "project": {"dependencies": list(dependencies), "optional-dependencies": {"extra": list(extra)}},
        "dependency-groups": {"test": list(test)},
    }


def test_every_requirement_has_a_lowest_version() -> None:
    declared = script.lowest(PROJECT)
    assert {"numpy", "torch", "zarr", "rasterio", "pytest"} <= declared.keys()
    with pytest.raises(ValueError, match="'numpy' declares no lowest version"):
        script.lowest(project("numpy"))


def test_the_highest_of_several_holds() -> None:
    found = script.lowest(project("h5py>=3.9,<4", "zarr[remote]>=3.0.8", extra=("h5py>=3.10",), test=("h5py>=3.9.1",)))
    assert found == {"h5py": "3.10", "zarr": "3.0.8"}
