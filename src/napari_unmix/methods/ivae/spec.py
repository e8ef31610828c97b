"""Spec of the identifiable VAE (theory: M1 to M5)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from napari_unmix.auxiliary.names import Auxiliary
from napari_unmix.masked.architecture import Pretrained
from napari_unmix.spec import Batch, Device, Epochs, Group, LearningRate, MethodSpec


def _read_variability(value: Any) -> Any:
    """Runs before version 0.2 had a switch: on was what is "latent" now."""
    return ("latent" if value else "none") if isinstance(value, bool) else value


class IvaeSpec(MethodSpec):
    """Region-conditional prior on abundances, linear or another mixing, anchored endmembers, semi-amortised inference."""

    group: ClassVar[Group] = "default"
    title: ClassVar[str] = "iVAE"
    implementation: ClassVar[str] = "napari_unmix.methods.ivae.fit:fit"
    uses_paint: ClassVar[bool] = True

    method: Literal["ivae"] = "ivae"
    auxiliary: Auxiliary = "auto"
    mixing: Literal["linear", "fan", "bilinear", "ppnm", "post-nonlinear", "residual"] = Field(
        "linear",
        title="Mixing",
        description="How spectra mix. linear; fan, bilinear or ppnm: light scattered twice; post-nonlinear: one curve for the scene; "
        "residual: a bounded network. Nonlinear mixing needs more, and more different, regions. Linear mixing is kept where the evidence "
        "does not ask for a curve, a network or variability; fan, bilinear and ppnm are kept unless linear mixing already leaves only noise.",
        json_schema_extra={"advanced": True},
    )
    prior: Literal["auto", "dirichlet", "logistic-normal"] = Field(
        "auto",
        title="Region prior",
        description="Law of the abundances in a region. auto: chosen by evidence.",
        json_schema_extra={"advanced": True},
    )
    variability: Annotated[Literal["auto", "none", "pairs", "latent"], BeforeValidator(_read_variability)] = Field(
        "auto",
        title="Endmember variability",
        description="How the spectra of one material vary from pixel to pixel. pairs: by a covariance that pairs of neighbouring pixels tell; "
        "auto: the same, endmembers held, where abundances are area fractions and linear mixing leaves more than noise, that neither scattering "
        "nor one missing material explains; each is kept where the evidence is for it. none: not at all. "
        "latent: along two directions that are fitted in every pixel; what is identified is then less, see the card.",
        json_schema_extra={"advanced": True},
    )
    pretrained: Pretrained = ""
    epochs: Epochs = 12
    batch: Batch = 1024
    learning_rate: LearningRate = 3e-3
    device: Device = "auto"

    @property
    def side_information(self) -> str:
        """The field ``auxiliary``."""
        return self.auxiliary

    @property
    def unique_if(self) -> str:
        """Under the conditions of the card."""
        return "painted regions pass the report's checks and its assumptions hold"
