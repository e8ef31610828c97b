"""Spec of the plain VAE, the unidentifiable baseline."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.spec import Batch, Device, Epochs, Group, LearningRate, MethodSpec


class VaeSpec(MethodSpec):
    """Variational autoencoder with simplex latents and one prior for all pixels (Kingma & Welling 2014): no side information."""

    group: ClassVar[Group] = "baseline"
    title: ClassVar[str] = "VAE (not identifiable)"
    implementation: ClassVar[str] = "napari_unmix.methods.vae.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "without side information a VAE's answer is not unique, whatever its fit (Locatello et al. 2019)"
    )

    method: Literal["vae"] = "vae"
    decoder: Literal["linear", "network"] = Field(
        "linear",
        title="Decoder",
        description="linear: abundances times endmembers; network: hidden layers beside these, as the beta-vae has them with β = 1.",
        json_schema_extra={"advanced": True},
    )
    epochs: Epochs = 60
    batch: Batch = 512
    learning_rate: LearningRate = 3e-3
    device: Device = "auto"
