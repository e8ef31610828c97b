"""Spec of masked autoencoding, a pretext task without a theorem, for comparison."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.spec import MethodSpec


class MaeSpec(MethodSpec):
    """Reconstruct masked bands of each pixel, then read abundances off the embedding by a linear probe (no side information)."""

    title: ClassVar[str] = "Masked autoencoder (no theorem)"
    implementation: ClassVar[str] = "napari_unmix.methods.mae.fit:fit"
    why_not_identifiable: ClassVar[str] = "no theorem says what reconstructing masked bands identifies"

    method: Literal["mae"] = "mae"
    epochs: int = Field(
        150, ge=1, le=2000, title="Epochs", description="Passes over the pixels.", json_schema_extra={"advanced": True}
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
