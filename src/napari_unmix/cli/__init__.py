"""The command line: ``napari-unmix COMMAND …``.

Only the module of the command that was asked for is imported, and it imports what computes when it computes: ``--help``
of any command loads none of torch, napari, Qt, SciPy, scikit-image. Whatever ends a command ends here, at one place, with
one sentence on stderr: bad input with its cause and remedy and exit code 2, a mistake of this program with a request to
report it and exit code 1. ``--debug``, or ``NAPARI_UNMIX_DEBUG``, shows the traceback as well.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

from napari_unmix import __version__
from napari_unmix.cli.parsing import Parser, close_match, explain_validation
from napari_unmix.sentences import UnmixError

COMMANDS = {
    "unmix": "unmix a cube and write the run's folder",
    "compare": "compare runs with a reference",
    "match": "name a run's endmembers by a spectral library",
    "convert": "write a cube or a run as ENVI, GeoTIFF, OME-Zarr, MATLAB, NetCDF …",
    "report": "show why a run may be trusted, or not, as text and as a page",
    "info": "describe the file of a cube",
    "open": "open napari with a cube and the docks",
    "demo": "the sample scene: in napari, or headless where there is no display",
    "methods": "list the methods",
    "benchmark": "run a benchmark and print its table",
}
BUG, BAD_INPUT, CANCELLED, BROKEN_PIPE = 1, 2, 130, 141  # the last two as a shell reports SIGINT and SIGPIPE
DEBUG, DEBUG_VARIABLE = "--debug", "NAPARI_UNMIX_DEBUG"
# What Python and torch raise where this program is wrong, and what the world does to it.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_CIRCUMSTANCES = (UnmixError, MemoryError, OSError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. ``--debug``, anywhere, shows the traceback of whatever ends it."""
    _prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = DEBUG in words or bool(os.environ.get(DEBUG_VARIABLE))
    try:
        status = _dispatch([word for word in words if word != DEBUG])
        sys.stdout.flush()  # here, so that a reader that went away is noticed here
        return status
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt as interrupt:
        return _complain(str(interrupt) or "cancelled, nothing written.", CANCELLED)
    except (*_CIRCUMSTANCES, *_MISTAKES) as error:
        if debug:
            traceback.print_exc()
        sentence = _circumstance(error)
        return _complain(_mistake(error), BUG) if sentence is None else _complain(sentence, BAD_INPUT)


def _circumstance(error: Exception) -> str | None:
    """What is wrong with the input or the machine, and the remedy; None where it is this program."""
    message = _first_line(error)
    if isinstance(error, UnmixError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({message}): crop the cube or close other programs."
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


def _complain(sentence: str, status: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        print(f"napari-unmix: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
    return status


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _place(error: OSError) -> str:
    return "a file could not be read or written" if error.filename is None else f"{error.filename} failed"


def _prepare_streams() -> None:
    """Any terminal can print our sentences, × and – included; without a stream, as under pythonw, they go nowhere."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (open until the process ends)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _silence_stdout() -> None:
    """Python flushes stdout once more when it ends: give it somewhere to go."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
