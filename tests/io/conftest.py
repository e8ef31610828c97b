"""Files for the readers' tests: an ENVI writer of the tests' own, and the folder of real scenes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_unmix.io import apart

CODES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13, "i8": 14, "u8": 15}
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}


def write_envi_files(
    folder: Path,
    cube: NDArray,
    *,
    interleave: str = "bsq",
    order: str = "<",
    name: str = "scene.img",
    **changes: object,
) -> Path:
    """Write ``cube`` (H, W, B) and its header; ``changes`` replace header lines (None drops one). Returns it."""
    lines, samples, bands = cube.shape
    fields: dict[str, object] = {
        "samples": samples,
        "lines": lines,
        "bands": bands,
        "header_offset": 0,
        "data_type": CODES[cube.dtype.str[1:]],
        "interleave": interleave,
        "byte_order": 0 if order == "<" else 1,
    } | changes
    text = ["ENVI", *(f"{key.replace('_', ' ')} = {value}" for key, value in fields.items() if value is not None)]
    stored = np.ascontiguousarray(cube.transpose(AXES[interleave.lower()])).astype(cube.dtype.newbyteorder(order))
    (folder / name).write_bytes(stored.tobytes())
    header = folder / "scene.hdr"
    header.write_text("\n".join(text) + "\n", encoding="utf-8")
    return header


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes longer than a moment to look at a file; the tests want to know what it finds."""
    monkeypatch.setattr(apart, "MOMENT", 60.0)


@pytest.fixture
def write_envi(tmp_path: Path) -> Callable[..., Path]:
    """``write_envi(cube, **header lines)`` in a fresh folder."""

    def write(cube: NDArray, **changes: object) -> Path:
        return write_envi_files(tmp_path, cube, **changes)

    return write


@pytest.fixture
def small() -> NDArray[np.uint16]:
    """(4, 3, 5) whole numbers, all different, so that no axis can be mistaken for another."""
    return (np.arange(60, dtype=np.uint16) * 7 + 1).reshape(4, 3, 5)


@pytest.fixture(scope="session")
def scenes() -> Path:
    """The folder of real scenes."""
    folder = os.environ.get("NAPARI_UNMIX_DATA")
    if not folder:
        pytest.skip("the environment variable NAPARI_UNMIX_DATA does not name the folder of real scenes")
    return Path(folder)


@pytest.fixture
def spectra() -> NDArray[np.float32]:
    """(6, 5, 8) smooth spectra of two materials, no two numbers of a pixel alike, so that no axis can be mistaken for another."""
    rise = np.linspace(0.1, 0.8, 8)
    share = np.linspace(0, 1, 30).reshape(6, 5, 1)
    return (share * rise + (1 - share) * rise[::-1] ** 2 + 0.01 * np.sin(7 * share + 9 * rise)).astype(np.float32)


NM = np.linspace(450.0, 800.0, 8)
