"""The same function on dask: threads and workers give the loop's bits, also where one of them is killed; who isn't there is said so soon."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.applying.order import Order, worked
from napari_unmix.applying.scheduling import PATIENCE, TILES_STAY, tiles_by, workers_of
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run import write_run
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
pytestmark = pytest.mark.filterwarnings("default")  # dask's own, of sockets that a killed worker leaves


@pytest.fixture
def order(small_cube: Cube, tmp_path: Path) -> Order:
    """A run of the small cube, and the same pixels 150 times: 30 rows of 960."""
    result = drain(unmix(small_cube, spec_class("vca-fcls")(endmembers=3)))
    run = write_run(tmp_path / "run", small_cube, result, None)
    spectra = np.tile(small_cube.spectra, (2, 80, 1))[:30]
    path = tmp_path / "large.npz"
    np.savez(path, cube=spectra, wavelength=small_cube.wavelengths)
    return Order(run, path)


def loop(order: Order) -> dict[tuple[int, int], FloatArray]:
    return {(rows.start, rows.stop): worked(order, rows.start, rows.stop) for rows in order.prepared().scene.tiles()}


def by(order: Order, made: Iterator[tuple[slice, FloatArray] | None]) -> dict[tuple[int, int], FloatArray]:
    return {(tile[0].start, tile[0].stop): tile[1] for tile in made if tile is not None}


def equal(one: dict[tuple[int, int], FloatArray], other: dict[tuple[int, int], FloatArray]) -> bool:
    return one.keys() == other.keys() and all(one[key].tobytes() == other[key].tobytes() for key in one)


def test_threads_give_the_loops_bits(order: Order) -> None:
    expected = loop(order)
    assert len(expected) == 2
    with workers_of("threads", 2, TILES_STAY) as workers:
        assert equal(by(order, tiles_by(workers, order)(order.prepared().scene.tiles())), expected)


def test_an_address_where_nobody_answers_is_one_sentence_within_seconds() -> None:
    before = time.monotonic()
    with (
        pytest.raises(UnmixError, match=r"No dask scheduler answers at tcp://127\.0\.0\.1:9 "),
        workers_of("tcp://127.0.0.1:9", None, TILES_STAY),
    ):
        pass
    assert time.monotonic() - before < 4 * PATIENCE
    with pytest.raises(UnmixError, match="No dask scheduler answers at nowhere"), workers_of("nowhere", 1, ""):
        pass
    assert dask.config.get("scheduler", None) is None  # whatever else asks dask in this process is not sent there


@pytest.mark.slow
def test_a_killed_worker_of_two_changes_no_bit(order: Order) -> None:
    expected, tiles = loop(order), order.prepared().scene.tiles()
    asked = tiles * 8  # so that there is something left to do when one is killed
    with contextlib.ExitStack() as closing:
        workers = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        cluster = closing.enter_context(workers)
        with workers_of(cluster.scheduler_address, None, TILES_STAY) as there:
            made, count = tiles_by(there, order)(asked), 0
            for tile in made:
                if tile is None:
                    continue
                count += 1
                assert tile[1].tobytes() == expected[tile[0].start, tile[0].stop].tobytes()
                if count == 3:
                    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert count == len(asked)
