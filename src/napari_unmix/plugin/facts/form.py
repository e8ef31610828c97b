"""The form of a method, derived from its spec's fields. Pure: the widgets are made in ``panels.method``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from napari_unmix.spec import MethodSpec

Kind = Literal["whole", "real", "switch", "choice"]
APART = ("method", "endmembers", "auxiliary")  # these have their own places in the dock


@dataclass(frozen=True)
class FormField:
    """One control: what it is called, what it does, and what values it takes."""

    name: str
    title: str
    tooltip: str
    kind: Kind
    default: Any
    advanced: bool
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


def form_fields(spec: type[MethodSpec]) -> tuple[FormField, ...]:
    """The controls of a spec in its own order, simple ones before those under ``Advanced``."""
    fields = [_field(name, info) for name, info in spec.model_fields.items() if name not in APART]
    return tuple(sorted((field for field in fields if field is not None), key=lambda field: field.advanced))


def _field(name: str, info: Any) -> FormField | None:
    kind, choices = _kind(info.annotation)
    if kind is None:
        return None
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    minimum, maximum = _limits(info.metadata)
    return FormField(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        tooltip=_tooltip(info.description or "", info.default, minimum, maximum),
        kind=kind,
        default=info.default,
        advanced=bool(extra.get("advanced", False)),
        choices=choices,
        minimum=minimum,
        maximum=maximum,
    )


def _kind(annotation: Any) -> tuple[Kind | None, tuple[str, ...]]:
    if annotation is bool:
        return "switch", ()
    if annotation is int:
        return "whole", ()
    if annotation is float:
        return "real", ()
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(value) for value in get_args(annotation))
    return None, ()


def _limits(metadata: list[Any]) -> tuple[float | None, float | None]:
    """The bounds among pydantic's constraints, whichever of its classes they are of."""
    minimum = next(
        (float(v) for item in metadata for v in [getattr(item, "ge", getattr(item, "gt", None))] if v is not None), None
    )
    maximum = next(
        (float(v) for item in metadata for v in [getattr(item, "le", getattr(item, "lt", None))] if v is not None), None
    )
    return minimum, maximum


def _tooltip(description: str, default: Any, minimum: float | None, maximum: float | None) -> str:
    parts = [description]
    if minimum is not None and maximum is not None:
        parts.append(f"From {minimum:.10g} to {maximum:.10g}.")
    if not isinstance(default, bool):
        parts.append(f"Preset: {default}.")
    return " ".join(part for part in parts if part)
