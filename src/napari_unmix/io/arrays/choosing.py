"""Which of the arrays of a file is the scene, by names and shapes, whatever the format; a path leads into structures: ``scene/data``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from napari_unmix.io.axis.wavelengths import names_axis
from napari_unmix.io.budget import readable_shape
from napari_unmix.sentences import UnmixError, shown

# The usual names of a scene, of what literature stores beside it (whose matrices may be bigger), and of what is never one.
_SCENES = {
    "y",
    "v",
    "cube",
    "data",
    "hsi",
    "image",
    "img",
    "hypercube",
    "hyperspectral",
    "reflectance",
    "radiance",
    "hcube",
    "datacube",
}
_BESIDE = {"s", "x", "w", "h", "library", "noise", "rgb", "preview", "std", "uncertainty"}
_NEVER = re.compile(
    r"a|m|e|abundances?|endmembers?|gt|(?:ground_?)?truth|groundtruth|labels?|map_?gt|annotations?|class(?:es|_?map)?|train|test|splits?"
    r"|masks?|valid(?:_?mask|_?pixels)?|bbl|good_?bands|no_?data|scale|.*_gt"
)
_LISTED = 12  # arrays in a sentence


class Entry(NamedTuple):
    """An array of a file, as its header describes it; ``kind`` is NumPy's letter: numbers, logic (b) or text (U)."""

    name: str
    shape: tuple[int, ...]
    itemsize: int
    kind: str = "f"

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def leaf(self) -> str:
        """Its name within its structure, in lower case."""
        return self.name.rpartition("/")[2].lower()


def choose(
    entries: Sequence[Entry], size: tuple[int, int] | None, key: str | None, path: Path
) -> tuple[Entry, tuple[str, ...]]:
    """The scene: the array that is named, else by its name and shape, the biggest of several; with a sentence where there was a choice.

    ``size`` is that of the image, which makes a matrix of as many pixels a scene. Raises UnmixError that lists what there is.
    """
    named = _named(entries, key)
    if key is not None and not named:
        raise UnmixError(
            f"{path.name} has no array {key!r}, it holds {listing(entries)}: name one of these with --key."
        )
    pixels = math.prod(size) if size else 0
    numeric = [entry for entry in named if entry.kind not in "Ub" and not names_axis(entry.leaf)]
    candidates = [e for e in numeric if _axes(e.shape) == 3 or (len(e.shape) == 2 and e.size > 1 and pixels in e.shape)]
    scenes = candidates if key is not None else [entry for entry in candidates if not _NEVER.fullmatch(entry.leaf)]
    if not scenes:
        raise UnmixError(
            f"{path.name} has no cube, it holds {listing(named)}{_size_said(size)}: {_remedy(candidates, numeric)}."
        )
    ranked = sorted(scenes, key=lambda entry: (_rank(entry.leaf), -entry.size))
    ranked += [entry for entry in candidates if entry not in scenes]
    several = f"{len(ranked)} arrays could be the cube ({listing(ranked)}): {shown(ranked[0].name)} was taken (--key NAME takes another)"
    return ranked[0], (several,) * (len(ranked) > 1)


def listing(entries: Sequence[Entry]) -> str:
    """Names and shapes, for a sentence."""
    numeric = sorted((entry for entry in entries if entry.kind not in "Ub"), key=lambda entry: "/" in entry.name)
    said = ", ".join(f"{shown(entry.name)} {readable_shape(entry.shape)}" for entry in numeric[:_LISTED])
    return f"{said or 'no numeric array'}{', …' * (len(numeric) > _LISTED)}"


def _named(entries: Sequence[Entry], key: str | None) -> list[Entry]:
    """The arrays of this name or path, or inside a structure of it; a last name alone will do where only one has it."""
    if key is None:
        return list(entries)
    plain = key.strip("/").replace(".", "/") if not any(entry.name == key for entry in entries) else key
    exact = [entry for entry in entries if entry.name in (key, plain)]
    inside = [entry for entry in entries if entry.name.startswith(plain + "/")]
    return exact or inside or [entry for entry in entries if entry.name.endswith("/" + plain)]


def _axes(shape: tuple[int, ...]) -> int:
    """Axes of more than one entry, and those of one as far as three need them."""
    return len(shape) if len(shape) <= 3 else max(3, sum(length > 1 for length in shape))


def _rank(leaf: str) -> int:
    return 0 if leaf in _SCENES else 2 if leaf in _BESIDE else 1


def _size_said(size: tuple[int, int] | None) -> str:
    return f" and an image size of {readable_shape(size)}" if size else ""


def _remedy(candidates: Sequence[Entry], numeric: Sequence[Entry]) -> str:
    if candidates:
        return f"if {shown(candidates[0].name)} is the scene, say so with --key {shown(candidates[0].name)}"
    matrices = [entry for entry in numeric if len(entry.shape) == 2 and min(entry.shape) > 1]
    if matrices:
        return "give the image's rows and columns with --size ROWSxCOLUMNS where a matrix is bands × pixels, or store the scene with three axes"
    return "store the scene with three axes, or as bands × pixels with scalars nRow and nCol"
