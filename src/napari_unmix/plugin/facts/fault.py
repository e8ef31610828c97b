"""What to report of an unexpected error: where it happened, with what versions, settings and sizes. No data, no names, no files. Pure."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path, PurePath

from napari_unmix.plugin.facts.session import Session, Step, shown_names
from napari_unmix.sentences import shown

PACKAGES = (
    "napari-unmix",
    "napari",
    "PyQt6",
    "PyQt6-Qt6",
    "PySide6",
    "pyqtgraph",
    "psygnal",
    "numpy",
    "scipy",
    "torch",
    "pydantic",
)
_MOST_CALLS = 30  # of each error, the last ones
_MOST_LETTERS = 300  # of its message
_HIDDEN = "…"
_SHORTEST = 3  # letters of a name that is looked for in messages
_OURS = Path(__file__).parents[3]
_QUOTED = re.compile(r"'[^']*[\\/][^']*'|\"[^\"]*[\\/][^\"]*\"")
_PATH = re.compile(r"[^\s'\"(),;=]*[\\/][^\s'\"(),;]*")
_FILE = re.compile(r"[^\s'\"(),;:=\\/]+\.(?:[a-z]{2,4}\d?|safetensors|parquet)(?![\w.(])", re.IGNORECASE)
_VALUES = re.compile(r"\[[^\[\]]*\]")
_NUMBER = re.compile(r"[-+]?\d+\.\d{3,}(?:e[-+]?\d+)?|[-+]?\d+(?:\.\d+)?e[-+]?\d+", re.IGNORECASE)


def fault_report(error: BaseException, step: Step, session: Session) -> str:
    """A text of some 20 lines that a user can send: the error with its calls, versions, settings, sizes."""
    errors = list(_chain(error))
    return "\n".join(
        [
            f"Unexpected error in napari-unmix: {_said(errors[-1], session)}",
            "",
            *_surroundings(step, session),
            "",
            "Calls, the last one last:",
            *(line for one in reversed(errors) for line in _calls(one, session)),
        ]
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came of."""
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)


def _said(error: BaseException, session: Session) -> str:
    return f"{type(error).__name__}: {without_data(str(error), _names(session))}".removesuffix(": ")


def _calls(error: BaseException, session: Session) -> list[str]:
    summary = traceback.extract_tb(error.__traceback__)
    calls = [f"  {_place(call.filename)}:{call.lineno} in {call.name}" for call in summary[-_MOST_CALLS:]]
    return [*calls, f"  {_said(error, session)}"]


def _place(filename: str) -> str:
    """A file of a package, from the package on; any other is somebody's own, and its name theirs."""
    if filename.startswith("<frozen"):
        return filename
    paths = sysconfig.get_paths()
    for root in (paths["purelib"], paths["platlib"], paths["stdlib"]):
        if PurePath(filename).is_relative_to(root):
            return PurePath(filename).relative_to(root).as_posix()
    own = PurePath(filename)
    return own.relative_to(_OURS).as_posix() if own.is_relative_to(_OURS / "napari_unmix") else "(a file of the user)"


def _names(session: Session) -> list[str]:
    """What the user named, or the files did."""
    cubes = session.cubes if session.cube is None else (*session.cubes, session.cube)
    names = [cube.name for cube in cubes] + [part for cube in cubes if cube.source for part in cube.source.parts]
    if session.annotation is not None:
        names += [meaning.name for meaning in session.annotation.meanings.values()]
    if session.chore is not None:
        names.append(session.chore.subject)
    for run in session.runs:
        names += [run.title, *run.look.names]
    return [*names, *shown_names(session), *Path.home().parts]


def without_data(message: str, names: list[str]) -> str:
    """A message in one short line, without paths, names of files, the given ``names``, lists of values, and measured numbers."""
    line = " ".join(message.split())
    for name in sorted(set(names), key=len, reverse=True):
        if len(name) >= _SHORTEST:
            line = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _HIDDEN, line)
    line = _FILE.sub(_HIDDEN, _without_paths(_QUOTED.sub(_HIDDEN, line)))
    line, before = _VALUES.sub(_HIDDEN, line), line
    while line != before:
        line, before = _VALUES.sub(_HIDDEN, line), line
    return shown(_NUMBER.sub(_HIDDEN, line), _MOST_LETTERS)


def _without_paths(line: str) -> str:
    """From where a path begins to where the last one ends: folders and files may have spaces in their names."""
    first = _PATH.search(line)
    if first is None:
        return line
    end = max(found.end() for pattern in (_PATH, _FILE) for found in pattern.finditer(line))
    return line[: first.start()] + _HIDDEN + line[end:]


def _surroundings(step: Step, session: Session) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name)))
    lines = [
        f"Versions: {versions}",
        f"System: {platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        f"Step: {step} ({session.state}{f', {session.chore.doing}' if session.chore is not None else ''})",
        f"Settings: {session.spec.model_dump_json()}",
    ]
    if session.cube is not None:
        height, width, bands = session.cube.shape
        used, valid = int(session.cube.good_bands.sum()), int(session.cube.valid_pixels.sum())
        lines.append(f"Cube: {height}×{width} pixels ({valid} valid), {bands} bands ({used} used)")
    if session.annotation is not None:
        kinds = [f"{len(session.annotation.of_kind(kind))} {kind}" for kind in ("region", "material", "ignore")]
        lines.append(f"Painting: labels of kind {', '.join(kinds)}")
    return lines


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
