"""The auxiliary variable u (side information): from paint, or made from place or from the cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray

Source = Literal["painted regions", "superpixels", "blocks", "none"]

# About this many pixels make one automatic segment: enough for a mean and a covariance of a few endmembers.
PIXELS_PER_SEGMENT = 60
FEWEST_SEGMENTS = 20
# Large scenes get larger segments: more would cost time and sharpen nothing.
MOST_SEGMENTS = 2000


@dataclass(frozen=True, eq=False)
class SideInformation:
    """u of every pixel.

    Attributes
    ----------
    labels : (H, W) int, 0 = unknown, else 1 … R without gaps
    source : where it comes from
    painted_labels : painted label -> its u, for the regions that a user painted
    status : what may be claimed with it, one sentence for the user
    """

    labels: IntArray
    source: Source
    painted_labels: dict[int, int]
    status: str

    @property
    def count(self) -> int:
        """R, the number of different values of u."""
        return int(self.labels.max(initial=0))


STATUS: dict[Source, str] = {
    "painted regions": (
        "Side information: painted regions. The theorems apply if the same materials and light hold in every region "
        "and the painting follows place, not the amount of a material."
    ),
    "superpixels": (
        "Side information: superpixels, made from the cube itself, so it depends weakly on the noise: "
        "it sharpens the abundances, and no claim of identifiability rests on it."
    ),
    "blocks": "Side information: square blocks, independent of the noise. The theorems apply if mixtures differ between blocks.",
    "none": "Side information: none, one prior for all pixels; the abundances' prior adds nothing to what the geometry identifies.",
}


def side_information(cube: Cube, annotation: Annotation | None, choice: str) -> SideInformation:
    """Make u.

    ``choice`` is "auto" (painted regions where there are any, else superpixels), "superpixels", "blocks" or "none". A generator that
    is named explicitly labels the unpainted pixels only: painted regions win where they overlap. Materials are anchors, not regions.
    """
    painted = _painted_regions(cube, annotation)
    regions = [] if annotation is None else annotation.of_kind("region")
    regions = [label for label in regions if (painted == label).any()]
    labels = np.zeros(cube.shape[:2], dtype=np.int32)
    for position, label in enumerate(regions, start=1):
        labels[painted == label] = position
    mapping = {label: position for position, label in enumerate(regions, start=1)}
    if choice == "auto":
        choice = "none" if regions else "superpixels"
    free = (labels == 0) & cube.valid_pixels
    if choice in ("superpixels", "blocks") and free.any():
        made = superpixels(cube) if choice == "superpixels" else blocks(cube)
        labels[free] = len(regions) + 1 + np.unique(made[free], return_inverse=True)[1].astype(np.int32)
    elif choice == "none" and not regions:
        labels[cube.valid_pixels] = 1
    source: Source = (
        "painted regions"
        if regions
        else ("superpixels" if choice == "superpixels" else "blocks" if choice == "blocks" else "none")
    )
    status = STATUS[source]
    if regions and choice in ("superpixels", "blocks"):
        status += f" Unpainted pixels take {choice}."
    return SideInformation(labels, source, mapping, status)


def _painted_regions(cube: Cube, annotation: Annotation | None) -> IntArray:
    if annotation is None:
        return np.zeros(cube.shape[:2], dtype=np.int32)
    annotation.check_against(cube)
    return np.where(cube.valid_pixels, annotation.labels, 0)


def blocks(cube: Cube, pixels: int = PIXELS_PER_SEGMENT) -> IntArray:
    """(H, W) labels of square tiles of about ``pixels`` pixels."""
    height, width, _ = cube.shape
    area = max(min(pixels, height * width / FEWEST_SEGMENTS), 4, height * width / MOST_SEGMENTS)
    side = max(2, round(np.sqrt(area)))
    rows, columns = np.arange(height) // side, np.arange(width) // side
    return np.asarray(rows[:, None] * (columns[-1] + 1) + columns[None, :], dtype=np.int32)


def superpixels(cube: Cube, pixels: int = PIXELS_PER_SEGMENT) -> IntArray:
    """(H, W) labels of SLIC superpixels of about ``pixels`` pixels, on the first four principal components."""
    from skimage.segmentation import slic

    height, width, _ = cube.shape
    scores = principal_image(cube, 4)
    count = int(np.clip(cube.valid_pixels.sum() // pixels, FEWEST_SEGMENTS, MOST_SEGMENTS))
    mask = None if cube.valid_pixels.all() else cube.valid_pixels
    segments = slic(
        scores.reshape(height, width, -1),
        n_segments=count,
        compactness=0.1,
        sigma=0.0,
        channel_axis=-1,
        start_label=0,
        mask=mask,
    )
    return np.asarray(segments, dtype=np.int32)


def principal_image(cube: Cube, components: int) -> FloatArray:
    """(H, W, k) principal component scores, the first scaled to unit spread; zero in invalid pixels."""
    spectra = cube.pixels()
    centred = spectra - spectra.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    scores = centred @ vectors[:, ::-1][:, : min(components, spectra.shape[1])]
    scores /= max(float(scores[:, 0].std()), 1e-12)
    image: FloatArray = cube.image(scores, fill=0.0)  # type: ignore[assignment]
    return image
