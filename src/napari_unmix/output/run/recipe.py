"""A run as something to say again: as a command, and in Python. Both give the same bits, on the same machine with the same versions."""

from __future__ import annotations

import math
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

from napari_unmix.cube import Annotation, Cube, Part, Reading
from napari_unmix.output.run.origin import SAMPLE
from napari_unmix.output.run.plain import write_text
from napari_unmix.reading import written_as
from napari_unmix.spec import MethodSpec

SAME_BITS = "To the bit with the same versions, kind of processor and number of threads (OMP_NUM_THREADS)."


def parts_of(cube: Cube) -> tuple[Part, ...]:
    """The file that a cube was read from, or those that were joined; empty where it came from none."""
    return cube.parts if cube.source is None else (Part(cube.source, cube.reading),)


def as_command(
    cube: Cube, spec: MethodSpec, annotation: Annotation | None, folder: Path, out: str = "", *, given: bool = False
) -> str:
    """One line for a shell that repeats a run whose ``folder`` holds its painting, into the folder ``out``.

    A cube that is not of one file alone is found by the run's folder, and so are endmembers that were ``given``.
    """
    parts = parts_of(cube)
    words = ["napari-unmix", "unmix"]
    if len(parts) != 1 or given:
        words.append(str(folder))
    else:
        words += [str(parts[0].source.absolute()), *_reading_words(parts[0].reading)]
        words += _painting_words(annotation, folder)
        words += ["--method", spec.method, *_setting_words(spec)]
    words += ["--out", out or f"{folder.name}-again"]
    return " ".join(shlex.quote(word) for word in words)


def _reading_words(reading: Reading) -> list[str]:
    written = written_as(reading)
    for name in ("dark", "white"):
        if name in written:
            written[name] = str(Path(written[name]).absolute())
    return [word for name, value in written.items() for word in (f"--{name.replace('_', '-')}={value}",)]


def _painting_words(annotation: Annotation | None, folder: Path) -> list[str]:
    if annotation is None:
        return []
    words = ["--annotation", str(folder / "annotation.npy")]
    for label in annotation.of_kind("material"):
        name = annotation.meaning(label).name
        words.append(f"--material={label}={name}" if name else f"--material={label}")
    return words + [f"--ignore={label}" for label in annotation.of_kind("ignore")]


def _settings(spec: MethodSpec) -> dict[str, Any]:
    """What is not as the method has it, and the seed."""
    usual = type(spec).model_validate({}).model_dump()
    values = spec.model_dump()
    return {
        name: value
        for name, value in values.items()
        if name != "method" and (name in ("endmembers", "seed") or value != usual[name])
    }


def _setting_words(spec: MethodSpec) -> list[str]:
    words = []
    for name, value in _settings(spec).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{option}")
        else:
            words.append(f"--{option}={value}")
    return words


# --- Python


def as_python(
    cube: Cube,
    spec: MethodSpec,
    annotation: Annotation | None,
    folder: Path | None,
    title: str,
    out: str = "",
    *,
    given: bool = False,
) -> str:
    """A script that repeats a run whose ``folder`` holds its painting, and the endmembers that were ``given``; None: the folder that it lies in."""
    parts = parts_of(cube)
    place = "Path(__file__).parent" if folder is None else f"Path({str(folder)!r})"
    made = _from_file(parts[0], spec, annotation) if len(parts) == 1 else _from_run(cube, known=_found_again(cube))
    names = {"assess", "drain", "unmix", "write_run", *made.names, *(["read_run"] if given else [])}
    known = ["given = read_run(folder).given  # endmembers that were held, or begun from"] if given else []
    out = f"folder.with_name(folder.name + {'-again'!r})" if not out else repr(out)
    return "\n".join(
        [
            f"# Repeats the run {title!r} of {cube.name!r}. {SAME_BITS}",
            "from pathlib import Path",
            "",
            *(["import numpy as np", ""] if made.loads else []),
            f"from napari_unmix import {', '.join(sorted(names))}",
            "",
            f"folder = {place}  # of the run",
            *made.lines,
            *known,
            f"result = drain(unmix(cube, spec, annotation{', given' if given else ''}))",
            "report = drain(assess(cube, result))",
            f"print(write_run({out}, cube, result, report, annotation=annotation))",
            "",
        ]
    )


def _found_again(cube: Cube) -> bool:
    """Whether a run's folder is enough to have its cube again."""
    return bool(parts_of(cube)) or cube.name == SAMPLE


def write_script(
    folder: Path, cube: Cube, spec: MethodSpec, annotation: Annotation | None, title: str, *, given: bool = False
) -> None:
    """``again.py`` of a run that is being written. Raises OSError."""
    write_text(folder / "again.py", as_python(cube, spec, annotation, None, title, given=given))


class _Lines:
    """Lines that make ``cube``, ``annotation`` and ``spec``; the public ``names`` that they use, and whether arrays are loaded."""

    def __init__(self, lines: list[str], names: list[str], *, loads: bool = False) -> None:
        self.lines, self.names, self.loads = lines, names, loads


def _from_run(cube: Cube, *, known: bool) -> _Lines:
    if known:
        lines = ["run = read_run(folder)", "cube, annotation = run.repeated()", "spec = run.spec"]
        return _Lines(lines, ["read_run"])
    height, width, bands = cube.shape
    lines = [
        f"# The cube {cube.name!r} was not read from a file: put its values, ({height}, {width}, {bands}), in the place of the dots.",
        "run = read_run(folder)",
        f"cube = run.origin.with_masks(Cube(..., name={cube.name!r}))",
        "annotation, spec = run.annotation, run.spec",
    ]
    return _Lines(lines, ["Cube", "read_run"])


def _from_file(part: Part, spec: MethodSpec, annotation: Annotation | None) -> _Lines:
    usual = Reading()
    said = {field.name: getattr(part.reading, field.name) for field in fields(part.reading)}
    options = [f", {name}={_code(value)}" for name, value in said.items() if value != getattr(usual, name)]
    settings = ", ".join(f"{name}={_code(value)}" for name, value in _settings(spec).items())
    lines = [f"cube = read_cube({str(part.source.absolute())!r}{''.join(options)})"]
    names = ["method_specs", "read_cube"]
    if annotation is None:
        lines.append("annotation = None")
    else:
        labels = [*annotation.of_kind("region"), *annotation.of_kind("material"), *annotation.of_kind("ignore")]
        meanings = {label: annotation.meaning(label) for label in sorted(labels)}
        said_of = ", ".join(f"{label}: Meaning({one.kind!r}, {one.name!r})" for label, one in meanings.items())
        lines.append(f'annotation = Annotation(np.load(folder / "annotation.npy"), {{{said_of}}})')
        names += ["Annotation", "Meaning"]
    lines.append(f"spec = method_specs()[{spec.method!r}]({settings})")
    return _Lines(lines, names, loads=annotation is not None)


def _code(value: Any) -> str:
    """A value as Python reads it."""
    if isinstance(value, Path):
        return repr(str(value.absolute()))
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
