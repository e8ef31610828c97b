"""Which device a wish comes to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.vca_fcls.spec import VcaFclsSpec
from napari_unmix.model.machine import Machine, asked_device, check_device, chosen_device, machine, use
from napari_unmix.model.network import device_of
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import DeviceName


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
def test_a_card_is_used_where_there_is_one_and_nobody_minds(wish: DeviceName, cuda: bool, device: str) -> None:
    assert chosen_device(wish, cuda=cuda) == device


def test_the_preset_is_one_thread_and_the_best_device() -> None:
    assert machine() == Machine(threads=1, device="auto")
    use(Machine(4, "cpu"))
    assert machine() == Machine(4, "cpu")


def test_a_gpu_that_is_asked_for_and_absent_is_refused_in_one_sentence() -> None:
    with pytest.raises(UnmixError, match=r"^device is cuda, but PyTorch finds no GPU .* ask for auto or cpu, .*\.$"):
        check_device("cuda", cuda=False)
    check_device("cuda", cuda=True)
    for wish in ("auto", "cpu"):
        check_device(wish, cuda=False)


def test_a_run_that_asks_comes_before_what_the_user_prefers() -> None:
    use(Machine(device="cpu"))
    assert device_of(IvaeSpec()).type == "cpu"
    use(Machine(device="cuda"))
    assert device_of(IvaeSpec(device="cpu")).type == "cpu"


def test_methods_that_do_not_train_ask_for_no_device() -> None:
    assert asked_device(VcaFclsSpec()) == "auto"
    assert asked_device(IvaeSpec(device="cuda")) == "cuda"
