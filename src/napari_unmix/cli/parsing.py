"""Options, the methods' own among them: these are read off the specs, so a new method needs no line here."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import types
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Union, get_args, get_origin

from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from napari_unmix.cube import Reading
    from napari_unmix.io.annotation import AnnotationReading
    from napari_unmix.spec import MethodSpec

READING = "reading:"  # prefix of the options that say how a file is read
_MOST_WORKERS = 4096
SPEC = "spec:"  # prefix of the options that belong to a spec, so that they never meet the command's own


class Parser(argparse.ArgumentParser):
    """argparse with errors of one sentence."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UnmixError(f"{message.rstrip('.')}: see {self.prog} --help.")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like argparse's, with a guess at what an unknown option was meant to be."""
        takes_rest = any(action.nargs == argparse.REMAINDER for action in self._actions)
        # Intermixed: "unmix a.hdr --seed 1 b.hdr" names two cubes.
        parse = self.parse_known_args if takes_rest else self.parse_known_intermixed_args
        arguments, unknown = parse(args, namespace)
        if unknown:
            option = unknown[0].split("=")[0]
            kind = "option" if option.startswith("-") else "further argument"
            hint = close_match(option, self._option_string_actions)
            raise UnmixError(f"there is no {kind} {option}{hint}: see {self.prog} --help.")
        return arguments


