"""The file of a trained network: safetensors, with what it is and where its bands lie in the header, and a seal over all of it.

Nothing of the file decides which code runs: the network is made from a checked description, and filled with arrays of the shapes that it has.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from napari_unmix.cube import AxisKind, FloatArray
from napari_unmix.files.opened import read_regular
from napari_unmix.files.paths import given_path
from napari_unmix.files.whole import write_whole
from napari_unmix.masked.architecture import Architecture
from napari_unmix.masked.autoencoder import MaskedAutoencoder
from napari_unmix.masked.grid import Grid
from napari_unmix.sentences import UnmixError, shown

FORMAT = "napari-unmix masked autoencoder 1"
_LARGEST = 1 << 28  # bytes: the widest and deepest network on some thousand bands
_HEADER = "napari-unmix"
_GRID, _MADE_FOR = "grid.places", "made_for.places"
_log = logging.getLogger(__name__)


class About(BaseModel):
    """What a file says of its network: how it is made, on what it was trained, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    architecture: Architecture
    kind: AxisKind
    cubes: tuple[Annotated[str, Field(max_length=200)], ...]
    pixels: int = Field(ge=0)
    epochs: int = Field(ge=0)
    batch: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    seed: int = Field(ge=0)
    loss: float


@dataclass(frozen=True, eq=False)
class Stored:
    """A trained network, what its file says of it, and the first letters of the file's SHA-256."""

    network: MaskedAutoencoder
    about: About
    digest: str


def write_network(
    path: Path, network: MaskedAutoencoder, about: About, allow: Callable[[Path], None] | None = None
) -> None:
    """Put the network in the place of ``path``, whole or not at all. Raises OSError, and what ``allow`` raises."""
    from safetensors.numpy import save

    arrays = arrays_of(network)
    said = about.model_dump_json()
    header = {"format": FORMAT, "about": said, "sha256": _seal(said, arrays)}
    # One entry: the library writes several in an order by chance, and the same network has the same bytes.
    write_whole(path, save(arrays, {_HEADER: json.dumps(header)}), allow)


def arrays_of(network: MaskedAutoencoder) -> dict[str, FloatArray]:
    """Name -> array of all weights, and the places of the bands."""
    weights = {name: np.array(value.cpu().numpy(), order="C") for name, value in network.state_dict().items()}
    return {**weights, _GRID: network.grid.places, _MADE_FOR: network.made_for.places}


def network_of(
    arrays: dict[str, FloatArray], architecture: Architecture, kind: AxisKind, device: torch.device | None = None
) -> MaskedAutoencoder:
    """The network of such arrays. Raises ValueError where they are not those of the architecture, or not finite."""
    places = {name: np.asarray(arrays[name], dtype=np.float64) for name in (_GRID, _MADE_FOR)}
    if any(one.ndim != 1 or not 0 < one.size <= 100_000 or not np.isfinite(one).all() for one in places.values()):
        raise ValueError("the places of its bands are none")
    grid, made_for = (Grid(kind, one) for one in places.values())
    network = MaskedAutoencoder(architecture, grid, np.ones(grid.places.size), 1.0, made_for)
    wanted = network.state_dict()
    found = {name: array for name, array in arrays.items() if name not in places}
    if set(found) != set(wanted):
        raise ValueError("it has other parts than it says")
    for name, array in found.items():
        if array.shape != tuple(wanted[name].shape) or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"{name} has the shape {array.shape} or numbers that it can't have")
    if not found["spread"].item() > 0:
        raise ValueError("its spectra have no spread")
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in found.items()})
    return network.moved(device or torch.device("cpu"))


def read_network(path: str | Path, device: torch.device | None = None) -> Stored:
    """Read a network's file. Raises UnmixError where there is none, it is another file, damaged, or of another version."""
    path = given_path(path)
    if not path.is_file():
        raise UnmixError(
            f"There is no pretrained network at {shown(path, 200)}: make one with napari-unmix pretrain CUBE --out MODEL."
        )
    try:
        raw = read_regular(path, _LARGEST)
        return _read(raw, device)
    except (UnmixError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a library raises over damaged bytes
        _log.info("reading %s", path, exc_info=True)
        raise UnmixError(
            f"{shown(path.name)} is no pretrained network, or damaged: make it again with napari-unmix pretrain CUBE --out MODEL."
        ) from error


def check_network(path: Path) -> None:
    """Raise UnmixError where ``path`` is no network's file: only such a file is replaced."""
    read_network(path)


def _read(raw: bytes, device: torch.device | None) -> Stored:
    from safetensors.numpy import load

    entries = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    header = json.loads(entries[_HEADER])
    if header["format"] != FORMAT:
        raise UnmixError(
            f"The network's file is of the format {shown(header['format'], 60)}, this version reads {FORMAT}: pretrain again."
        )
    arrays = {name: np.asarray(array) for name, array in load(raw).items()}
    if header["sha256"] != _seal(header["about"], arrays):
        raise ValueError("its content is not what was written")
    about = About.model_validate_json(header["about"])
    return Stored(network_of(arrays, about.architecture, about.kind, device), about, header["sha256"][:12])


def _seal(said: str, arrays: dict[str, FloatArray]) -> str:
    digest = hashlib.sha256(said.encode())
    for name in sorted(arrays):
        array = np.array(arrays[name], order="C")
        digest.update(repr((name, array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
