"""Which device a wish comes to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_unmix.model.machine import Device, Machine, chosen_device, machine, use


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    use(Machine())


@pytest.mark.parametrize(
    ("wish", "cuda", "device"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
        ("cuda", False, "cpu"),
    ],
)
def test_a_card_is_used_where_there_is_one_and_nobody_minds(wish: Device, cuda: bool, device: str) -> None:
    assert chosen_device(wish, cuda=cuda) == device


def test_the_preset_is_one_thread_and_the_best_device() -> None:
    assert machine() == Machine(threads=1, device="auto")
    use(Machine(4, "cpu"))
    assert machine() == Machine(4, "cpu")
