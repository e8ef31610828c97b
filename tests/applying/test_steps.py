"""A run applied to a scene: the same bytes whatever the tiles are and whatever interrupted it, and one sentence where something is not as it was."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_unmix.applying.order import Prepared
from napari_unmix.applying.outputs import Told
from napari_unmix.applying.partial import partial_of
from napari_unmix.applying.scene import Scene, stamp_of
from napari_unmix.applying.steps import Done, apply_steps, is_begun
from napari_unmix.applying.tile import Applied
from napari_unmix.cube import Cube, FloatArray, Georeference, SpectralAxis
from napari_unmix.io import read_cube
from napari_unmix.lazy import LazySpectra
from napari_unmix.output.export import AlreadyThere
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

Made = Callable[..., Any]
AXIS = SpectralAxis("wavelength", np.array([450.0, 550.0, 650.0]))
PLACE = Georeference((2.0, 0.0, 1000.0, 0.0, -2.0, 5000.0), "EPSG:32633")


@pytest.fixture
def prepared(answer: Made) -> Prepared:
    """9 × 20 pixels, two rows a unit, one pixel without data, and copies in the last rows."""
    made = answer(31, 3, pixels=180, lit=True)
    spectra = made.spectra.reshape(9, 20, 3).astype(np.float32)
    spectra[7:] = spectra[:2]
    valid = np.ones((9, 20), bool)
    valid[4, 5] = False
    cube = Cube(spectra, AXIS.values, valid_pixels=valid, name="other", georeference=PLACE)
    applied = Applied.of(made.result)
    return Prepared(applied, replace(Scene.of(cube, applied, AXIS), together=40))


TOLD = Told("run", AXIS, ("said",))


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder, but for what is hidden."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if "unfinished" not in str(path)}


def applied_to(folder: Path, prepared: Prepared, name: str = "maps.zarr", **more: Any) -> tuple[Done, dict[str, bytes]]:
    folder.mkdir(exist_ok=True)
    return drain(apply_steps(prepared, TOLD, folder / name, **more)), content(folder)


def test_tiles_and_their_order_change_no_bit(prepared: Prepared, tmp_path: Path) -> None:
    def backwards(tiles: Sequence[slice]) -> Iterator[tuple[slice, FloatArray] | None]:
        yield None  # nothing is done yet
        yield from ((rows, prepared.tile(rows)) for rows in reversed(tiles))

    done, one = applied_to(tmp_path / "a", prepared)
    assert (done.pixels, done.resumed) == (179, 0)
    assert [str(path.name) for path in done.files] == ["maps.zarr"]
    assert applied_to(tmp_path / "b", prepared, schedule=backwards)[1] == one
    whole = np.concatenate([prepared.tile(rows) for rows in prepared.scene.tiles()])
    np.testing.assert_array_equal(prepared.tile(slice(0, 9)), whole)
    assert len(prepared.scene.tiles()) == 5
    with pytest.raises(ValueError, match="begin within a unit"):
        prepared.tile(slice(1, 3))


class Chunked:
    """Spectra in chunks of ``tall`` whole rows: a source that counts how often each is unpacked."""

    def __init__(self, spectra: FloatArray, tall: int) -> None:
        self.spectra, self.shape, self.cell = spectra, spectra.shape, (tall, spectra.shape[1])
        self.empty = np.zeros((0, spectra.shape[2]), np.float32)
        self.unpacked: Counter[int] = Counter()

    def window(self, rows: Any, columns: Any, bands: Any) -> Any:
        self.unpacked.update(np.unique(rows // self.cell[0]).tolist())
        return self.spectra[np.ix_(rows, columns, bands)]


@pytest.mark.parametrize(
    ("tall", "rows", "starts", "times"),
    [
        (1, 9, [0, 2, 4, 6, 8], 1),  # lines: a unit is read as it is
        (3, 9, [0, 6], 1),  # whole chunks and whole units
        (4, 9, [0, 4, 8], 1),
        (3, 4, [0, 4, 8], 2),  # both together do not fit: one on the edge of two tiles is unpacked for each
        (4, 3, [0, 2, 4, 6, 8], 2),  # not even one chunk fits
    ],
)
def test_tiles_follow_the_chunks_and_change_no_bit(
    tall: int, rows: int, starts: list[int], times: int, prepared: Prepared
) -> None:
    scene = prepared.scene
    source = Chunked(scene.cube.spectra, tall)
    lazy: Any = LazySpectra(source, lambda: 0)
    there = replace(scene, cube=replace(scene.cube, spectra=lazy), most_bytes=rows * 20 * 3 * 4)
    tiles = there.tiles()
    assert [tile.start for tile in tiles] == starts
    maps = np.concatenate([there.maps(prepared.applied, tile) for tile in tiles])
    np.testing.assert_array_equal(maps, prepared.tile(slice(0, 9)))
    assert max(source.unpacked.values()) == times


def test_the_group_holds_the_maps_their_place_and_their_names(prepared: Prepared, tmp_path: Path) -> None:
    applied_to(tmp_path, prepared)
    group: Any = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    assert set(group) == {"abundances", "abundance_std", "error", "illumination", "endmembers", "wavelength"}
    abundances = group["abundances"][:]
    assert abundances.shape == (9, 20, 3)
    assert np.isnan(abundances[4, 5]).all()
    assert np.isnan(group["error"][:]).sum() == 1
    np.testing.assert_allclose(np.nansum(abundances, axis=2)[~np.isnan(abundances[..., 0])], 1, atol=1e-5)
    np.testing.assert_allclose(abundances[7:], abundances[:2], atol=2e-6)  # copies
    assert group["abundances"].attrs["endmembers"] == ["material 0", "material 1", "material 2"]
    assert group["abundances"].metadata.dimension_names == ("y", "x", "endmember")
    assert group.attrs["GeoTransform"].split()[0] == "1000.0"
    assert group.attrs["epsg"] == 32633
    assert group.attrs["notes"] == ["said"]
    np.testing.assert_array_equal(group["wavelength"][:], AXIS.values)


def test_xarray_opens_the_group_as_it_is(prepared: Prepared, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    applied_to(tmp_path, prepared)
    found = xarray.open_zarr(tmp_path / "maps.zarr", consolidated=False, chunks=None)
    assert dict(found["abundances"].sizes) == {"y": 9, "x": 20, "endmember": 3}
    assert float(found["abundances"].sum("endmember").mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", ["maps.tif", "maps.dat"])
def test_image_formats_keep_the_place_and_the_names(name: str, prepared: Prepared, tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    done, _ = applied_to(tmp_path, prepared, name)
    suffix = Path(name).suffix
    assert {path.name for path in done.files} >= {
        name,
        f"maps_std{suffix}",
        f"maps_error{suffix}",
        f"maps_illumination{suffix}",
    }
    read = read_cube(tmp_path / name, repair="none")
    np.testing.assert_allclose(read.spectra[0, 0], prepared.tile(slice(0, 2))[0, 0, :3])
    assert read.georeference is not None
    assert read.georeference.transform == PLACE.transform


def test_what_was_interrupted_goes_on_to_the_same_bytes(prepared: Prepared, tmp_path: Path) -> None:
    _, expected = applied_to(tmp_path / "a", prepared)
    out = tmp_path / "b" / "maps.zarr"
    out.parent.mkdir()
    for begun in (1, 2):
        steps = apply_steps(prepared, TOLD, out)
        for _ in range(begun):
            next(steps)
        steps.close()
        assert is_begun(out)
        assert content(out.parent) == {}  # nothing is there before all of it is
    done, found = applied_to(out.parent, prepared)
    assert found == expected
    assert done.resumed == 3
    assert not is_begun(out)


def test_a_tile_that_was_not_marked_is_made_again(prepared: Prepared, tmp_path: Path) -> None:
    _, expected = applied_to(tmp_path / "a", prepared)
    out = tmp_path / "b" / "maps.zarr"
    out.parent.mkdir()
    steps = apply_steps(prepared, TOLD, out)
    next(steps), next(steps)
    steps.close()
    values = np.memmap(partial_of(out) / "values.f32", np.float32, "r+")
    values[40 * prepared.applied.columns :] = 7.0  # killed in the midst of the next one, or before it was marked
    values.flush()
    np.memmap(partial_of(out) / "done.u8", np.uint8, "r+")[2:] = 0
    assert applied_to(out.parent, prepared)[1] == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_killed_one_goes_on_to_the_same_bytes(prepared: Prepared, tmp_path: Path) -> None:
    """The process is killed between two steps; the fork computes with what this one has loaded."""
    _, expected = applied_to(tmp_path / "a", prepared)
    out = tmp_path / "b" / "maps.zarr"
    out.parent.mkdir()
    killed = os.fork()
    if not killed:  # pragma: no cover
        for count, _ in enumerate(apply_steps(prepared, TOLD, out)):
            if count == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]) == -signal.SIGKILL
    assert content(out.parent) == {}
    done, found = applied_to(out.parent, prepared)
    assert found == expected
    assert done.resumed == 3


@pytest.mark.parametrize("change", ["values", "run", "mask"])
def test_what_is_another_by_now_is_refused_and_begun_anew_when_asked_to(
    change: str, prepared: Prepared, answer: Made, tmp_path: Path
) -> None:
    out = tmp_path / "maps.zarr"
    steps = apply_steps(prepared, TOLD, out)
    next(steps)
    steps.close()
    cube = prepared.scene.cube
    if change == "values":
        cube = replace(cube, spectra=cube.spectra + np.float32(1e-3))
    elif change == "mask":
        cube = replace(cube, valid_pixels=cube.valid_pixels & (np.arange(20) > 0))
    result = answer(31 if change != "run" else 32, 3, pixels=180, lit=True).result
    other = Prepared(Applied.of(result), replace(prepared.scene, cube=cube))
    what = "the run is another one" if change == "run" else "the cube is another by now"
    with pytest.raises(UnmixError, match=f"were begun and {what}: bring back .* or start anew with --overwrite"):
        drain(apply_steps(other, TOLD, out))
    assert is_begun(out)
    assert drain(apply_steps(other, TOLD, out, overwrite=True)).resumed == 0


def test_a_file_that_changes_or_vanishes_meanwhile_ends_it(prepared: Prepared, tmp_path: Path) -> None:
    file = tmp_path / "cube.bin"
    cases = {"changed while it was read": lambda: file.write_bytes(b"other numbers"), "is gone": file.unlink}
    for sentence, change in cases.items():
        file.write_bytes(b"numbers")
        cube = replace(prepared.scene.cube, source=file)
        scene = replace(prepared.scene, cube=cube, stamp=stamp_of(file))
        out = tmp_path / f"{sentence}.zarr"
        steps = apply_steps(Prepared(prepared.applied, scene), TOLD, out)
        next(steps)
        change()
        with pytest.raises(UnmixError, match=sentence):
            drain(steps)
        assert not out.exists()


def test_what_is_there_is_refused_before_anything_is_computed(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "maps_error.tif").write_text("mine")
    (tmp_path / "maps.zarr").mkdir()
    (tmp_path / "maps.zarr" / "mine").write_text("mine")
    for name, overwrite in (("maps.tif", False), ("maps.zarr", False), ("maps.zarr", True)):
        with pytest.raises(AlreadyThere):
            next(apply_steps(prepared, TOLD, tmp_path / name, overwrite=overwrite))
    for name, sentence in (
        ("maps.csv", "is for a table"),
        ("maps.xyz", "names no format"),
        ("no/maps.zarr", "is no folder"),
    ):
        with pytest.raises(UnmixError, match=sentence):
            next(apply_steps(prepared, TOLD, tmp_path / name))
    assert content(tmp_path) == {"maps_error.tif": b"mine", "maps.zarr/mine": b"mine"}


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the disk gives room when it is written to")
def test_a_full_disk_is_told_before_the_first_tile(prepared: Prepared, tmp_path: Path) -> None:
    import resource

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            next(apply_steps(prepared, TOLD, tmp_path / "maps.zarr"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_doubts_are_said(prepared: Prepared, answer: Made) -> None:
    made = answer(33, 3)
    applied = Applied.of(made.result)
    cube = Cube(made.spectra.reshape(5, 6, 3), AXIS.values)
    assert Scene.of(cube, applied, AXIS).doubts(applied) == ()
    thousands = replace(cube, spectra=10_000 * cube.spectra)
    assert "not in the same units, give --scale" in Scene.of(thousands, applied, AXIS).doubts(applied)[0]
    moved = Scene.of(replace(cube, wavelengths=AXIS.values + 30), applied, AXIS)
    assert moved.doubts(applied)[0].startswith("Bands were interpolated to the run's: they lie up to 30 nm")
