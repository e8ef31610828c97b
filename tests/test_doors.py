"""The check of who opens files: it finds every banned form, whatever it is imported as, and finds none in the package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "resources" / "lint" / "doors.py"


@pytest.fixture(scope="module")
def doors() -> ModuleType:
    specification = importlib.util.spec_from_file_location("doors", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


BANNED = {
    "open(path)": "open",
    "path.open('rb')": "open",
    "path.read_bytes()": "read_bytes",
    "path.read_text()": "read_text",
    "path.write_text('x')": "write_text",
    "path.write_bytes(b'x')": "write_bytes",
    "path.rename(other)": "rename",
    "path.replace(other)": "replace",
    "array.tofile(path)": "tofile",
    "import numpy as np\nnp.load(path)": "np.load",
    "import numpy\nnumpy.memmap(path)": "np.memmap",
    "import numpy as n\nn.fromfile(path)": "np.fromfile",
    "from numpy import savez as keep\nkeep(path)": "np.savez",
    "import numpy as np\nnp.save(path, a)": "np.save",
    "import h5py\nwith h5py.File(path) as file:\n    pass": "h5py.File",
    "from tifffile import TiffFile\nTiffFile(path)": "tifffile.TiffFile",
    "import zarr\nzarr.open(store=path)": "zarr.open",
    "import rasterio\nimport rasterio.errors\nrasterio.open(path)": "rasterio.open",
    "from PIL import Image\nImage.open(path)": "Image.open",
    "from astropy.io import fits\nfits.open(path)": "fits.open",
    "import sqlite3\nsqlite3.connect(path)": "sqlite3.connect",
    "import zipfile\nzipfile.ZipFile(path)": "zipfile.ZipFile",
    "from safetensors import safe_open\nsafe_open(path, 'np')": "safe_open",
    "from safetensors.numpy import load_file as load\nload(path)": "load_file",
    "import os\nos.open(path, 0)": "os.open",
    "import shutil\nshutil.copyfile(a, b)": "shutil.copyfile",
}
ALLOWED = [
    "text.replace('a', 'b')",
    "replace(header, shape=shape)",
    "date.replace(year=1)",
    "archive.open(member)",
    "open_regular(path)",
    "read_regular(path, 9)",
    "np.lib.format.read_magic(stream)",
    "'path.open()'",
]


@pytest.mark.parametrize(("code", "call"), BANNED.items())
def test_every_way_to_open_a_file_is_found(doors: ModuleType, code: str, call: str) -> None:
    assert [one.call for one in doors.openings(code, "io/new.py")] == [call]


@pytest.mark.parametrize("code", ALLOWED)
def test_what_opens_nothing_is_left_alone(doors: ModuleType, code: str) -> None:
    assert not list(doors.openings(code, "io/new.py"))


def test_a_new_module_that_opens_a_file_is_a_fault_and_the_package_has_none(doors: ModuleType, tmp_path: Path) -> None:
    assert doors.faults() == []
    (tmp_path / "io").mkdir()
    (tmp_path / "io" / "new.py").write_text("def read(path):\n    return path.read_bytes()\n", encoding="utf-8")
    assert len(doors.faults(tmp_path)) == 1
    (tmp_path / "io" / "budget.py").write_text("nothing = 0\n", encoding="utf-8")
    assert any("no longer calls read_text" in fault for fault in doors.faults(tmp_path))
