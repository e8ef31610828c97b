"""Spec of contrast between painted regions: contrastive learning with a linear head on the simplex."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_unmix.spec import Group, MethodSpec


class RegionContrastSpec(MethodSpec):
    """Endmembers from telling painted regions apart by a softmax, linear in log abundances, then exact simplex or scaled least squares."""

    group: ClassVar[Group] = "second opinion"
    title: ClassVar[str] = "Region contrast"
    implementation: ClassVar[str] = "napari_unmix.methods.region_contrast.fit:fit"
    uses_paint: ClassVar[bool] = True

    method: Literal["region-contrast"] = "region-contrast"

    @property
    def unique_if(self) -> str:
        """Under the conditions of the card."""
        return "painted regions pass the report's checks, its assumptions hold, and there is no noise"
