"""Spec of VCA followed by exact constrained least squares."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_unmix.spec import Group, MethodSpec


class VcaFclsSpec(MethodSpec):
    """Vertex component analysis (Nascimento & Bioucas-Dias 2005), then exact simplex or scaled least squares."""

    group: ClassVar[Group] = "classical"
    title: ClassVar[str] = "VCA + least squares"
    implementation: ClassVar[str] = "napari_unmix.methods.vca_fcls.fit:fit"

    method: Literal["vca-fcls"] = "vca-fcls"

    @property
    def unique_if(self) -> str:
        """Under the conditions of the card."""
        return "every material has a pure pixel"
