"""Archives and databases are opened in one way: what is packed or named as no program of this field does is a sentence, and nothing is written."""

from __future__ import annotations

import io
import os
import sqlite3
import struct
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from napari_unmix.files.archive import opened_archive
from napari_unmix.files.database import opened_database
from napari_unmix.sentences import UnmixError


def packed(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as file:
        warnings.simplefilter("ignore")
        for name, content in members:
            file.writestr(name, content)
    return stream.getvalue()


def encrypted(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


ONE = packed([("a", b"x" * 99)])
DAMAGED = {
    "is an archive that ends early": ONE[:-30],
    "members called a": packed([("a", b"x"), ("b", b""), ("a", b"y")]),
    "is encrypted": encrypted(ONE),
    r"an unusual way \(method 14\)": packed([("a", b"x")], zipfile.ZIP_LZMA),
    r"an unusual way \(method 12\)": packed([("a", b"x")], zipfile.ZIP_BZIP2),
    "a directory of 4,000,000,000 bytes": ONE[:-10] + struct.pack("<I", 4_000_000_000) + ONE[-6:],
    "is no whole archive": ONE[:-10] + struct.pack("<I", 40_000) + ONE[-6:],
}


@pytest.mark.parametrize(("sentence", "content"), DAMAGED.items(), ids=DAMAGED)
def test_odd_archives_are_sentences(tmp_path: Path, sentence: str, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UnmixError, match=sentence), opened_archive(tmp_path / "a.npz"):
        pass


def test_a_whole_archive_is_read_whatever_stands_behind_its_members(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(ONE[:-2] + struct.pack("<H", 60_000) + bytes(60_000))
    with opened_archive(tmp_path / "a.npz") as archive:
        assert archive.read("a") == b"x" * 99


def test_a_database_is_not_written_and_its_queries_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    file = sqlite3.connect(path)
    file.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (x); CREATE VIEW v AS WITH RECURSIVE n(i) AS"
                       " (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")  # fmt: skip
    file.close()
    before = sorted(os.listdir(tmp_path))
    with opened_database(path) as opened:
        assert opened.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            opened.execute("SELECT max(i) FROM v").fetchone()
        with pytest.raises(sqlite3.DataError):
            opened.execute("SELECT zeroblob(900000000)").fetchone()
        with pytest.raises(sqlite3.OperationalError):
            opened.execute("INSERT INTO t VALUES (1)")
        assert sorted(os.listdir(tmp_path)) == before
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnmixError, match="is a pipe"), opened_database(tmp_path / "pipe"):
        pass
