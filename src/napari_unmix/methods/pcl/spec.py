"""Spec of permutation-contrastive learning of neighbouring pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_unmix.methods.coded_spec import ReadSpec


class PclSpec(ReadSpec):
    """A network learns which two pixels are neighbours (Hyvärinen & Morioka 2017, with place for time)."""

    title: ClassVar[str] = "Permutation-contrastive learning (no guarantee)"
    implementation: ClassVar[str] = "napari_unmix.methods.pcl.fit:fit"
    why_not_identifiable: ClassVar[str] = (
        "the theorem of permutation-contrastive learning is about stationary, independent sources in time, which abundances of a scene are not"
    )

    method: Literal["pcl"] = "pcl"
