"""Spec of the largest simplex of pixels, followed by exact constrained least squares."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.spec import Group, MethodSpec


class TemplateSpec(MethodSpec):
    """The pixels that span the largest simplex (N-FINDR, Winter 1999), then exact simplex or scaled least squares."""

    group: ClassVar[Group] = "classical"
    title: ClassVar[str] = "Largest simplex + least squares"
    implementation: ClassVar[str] = "napari_unmix.methods._template.fit:fit"

    method: Literal["template"] = "template"
    sweeps: int = Field(
        5,
        ge=1,
        le=100,
        title="Sweeps",
        description="How often every corner is exchanged for a better pixel, at most.",
        json_schema_extra={"advanced": True},
    )

    @property
    def unique_if(self) -> str:
        """Under the conditions of the card."""
        return "every material has a pure pixel"
