"""How the command line ends: by a signal, or with a sentence on stderr. Imports little, so that it is there early."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading

TYPE_CHECKING = False  # as of the package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_OF_A_SHELL = 128  # what it adds to the number of the signal that ended a command
_AGAIN = 0.02  # seconds until a signal comes again that was lost where Python can't raise


class Ended(KeyboardInterrupt):
    """The process was asked to end, by another signal than that of Ctrl-C."""


class Signals:
    """While this is open, signals that end a process raise; ``received`` is the number of the first. ``last``: the process ends after it."""

    def __init__(self, *, last: bool = False) -> None:
        self.received: int | None = None
        self._last = last
        self._before: dict[int, Any] = {}
        self._hook: Callable[[Any], object] = sys.unraisablehook

    def __enter__(self) -> Signals:
        if threading.current_thread() is not threading.main_thread():  # others can't, and needn't
            return self
        forget_written()
        sys.unraisablehook = self._unraisable
        for name in _NAMES:
            number = getattr(signal, name, None)
            if (
                number is not None and signal.getsignal(number) is not signal.SIG_IGN
            ):  # nohup, or a shell's background, asked for that
                self._before[number] = signal.signal(number, self._raise)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if self._last else handler)
        if self._before:
            sys.unraisablehook = self._hook

    def _raise(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or number
        raise KeyboardInterrupt if number == signal.SIGINT else Ended(number)

    def _unraisable(self, lost: Any) -> None:
        """Callbacks of weak references, which importing is full of, can't raise: the signal comes again a moment later."""
        if isinstance(lost.exc_value, KeyboardInterrupt) and self.received is not None:
            again = threading.Timer(_AGAIN, _thread.interrupt_main, [self.received])
            again.daemon = True
            again.start()
        else:
            self._hook(lost)

    def complain(self, remedy: str = "") -> int:
        """Say what ended the command and what it has written, or how to go on; the exit code that a shell expects."""
        number = self.received or signal.SIGINT
        for taken in self._before:  # a second signal ends at once
            signal.signal(taken, signal.SIG_DFL)
        what = "cancelled" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        places = written()
        if places:
            return complain(f"{what}; {places} is written and whole.", _OF_A_SHELL + number)
        return complain(f"{what}: {remedy}" if remedy else f"{what}, nothing written.", _OF_A_SHELL + number)


def remedy_of(error: BaseException) -> str:
    """What a command says of its interrupt, the end of a sentence; "" where it says nothing."""
    said = error.args[0] if isinstance(error, KeyboardInterrupt) and error.args else ""
    return said if isinstance(said, str) else ""


def default_signals() -> None:
    """Give signals back to the system and Python: an event loop of C, a window's, runs no handlers of ours."""
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


def complain(sentence: str, status: int) -> int:
    """Print the sentence on stderr, where there is one that takes it, and return the status."""
    try:
        print(f"napari-unmix: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        silence(2)
    return status


def silence(number: int) -> None:
    """Python flushes stdout (1) and stderr (2) once more when it ends: give them somewhere to go."""
    try:
        stream = sys.stdout if number == 1 else sys.stderr
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def written() -> str:
    """What this command has put in place, for a sentence that goes on in the singular; "" for nothing."""
    whole = sys.modules.get("napari_unmix.files.whole")
    if whole is None or not whole.WRITTEN:
        return ""
    from napari_unmix.sentences import shown

    results = [path for path in whole.WRITTEN if not path.name.startswith(".")]  # the others are our own notes
    others = len(results) - 1
    return f"{shown(results[0], 200)}{f' with {others} more' if others else ''}" if results else ""


def forget_written() -> None:
    """A process may run several commands."""
    whole = sys.modules.get("napari_unmix.files.whole")
    if whole is not None:
        whole.WRITTEN.clear()
