"""Spec of the classical methods: which algorithm finds endmembers, and which abundances."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from napari_unmix.spec import Group, Maps, MethodSpec, Sparsity

Extraction = Literal[
    "vca", "n-findr", "ppi", "atgp", "spa", "sivm", "sisal", "mvsa", "minimum-volume-nmf", "archetypal-analysis"
]
Solver = Literal["fcls", "scls", "nnls", "sunsal", "sunsal-tv"]

_MAPS: dict[Solver, Maps] = {
    "fcls": "fractions",
    "scls": "signed fractions",
    "nnls": "amounts",
    "sunsal": "amounts",
    "sunsal-tv": "amounts",
}
# What is drawn decides the answer of these alone.
_DRAWN: tuple[Extraction, ...] = ("vca", "ppi", "mvsa")
# Those that look for the smallest simplex, which need no pure pixels.
_SMALLEST: tuple[Extraction, ...] = ("sisal", "mvsa", "minimum-volume-nmf")
# Options that only some of the choices read.
_OF_EXTRACTION: dict[str, tuple[Extraction, ...]] = {
    "penalty": ("sisal",),
    "skewers": ("ppi",),
    "volume": ("minimum-volume-nmf",),
}
_OF_SOLVER: dict[str, tuple[Solver, ...]] = {"sparsity": ("sunsal", "sunsal-tv"), "smoothness": ("sunsal-tv",)}


class ClassicalSpec(MethodSpec):
    """One of the field's algorithms for endmembers, and one for abundances (Bioucas-Dias et al. 2012)."""

    group: ClassVar[Group] = "classical"
    title: ClassVar[str] = "Classical: choose both algorithms"
    implementation: ClassVar[str] = "napari_unmix.methods.classical.fit:fit"

    method: Literal["classical"] = "classical"
    extraction: Extraction = Field(
        "vca",
        title="Endmembers by",
        description="The algorithm that finds endmembers. vca, n-findr, ppi, atgp, spa, sivm: pure pixels; sisal, mvsa, minimum-volume-nmf: the "
        "smallest simplex; archetypal-analysis: means of extreme pixels.",
    )
    abundances: Solver = Field(
        "fcls",
        title="Abundances by",
        description="The algorithm that finds abundances. fcls: fractions that sum to one; scls: the same, may be negative; nnls: amounts of any "
        "sum; sunsal: few amounts in each pixel; sunsal-tv: few, and alike in neighbouring pixels.",
    )
    penalty: float = Field(
        30.0,
        gt=0,
        le=10_000,
        title="Penalty",
        description="What a pixel outside the simplex costs, against the simplex's log volume.",
        json_schema_extra={"advanced": True},
    )
    skewers: int = Field(
        5000,
        ge=10,
        le=1_000_000,
        title="Skewers",
        description="PPI: directions along which extreme pixels are counted.",
        json_schema_extra={"advanced": True},
    )
    volume: float = Field(
        0.1,
        ge=0,
        le=100,
        title="Volume",
        description="Minimum-volume NMF: weight of the log volume, as a share of the misfit at the start.",
        json_schema_extra={"advanced": True},
    )
    sparsity: Sparsity = 1e-3
    smoothness: float = Field(
        1e-2,
        ge=0,
        le=100,
        title="Smoothness",
        description="SUnSAL-TV: what a difference of one between neighbouring pixels costs, in the units of the sparsity.",
        json_schema_extra={"advanced": True},
    )

    @property
    def maps(self) -> Maps:
        """What abundances are; with free brightness they are divided by their sum."""
        return "fractions" if self.illumination else _MAPS[self.abundances]

    @property
    def unique_if(self) -> str:
        """By the algorithm that finds endmembers."""
        if self.extraction in _SMALLEST:
            return "abundances are sufficiently scattered and noise is small"
        return "every material has a pure pixel"

    @property
    def uses_seed(self) -> bool:
        """By the algorithm that finds endmembers."""
        return self.extraction in _DRAWN

    def applies(self, name: str) -> bool:
        """Whether a setting means anything beside the others."""
        if name in _OF_EXTRACTION:
            return self.extraction in _OF_EXTRACTION[name]
        if name in _OF_SOLVER:
            return self.abundances in _OF_SOLVER[name]
        return super().applies(name)

    @model_validator(mode="after")
    def _signs_need_a_sum(self) -> ClassicalSpec:
        if self.illumination and self.abundances == "scls":
            raise ValueError(
                "abundances is scls, whose fractions sum to one on the spectra as given, and brightness is free: "
                "choose fcls or nnls, or leave the illumination out"
            )
        return self
