"""Maps in memory and in a file are the same, and a disk without room is a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.applying import Applied
from napari_unmix.large.maps import KeptMaps
from napari_unmix.methods.registry import spec_class
from napari_unmix.sentences import UnmixError


def applied(*, light: bool) -> Applied:
    endmembers = np.random.default_rng(0).random((3, 8))
    none = np.zeros((1, 1), np.float32)
    spec = spec_class("vca-fcls")(illumination=light)
    of = Unmixing(
        endmembers, np.zeros((1, 1, 3), np.float32), None, none if light else None, none, ("a", "b", "c"), spec
    )
    return Applied.of(of)


@pytest.mark.parametrize("light", [True, False])
def test_in_memory_and_in_a_file(light: bool) -> None:
    function = applied(light=light)
    packed = function.packed(np.random.default_rng(1).random((60, 8))).reshape(10, 6, -1)
    held, filed = (KeptMaps(function, (10, 6), most) for most in (1 << 20, 0))
    for rows in (slice(6, 10), slice(0, 6)):
        held.put(rows, packed[rows])
        filed.put(rows, packed[rows])
    for one, other in zip(held.done(), filed.done(), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(held.done().abundances, packed[..., :3])


def test_maps_that_find_no_room_are_refused_before_the_pass() -> None:
    with pytest.raises(
        UnmixError,
        match=r"The maps take 20 PB and can't be kept in .*: make room there, or name another folder with TMPDIR",
    ):
        KeptMaps(applied(light=True), (10**8, 10**7))
