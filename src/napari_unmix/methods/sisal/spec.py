"""Spec of minimum volume by SISAL, followed by exact constrained least squares."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.spec import Group, MethodSpec


class SisalSpec(MethodSpec):
    """Simplex identification by a hinge penalty (Bioucas-Dias 2009), then exact simplex or scaled least squares."""

    group: ClassVar[Group] = "classical"
    title: ClassVar[str] = "SISAL + least squares"
    implementation: ClassVar[str] = "napari_unmix.methods.sisal.fit:fit"

    method: Literal["sisal"] = "sisal"
    penalty: float = Field(
        30.0,
        gt=0,
        le=10_000,
        title="Penalty",
        description="What a pixel outside the simplex costs, against the simplex's log volume.",
        json_schema_extra={"advanced": True},
    )

    @property
    def unique_if(self) -> str:
        """Under the conditions of the card."""
        return "abundances are sufficiently scattered and noise is small"

    @property
    def uses_seed(self) -> bool:
        """Nothing is drawn."""
        return False
