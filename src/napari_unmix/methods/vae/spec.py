"""Spec of the plain VAE, the unidentifiable baseline."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.spec import MethodSpec


class VaeSpec(MethodSpec):
    """Variational autoencoder with simplex latents and one prior for all pixels (Kingma & Welling 2014): no side information."""

    title: ClassVar[str] = "VAE (not identifiable)"
    implementation: ClassVar[str] = "napari_unmix.methods.vae.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "without side information a VAE's answer is not unique, whatever its fit (Locatello et al. 2019)"
    )

    method: Literal["vae"] = "vae"
    epochs: int = Field(
        60, ge=1, le=2000, title="Epochs", description="Passes over the pixels.", json_schema_extra={"advanced": True}
    )
    batch: int = Field(
        512, ge=16, le=65536, title="Batch", description="Pixels per step.", json_schema_extra={"advanced": True}
    )
    learning_rate: float = Field(
        3e-3,
        gt=0,
        le=0.1,
        title="Learning rate",
        description="Peak step size of Adam.",
        json_schema_extra={"advanced": True},
    )
