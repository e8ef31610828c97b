"""Who drives the generators: inline, or in a worker thread, paced to the screen."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from psygnal import EmitLoopError
from qtpy.QtCore import QThreadPool, QTimer
from superqt.utils import GeneratorWorker

from napari_unmix.plugin.verbs.jobs import Handlers, RunFailed
from napari_unmix.plugin.verbs.pace import pace
from napari_unmix.progress import Fit, Preview, Progress
from napari_unmix.sentences import UnmixError, shown
from napari_unmix.wanted import Abandoned, wanted_while

NUMBERS_MS = 100  # at most 10 numbers a second reach the window: each is drawn, and nobody reads faster
PREVIEW_SHARE = 0.2  # making previews takes at most this share of the training time
PAUSE_SECONDS = 0.02
# How long a thread may hold Python before the window, which asks for it at every event, gets it; Python's own 5 ms make a slow window.
TURN_SECONDS = 0.0005
# Threads that Qt's pool has at the least: a stroke's maps do not wait for checks and for what is written meanwhile.
FEWEST_THREADS = 4
_MOST_LETTERS = 200  # of an unexpected error's message


@dataclass
class Control:
    """What the window asks of the thread, and what the thread tells about itself."""

    cancelled: bool = False
    paused: bool = False
    started: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)


class Mailbox:
    """The latest progress and the latest preview: the thread overwrites, the window empties. Nothing queues up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._preview: Preview | None = None
        self._last: Preview | None = None

    def put(self, value: Progress | Preview) -> None:
        """Replace what was not fetched yet."""
        with self._lock:
            if isinstance(value, Progress):
                self._progress = value
            elif value is not self._last:  # the same maps are not drawn again
                self._preview = self._last = value

    def empty_into(self, handlers: Handlers) -> None:
        """Hand over what is new."""
        with self._lock:
            progress, preview = self._progress, self._preview
            self._progress = self._preview = None
        if progress is not None:
            handlers.progress(progress)
        if preview is not None:
            handlers.preview(preview)


class Stopped:
    """The outcome of a run that was cancelled."""


def drive(make: Callable[[], Fit[Any]], control: Control, mailbox: Mailbox) -> Generator[None, None, Any]:
    """Drive a fit to its end, or until it is cancelled, which closes it: between two steps, or in one whose loops ask. Yields at every step."""
    control.started.set()
    try:
        with closing(make()) as fit:
            due = 0.0
            while not control.cancelled:
                if control.paused:
                    time.sleep(PAUSE_SECONDS)
                    yield
                    continue
                with wanted_while(lambda: not control.cancelled):
                    try:
                        event = next(fit)
                    except StopIteration as end:
                        return end.value
                    due = _post(event, mailbox, due)
                yield
        return Stopped()
    except Abandoned:
        return Stopped()
    except (UnmixError, GeneratorExit):
        raise
    except BaseException as error:
        # The worker's boundary. A RuntimeError, as which torch raises almost everything, would vanish in a Qt worker,
        # and with it what is no Exception: a panic of compiled code, an exit that a library asks for.
        raise RunFailed(_sentence(error)) from error
    finally:
        control.finished.set()


def _post(event: Progress, mailbox: Mailbox, due: float) -> float:
    """Post the numbers, and a preview if one is due; when the next preview is due."""
    mailbox.put(replace(event, snapshot=None))
    start = time.monotonic()
    if event.snapshot is None or start < due:
        return due
    # Maps that can't be made yet are not shown: what is wrong with the numbers is the fit's to say.
    with contextlib.suppress(ArithmeticError, ValueError):  # LinAlgError among them
        mailbox.put(event.snapshot())
    end = time.monotonic()
    return end + max(pace.seconds, (end - start) / PREVIEW_SHARE)


