"""Bare numbers read line by line: the same as a map of the file shows, whatever its frames, and a file that shrinks is a sentence."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from napari_unmix.io.bare.layout import Layout
from napari_unmix.io.bare.lines import Lines, all_lines
from napari_unmix.sentences import UnmixError

lengths = st.integers(1, 5)
gaps = st.tuples(st.integers(0, 3), st.integers(0, 3))
layouts = st.builds(
    Layout,
    st.tuples(lengths, lengths, lengths),
    st.sampled_from(["u1", "<i2", ">u2", "<f4", ">f8"]).map(np.dtype),
    st.sampled_from(["bsq", "bil", "bip"]),
    st.integers(0, 5),
    gaps,
    gaps,
)


def mapped(content: bytes, layout: Layout) -> np.ndarray:
    """What the layout means, number by number."""
    major, minor = layout.frames
    found = np.empty(layout.shape, layout.dtype)
    for place in np.ndindex(layout.shape):
        line, sample, band = place
        first, second, third = {
            "bsq": (band, line, sample), "bil": (line, band, sample), "bip": (line, sample, band),
        }[layout.interleave]  # fmt: skip
        start = layout.offset + first * major + layout.major[0] + second * minor + layout.minor[0]
        start += third * layout.dtype.itemsize
        found[place] = np.frombuffer(content, layout.dtype, 1, start)[0]
    return found


@given(layouts, st.data())
def test_any_lines_of_any_layout_are_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers"
    content = np.random.default_rng(0).integers(0, 255, layout.data_bytes, np.uint8).tobytes()
    path.write_bytes(content)
    whole = mapped(content, layout)
    assert all_lines(path, layout).tobytes() == whole.tobytes()
    index = (data.draw(st.slices(layout.shape[0])), slice(None), data.draw(st.integers(0, layout.shape[2] - 1)))
    with closing(Lines(path, layout)) as lines:
        assert np.asarray(lines[index]).tobytes() == whole[index].tobytes()
        assert lines[...].tobytes() == whole.tobytes()


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_a_file_that_shrinks_while_it_is_read_is_a_sentence_with_the_numbers(tmp_path: Path, interleave: str) -> None:
    path = tmp_path / "scene.img"
    path.write_bytes(bytes(4000))
    with closing(Lines(path, Layout((10, 10, 10), np.dtype("<f4"), interleave))) as lines:
        assert lines[:2].shape == (2, 10, 10)
        os.truncate(path, 1000)
        with pytest.raises(UnmixError, match=r"scene.img became shorter while it was read \(\d+ of 4000 bytes\): wait"):
            lines[2:10]


def test_a_pipe_is_no_data_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scene.img")
    with pytest.raises(UnmixError, match="is a pipe"):
        Lines(tmp_path / "scene.img", Layout((1, 1, 1), np.dtype("u1"), "bip"))
