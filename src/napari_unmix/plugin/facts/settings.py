"""The settings of a method as the user sees them: what was changed, what is refused. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec


def changed_settings(spec: MethodSpec) -> dict[str, Any]:
    """The settings that differ from the method's presets."""
    preset = type(spec).model_validate({}).model_dump()
    return {name: value for name, value in spec.model_dump().items() if value != preset[name]}


def carried_settings(old: MethodSpec, chosen: type[MethodSpec]) -> MethodSpec:
    """The presets of the chosen method, but what was changed where it has the setting too, and takes the value."""
    spec = chosen.model_validate({})
    for name, value in changed_settings(old).items():
        if name in chosen.model_fields:
            with suppress(ValidationError):
                spec = chosen.model_validate({**spec.model_dump(), name: value})
    return spec


def with_setting(spec: MethodSpec, name: str, value: Any) -> MethodSpec:
    """The spec with one field changed. Raises UnmixError, one sentence, where the value is out of range."""
    try:
        return type(spec).model_validate({**spec.model_dump(), name: value})
    except ValidationError as error:
        title = type(spec).model_fields[name].title or name
        reason = error.errors()[0]["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        said = reason if reason.lower().startswith(f"{title} is".lower()) else f"{title} is {value}: {reason}"
        raise UnmixError(f"{said[:1].upper()}{said[1:].rstrip('.')}.") from error
