"""The same function on dask: threads or processes of this machine, or the workers of a cluster by its scheduler's address.

A worker is told paths (``order.Order``) and makes run and cube itself, once; a tile is a task of a few megabytes. What a worker that dies was doing,
another does again, to the same bits. Only tiles travel: spectra are read where they are needed.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from napari_unmix.applying.order import Order, worked
from napari_unmix.applying.steps import Schedule
from napari_unmix.cube import FloatArray
from napari_unmix.sentences import UnmixError, shown

LOCAL = ("threads", "processes")
# Seconds until a scheduler that does not answer is said to be none, and until one without any worker is given up.
PATIENCE, WITHOUT_WORKERS = 3.0, 60.0
# Seconds between two looks: a cancel is answered as soon.
_EVERY = 0.5
# Tasks that wait for each worker, so that none is idle while an answer travels.
_WAITING = 2


@contextmanager
def scheduled(order: Order, scheduler: str, workers: int | None = None) -> Iterator[Schedule]:
    """Who makes the tiles of an order: "threads" or "processes" of this machine, as many as ``workers`` or processors, or those of an address.

    Raises UnmixError where dask is not installed, or no scheduler answers there.
    """
    distributed = _library()
    with _quiet():
        try:
            with contextlib.ExitStack() as closing:
                yield partial(_streamed, _client(distributed, scheduler, workers, closing), order, scheduler)
        except distributed.comm.CommClosedError as error:
            raise _gone(scheduler) from error


def _library() -> Any:
    try:
        import distributed
        import distributed.comm
    except ImportError as error:
        raise UnmixError(
            '--scheduler needs dask.distributed: install "napari-unmix[cluster]", or leave it out.'
        ) from error
    return distributed


def _client(distributed: Any, scheduler: str, workers: int | None, closing: contextlib.ExitStack) -> Any:
    count = workers or _processors()
    address = scheduler
    if scheduler in LOCAL:
        processes = scheduler == "processes"
        address = closing.enter_context(
            distributed.LocalCluster(
                n_workers=count if processes else 1,
                threads_per_worker=1 if processes else count,
                processes=processes,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        )
    try:
        return closing.enter_context(distributed.Client(address, timeout=PATIENCE))
    except (OSError, ValueError, TimeoutError) as error:
        raise UnmixError(
            f"No dask scheduler answers at {shown(scheduler, 100)} within {PATIENCE:g} s: start one (dask scheduler), or give threads or processes."
        ) from error


def _streamed(
    client: Any, order: Order, scheduler: str, tiles: Sequence[slice]
) -> Iterator[tuple[slice, FloatArray] | None]:
    """The tiles as they are done, a few asked for at a time: the answers of a large scene never wait in memory. Raises UnmixError."""
    distributed: Any = _library()

    ahead, asked, idle = iter(tiles), dict[Any, slice](), 0.0
    while True:
        # 1. As much to do as there are workers for.
        for _ in range(max(1, _WAITING * _threads(client)) - len(asked)):
            rows = next(ahead, None)
            if rows is None:
                break
            asked[client.submit(worked, order, rows.start, rows.stop, pure=False)] = rows
        if not asked:
            return
        # 2. What is done meanwhile.
        try:
            done = distributed.wait(list(asked), timeout=_EVERY, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            idle = 0.0 if _threads(client) else idle + _EVERY
            if idle >= WITHOUT_WORKERS:
                raise _without_workers(scheduler) from None
            yield None
            continue
        for future in done:
            rows = asked.pop(future)
            yield rows, _answer(future, rows, scheduler)


def _threads(client: Any) -> int:
    """Of all workers that the scheduler knows now."""
    return sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())


def _answer(future: Any, rows: slice, scheduler: str) -> FloatArray:
    """What a worker made. Raises UnmixError where none could."""
    from concurrent.futures import CancelledError

    distributed: Any = _library()

    try:
        values: FloatArray = future.result()
    except distributed.KilledWorker as error:
        raise UnmixError(
            f"Workers died of rows {rows.start + 1} to {rows.stop} again and again: give each more memory; the same command goes on."
        ) from error
    except (CancelledError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a worker's own disk
        raise _gone(scheduler) from error
    except ImportError as error:
        raise UnmixError(
            f"The workers can't import what a tile takes ({shown(str(error), 80)}): install this version of napari-unmix where they run."
        ) from error
    return values


def _gone(scheduler: str) -> UnmixError:
    return UnmixError(
        f"The scheduler at {shown(scheduler, 100)} went away: start it again; the same command goes on with the tiles that are left."
    )


def _without_workers(scheduler: str) -> UnmixError:
    return UnmixError(
        f"The scheduler at {shown(scheduler, 100)} has had no worker for {WITHOUT_WORKERS:g} s: start some; the same command goes on."
    )


def _processors() -> int:
    """Of this machine, as far as this process may use them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _quiet() -> Iterator[None]:
    """What dask says of workers that come and go is nothing for the user: what matters is said in a sentence."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
