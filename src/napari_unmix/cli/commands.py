"""The commands and how they end.

Only the module of the command that was asked for is imported, and it imports what computes when it computes: ``--help``
of any command loads none of torch, napari, Qt, SciPy, scikit-image. Whatever ends a command ends here, at one place, with
one sentence on stderr: bad input with its cause and remedy and exit code 2, a mistake of this program with a request to
report it and exit code 1. ``--debug``, or ``NAPARI_UNMIX_DEBUG``, shows the traceback as well.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback

from napari_unmix import __version__
from napari_unmix.cli import COMMANDS
from napari_unmix.cli.ending import Signals, complain, silence, written
from napari_unmix.cli.parsing import Parser, close_match, explain_validation
from napari_unmix.sentences import LONGEST_SENTENCE, UnmixError, shown

BUG, BAD_INPUT, BROKEN_PIPE = 1, 2, 141  # the last as a shell reports SIGPIPE
DEBUG, DEBUG_VARIABLE = "--debug", "NAPARI_UNMIX_DEBUG"
_HERE = "napari_unmix.cli"
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def run_command(words: list[str], signals: Signals) -> int:
    """Run one command; returns the exit code. Whatever goes wrong is one sentence; only what a signal ended is raised."""
    _prepare_streams()
    debug = DEBUG in words or bool(os.environ.get(DEBUG_VARIABLE))
    try:
        status = _dispatch([word for word in words if word != DEBUG])
        sys.stdout.flush()  # here, so that a reader that went away is noticed here
        return status
    except BrokenPipeError:
        silence(1)
        return BROKEN_PIPE
    except Exception as error:
        if signals.received is not None:
            raise
        if debug:
            traceback.print_exc()
        sentence = _unprinted(error) or _circumstance(error)
        if sentence is None:
            return complain(shown(_mistake(error), LONGEST_SENTENCE), BUG)
        return complain(shown(sentence, LONGEST_SENTENCE), BAD_INPUT)


def _unprinted(error: Exception) -> str | None:
    """What to say where stdout takes nothing: commands themselves touch no files, they print. None where something else is wrong."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if (
        not isinstance(error, OSError)
        or error.filename is not None
        or not frame.f_globals["__name__"].startswith(_HERE)
    ):
        return None
    silence(1)
    places = written()
    reason = "the disk is full" if error.errno in _FULL else (error.strerror or _first_line(error)).lower()
    return f"what is printed could not be written ({reason}): print to another place{f'; {places} is written and whole' if places else ''}."


def _circumstance(error: Exception) -> str | None:
    """What is wrong with the input or the machine, and the remedy; None where it is this program."""
    message = _first_line(error)
    if isinstance(error, UnmixError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({message}): crop the cube or close other programs."
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"{_place(error)}, the disk is full: make room on it, or choose another place."
    if isinstance(error, OSError):
        return f"{_place(error)} ({(error.strerror or message).lower()}): check the path and the disk."
    # torch has its own of the same name, a RuntimeError; importing torch to ask for it would take a second
    if any(kind.__name__.endswith("LinAlgError") for kind in type(error).__mro__):
        return f"the cube's numbers can't be solved ({message}): check for empty or constant bands."
    # torch raises RuntimeError for almost everything, out of memory included
    if isinstance(error, RuntimeError) and "memory" in message.lower():
        return f"there is not enough memory ({message}): use a smaller --batch, crop the cube, or close other programs."
    return None


def _mistake(error: Exception) -> str:
    kind = type(error).__name__
    what = _first_line(error)
    return (
        f"this is a mistake of the program and not of your input ({kind}{'' if what == kind else f': {what}'}): "
        f"please report it, with the command and what it prints with {DEBUG}."
    )


def _dispatch(argv: list[str]) -> int:
    command, rest = argv[:1], argv[1:]
    if not command or command[0] in ("-h", "--help"):
        _overview().print_help()
        return 0
    if command[0] == "--version":
        print(f"napari-unmix {__version__}")
        return 0
    name = command[0]
    if name not in COMMANDS:
        raise UnmixError(
            f"there is no command {name!r}{close_match(name, COMMANDS)}: choose one of {', '.join(COMMANDS)}."
        )
    module = importlib.import_module(f"napari_unmix.cli.{name}_command")
    parser = Parser(prog=f"napari-unmix {name}", description=module.__doc__)
    module.add_arguments(parser)
    parser.add_argument(DEBUG, action="store_true", help="show where in the program it ended, if it ends early")
    try:
        arguments = parser.parse_args(rest)
    except SystemExit as end:  # --help was printed
        return int(end.code or 0)
    with explain_validation():
        return int(module.run(arguments))


def _overview() -> Parser:
    width = max(map(len, COMMANDS)) + 2
    commands = "\n".join(f"  {name:<{width}}{summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        prog="napari-unmix",
        usage="napari-unmix COMMAND [options]",
        description="Hyperspectral unmixing with models whose answer is identifiable.",
        epilog=f"commands:\n{commands}\n\nnapari-unmix COMMAND --help describes one of them.",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    return parser


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _place(error: OSError) -> str:
    return "a file could not be read or written" if error.filename is None else f"{shown(error.filename, 200)} failed"


def _prepare_streams() -> None:
    """Any terminal can print our sentences, × and – included; without a stream, as under pythonw, they go nowhere."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (open until the process ends)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
