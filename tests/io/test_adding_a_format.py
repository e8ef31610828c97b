"""The page on adding a file format, followed to the letter in a copy of the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube

LOOK = """
import sys
from napari_unmix import UnmixError, read_cube
from napari_unmix.io import can_read
for name in sys.argv[1:]:
    try:
        print(can_read(name), read_cube(name).name)
    except UnmixError as error:
        print(can_read(name), error)
"""


def written(cube: Cube, path: Path, first: str = "tcube {0} {1} {2}") -> Path:
    """The cube as the page's toy format has it."""
    pixels = "\n".join(" ".join(f"{number:.6g}" for number in row) for row in cube.spectra.reshape(-1, cube.shape[2]))
    wavelengths = " ".join(map(str, cube.wavelengths))
    path.write_text(f"{first.format(*cube.shape)}\n{wavelengths}\n{pixels}\n", encoding="ascii")
    return path


@pytest.mark.slow
def test_a_file_format(follow: Callable[[str], Any], tmp_path: Path, small_cube: Cube) -> None:
    project = follow("adding-a-file-format.md")
    tests, described, unmixed = project.commands
    assert " passed" in project.run(tests, project.root)
    file = written(small_cube, tmp_path / "scene.tcube")
    assert "16" in project.run(described, tmp_path)
    assert "Written to" in project.run(unmixed, tmp_path)
    endmembers = np.genfromtxt(tmp_path / "run" / "endmembers.csv", delimiter=",", skip_header=1)
    np.testing.assert_allclose(endmembers[:, 0], small_cube.wavelengths)

    (tmp_path / "look.py").write_text(LOOK, encoding="utf-8")
    file.rename(tmp_path / "renamed.mat")  # the content decides
    written(small_cube, tmp_path / "no size.tcube", "tcube many")
    written(small_cube, tmp_path / "huge.tcube", "tcube 1000000 1000000 100")
    written(small_cube, tmp_path / "cut off.tcube", "tcube 99 1 {2}")
    (tmp_path / "other.xyz").write_text("nothing")
    names = ("renamed.mat", "no size.tcube", "huge.tcube", "cut off.tcube", "other.xyz")
    said = project.run("python look.py '" + "' '".join(names) + "'", tmp_path).splitlines()
    assert said[0] == "True renamed"
    assert said[1].startswith("False no size.tcube does not begin with tcube ROWS COLUMNS BANDS")
    assert said[2].startswith("True huge.tcube needs")
    assert said[3].startswith("True cut off.tcube holds")
    assert "text (.tcube)" in said[4]