def _unexpected(error: Exception) -> Exception:
    """An error of those who hear a job, as one of the job; a listener's own, of which psygnal only says where it listened."""
    if isinstance(error, UnmixError | RunFailed):
        return error
    while isinstance(error, EmitLoopError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    failed = RunFailed(_sentence(error))
    failed.__cause__ = error
    return failed


def _tell(mailbox: Mailbox, handlers: Handlers, value: Any) -> None:
    """Hand a result over. Who hears it is ours as well: an error there is told like one of the job, and nobody waits for its end."""
    try:
        mailbox.empty_into(handlers)
        handlers.done(value)
    except Exception as error:  # noqa: BLE001 - the other side of the worker's boundary
        handlers.failed(_unexpected(error))


def _sentence(error: BaseException) -> str:
    text = shown(error, _MOST_LETTERS) or "no further message"
    if isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text:
        return f"Memory does not suffice ({text}): choose a smaller batch under Advanced, or crop the cube."
    return f"An unexpected error stopped this ({type(error).__name__}: {text}): change a setting, or copy the report and send it."


class InlineJob:
    """A job that is over when it is handed out."""

    def cancel(self) -> None:
        """It is over."""

    def pause(self) -> None:
        """It is over."""

    def resume(self) -> None:
        """It is over."""

    def wait(self, seconds: float) -> bool:
        """It is over."""
        return True


def run_inline(make: Callable[[], Fit[Any]], handlers: Handlers) -> InlineJob:
    """Run at once in this thread, every event handed over: for tests and scripts."""
    mailbox = Mailbox()
    steps = drive(make, Control(), mailbox)
    try:
        while True:
            try:
                next(steps)
            finally:
                mailbox.empty_into(handlers)
    except StopIteration as end:
        _tell(mailbox, handlers, end.value)
    except Exception as error:  # noqa: BLE001 - as in ``_tell``
        steps.close()
        handlers.failed(_unexpected(error))
    return InlineJob()


class ThreadJob:
    """A job in a thread of Qt's pool. A timer empties its mailbox, so that a fast fit cannot flood the window."""

    _alive: set[ThreadJob] = set()  # noqa: RUF012 - Qt holds no reference to what it calls
    _turn_before = 0.005  # as Python had it before the first of them

    def __init__(self, make: Callable[[], Fit[Any]], handlers: Handlers) -> None:
        self._handlers = handlers
        self._control = Control()
        self._mailbox = Mailbox()
        self._worker = GeneratorWorker(drive, make, self._control, self._mailbox)
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self._worker.finished.connect(self._finished)
        self._timer = QTimer()
        self._timer.setInterval(NUMBERS_MS)
        self._timer.timeout.connect(self._empty)
        if not self._alive:
            ThreadJob._turn_before = sys.getswitchinterval()
            sys.setswitchinterval(min(TURN_SECONDS, ThreadJob._turn_before))
        self._alive.add(self)
        self._timer.start()
        pool = QThreadPool.globalInstance()
        pool.setMaxThreadCount(max(pool.maxThreadCount(), FEWEST_THREADS))
        self._worker.start()

    def cancel(self) -> None:
        """Close the generator at its next step; returns at once."""
        self._control.cancelled = True
        self._timer.stop()

    def pause(self) -> None:
        """Ask for no further step."""
        self._control.paused = True

    def resume(self) -> None:
        """Go on."""
        self._control.paused = False

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to leave the generator. One that never began sees the cancel when it does."""
        return not self._control.started.is_set() or self._control.finished.wait(seconds)

    def _empty(self) -> None:
        try:
            self._mailbox.empty_into(self._handlers)
        except Exception as error:  # noqa: BLE001 - as in ``_tell``; else it would be told again at every tick
            self.cancel()
            if self._end():
                self._handlers.failed(_unexpected(error))

    def _returned(self, value: Any) -> None:
        if self._end():
            if isinstance(value, Stopped):
                self._handlers.stopped()
            else:
                _tell(self._mailbox, self._handlers, value)

    def _errored(self, error: Exception) -> None:
        if self._end():
            self._handlers.failed(error)

    def _finished(self) -> None:
        if self._end():  # the program is closing: Qt's worker was told to abort
            self._handlers.stopped()

    def _end(self) -> bool:
        """Whether this is the first end; there is only one."""
        self._timer.stop()
        first = self in self._alive
        self._alive.discard(self)
        if first and not self._alive:
            sys.setswitchinterval(ThreadJob._turn_before)
        return first


def run_in_thread(make: Callable[[], Fit[Any]], handlers: Handlers) -> ThreadJob:
    """Run in a worker thread; handlers are called in this one."""
    return ThreadJob(make, handlers)
