"""Spec of linear contrastive learning over painted regions."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_unmix.spec import Group, MethodSpec


class GclSpec(MethodSpec):
    """Endmembers from telling painted regions apart (Hyvärinen, Sasaki, Turner 2019), then exact simplex or scaled least squares."""

    group: ClassVar[Group] = "second opinion"
    title: ClassVar[str] = "Contrastive learning"
    implementation: ClassVar[str] = "napari_unmix.methods.gcl.fit:fit"
    uses_paint: ClassVar[bool] = True

    method: Literal["gcl"] = "gcl"
