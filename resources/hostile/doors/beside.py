"""Libraries, references, and the folders of runs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from case import Case, Make, damaged, library, no_file_at_all, reference, write
from formats import BANDS, HEIGHT, WIDTH, archive, npy, npy_claim, npy_head

from doors.arrays import HEADERS

_ESCAPE = "\x1b]0;owned\x07"
_FILES = ("run.json", "report.json", "abundances.npy", "endmembers.csv", "model.safetensors")


def cases(good: Path) -> Iterator[Case]:
    """All of them; ``good`` is the folder of the good run."""
    yield from _libraries()
    yield from _references()
    yield from _runs(good / "run")


def _libraries() -> Iterator[Case]:
    rows = "\n".join(f"{400 + place},1,2" for place in range(BANDS))
    tables = {
        "a field of 200000 letters": f'wavelength,a,"{"b" * 200_000}"\n{rows}\n',
        "names that ring": f"wavelength,{_ESCAPE},b\n{rows}\n",
        "a name of 60000 letters": f"wavelength,{'a' * 60_000},b\n{rows}\n",
        "60000 names": "wavelength," + ",".join(f"n{place}" for place in range(60_000)) + "\n1,2\n",
        "words": "wavelength,a\nx,y\n",
        "ragged": "wavelength,a,b\n1,2\n3,4,5\n",
        "wavelengths inf": "wavelength,a\n1e999,1\n2,3\n3,4\n",
        "wavelengths nan": "wavelength,a\nnan,1\nnan,3\nnan,4\n",
        "spectra inf": "wavelength,a\n400,inf\n500,inf\n600,inf\n",
        "spectra nan": "wavelength,a\n400,nan\n500,nan\n600,nan\n",
        "an open quote": 'wavelength,"a\n1,2\n',
        "zeros": "\0" * 3000,
        "all one line": "1," * 400_000,
        "wavelengths twice": "wavelength,a\n" + "500,1\n" * 30,
        "5000-digit numbers": f"wavelength,a\n{'9' * 5000},1\n500,2\n",
        "a million rows": "wavelength,a\n" + "500,1\n" * 1_000_000,
    }
    for name, text in tables.items():
        yield Case("library .csv", name, write("l.csv", text.encode()), library("l.csv"), "either")
    for name, content in {"bytes": bytes(range(256)) * 9, "a pickle": b"\x80\x04K\x01."}.items():
        yield Case("library .csv", name, write("l.csv", content), library("l.csv"))
    samples = "CREATE TABLE Samples (SampleID INTEGER PRIMARY KEY, Name TEXT); INSERT INTO Samples VALUES (1, 'a');"
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    columns = "SpectrumID INTEGER, SampleID INTEGER, XUnit TEXT, YUnit TEXT, XData BLOB"
    databases = {
        "no tables": "CREATE TABLE x (y)",
        "a view without end": f"{samples} CREATE VIEW Spectra AS {endless} SELECT i AS SpectrumID, 1 AS SampleID, 'nm' AS XUnit, 'p' AS YUnit FROM n",
        "a view in place of samples": f"CREATE TABLE Spectra (SpectrumID); CREATE VIEW Samples AS {endless} SELECT i AS SampleID FROM n",
        "spectra of texts": f"{samples} CREATE TABLE Spectra ({columns}, YData BLOB); INSERT INTO Spectra VALUES (1, 1, 'nm', 'p', 'x', 'y')",
        "a column of 900 MB": f"{samples} CREATE TABLE Spectra ({columns}, YData BLOB AS (zeroblob(900000000)));"
        " INSERT INTO Spectra VALUES (1, 1, 'nm', 'p', zeroblob(80))",
        "a name that rings": f"{samples} UPDATE Samples SET Name = '{_ESCAPE}'; CREATE TABLE Spectra ({columns}, YData BLOB);"
        " INSERT INTO Spectra VALUES (1, 1, 'nm', 'p', zeroblob(80), zeroblob(80))",
        "null everywhere": f"{samples} CREATE TABLE Spectra ({columns}, YData BLOB); INSERT INTO Spectra VALUES (1, 1, NULL, NULL, NULL, NULL)",
    }
    for name, script in databases.items():
        yield Case("library .db", name, _database(script), library("l.db"))
    for place in ("a.spectrum.txt", "usgs/chapter/a.txt", "usgs/a.txt"):
        for name, make in list(no_file_at_all(place))[:4]:
            yield Case("library folder", f"{place}: {name}", _within(place, make), library("l"))
    for place, content in (
        ("a.spectrum.txt", b"Name: x\n"),
        ("usgs/chapter/a.txt", b"\xff" * 999),
        ("a.spectrum.txt", b"Name: x\n\n1 2\n" * 9),
    ):
        yield Case(
            "library folder", f"{place} of {len(content)} bytes", _within(place, write(place, content)), library("l")
        )


def _database(script: str) -> Make:
    def make(folder: Path) -> None:
        file = sqlite3.connect(folder / "l.db")
        file.executescript(script)
        file.close()

    return make


def _within(place: str, make: Make) -> Make:
    def made(folder: Path) -> None:
        (folder / "l" / place).parent.mkdir(parents=True)
        good_text = folder / "l" / place
        make(folder / "l")
        if place.count("/") == 1:
            (good_text.parent / "chapter").mkdir()
            (good_text.parent / "chapter" / "x.txt").write_text("x\n1\n")

    return made


def _references() -> Iterator[Case]:
    endmembers = np.arange(3 * BANDS, dtype=float).reshape(3, BANDS) + 1
    for name, content in HEADERS.items():
        expect = "either" if name in ("a matrix", "a truth") else "refuse"
        yield Case("reference .npz", name, write("r.npz", archive([("E.npy", content)])), reference("r.npz"), expect)  # type: ignore[arg-type]
    shapes = {
        "no endmember": np.ones((0, BANDS)),
        "other bands": np.ones((3, BANDS + 1)),
        "a million endmembers": np.ones((10**6, BANDS)),
        "zeros": np.zeros((3, BANDS)),
        "infinite": np.full((3, BANDS), np.inf),
        "nan": np.full((3, BANDS), np.nan),
        "1e308": np.full((3, BANDS), 1e308),
        "one": endmembers[:1],
        "whole numbers": endmembers.astype(int),
        "three axes": np.ones((3, BANDS, 1)),
    }
    for name, values in shapes.items():
        yield Case(
            "reference .npz",
            f"E {name}",
            write("r.npz", archive([("E.npy", npy(values))], 8)),
            reference("r.npz"),
            "either",
        )
    for name, values in {
        "nan": np.full((HEIGHT, WIDTH, 3), np.nan),
        "inf": np.full((HEIGHT, WIDTH, 3), np.inf),
        "zeros": np.zeros((HEIGHT, WIDTH, 3)),
        "other size": np.ones((2, 2, 3)),
        "no endmember": np.ones((HEIGHT, WIDTH, 0)),
    }.items():
        yield Case(
            "reference .npz",
            f"A {name}",
            write("r.npz", archive([("A.npy", npy(values))])),
            reference("r.npz"),
            "either",
        )
    for name, content in damaged(
        archive([("E.npy", npy(endmembers)), ("A.npy", npy(np.ones((HEIGHT, WIDTH, 3)) / 3))], 8)
    ):
        yield Case("reference .npz", name, write("r.npz", content), reference("r.npz"), "either")
    names = [(f"{_ESCAPE}{place}.npy", npy(np.ones(3))) for place in range(9000)]
    yield Case("reference .npz", "9000 names that ring", write("r.npz", archive(names)), reference("r.npz"))


def _runs(run: Path) -> Iterator[Case]:
    report, again = ("report", "{d}/run"), ("report", "{d}/run", "--cube", "{good}/cube.npz")
    for file in _FILES:
        argv = again if file.startswith("model") else report
        for name, make in no_file_at_all(file):
            yield Case("run", f"{file}: {name}", _run(run, file, make), argv)
        for name, content in damaged((run / file).read_bytes()):
            yield Case("run", f"{file}, {name}", _run(run, file, write(file, content)), argv, "either")
        yield Case("run", f"{file}: missing", _run(run, file, lambda folder: None), argv, "refuse")
    for name, content in HEADERS.items():
        yield Case(
            "run", f"abundances.npy: {name}", _run(run, "abundances.npy", write("abundances.npy", content)), report
        )
    for file in ("run.json", "report.json"):
        for name, change in _changes(json.loads((run / file).read_text())):
            yield Case("run", f"{file}: {name}", _run(run, file, write(file, change)), again, "either")
    rows = "1,2,3,4\n" * BANDS
    for name, text in {
        "a field of 200000 letters": f"band,a,b,{'c' * 200_000}\n{rows}",
        "names that ring": f"band,{_ESCAPE},b,c\n{rows}",
        "nan": "band,a,b,c\n" + "nan,nan,nan,nan\n" * BANDS,
        "inf": "band,a,b,c\n" + "1,inf,1,1\n" * BANDS,
        "wavelength 1e999": "wavelength_nm,a,b,c\n" + "1e999,1,2,3\n" * BANDS,
        "zeros": "\0" * 99,
    }.items():
        yield Case(
            "run",
            f"endmembers.csv: {name}",
            _run(run, "endmembers.csv", write("endmembers.csv", text.encode())),
            report,
            "either",
        )
    for name, content in {
        "a header of 2^63": struct.pack("<Q", 2**63 - 1) + b"{}",
        "a list": struct.pack("<Q", 2) + b"[]",
        "a pickle": b"\x80\x04K\x01.",
    }.items():
        yield Case(
            "run",
            f"model.safetensors: {name}",
            _run(run, "model.safetensors", write("model.safetensors", content)),
            again,
        )
    outside = npy_claim(npy_head(f"({HEIGHT}, {WIDTH}, 3)"), bytes(HEIGHT * WIDTH * 12))
    yield Case(
        "run",
        "abundances.npy leads out",
        _run(
            run,
            "abundances.npy",
            lambda folder: (
                (folder.parent / "x.npy").write_bytes(outside),
                (folder / "abundances.npy").symlink_to("../x.npy"),
            ),
        ),
        report,
    )
    yield Case(
        "run",
        "report.html leads out",
        _run(
            run,
            "report.html",
            lambda folder: (
                (folder.parent / "mine.txt").write_text("mine"),
                (folder / "report.html").symlink_to("../mine.txt"),
            ),
        ),
        report,
        "either",
    )
    yield Case(
        "run",
        "report.html is a pipe",
        _run(run, "report.html", lambda folder: os.mkfifo(folder / "report.html")),
        report,
        "either",
    )


def _run(run: Path, file: str, make: Make) -> Make:
    def made(folder: Path) -> None:
        shutil.copytree(run, folder / "run")
        (folder / "run" / file).unlink(missing_ok=True)
        make(folder / "run")

    return made


def _changes(whole: Any) -> Iterator[tuple[str, bytes]]:
    """The JSON with each of its first fields in turn another kind of thing, and as no JSON of ours."""
    values: dict[str, Any] = {
        "5": 5,
        "a text": "evil",
        "null": None,
        "a list": [{}],
        "nested": {"a": {"b": [1e308, -1]}},
    }
    for key in list(whole)[:14]:
        for name, value in values.items():
            yield f"{key} is {name}", json.dumps(whole | {key: value}).encode()
    yield "a list of itself", json.dumps([whole]).encode()
    yield "brackets", b'{"format":' + b"[" * 200_000
    yield "400 digits", json.dumps(whole)[:-1].encode() + b', "more": ' + b"9" * 400 + b"}"
    yield "5000 digits", json.dumps(whole)[:-1].encode() + b', "more": ' + b"9" * 5000 + b"}"
    yield "nan", json.dumps(whole)[:-1].encode() + b', "more": NaN}'
