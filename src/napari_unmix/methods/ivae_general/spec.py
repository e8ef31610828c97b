"""Spec of the general iVAE: a network for a decoder."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_unmix.methods.coded_spec import GuidedSpec, Latents


class IvaeGeneralSpec(GuidedSpec):
    """The iVAE as published (Khemakhem et al. 2020): network decoder, p(z|u) normal with means and variances of its own."""

    title: ClassVar[str] = "General iVAE (experimental)"
    implementation: ClassVar[str] = "napari_unmix.methods.ivae_general.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "the theorem of the general iVAE is about latents of an unknown mixture, up to component-wise maps, and not about abundances"
    )

    method: Literal["ivae-general"] = "ivae-general"
    latents: Latents = "simplex"
