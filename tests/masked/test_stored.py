"""The file of a network: what comes back is what was written, and whatever else is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from napari_unmix.masked.architecture import Architecture, Kind
from napari_unmix.masked.grid import Grid
from napari_unmix.masked.pretext import untrained
from napari_unmix.masked.stored import About, read_network, write_network
from napari_unmix.sentences import UnmixError

GRID = Grid("wavelength", np.linspace(400.0, 1000.0, 30))
PIXELS = np.random.default_rng(0).uniform(0.1, 1, (60, 30))


def written(path: Path, kind: Kind = "mlp") -> Path:
    architecture = Architecture(network=kind, patch=5, width=8, depth=1, hidden=0.5)
    network = untrained(architecture, GRID, [PIXELS], seed=2)
    about = About(
        architecture=architecture,
        kind="wavelength",
        cubes=("scene",),
        pixels=60,
        epochs=1,
        batch=16,
        learning_rate=1e-3,
        seed=2,
        loss=0.5,
    )
    write_network(path, network, about)
    return path


@pytest.mark.parametrize("kind", ["mlp", "transformer"])
def test_what_comes_back_gives_the_same_codes(tmp_path: Path, kind: Kind) -> None:
    stored = read_network(written(tmp_path / "one", kind))
    again = untrained(stored.about.architecture, GRID, [PIXELS], seed=2)
    for found, expected in zip(stored.network.embedded(PIXELS), again.embedded(PIXELS), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert stored.about.cubes == ("scene",)
    assert stored.network.grid.same(GRID)
    assert stored.digest == read_network(tmp_path / "one").digest
    assert len(stored.digest) == 12


def changed(path: Path, about: dict[str, object] | None = None, **arrays: np.ndarray) -> Path:
    """The file with other arrays or another description, and a seal that fits them."""
    from napari_unmix.masked import stored

    raw = path.read_bytes()
    entries = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    header = json.loads(entries["napari-unmix"])
    content = {**load(raw), **arrays}
    if about is not None:
        header["about"] = json.dumps({**json.loads(header["about"]), **about})
    header["sha256"] = stored._seal(header["about"], content)
    path.write_bytes(save(content, {"napari-unmix": json.dumps(header)}))
    return path


def test_damage_is_told_and_never_read(tmp_path: Path) -> None:
    path = written(tmp_path / "one")
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises(UnmixError, match=r"no pretrained network, or damaged|of the format"):
            read_network(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(UnmixError, match="no pretrained network, or damaged"):
        read_network(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"mean": np.zeros(3, np.float32)},
        {"mean": np.full(30, np.nan, np.float32)},
        {"spread": np.zeros(1, np.float32)},
        {"grid.places": np.zeros((2, 2))},
        {"further": np.zeros(3, np.float32)},
    ],
    ids=lambda arrays: next(iter(arrays)),
)
def test_arrays_that_do_not_fit_are_told(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(UnmixError, match="no pretrained network, or damaged"):
        read_network(changed(written(tmp_path / "one"), **arrays))


def test_a_description_that_is_none_is_told(tmp_path: Path) -> None:
    for about in ({"architecture": {"network": "other"}}, {"kind": "colour"}, {"seed": -1}, {"more": 1}):
        with pytest.raises(UnmixError, match="no pretrained network, or damaged"):
            read_network(changed(written(tmp_path / "one"), about))


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match=r"no pretrained network at .*: make one with napari-unmix pretrain"):
        read_network(tmp_path / "nothing")
