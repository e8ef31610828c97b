"""Spec of generalised contrastive learning as published: true against shuffled pairs."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.methods.coded_spec import GuidedSpec


class GclSpec(GuidedSpec):
    """A network learns to tell true pairs (x, u) from shuffled ones (Hyvärinen, Sasaki, Turner 2019)."""

    title: ClassVar[str] = "Generalised contrastive learning (experimental)"
    implementation: ClassVar[str] = "napari_unmix.methods.gcl.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "the theorems of generalised contrastive learning are about latents of an unknown mixture and not about abundances"
    )

    method: Literal["gcl"] = "gcl"
    # Every stored spec of this method has it: that of before, which is "region-contrast" now, had not (``registry.called_now``).
    form: Literal["general", "exponential"] = Field(
        "general",
        title="Score",
        description="Of a pair (x, u). general: a sum of one free function of each latent and u, plus a(x); exponential: a product of latents and "
        "weights of u, plus a(x) and b(u), which finds statistics up to an affine map.",
        json_schema_extra={"advanced": True},
    )
