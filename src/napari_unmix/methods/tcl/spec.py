"""Spec of time-contrastive learning as published: which value of u a pixel has."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.methods.coded_spec import GuidedSpec


class TclSpec(GuidedSpec):
    """A network learns which region a pixel is of (Hyvärinen & Morioka 2016, with regions for segments of time)."""

    title: ClassVar[str] = "Time-contrastive learning (experimental)"
    implementation: ClassVar[str] = "napari_unmix.methods.tcl.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "the theorem of time-contrastive learning is about statistics of latents, up to an affine map, and not about abundances"
    )

    method: Literal["tcl"] = "tcl"
    statistic: Literal["square", "absolute"] = Field(
        "square",
        title="Statistic",
        description="Of each latent, by which regions are told apart: its square, or its absolute value.",
        json_schema_extra={"advanced": True},
    )