def close_match(word: str, known: Iterable[str]) -> str:
    """``" (did you mean --epochs?)"``, or nothing. What begins with the word comes before what looks like it."""
    names = list(known)
    begun = [name for name in names if word.strip("-") and name.startswith(word)]
    found = begun or difflib.get_close_matches(word, names, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that correct how a cube's file is read."""
    from napari_unmix.reading import OPTIONS

    group = parser.add_argument_group("reading the cube (what is not given is found out, and said)")
    for option in OPTIONS:
        group.add_argument(option.name, dest=READING + option.field, metavar=option.metavar, help=option.text)


def reading_from(arguments: argparse.Namespace) -> Reading:
    """How the cube's file is to be read. Raises UnmixError with the option to mend."""
    from napari_unmix.reading import OPTIONS, reading_of

    return reading_of({option.field: getattr(arguments, READING + option.field, None) for option in OPTIONS})


def add_annotation_options(parser: argparse.ArgumentParser, text: str) -> None:
    """Add what names painted files, and says how they are read."""
    parser.add_argument("--annotation", metavar="FILE", action="append", default=[], help=text)
    parser.add_argument(
        "--annotation-key", metavar="NAME", help="the array, or the layer, of an annotation file that holds several"
    )
    parser.add_argument(
        "--unpainted",
        metavar="NUMBER",
        help="a number of the annotation that means that nothing was painted, beside 0 and what its file declares",
    )


def annotation_reading_from(arguments: argparse.Namespace) -> AnnotationReading:
    """How the painted files are to be read. Raises UnmixError with the option to mend."""
    from napari_unmix.io.annotation import AnnotationReading

    given = {"--annotation-key": arguments.annotation_key, "--unpainted": arguments.unpainted}
    for option, value in given.items():
        if value is not None and not arguments.annotation:
            raise UnmixError(f"{option} is about a painted file: give it with --annotation FILE.")
    try:
        unpainted = None if arguments.unpainted is None else float(arguments.unpainted)
    except ValueError as error:
        raise UnmixError(f"--unpainted is {arguments.unpainted}: give a number, such as 255.") from error
    return AnnotationReading(arguments.annotation_key, unpainted)


def add_scheduler_options(parser: argparse.ArgumentParser, does: str) -> None:
    """Add ``--scheduler`` and ``--workers``; ``does`` says what dask is to do."""
    parser.add_argument(
        "--scheduler",
        metavar="threads|processes|ADDRESS",
        help=f"{does} by dask: in threads or processes of this machine, or by the workers of a scheduler (tcp://host:8786), which see the same "
        "paths (default: here, one after the other)",
    )
    parser.add_argument(
        "--workers", metavar="N", help="how many threads or processes (default: one for each processor)"
    )


def workers_from(arguments: argparse.Namespace) -> int | None:
    """How many workers were asked for. Raises UnmixError where that is no number, or they are somebody else's."""
    if arguments.workers is None:
        return None
    if arguments.scheduler not in ("threads", "processes"):
        raise UnmixError("--workers says how many of this machine: give it with --scheduler threads or processes.")
    if not arguments.workers.isdecimal() or not 1 <= int(arguments.workers) <= _MOST_WORKERS:
        raise UnmixError(f"--workers is {arguments.workers}: give a whole number from 1 to {_MOST_WORKERS:,}.")
    return int(arguments.workers)


def with_absolute_files(reading: Reading) -> Reading:
    """A reading with its files from the root on: workers stand in other folders, and a command may be given again in another."""
    dark, white = (path and path.absolute() for path in (reading.dark, reading.white))
    return replace(reading, dark=dark, white=white)


def add_spec_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--method`` and one option per field of any spec."""
    from napari_unmix.methods.registry import method_specs

    specs = method_specs()
    default = next(iter(specs))
    parser.add_argument(
        "--method", default=default, metavar="NAME", help=f"one of {', '.join(specs)} (default {default})"
    )
    fields: dict[str, dict[str, FieldInfo]] = {}
    for method, spec in specs.items():
        for name, field in spec.model_fields.items():
            if name != "method":
                fields.setdefault(name, {})[method] = field
    advanced = parser.add_argument_group("advanced")
    for name, of_method in fields.items():
        first = next(iter(of_method.values()))
        extra = first.json_schema_extra
        group = advanced if isinstance(extra, dict) and extra.get("advanced") else parser
        _add_option(group, name, first, _help(of_method, all_methods=len(of_method) == len(specs)))


def _add_option(group: Any, name: str, field: FieldInfo, text: str) -> None:
    option, target = option_name(name), SPEC + name
    if field.annotation is bool:
        group.add_argument(
            option, dest=target, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
        )
    else:
        group.add_argument(option, dest=target, default=argparse.SUPPRESS, metavar=_metavar_of(field), help=text)


def option_name(field: str) -> str:
    """``learning_rate`` -> ``--learning-rate``."""
    return "--" + field.replace("_", "-")


def _metavar_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra["metavar"]) if isinstance(extra, dict) and "metavar" in extra else _metavar(field.annotation)


def _metavar(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if get_origin(annotation) in (Union, types.UnionType):
        return "|".join(_metavar(part) for part in get_args(annotation))
    return {int: "N", float: "X"}.get(annotation, "VALUE")


def _help(of_method: dict[str, FieldInfo], all_methods: bool) -> str:
    first = next(iter(of_method.values()))
    defaults = {
        method: str(field.default) for method, field in of_method.items() if not isinstance(field.default, bool)
    }
    notes = [] if all_methods else [f"of {', '.join(of_method)}"]
    if len(set(defaults.values())) == 1:
        notes.append(f"default {next(iter(defaults.values()))}")
    elif defaults:
        notes.append("default " + ", ".join(f"{value} for {method}" for method, value in defaults.items()))
    text = (first.description or first.title or "") + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def make_spec(arguments: argparse.Namespace) -> MethodSpec:
    """The spec that was asked for; UnmixError for an option that the method lacks, ValidationError for a bad value."""
    from napari_unmix.methods.registry import method_specs, spec_class

    chosen = spec_class(arguments.method)
    values = {name.removeprefix(SPEC): value for name, value in vars(arguments).items() if name.startswith(SPEC)}
    for name in values:
        if name not in chosen.model_fields:
            owners = ", ".join(method for method, spec in method_specs().items() if name in spec.model_fields)
            raise UnmixError(
                f"{option_name(name)} is no option of {arguments.method} (it is one of {owners}):"
                " leave it out, or choose another --method."
            )
    spec = chosen(**{name: _resolved(chosen.model_fields[name], value) for name, value in values.items()})
    if "brightness" in values and not spec.illumination:
        raise UnmixError(
            "--brightness is about free illumination: add --illumination, or leave it out (without, the spectra say how bright endmembers are)."
        )
    return spec


def _resolved(field: FieldInfo, value: Any) -> Any:
    """A path whole, so that a run says the same wherever it is read; other values as they are."""
    extra = field.json_schema_extra
    is_path = isinstance(extra, dict) and bool(extra.get("path")) and value != ""
    return str(Path(value).expanduser().absolute()) if is_path else value


@contextlib.contextmanager
def explain_validation() -> Iterator[None]:
    """Turn pydantic's list of errors into one sentence."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, UnmixError) or not _is_validation_error(error):
            raise
        raise UnmixError(_validation_sentence(error)) from error


def _is_validation_error(error: ValueError) -> bool:
    from pydantic import ValidationError

    return isinstance(error, ValidationError)


def _validation_sentence(error: Any) -> str:
    """All errors of the first field: a field that takes several types has one for each."""
    errors = error.errors(include_url=False)
    first = errors[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"]) + "."
    remedies = [_remedy(item) for item in errors if item["loc"][:1] == first["loc"][:1]]
    return f"{option_name(str(first['loc'][0]))} is {first['input']}: give {' or '.join(dict.fromkeys(remedies))}."


def _remedy(error: dict[str, Any]) -> str:
    limits = error.get("ctx", {})
    context = {  # a limit of 1.0 is called 1
        name: int(limit) if isinstance(limit, float) and limit.is_integer() else limit for name, limit in limits.items()
    }
    templates = {
        "int_parsing": "a whole number",
        "int_parsing_size": "a shorter number",
        "int_from_float": "a whole number",
        "float_parsing": "a number",
        "literal_error": "{expected}",
        "greater_than": "more than {gt}",
        "greater_than_equal": "at least {ge}",
        "less_than": "less than {lt}",
        "less_than_equal": "at most {le}",
        "finite_number": "a finite number",
        "multiple_of": "a multiple of {multiple_of}",
    }
    template = templates.get(error["type"])
    return str(error["msg"]).lower() if template is None else template.format(**context).replace("'", "")
