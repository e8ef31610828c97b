"""The picture of what is looked at, and the length beside a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_unmix.output.map_picture import FORMATS, Entry, Seen, added, labelled, write_picture
from napari_unmix.output.scale_bar import scale_bar
from napari_unmix.sentences import UnmixError


@pytest.mark.parametrize(
    ("width", "metres", "pixels", "label"),
    [
        (100, None, 20, "20 pixels"),
        (3, None, 1, "1 pixel"),
        (150, 30.0, 1000 / 30, "1 km"),
        (100, 0.05, 20, "1 m"),
        (100, 0.001, 20, "2 cm"),
        (1000, 2e-7, 250, "50 µm"),
    ],
)
def test_the_length_is_round_and_short_enough(width: int, metres: float | None, pixels: float, label: str) -> None:
    bar = scale_bar(width, metres)
    assert (bar.pixels, bar.label) == (pytest.approx(pixels), label)
    assert bar.pixels <= max(1, 0.3 * width) * (1 + 1e-9)


def subject(height: int = 30, width: int = 40, count: int = 3) -> Seen:
    """Random maps, with the first pixel without data."""
    shares = np.random.default_rng(0).dirichlet(np.ones(count), (height, width)).astype(np.float32)
    shares[0, 0] = np.nan
    colours = tuple("#e69f00" for _ in range(count))
    entries = tuple(Entry(colours[k], f"_a $name$ <of> a material {k}", "3 %") for k in range(count))
    meaning = "Shares are composition, each endmember's largest value 1."
    return Seen("a cube", "abundances", added(shares, colours), entries, metres=30.0, meaning=meaning)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_written_and_the_same_again(tmp_path: Path, suffix: str) -> None:
    path = write_picture(tmp_path / f"maps{suffix}", subject())
    first = path.read_bytes()
    assert len(first) > 2000
    assert write_picture(path, subject()).read_bytes() == first


@pytest.mark.parametrize(("height", "width", "count"), [(5, 300, 2), (300, 5, 30), (1, 1, 1), (20, 20, 30)])
def test_any_shape_and_number(tmp_path: Path, height: int, width: int, count: int) -> None:
    with Image.open(write_picture(tmp_path / "a.png", subject(height, width, count))) as image:
        assert 300 < image.width < 3000
        assert np.asarray(image.convert("L")).std() > 5


def test_words_of_the_legend_and_of_the_length_are_in_the_drawing(tmp_path: Path) -> None:
    text = write_picture(tmp_path / "a.svg", subject()).read_text()
    assert "$name$" in text
    assert "Shares are composition, each" in text
    assert "200 m" in text
    plane = np.linspace(0, 1, 1200).reshape(30, 40)
    bar = Seen("a cube", "spread", plane, limits=(0.0, 1.0), colormap="magma", quantity="standard deviation")
    text = write_picture(tmp_path / "b.svg", bar).read_text()
    assert "standard deviation" in text
    assert "10 pixels" in text


def test_a_format_that_is_none_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match=r"a\.jpg names no format of a picture: end it with \.png, \.svg, \.pdf\."):
        write_picture(tmp_path / "a.jpg", subject())
    assert not list(tmp_path.iterdir())


def test_labels_take_their_colours() -> None:
    image = labelled(np.array([[0, 1, 2]]), ("#ff0000", "#0000ff"))
    assert image.tolist() == [[[0, 0, 0, 0], [255, 0, 0, 255], [0, 0, 255, 255]]]
