"""Spec of the β-VAE: an unidentifiable baseline with a network for a decoder."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.methods.coded_spec import Latents, ReadSpec
from napari_unmix.spec import Group


class BetaVaeSpec(ReadSpec):
    """Network decoder, one prior for all pixels, the divergence times β (Higgins et al. 2017); no side information."""

    group: ClassVar[Group] = "baseline"
    title: ClassVar[str] = "β-VAE (not identifiable)"
    implementation: ClassVar[str] = "napari_unmix.methods.beta_vae.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "without side information a β-VAE's answer is not unique, whatever its fit (Locatello et al. 2019)"
    )

    method: Literal["beta-vae"] = "beta-vae"
    beta: float = Field(
        4.0,
        gt=0,
        le=1000,
        title="β",
        description="Weight of the divergence from the prior; 1 is the VAE.",
    )
    latents: Latents = "simplex"
