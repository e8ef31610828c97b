"""A checkpoint's file: the places of a fit's loops, and what the fit is of.

It is a safetensors file: the arrays, and in its header a JSON text with everything else and the SHA-256 of both. What is read is checked against
it, so that a damaged file is said to be damaged and not gone on from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Annotation, Cube
from napari_unmix.files.opened import read_regular
from napari_unmix.files.whole import write_whole
from napari_unmix.given import Given
from napari_unmix.journal.circumstances import circumstances
from napari_unmix.journal.loops import MOST_OF_ALL, Kept
from napari_unmix.journal.trees import Tree, listed_as, named, number, plain, whole
from napari_unmix.sentences import UnmixError, shown

FORMAT = "napari-unmix checkpoint 1"
_LARGEST = MOST_OF_ALL + (1 << 28)  # bytes: a painting and the header beside the places
_HASHED_AT_ONCE = 1 << 24  # bytes
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What a fit is of: SHA-256 of the cube with its masks, of the painting with its meanings ("" where there is none), and the spec as JSON.

    ``given`` is the SHA-256 of the endmembers that were given, with their names, "" where there are none.
    """

    cube: str
    annotation: str
    spec: str
    given: str = ""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An interrupted fit.

    Attributes
    ----------
    task : what it is of
    owner : what its writer wants to know again, a tree
    kept : key of a loop -> its place
    fraction : the share that is done
    written : seconds since 1970
    circumstances : what decided its bits
    """

    task: Task
    owner: Tree
    kept: Mapping[str, Kept] = field(default_factory=dict)
    fraction: float = 0.0
    written: float = field(default_factory=time.time)
    circumstances: Mapping[str, str] = field(default_factory=circumstances)


def task_of(cube: Cube, spec: Any, annotation: Annotation | None, given: Given | None = None) -> Task:
    """What a fit of this cube with this spec (a pydantic model), painting and given endmembers is of."""
    said = json.dumps(spec.model_dump(mode="json"))
    return Task(cube_digest(cube), annotation_digest(annotation), said, given_digest(given))


def cube_digest(cube: Cube) -> str:
    """SHA-256 of all of a cube that decides a fit: spectra (of one in its file what its overview shows), masks, axis, acquisitions, place."""
    spectra = cube.overview.spectra
    rows = max(1, _HASHED_AT_ONCE // max(spectra[0].nbytes, 1))
    parts = (spectra[start : start + rows] for start in range(0, len(spectra), rows))
    digest = _digest(parts)
    others = (cube.good_bands, cube.valid_pixels, cube.wavelengths, cube.axis, cube.acquisitions, cube.fwhm)
    place = None if cube.georeference is None else np.array(cube.georeference.transform)
    return _digest([np.frombuffer(bytes.fromhex(digest), np.uint8), *others, place])


def annotation_digest(annotation: Annotation | None) -> str:
    """SHA-256 of the labels and of what they mean; "" of none."""
    if annotation is None:
        return ""
    meanings = sorted((label, meaning.kind, meaning.name) for label, meaning in annotation.meanings.items())
    return _digest([annotation.labels, np.frombuffer(json.dumps(meanings).encode(), np.uint8)])


def given_digest(given: Given | None) -> str:
    """SHA-256 of given endmembers, which of them are held, and what they are called; "" of none."""
    if given is None:
        return ""
    names = np.frombuffer(json.dumps(given.names).encode(), np.uint8)
    return _digest([given.spectra, given.held, names])


def _digest(arrays: Iterable[np.ndarray | None]) -> str:
    digest = hashlib.sha256()
    for one in arrays:
        digest.update(repr(None if one is None else (one.shape, one.dtype.str)).encode())
        if one is not None:
            digest.update(np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Put the checkpoint in the place of ``path``, whole or not at all. Raises OSError."""
    from safetensors.numpy import save

    tree = {
        "task": plain(checkpoint.task),
        "owner": plain(checkpoint.owner),
        "kept": {key: [kept.seconds, kept.place] for key, kept in checkpoint.kept.items()},
        "fraction": checkpoint.fraction,
        "written": checkpoint.written,
        "circumstances": dict(checkpoint.circumstances),
    }
    arrays: list[np.ndarray] = []
    content = json.dumps(_taken_out(tree, arrays))
    named_arrays = {str(place): np.array(one, order="C") for place, one in enumerate(arrays)}
    write_whole(path, save(named_arrays, {"format": FORMAT, "content": content, "sha256": _seal(content, arrays)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises UnmixError where it is none, damaged, or of another version, and OSError where it can't be read."""
    raw = read_regular(path, _LARGEST, follow=False)
    try:
        return _checkpoint(raw)
    except UnmixError:
        raise
    except Exception as error:  # whatever a library raises over damaged bytes
        _log.warning("reading %s", path, exc_info=True)
        raise UnmixError(f"{shown(path.name)} is no checkpoint, or damaged: start the training anew.") from error


def _checkpoint(raw: bytes) -> Checkpoint:
    from safetensors.numpy import load

    # The library's own door to the header wants a file by name, which may be another by now.
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    if header["format"] != FORMAT:
        raise UnmixError(f"The checkpoint is of the format {shown(header['format'])}, not {FORMAT}: start anew.")
    arrays = load(raw)
    ordered = [arrays[str(place)] for place in range(len(arrays))]
    if header["sha256"] != _seal(header["content"], ordered):
        raise UnmixError("The checkpoint is damaged, its content is not what was written: start the training anew.")
    tree = _put_back(json.loads(header["content"]), ordered)
    task, owner, kept, fraction, written, facts = named(
        tree, "task", "owner", "kept", "fraction", "written", "circumstances"
    )
    return Checkpoint(
        _task(task),
        owner,
        {key: Kept(place, number(seconds)) for key, (seconds, place) in kept.items() if listed_as([seconds, place], 2)},
        number(fraction),
        number(written),
        {str(name): str(value) for name, value in facts.items()},
    )


def _task(tree: Tree) -> Task:
    """What it is of; an earlier version knew of no given endmembers."""
    known = {"given": "", **tree} if isinstance(tree, dict) else tree
    return Task(*(str(part) for part in named(known, "cube", "annotation", "spec", "given")))


def _taken_out(tree: Tree, arrays: list[np.ndarray]) -> Tree:
    """The tree with every array's number in its place; the arrays go to ``arrays``."""
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return {"": len(arrays) - 1}
    if isinstance(tree, dict):
        return {name: _taken_out(part, arrays) for name, part in tree.items()}
    if isinstance(tree, list | tuple):
        return [_taken_out(part, arrays) for part in tree]
    return tree


def _put_back(tree: Tree, arrays: list[np.ndarray]) -> Tree:
    if isinstance(tree, dict):
        if set(tree) == {""}:
            return arrays[whole(tree[""], 0, len(arrays) - 1)]
        return {name: _put_back(part, arrays) for name, part in tree.items()}
    return [_put_back(part, arrays) for part in tree] if isinstance(tree, list) else tree


def _seal(content: str, arrays: list[np.ndarray]) -> str:
    return _digest([np.frombuffer(content.encode(), np.uint8), *arrays])
