"""What every method's spec shares. Specs are frozen, torch-free, and describe a run completely."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# What methods are for: one obvious choice, what checks it, what it is measured against, what the field has used for long, what is tried.
Group = Literal["default", "second opinion", "baseline", "classical", "experimental"]
GROUPS: tuple[Group, ...] = get_args(Group)
# What a list of methods says above those of a group.
HEADINGS: dict[Group, str] = {
    "default": "Recommended",
    "second opinion": "A second opinion",
    "baseline": "Baselines, to compare with",
    "classical": "Classical",
    "experimental": "Experimental",
}

# What maps are where brightness is not free: fractions are non-negative and sum to one, signed fractions only sum to one, amounts are only
# non-negative.
Maps = Literal["fractions", "signed fractions", "amounts"]

# Options that methods which train share; each has a preset of its own.
Epochs = Annotated[
    int,
    Field(ge=1, le=2000, title="Epochs", description="Passes over the pixels.", json_schema_extra={"advanced": True}),
]
Batch = Annotated[
    int, Field(ge=16, le=65536, title="Batch", description="Pixels per step.", json_schema_extra={"advanced": True})
]
LearningRate = Annotated[
    float,
    Field(
        gt=0, le=0.1, title="Learning rate", description="Peak step size of Adam.", json_schema_extra={"advanced": True}
    ),
]
DeviceName = Literal["auto", "cpu", "cuda"]
Device = Annotated[
    DeviceName,
    Field(
        title="Device",
        description="Where it trains. auto: a GPU that PyTorch can use, else the processor; cuda: the GPU, or not at all.",
        json_schema_extra={"advanced": True},
    ),
]

Sparsity = Annotated[
    float,
    Field(
        ge=0,
        le=100,
        title="Sparsity λ",
        description="SUnSAL: what an amount of one costs, against half the squared residual over the mean square of an endmember's values.",
        json_schema_extra={"advanced": True},
    ),
]


class MethodSpec(BaseModel):
    """Base of all specs. A subclass names its method, its title for the form, and where its code is.

    ``group`` says what a newcomer may take the method for: ``GROUPS`` has them in the order in which methods are listed.
    ``why_not_identifiable`` is the reason, for the report, of a method whose answer no assumption makes unique.
    ``implementation`` is "module:function"; the function takes a ``methods.contract.Problem`` and is a generator of ``Progress`` that
    returns a ``methods.contract.Solution``. It is imported only when the method runs, so listing methods loads no torch.
    ``chooser`` is the "module:function" of a method to which spectra are given to choose from, "" of all others: see ``methods.contract.chooser``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: ClassVar[str]
    implementation: ClassVar[str]
    group: ClassVar[Group] = "experimental"
    uses_paint: ClassVar[bool] = False
    why_not_identifiable: ClassVar[str] = ""
    chooser: ClassVar[str] = ""

    method: str
    endmembers: int | Literal["auto"] = Field(
        "auto",
        title="Endmembers",
        description="Number of materials, or auto: suggested from the signal against the noise.",
    )
    illumination: bool = Field(
        False,
        title="Illumination",
        description="Free the brightness of every pixel (shade, slope): abundances become shade-tolerant composition instead of area fractions.",
    )
    brightness: Literal["maximum", "own"] = Field(
        "maximum",
        title="Brightness",
        description="With free illumination, how bright an endmember is where its abundance is one. maximum: its largest value is 1, so abundances "
        "are composition; own: as bright as it was given, or as the pixels most like it are, so abundances estimate areas under uneven light.",
        json_schema_extra={"with": "illumination"},
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,  # the largest that every generator of random numbers, and a spin box, takes
        title="Seed",
        description="Same seed, same cube, same answer.",
        json_schema_extra={"advanced": True},
    )

    def applies(self, name: str) -> bool:
        """Whether a setting means anything beside the others: some are about one that may be off."""
        extra = type(self).model_fields[name].json_schema_extra
        partner = extra.get("with") if isinstance(extra, dict) else None
        return partner is None or bool(getattr(self, str(partner)))

    @property
    def own_brightness(self) -> bool:
        """Whether brightness is free, and endmembers keep their own."""
        return self.illumination and self.brightness == "own"

    @property
    def maps(self) -> Maps:
        """What abundances are: fractions with free brightness, whatever they would be without."""
        return "fractions"

    @property
    def unique_if(self) -> str:
        """What makes the answer's endmembers unique up to order, in words; "" where nothing does (``why_not_identifiable``)."""
        return ""

    @property
    def uses_seed(self) -> bool:
        """Whether another seed may be another answer, where no spectra are given; False where nothing is drawn."""
        return True

    @property
    def side_information(self) -> str:
        """Where u comes from on unpainted pixels, as ``auxiliary.names`` writes it; "none" where a method reads no such u."""
        return "none"

    @model_validator(mode="before")
    @classmethod
    def _brightness_of_free_light(cls, values: Any) -> Any:
        """Without free illumination the spectra say how bright endmembers are: there is nothing to choose."""
        if not isinstance(values, dict) or values.get("illumination", cls.model_fields["illumination"].default):
            return values
        return {name: value for name, value in values.items() if name != "brightness"}

    @field_validator("endmembers")
    @classmethod
    def _at_least_two(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 2 <= value <= 30:
            raise ValueError(f"endmembers is {value}: choose a number from 2 to 30, or auto")
        return value
