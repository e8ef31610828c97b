"""Spec of masked autoencoding, a pretext task without a theorem, for comparison."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.masked.architecture import (
    DEEPEST,
    HEADS,
    LARGEST_PATCH,
    NARROWEST,
    WIDEST,
    Architecture,
    Pretrained,
)
from napari_unmix.spec import Batch, Device, Epochs, Group, LearningRate, MethodSpec


class MaeSpec(MethodSpec):
    """Fill in hidden groups of bands, then read abundances off the encoder's code (no side information)."""

    group: ClassVar[Group] = "experimental"
    title: ClassVar[str] = "Masked autoencoder (no theorem)"
    implementation: ClassVar[str] = "napari_unmix.methods.mae.fit:fit"
    why_not_identifiable: ClassVar[str] = "no theorem says what reconstructing masked bands identifies"

    method: Literal["mae"] = "mae"
    network: Literal["mlp", "transformer"] = Field(
        "mlp",
        title="Network",
        description="What reads the visible bands. mlp: a sum over their groups, then layers; transformer: attention between the groups, "
        "about five times slower.",
        json_schema_extra={"advanced": True},
    )
    readout: Literal["probe", "fine-tune"] = Field(
        "probe",
        title="Read-out",
        description="How abundances follow from the network's code. probe: by one affine map, fitted to least squares on vertices of the "
        "filled-in spectra; fine-tune: from there the encoder and the endmembers are trained on by linear mixing.",
        json_schema_extra={"advanced": True},
    )
    patch: int = Field(
        8,
        ge=1,
        le=LARGEST_PATCH,
        title="Bands per group",
        description="Neighbouring bands that are hidden together.",
        json_schema_extra={"advanced": True},
    )
    hidden: float = Field(
        0.75,
        ge=0.1,
        le=0.95,
        title="Hidden share",
        description="Share of the groups that the encoder does not see while it is trained.",
        json_schema_extra={"advanced": True},
    )
    width: int = Field(
        64,
        ge=NARROWEST,
        le=WIDEST,
        multiple_of=HEADS,
        title="Width",
        description="Numbers of a code, a multiple of four.",
        json_schema_extra={"advanced": True},
    )
    depth: int = Field(
        2,
        ge=1,
        le=DEEPEST,
        title="Depth",
        description="Layers of the encoder.",
        json_schema_extra={"advanced": True},
    )
    pretrained: Pretrained = ""
    epochs: Epochs = 40
    batch: Batch = 256
    learning_rate: LearningRate = 3e-3
    device: Device = "auto"

    @property
    def architecture(self) -> Architecture:
        """Of which parts the network consists, where none is pretrained."""
        return Architecture(
            network=self.network, patch=self.patch, width=self.width, depth=self.depth, hidden=self.hidden
        )
