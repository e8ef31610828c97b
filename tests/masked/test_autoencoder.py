"""What the encoder sees and does not see, brightness, other grids, and that filling in learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unmix.masked.architecture import Architecture, Kind
from napari_unmix.masked.autoencoder import MaskedAutoencoder
from napari_unmix.masked.grid import Grid
from napari_unmix.masked.pretext import fill_in, untrained
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

GRID = Grid("wavelength", np.linspace(400.0, 1000.0, 42))


def spectra(count: int = 300, seed: int = 0, grid: Grid = GRID) -> np.ndarray:
    """Mixtures of three bells in lights of their own, with a little noise."""
    generator = np.random.default_rng(seed)
    centres = np.array([500.0, 700.0, 900.0])
    bells = 0.2 + np.exp(-(((grid.places - centres[:, None]) / 90) ** 2))
    mixed = generator.dirichlet(np.full(3, 0.7), count) @ bells
    return mixed * generator.uniform(0.4, 1.5, (count, 1)) + 0.003 * generator.normal(size=mixed.shape)


def made(kind: Kind, patch: int = 5, **fields: object) -> MaskedAutoencoder:
    architecture = Architecture.model_validate({"network": kind, "patch": patch, "width": 16, **fields})
    return untrained(architecture, GRID, [spectra()], seed=1)


@pytest.fixture(params=["mlp", "transformer"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


def test_three_quarters_are_hidden_and_the_encoder_sees_nothing_of_them(kind: Kind) -> None:
    network = made(kind)
    assert len(network.groups.bands) == 9
    assert network.shown() == 2
    values = network.tokens(spectra(50), 1.0)
    order = network.orders(50, torch.Generator().manual_seed(0))
    assert len(np.unique(order.numpy(), axis=0)) > 40
    kept, hidden = order[:, : network.shown()], order[:, network.shown() :]
    other = values.scatter(1, hidden[..., None].expand(-1, -1, 5), 100.0)
    torch.testing.assert_close(network.filled(other, kept, hidden), network.filled(values, kept, hidden))
    seen = values.scatter(1, kept[..., None].expand(-1, -1, 5), 1.0)
    assert not torch.allclose(network.filled(seen, kept, hidden), network.filled(values, kept, hidden))


def test_brightness_is_taken_out_of_codes_and_given_back_to_what_is_filled_in(kind: Kind) -> None:
    network, dark = made(kind), spectra(40)
    unit = network.unit(dark)
    codes = network.features(network.tokens(dark, unit))
    bright = network.features(network.tokens(3 * dark, unit))
    torch.testing.assert_close(bright[:, :-1], codes[:, :-1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(bright[:, -1], codes[:, -1] + float(np.log(3.0)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(network.restored(3 * dark, unit), 3 * network.restored(dark, unit), rtol=1e-4)
    # The unit of a whole cube is in nobody's answer.
    first = np.concatenate(list(network.embedded(dark)))
    np.testing.assert_allclose(np.concatenate(list(network.embedded(1e4 * dark))), first, atol=1e-4)


def test_the_order_of_visible_groups_says_nothing(kind: Kind) -> None:
    network = made(kind)
    values = network.tokens(spectra(20), 1.0)
    kept, hidden = torch.tensor([0, 3, 5]).expand(20, -1), torch.tensor([1, 7]).expand(20, -1)
    turned = torch.tensor([5, 0, 3]).expand(20, -1)
    torch.testing.assert_close(
        network.filled(values, kept, hidden), network.filled(values, turned, hidden), rtol=1e-4, atol=1e-5
    )


@pytest.fixture(scope="module")
def trained() -> dict[Kind, tuple[MaskedAutoencoder, list[float]]]:
    """Both networks and the losses of their training."""
    kinds: dict[Kind, int] = {"mlp": 25, "transformer": 15}
    found: dict[Kind, tuple[MaskedAutoencoder, list[float]]] = {}
    for kind, epochs in kinds.items():
        network, losses = made(kind), list[float]()
        steps = fill_in(network, [spectra(600)], epochs=epochs, batch=32, learning_rate=5e-3, seed=0)
        for step in steps:
            losses.append(step.loss)
        found[kind] = network, losses
    return found


# Of the variance of new pixels, and of the first losses; a transformer learns more slowly.
LEFT: dict[Kind, float] = {"mlp": 0.1, "transformer": 0.4}
LOSS: dict[Kind, float] = {"mlp": 0.35, "transformer": 0.6}


def left_of(network: MaskedAutoencoder, new: np.ndarray) -> float:
    """Share of the variance that is left where each group is filled in."""
    return float(((network.restored(new) - new) ** 2).mean() / ((new - new.mean(axis=0)) ** 2).mean())


def test_filling_in_learns_what_bands_share(
    kind: Kind, trained: dict[Kind, tuple[MaskedAutoencoder, list[float]]]
) -> None:
    network, losses = trained[kind]
    assert np.mean(losses[-20:]) < LOSS[kind] * np.mean(losses[:5])
    assert left_of(network, spectra(200, seed=5)) < LEFT[kind]


def test_the_same_seed_gives_the_same_network_and_another_another(kind: Kind) -> None:
    def weights(seed: int) -> torch.Tensor:
        network = untrained(
            Architecture(network=kind, patch=5, width=16, depth=1, hidden=0.75), GRID, [spectra()], seed
        )
        drain(fill_in(network, [spectra()], epochs=1, batch=64, learning_rate=1e-3, seed=seed))
        return torch.cat([part.flatten() for part in network.parameters()])

    first = weights(0)
    assert torch.equal(first, weights(0))
    assert not torch.allclose(first, weights(1))


def test_a_transformer_takes_bands_between_those_it_knows(
    trained: dict[Kind, tuple[MaskedAutoencoder, list[float]]],
) -> None:
    network, _ = trained["transformer"]
    shifted = Grid("wavelength", GRID.places[:-1] + 0.5 * GRID.step)
    assert left_of(network.on(shifted), spectra(200, seed=5, grid=shifted)) < LEFT["transformer"]
    assert network.on(Grid("wavelength", GRID.places.copy())) is network


@pytest.mark.parametrize(
    ("kind", "grid", "said"),
    [
        ("mlp", Grid("wavelength", GRID.places[1:]), "it is an MLP for 42 bands of its own, this cube has 41"),
        (
            "transformer",
            Grid("index", np.arange(42.0)),
            "it was trained on bands by wavelength, this cube has them by index",
        ),
        (
            "transformer",
            Grid("wavelength", GRID.places[::2]),
            "trained on bands 14.6 apart, this cube has them 29.3 apart",
        ),
        (
            "transformer",
            Grid("wavelength", GRID.places + 60),
            "trained from 400 to 1000, this cube reaches from 460 to 1060",
        ),
    ],
)
def test_other_bands_that_do_not_fit_are_one_sentence(kind: Kind, grid: Grid, said: str) -> None:
    with pytest.raises(UnmixError, match=said):
        made(kind).on(grid, "it")


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_few_bands_and_awkward_spectra_are_no_error(kind: Kind, bands: int) -> None:
    grid = Grid("index", np.arange(bands) + 1.0)
    architecture = Architecture(network=kind, patch=8, width=8, depth=1, hidden=0.75)
    for pixels in (np.zeros((30, bands)), np.ones((30, bands)), -spectra(30)[:, :bands], 1e8 * spectra(30)[:, :bands]):
        network = untrained(architecture, grid, [pixels], seed=0)
        drain(fill_in(network, [pixels], epochs=1, batch=16, learning_rate=1e-3, seed=0))
        assert np.isfinite(network.restored(pixels)).all()
        assert np.isfinite(np.concatenate(list(network.embedded(pixels)))).all()
