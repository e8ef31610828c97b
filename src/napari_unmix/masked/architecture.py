"""What a masked autoencoder is like: torch-free, so that a spec can hold it and a file can say it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["transformer", "mlp"]

# Heads of attention: the width is a multiple of it.
HEADS = 4
NARROWEST, WIDEST = 8, 512
DEEPEST = 8
LARGEST_PATCH = 64


class Architecture(BaseModel):
    """Of which parts a network consists.

    Attributes
    ----------
    network : "transformer" (attention between the visible groups) or "mlp" (a sum over the visible groups, then layers)
    patch : bands of a group; fewer where a cube has too few bands for four groups
    width : numbers of a code, a multiple of four
    depth : layers of the encoder
    hidden : share of the groups that the encoder does not see while it is trained
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: Kind = "mlp"
    patch: int = Field(default=8, ge=1, le=LARGEST_PATCH)
    width: int = Field(default=64, ge=NARROWEST, le=WIDEST, multiple_of=HEADS)
    depth: int = Field(default=2, ge=1, le=DEEPEST)
    hidden: float = Field(default=0.75, ge=0.1, le=0.95)


# The option of the methods that take a network's file.
Pretrained = Annotated[
    str,
    Field(
        max_length=4096,
        title="Pretrained",
        description="File of a network that napari-unmix pretrain wrote. mae takes it as it is and trains none; the inference network of ivae "
        "begins from its encoder.",
        json_schema_extra={"advanced": True, "metavar": "MODEL", "path": True},
    ),
]
