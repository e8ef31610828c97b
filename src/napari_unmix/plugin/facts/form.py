"""The form of a method, derived from its spec's fields. Pure: the widgets are made in ``window.panels.controls``."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from napari_unmix.spec import MethodSpec

APART = ("method", "endmembers", "auxiliary")  # these have their own places in the dock


@dataclass(frozen=True)
class FormField:
    """One control: what it is called, what it does, and what values it takes.

    ``annotation`` is the field's type, as magicgui's type map reads it; ``minimum`` and ``maximum`` are the bounds that the
    spec states, None where it states none. A bound that the spec excludes is refused by the spec, in a sentence.
    """

    name: str
    title: str
    tooltip: str
    annotation: object
    default: object
    advanced: bool
    minimum: float | None = None
    maximum: float | None = None


def form_fields(spec: type[MethodSpec]) -> tuple[FormField, ...]:
    """The controls of a spec in its own order, simple ones before those under ``Advanced``, the seed last."""
    fields = [_field(name, info) for name, info in spec.model_fields.items() if name not in APART]
    return tuple(sorted(fields, key=lambda field: (field.advanced, field.name == "seed")))


def _field(name: str, info: FieldInfo) -> FormField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    minimum, maximum = _bound(info, "ge", "gt"), _bound(info, "le", "lt")
    return FormField(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        tooltip=_tooltip(info.description or "", info.default, minimum, maximum),
        annotation=info.annotation,
        default=info.default,
        advanced=bool(extra.get("advanced", False)),
        minimum=minimum,
        maximum=maximum,
    )


def _bound(info: FieldInfo, *names: str) -> float | None:
    """The bound of one of these names among pydantic's constraints, whichever of its classes they are of."""
    found = (getattr(constraint, name, None) for constraint in info.metadata for name in names)
    return next((float(bound) for bound in found if bound is not None), None)


def _tooltip(description: str, default: object, minimum: float | None, maximum: float | None) -> str:
    parts = [description]
    if minimum is not None and maximum is not None:
        parts.append(f"From {minimum:.10g} to {maximum:.10g}.")
    if not isinstance(default, bool):
        parts.append(f"Preset: {default}.")
    return " ".join(part for part in parts if part)
