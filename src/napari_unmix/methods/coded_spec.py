"""What the specs of methods share that learn codes of pixels by a general network, and read abundances off these."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from napari_unmix.auxiliary.names import Auxiliary
from napari_unmix.spec import Batch, Device, Epochs, Group, LearningRate, MethodSpec

Latents = Annotated[
    Literal["simplex", "real"],
    Field(
        title="Latents",
        description="What the decoder sees. simplex: abundances, whose log-ratios are the latents; real: the latents themselves.",
        json_schema_extra={"advanced": True},
    ),
]


class CodedSpec(MethodSpec):
    """Codes of P − 1 numbers by a network of hidden layers; a subclass says by which objective."""

    group: ClassVar[Group] = "experimental"

    units: int = Field(
        32, ge=2, le=512, title="Units", description="Of each hidden layer.", json_schema_extra={"advanced": True}
    )
    layers: int = Field(
        2,
        ge=1,
        le=5,
        title="Hidden layers",
        description="Of the encoder, and of the decoder where there is one.",
        json_schema_extra={"advanced": True},
    )
    starts: int = Field(
        3,
        ge=1,
        le=10,
        title="Starts",
        description="Trained side by side, of which the one is kept that the method's own objective prefers.",
        json_schema_extra={"advanced": True},
    )
    epochs: Epochs = 30
    batch: Batch = 512
    learning_rate: LearningRate = 1e-2
    device: Device = "auto"


class ReadSpec(CodedSpec):
    """Of methods whose latents are real numbers: how abundances are read off them."""

    read_by: Literal["probe", "vertices"] = Field(
        "probe",
        title="Abundances by",
        description="How abundances follow from real latents. probe: by one affine map, fitted to least squares on VCA's vertices of the spectra; "
        "vertices: by the place within VCA's vertices of the latents.",
        json_schema_extra={"advanced": True},
    )


class GuidedSpec(ReadSpec):
    """Of methods that learn from what u changes."""

    uses_paint: ClassVar[bool] = True

    auxiliary: Auxiliary = "auto"

    @property
    def side_information(self) -> str:
        """The field ``auxiliary``."""
        return self.auxiliary
