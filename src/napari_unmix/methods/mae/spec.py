"""Spec of masked autoencoding, a pretext task without a theorem, for comparison."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_unmix.spec import Batch, Device, Epochs, Group, LearningRate, MethodSpec


class MaeSpec(MethodSpec):
    """Reconstruct masked bands of each pixel, then read abundances off the embedding by a linear probe (no side information)."""

    group: ClassVar[Group] = "experimental"
    title: ClassVar[str] = "Masked autoencoder (no theorem)"
    implementation: ClassVar[str] = "napari_unmix.methods.mae.fit:fit"
    why_not_identifiable: ClassVar[str] = "no theorem says what reconstructing masked bands identifies"

    method: Literal["mae"] = "mae"
    epochs: Epochs = 150
    batch: Batch = 512
    learning_rate: LearningRate = 3e-3
    device: Device = "auto"
