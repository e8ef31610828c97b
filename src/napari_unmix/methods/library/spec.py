"""Spec of unmixing with a library: which entries are kept, and how abundances are found."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_unmix.spec import Group, Maps, MethodSpec, Sparsity

Solver = Literal["fcls", "nnls", "sunsal"]


class LibrarySpec(MethodSpec):
    """The entries of a spectral library that the pixels need, and abundances of these; nothing is searched beside them."""

    group: ClassVar[Group] = "classical"
    title: ClassVar[str] = "Spectral library"
    implementation: ClassVar[str] = "napari_unmix.methods.library.fit:fit"
    chooser: ClassVar[str] = "napari_unmix.methods.library.choosing:chosen"

    method: Literal["library"] = "library"
    abundances: Solver = Field(
        "fcls",
        title="Abundances by",
        description="The algorithm that finds abundances. fcls: fractions that sum to one; nnls: amounts of any sum; sunsal: few amounts in "
        "each pixel.",
    )
    share: float = Field(
        0.05,
        gt=0,
        le=0.9,
        title="Share",
        description="An entry takes part where it has more than this of enough pixels.",
        json_schema_extra={"advanced": True},
    )
    sparsity: Sparsity = 1e-3

    @property
    def maps(self) -> Maps:
        """What abundances are; with free brightness they are divided by their sum."""
        return "fractions" if self.illumination or self.abundances == "fcls" else "amounts"

    def applies(self, name: str) -> bool:
        """Whether a setting means anything beside the others."""
        return self.abundances == "sunsal" if name == "sparsity" else super().applies(name)

    @property
    def unique_if(self) -> str:
        """Under the conditions of the card."""
        return "the right entries are in the library, and no others are alike"

    @property
    def uses_seed(self) -> bool:
        """Nothing is drawn."""
        return False
