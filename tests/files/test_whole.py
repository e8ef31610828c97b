"""What is written is whole, or was never begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unmix.files.whole import write_whole, written_whole


def test_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for content in ("old", b"new"):
        write_whole(tmp_path / "x", content)
    assert (tmp_path / "x").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "x", "old")

    def interrupted() -> None:
        with written_whole(tmp_path / "x") as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "x").symlink_to("precious")
    write_whole(tmp_path / "x", "page")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "x").is_symlink()
