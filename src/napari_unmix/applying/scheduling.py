"""The same functions on dask: threads or processes of this machine, or the workers of a cluster by its scheduler's address.

A worker is told paths (``order.Order``) and makes run and cube itself, once; a tile is a task of a few megabytes. What a worker that dies was doing,
another does again, to the same bits. Only what is made travels: spectra are read where they are needed.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from napari_unmix.applying.order import Order, worked
from napari_unmix.applying.steps import Schedule
from napari_unmix.cube import FloatArray
from napari_unmix.sentences import UnmixError, shown

Item = TypeVar("Item")
Made = TypeVar("Made")

LOCAL = ("threads", "processes")
# Seconds until a scheduler that does not answer is said to be none, and until one without any worker is given up.
PATIENCE, WITHOUT_WORKERS = 3.0, 60.0
# Seconds between two looks: a cancel is answered as soon.
_EVERY = 0.5
# Tasks that wait for each worker, so that none is idle while an answer travels.
_WAITING = 2
TILES_STAY = "the same command goes on with the tiles that are left"


def tiles_by(workers: Workers, order: Order) -> Schedule:
    """What makes the tiles of an order."""
    return partial(workers.each, partial(_tile, order), called=_rows)


def _tile(order: Order, rows: slice) -> FloatArray:
    return worked(order, rows.start, rows.stop)


def _rows(rows: slice) -> str:
    return f"rows {rows.start + 1} to {rows.stop}"


@contextmanager
def workers_of(scheduler: str, workers: int | None, remedy: str) -> Iterator[Workers]:
    """Who does tasks: "threads" or "processes" of this machine, as many as ``workers`` or processors, or those of an address.

    ``remedy`` is what to do where the scheduler or its workers are lost, once they are there again. Raises UnmixError where dask is not installed, or
    no scheduler answers there.
    """
    distributed = _library()
    # A client that reached nobody would stay the default of all that asks dask in this process, as xarray does.
    with _quiet(), _dask_as_it_was():
        try:
            with contextlib.ExitStack() as closing:
                yield Workers(_client(distributed, scheduler, workers, closing), scheduler, remedy)
        except distributed.comm.CommClosedError as error:
            raise _gone(scheduler, remedy) from error


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


@dataclass(frozen=True, eq=False)
class Workers:
    """A dask ``client`` of the workers of a ``scheduler``, and what helps where these are lost (``remedy``)."""

    client: Any
    scheduler: str
    remedy: str

    def each(
        self, work: Callable[[Item], Made], items: Sequence[Item], *, called: Callable[[Item], str]
    ) -> Iterator[tuple[Item, Made] | None]:
        """What ``work`` makes of each item, as it is done; None while it waits. A few are asked for at a time: answers never wait in memory.

        ``called`` names an item in a sentence. Raises UnmixError, and what ``work`` raises.
        """
        distributed: Any = _library()

        ahead, asked, idle = iter(items), dict[Any, Item](), 0.0
        while True:
            # 1. As much to do as there are workers for.
            for item in _first(ahead, max(1, _WAITING * self._threads()) - len(asked)):
                asked[self.client.submit(work, item, pure=False)] = item
            if not asked:
                return
            # 2. What is done meanwhile.
            try:
                done = distributed.wait(list(asked), timeout=_EVERY, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                idle = 0.0 if self._threads() else idle + _EVERY
                if idle >= WITHOUT_WORKERS:
                    raise self._without_workers() from None
                yield None
                continue
            for future in done:
                item = asked.pop(future)
                yield item, self._answer(future, called(item))

    def _threads(self) -> int:
        """Of all workers that the scheduler knows now."""
        return sum(worker["nthreads"] for worker in self.client.scheduler_info(n_workers=-1)["workers"].values())

    def _answer(self, future: Any, item: str) -> Any:
        """What a worker made. Raises UnmixError where none could."""
        from concurrent.futures import CancelledError

        distributed: Any = _library()

        try:
            return future.result()
        except distributed.KilledWorker as error:
            raise UnmixError(
                f"Workers died of {item} again and again: give each more memory, then {self.remedy}."
            ) from error
        except (CancelledError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a worker's own disk
            raise _gone(self.scheduler, self.remedy) from error
        except ImportError as error:
            raise UnmixError(
                f"The workers can't import what they are to do ({shown(str(error), 80)}): install this version of napari-unmix where they run."
            ) from error

    def _without_workers(self) -> UnmixError:
        return UnmixError(
            f"The scheduler at {shown(self.scheduler, 100)} has had no worker for {WITHOUT_WORKERS:g} s: start some, then {self.remedy}."
        )


def _first(items: Iterator[Item], count: int) -> Iterator[Item]:
    """At most so many of what is left."""
    for _ in range(count):
        try:
            yield next(items)
        except StopIteration:
            return


def _gone(scheduler: str, remedy: str) -> UnmixError:
    return UnmixError(f"The scheduler at {shown(scheduler, 100)} went away: start it again, then {remedy}.")


def _processors() -> int:
    """Of this machine, as far as this process may use them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _dask_as_it_was() -> Iterator[None]:
    """Put back who does what dask is asked, when this is over."""
    import dask.config

    with dask.config.set(scheduler=dask.config.get("scheduler", "threads")):
        yield


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
