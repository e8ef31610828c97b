"""Where trainings start: linear independent component analysis first, then principal components in random rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from napari_unmix.cube import FloatArray
from napari_unmix.nonlinear.linear import linear_ica, whitening
from napari_unmix.nonlinear.rows import Rows, means_by

# Hidden layers of a random start add about this much to latents of variance 1; that of the linear start adds nothing.
_BENT = 0.5


@dataclass(frozen=True)
class Training:
    """How networks are trained; ``width`` units in each of ``depth`` hidden layers, ``starts`` of which the first is linear ICA's.

    The presets are for two to five latents and tens of thousands of rows; set on seed 0 of two settings (decision 0038). Without
    ``linear_first`` the first start is a random rotation as well, as the papers' own are: nothing but the objective then makes seeds agree.
    ``device`` is where networks are, None the one that the user prefers.
    """

    epochs: int = 30
    batch: int = 512
    learning_rate: float = 1e-2
    starts: int = 3
    width: int = 32
    depth: int = 2
    seed: int = 0
    linear_first: bool = True
    device: torch.device | None = None


@dataclass(frozen=True, eq=False)
class Starts:
    """Linear maps of the scaled rows (N, B) to latents of variance 1 and back.

    Attributes
    ----------
    x : (N, B) the rows, scaled
    unmixing : (S, B, n)
    mixing : (S, n, B)
    bent : (S,) size of the hidden layers' part
    offset : (S, n) added to the latents; None: nothing
    """

    x: FloatArray
    unmixing: FloatArray
    mixing: FloatArray
    bent: FloatArray
    offset: FloatArray | None = None

    @classmethod
    def of(cls, rows: Rows, training: Training) -> Starts:
        """The starts of a problem."""
        x = rows.scaling.scaled(rows.x)
        generator = np.random.default_rng(training.seed)
        white = whitening(x, rows.latents).unmixing
        maps = [linear_ica(x, rows.latents, training.seed).unmixing] if training.linear_first else []
        for _ in range(len(maps), training.starts):
            rotation, _ = np.linalg.qr(generator.standard_normal((rows.latents, rows.latents)))
            maps.append(white @ rotation)
        unmixing = np.stack(maps)
        bent = np.full(training.starts, _BENT)
        bent[: int(training.linear_first)] = 0.0
        return cls(x, unmixing, np.linalg.pinv(unmixing), bent)

    @property
    def count(self) -> int:
        """S."""
        return len(self.unmixing)

    def moments(self, rows: Rows, *, means: bool) -> tuple[FloatArray, FloatArray]:
        """(S, R, n) means of the latents for each value of u, zero without ``means``, and variances around them."""
        centres, variances = [], []
        offsets = np.zeros_like(self.unmixing[:, 0]) if self.offset is None else self.offset
        for unmixing, offset in zip(self.unmixing, offsets, strict=True):
            z = self.x @ unmixing + offset
            centre = means_by(z, rows.u, rows.values_of_u) * float(means)
            centres.append(centre)
            variances.append(means_by((z - centre[rows.u]) ** 2, rows.u, rows.values_of_u))
        return np.stack(centres), np.maximum(np.stack(variances), 1e-6)
