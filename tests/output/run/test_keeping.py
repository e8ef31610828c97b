"""The cube that a run of several keeps: as it was, and only from files of the folder, whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.output.run.keeping import kept_axis, read_kept, write_kept
from napari_unmix.sentences import UnmixError


@pytest.fixture
def kept(small_cube: Cube, tmp_path: Path) -> tuple[Path, Cube]:
    cube = replace(small_cube, acquisitions=np.arange(16 * 12).reshape(16, 12) // 96)
    write_kept(tmp_path, cube)
    return tmp_path, cube


def read(folder: Path, cube: Cube) -> Cube:
    return read_kept(folder, cube.name, cube.spectra.shape, kept_axis(cube), (), cube.valid_pixels)


def test_it_comes_back_as_it_was(kept: tuple[Path, Cube]) -> None:
    folder, cube = kept
    again = read(folder, cube)
    np.testing.assert_array_equal(again.spectra, cube.spectra)
    np.testing.assert_array_equal(again.acquisitions, cube.acquisitions)
    np.testing.assert_array_equal(again.wavelengths, cube.wavelengths)
    np.testing.assert_array_equal(again.valid_pixels, cube.valid_pixels)


@pytest.mark.parametrize("name", ["sample.npy", "acquisitions.npy"])
def test_another_shape_and_half_a_file_are_damage(kept: tuple[Path, Cube], name: str) -> None:
    folder, cube = kept
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-8])
    with pytest.raises(ValueError, match=f"{name} has .* bytes of numbers and not"):
        read(folder, cube)
    (folder / name).write_bytes(whole)
    np.save(folder / name, np.load(folder / name)[1:])
    with pytest.raises(ValueError, match=f"{name} has the shape"):
        read(folder, cube)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize("name", ["sample.npy", "acquisitions.npy"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_file_of_the_folder_is_not_waited_for(
    kept: tuple[Path, Cube], name: str, make: Callable[[Path], object]
) -> None:
    folder, cube = kept
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(UnmixError, match=f"{name} is a "):
        read(folder, cube)
